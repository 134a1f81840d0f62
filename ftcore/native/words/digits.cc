#include "words/digits.h"

#include <cmath>
#include <cstring>

namespace ftcore {
namespace {

constexpr double kPowers[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};  // all exact
// 1e-8 to 1e5: no float32 lies between one and its neighbours
constexpr double kLimits[14] = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5};

int64_t bits_of(double value) {
  int64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\v' || byte == '\f'; }

bool is_digit(uint8_t byte) { return '0' <= byte && byte <= '9'; }

// `shown` digits and the point behind the first `point` of them (none if that is 0 or less).
uint8_t* print_digits(int64_t digits, int shown, int point, uint8_t* out) {
  uint8_t* end = out + shown + (point > 0);
  uint8_t* place = end;
  for (int k = 0; k < shown; ++k) {
    if (shown - k == point) *--place = '.';
    *--place = static_cast<uint8_t>('0' + digits % 10);
    digits /= 10;
  }
  return end;
}

uint8_t* print_fixed(int64_t digits, int shown, int exponent, uint8_t* out) {
  if (exponent < 0) {
    *out++ = '0';
    *out++ = '.';
    for (int k = 0; k < -exponent - 1; ++k) *out++ = '0';
    return print_digits(digits, shown, 0, out);
  }
  int point = exponent + 1;
  for (; shown < point; ++shown) digits *= 10;
  return print_digits(digits, shown, shown == point ? 0 : point, out);
}

// The place behind %.5g of the value; null where it is NaN, infinite, tiny or 1e5 and more.
uint8_t* print_value(float value, uint8_t* out) {
  double x = value;
  if (std::signbit(value) && x == x) {
    *out++ = '-';
    x = -x;
  }
  if (x == 0) {
    *out++ = '0';
    return out;
  }
  if (!(kLimits[0] <= x && x < kLimits[13])) return nullptr;
  int binary = static_cast<int>(bits_of(x) >> 52) - 1023;
  int exponent = (binary * 1233) >> 12;  // log10(2) = 1233 / 4096: right, or one too small
  if (x >= kLimits[exponent + 9]) ++exponent;
  int64_t digits = std::llrint(x * kPowers[4 - exponent]);
  if (digits == 100000) {
    digits = 10000;
    if (++exponent == 5) return nullptr;
  }
  int shown = 5;  // without the zeros at the end
  while (digits % 10 == 0) {
    digits /= 10;
    --shown;
  }
  if (exponent >= -4) return print_fixed(digits, shown, exponent, out);
  out = print_digits(digits, shown, shown > 1 ? 1 : 0, out);
  *out++ = 'e';
  *out++ = '-';
  *out++ = '0';
  *out++ = static_cast<uint8_t>('0' - exponent);
  return out;
}

// The float32 of a plain decimal number in [at, end), which is not empty; false where it must be looked at.
bool parse_value(const uint8_t* at, const uint8_t* end, float* value) {
  bool negative = *at == '-';
  if (*at == '-' || *at == '+') ++at;
  int64_t mantissa = 0;
  int64_t scale = 0;
  bool seen = false, point = false;
  for (; at < end; ++at) {
    if (is_digit(*at)) {
      if (mantissa >= 900719925474098) return false;  // another digit might pass 2**53
      mantissa = mantissa * 10 + (*at - '0');
      seen = true;
      scale += point;
    } else if (*at == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  if (!seen) return false;
  if (at < end) {
    if (*at != 'e' && *at != 'E') return false;
    ++at;
    bool down = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    if (at == end || end - at > 3) return false;
    int64_t power = 0;
    for (; at < end; ++at) {
      if (!is_digit(*at)) return false;
      power = power * 10 + (*at - '0');
    }
    scale += down ? power : -power;
  }
  if (scale < -22 || scale > 22) return false;
  double wide = static_cast<double>(mantissa);
  wide = scale >= 0 ? wide / kPowers[scale] : wide * kPowers[-scale];
  bool middle = (bits_of(wide) & 0x1FFFFFFF) == 0x10000000;
  if (mantissa != 0 && (wide < 1e-37 || wide > 3e38 || middle)) return false;
  *value = static_cast<float>(negative ? -wide : wide);
  return true;
}

}  // namespace

void format_rows(const uint8_t* blob, const int64_t* offsets, const float* vectors, int64_t rows, int64_t dim,
                 uint8_t* out, int64_t* ends, uint8_t* hard) {
  uint8_t* at = out;
  for (int64_t i = 0; i < rows; ++i) {
    uint8_t* start = at;
    int64_t length = offsets[i + 1] - offsets[i];
    if (length > 0) std::memcpy(at, blob + offsets[i], static_cast<size_t>(length));
    at += length;
    *at++ = ' ';
    hard[i] = 0;
    for (int64_t j = 0; j < dim && !hard[i]; ++j) {
      uint8_t* behind = print_value(vectors[i * dim + j], at);
      if (behind == nullptr) {
        hard[i] = 1;
      } else {
        at = behind;
        *at++ = ' ';
      }
    }
    if (hard[i])
      at = start;
    else
      *at++ = '\n';
    ends[i] = at - out;
  }
}

int64_t parse_lines(const uint8_t* data, const int64_t* starts, int64_t first, int64_t last, int64_t dim,
                    int64_t* words, float* out, uint8_t* hard) {
  for (int64_t i = first; i < last; ++i) {
    const uint8_t* start = data + starts[i];
    const uint8_t* at = data + starts[i + 1];
    while (at > start && (at[-1] == '\n' || is_space(at[-1]))) --at;
    for (int64_t j = dim - 1; j >= 0; --j) {  // from the end, since a word may hold spaces
      const uint8_t* end = at;
      while (at > start && !is_space(at[-1])) --at;
      if (at == start || at == end) return i;
      float value = 0;
      if (!parse_value(at, end, &value)) hard[i - first] = 1;
      out[i * dim + j] = value;
      while (at > start && is_space(at[-1])) --at;
    }
    const uint8_t* begin = start;
    while (begin < at && is_space(*begin)) ++begin;
    if (begin == at) return i;
    words[2 * i] = begin - data;
    words[2 * i + 1] = at - data;
  }
  return -1;
}

}  // namespace ftcore
