// What the mean of a word's rows moves by when each row moves by 1 as often as it is named: sum(m²) / G for rows
// named m times among G; 1 where all are distinct.
#pragma once

#include <cstdint>

namespace ftcore {

// rows: int32[N]. offsets: int64[words + 1]. out: float32[words].
void gains(const int32_t* rows, const int64_t* offsets, int64_t words, float* out);

}  // namespace ftcore
