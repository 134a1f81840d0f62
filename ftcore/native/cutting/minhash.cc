#include "cutting/minhash.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "processor.h"
#include "ground/splitmix.h"
#include "words/text.h"

namespace ftcore {

namespace {

constexpr uint64_t CHAIN = 0x9E3779B97F4A7C15ull;

// The hash of some bytes, all of whose bits are spread. Eight bytes may be read from any of them on.
uint64_t hash_of(const uint8_t* text, int64_t size) {
  uint64_t h = static_cast<uint64_t>(size) * CHAIN;
  for (int64_t i = 0; i < size; i += 8) h = scrambled(h ^ first8(text + i, size - i));
  return mix(h);
}

uint32_t high(uint64_t h) { return static_cast<uint32_t>(h >> 32); }

}  // namespace

const Buffer<uint32_t>& Shingler::of(const uint8_t* text, int64_t size, bool by_characters) {
  out_.clear();
  if (by_characters)
    characters(text, size);
  else
    words(text, size);
  return out_;
}

void Shingler::characters(const uint8_t* text, int64_t size) {
  packed_.clear();
  packed_.reserve(size + PAD);
  begins_.clear();
  begins_.reserve(size + 1);
  for (int64_t i = 0; i < size; ++i) {
    if (text[i] == ' ') continue;
    if ((text[i] & 0xC0) != 0x80) begins_.push(packed_.size());
    packed_.push(text[i]);
  }
  const int64_t found = begins_.size();
  if (found == 0) return;
  begins_.push(packed_.size());
  std::memset(packed_.data() + packed_.size(), 0, PAD);  // there is room for it
  const int64_t n = std::min(characters_, found);
  out_.reserve(found - n + 1);
  for (int64_t i = 0; i + n <= found; ++i)
    out_.push(high(hash_of(packed_.data() + begins_[i], begins_[i + n] - begins_[i])));
}

void Shingler::words(const uint8_t* text, int64_t size) {
  packed_.clear();
  packed_.reserve(size + PAD);
  if (size > 0) std::memcpy(packed_.extend(size), text, static_cast<size_t>(size));
  std::memset(packed_.data() + size, 0, PAD);
  hashes_.clear();
  hashes_.reserve(size / 2 + 1);
  for (int64_t i = 0; i < size;) {
    const void* space = std::memchr(packed_.data() + i, ' ', static_cast<size_t>(size - i));
    const int64_t end = space == nullptr ? size : static_cast<const uint8_t*>(space) - packed_.data();
    if (end > i) hashes_.push(hash_of(packed_.data() + i, end - i));
    i = end + 1;
  }
  const int64_t found = hashes_.size();
  if (found == 0) return;
  const int64_t n = std::min(words_, found);
  out_.reserve(found - n + 1);
  for (int64_t i = 0; i + n <= found; ++i) {
    uint64_t h = static_cast<uint64_t>(n);
    for (int64_t j = i; j < i + n; ++j) h = h * CHAIN + hashes_[j];
    out_.push(high(mix(h)));
  }
}

Minhash::Minhash(int64_t bands, int64_t rows) : bands_(bands), rows_(rows) {
  const int64_t functions = (bands * rows + MINHASH_BLOCK - 1) / MINHASH_BLOCK * MINHASH_BLOCK;
  uint64_t state = 1;  // always the same functions: what is written today is compared with what comes tomorrow
  for (int64_t k = 0; k < functions; ++k) {
    const uint64_t bits = next_bits(state);
    factors_.push_back(static_cast<uint32_t>(bits) | 1);
    terms_.push_back(high(bits));
  }
  minima_.resize(static_cast<size_t>(functions));
}

void Minhash::bands(const Buffer<uint32_t>& shingles, uint32_t* out, int64_t stride) {
  kernels().minhash->minima(shingles.data(), shingles.size(), factors_.data(), terms_.data(),
                            static_cast<int64_t>(factors_.size()), minima_.data());
  const uint32_t* least = minima_.data();
  for (int64_t band = 0; band < bands_; ++band) {
    uint64_t h = static_cast<uint64_t>(band);
    for (int64_t j = 0; j < rows_; ++j) h = h * CHAIN + *least++;
    out[band * stride] = high(mix(h));
  }
}

void sketch(const uint32_t* shingles, int64_t n, uint64_t* out) {
  std::fill(out, out + SKETCH, 0);
  for (int64_t i = 0; i < n; ++i) out[shingles[i] / 64 % SKETCH] |= uint64_t{1} << shingles[i] % 64;
}

double jaccard(const uint32_t* a, int64_t n, const uint32_t* b, int64_t m, double threshold) {
  // |both| / (n + m - |both|) >= threshold asks for so many in both; a side that lacks more ends the comparison
  const double needed = threshold / (1 + threshold) * static_cast<double>(n + m) - 1e-6;
  const double spare_a = static_cast<double>(n) - needed, spare_b = static_cast<double>(m) - needed;
  int64_t i = 0, j = 0, both = 0;
  while (i < n && j < m) {
    const uint32_t x = a[i], y = b[j];
    both += x == y;
    i += x <= y;
    j += y <= x;
    if (static_cast<double>(i - both) > spare_a || static_cast<double>(j - both) > spare_b) return 0.0;
  }
  const int64_t either = n + m - both;
  return either == 0 ? 0.0 : static_cast<double>(both) / static_cast<double>(either);
}

bool ShingleFile::may_be_alike(int64_t a, int64_t b, double threshold) const {
  const auto n = static_cast<double>(size(a)), m = static_cast<double>(size(b));
  if (std::min(n, m) < threshold * std::max(n, m)) return false;
  // with threshold / (1 + threshold) * (n + m) in both, no more than this are in one of them alone
  const double spare = (1 - threshold) / (1 + threshold) * (n + m) + 1e-6;
  return static_cast<double>(kernels().minhash->differing(sketches_ + a * SKETCH, sketches_ + b * SKETCH)) <= spare;
}

bool ShingleFile::read(int64_t document, Buffer<uint32_t>& out) const {
  const int64_t count = offsets_[document + 1] - offsets_[document];
  out.clear();
  out.resize(count);
  auto* to = reinterpret_cast<char*>(out.data());
  int64_t at = offsets_[document] * 4, left = count * 4;
  while (left > 0) {
    const ssize_t got = pread(descriptor_, to, static_cast<size_t>(left), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    at += got;
    left -= got;
  }
  return true;
}

bool settle_pairs(const int64_t* later, const int64_t* earlier, int64_t pairs, const ShingleFile& shingles,
                  double threshold, int64_t* kept, float* similarity) {
  Buffer<uint32_t> mine, other;
  int64_t in_mine = -1, in_other = -1;
  for (int64_t p = 0; p < pairs; ++p) {
    const int64_t d = later[p], known = earlier[p];
    if (kept[d] >= 0) continue;
    const int64_t candidate = kept[known] >= 0 ? kept[known] : known;
    if (!shingles.may_be_alike(d, candidate, threshold)) continue;
    if (in_mine != d && !shingles.read(d, mine)) return false;
    in_mine = d;
    if (in_other != candidate && !shingles.read(candidate, other)) return false;
    in_other = candidate;
    const double alike = jaccard(mine.data(), mine.size(), other.data(), other.size(), threshold);
    if (alike < threshold) continue;
    kept[d] = candidate;
    similarity[d] = static_cast<float>(alike);
  }
  return true;
}

}  // namespace ftcore
