// Floats as text: exactly what a C++ stream prints with five significant digits, and what it reads.
//
// A float32 has 24 bits, and 5**k fits into 29 for k up to 12, so their product is exact in a float64:
// multiplied by the right power of ten a value becomes its first five digits plus an exact rest, and rounding
// that to even is what printf("%.5g") does. A decimal number of up to 2**53 divided or multiplied by a power of
// ten up to 1e22 is rounded once (Clinger 1990), and once more to a float32, which is wrong only if the first
// rounding fell on the middle between two of them. What lies outside of these ranges is "hard": the caller
// looks at it with slower means. (std::to_chars of floats is missing from older standard libraries.)
#pragma once

#include <cstdint>

namespace ftcore {

constexpr int64_t kLongestValue = 12;  // characters of a printed value and its space: "-1.2346e-05 "

// Lines of a .vec: word, space, each value followed by a space, newline. `vectors` is [rows, dim]; row i's
// word is blob[offsets[i]:offsets[i + 1]]. ends[i]: the place behind line i in `out`. hard[i]: 1 where a value is
// NaN, infinite, tiny or 1e5 and more; such a line is left out.
void format_rows(const uint8_t* blob, const int64_t* offsets, const float* vectors, int64_t rows, int64_t dim,
                 uint8_t* out, int64_t* ends, uint8_t* hard);

// The numbers at the ends of lines first to last - 1, line i being data[starts[i]:starts[i + 1]]: -1, or the
// first line that does not hold a word and dim fields. Fills words[i] with the begin and the end of what stands
// before the numbers, out[i] with the numbers, and hard[i - first] with 1 where one is no plain decimal number.
int64_t parse_lines(const uint8_t* data, const int64_t* starts, int64_t first, int64_t last, int64_t dim,
                    int64_t* words, float* out, uint8_t* hard);

}  // namespace ftcore
