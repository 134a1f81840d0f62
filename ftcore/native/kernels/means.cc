#include "kernels/means.h"

#include "kernels/lanes.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

struct Rows {  // of a line
  const loose_float* table;
  const loose_float* extra;
  const int32_t* ids;
  int64_t begin, end, dim;

  const loose_float* operator[](int64_t i) const {
    int64_t row = ids[i];
    return row >= 0 ? table + row * dim : extra + (-1 - row) * dim;
  }
};

// The mean's columns at `j`, as many as N vectors hold: they stay in registers from row to row.
template <class Lanes, int N>
inline void mean_block(const Rows& rows, int64_t j, float scale, float* out) {
  constexpr int64_t width = sizeof(Lanes) / sizeof(float);
  Lanes sums[N] = {};
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    const loose_float* row = rows[i] + j;
    for (int n = 0; n < N; ++n) {
      Lanes more;
      load(row + n * width, more);
      sums[n] += more;
    }
  }
  for (int n = 0; n < N; ++n) {
    sums[n] *= scale;
    std::memcpy(out + j + n * width, &sums[n], sizeof(Lanes));
  }
}

// All columns: the last block of each width begins early enough to end with the row, over columns that were
// summed before; they get the same bits twice.
inline void mean_of(const Rows& rows, float* out) {
  int64_t dim = rows.dim, j = 0;
  if (rows.begin == rows.end) {
    for (; j < dim; ++j) out[j] = 0;
    return;
  }
  float scale = static_cast<float>(1.0 / static_cast<double>(rows.end - rows.begin));
#ifdef __AVX__
  for (; j + 64 <= dim; j += 64) mean_block<lanes16, 4>(rows, j, scale, out);
#endif
  for (; j + 32 <= dim; j += 32) mean_block<lanes16, 2>(rows, j, scale, out);
  if (j == dim) return;
  if (dim >= 16) {
    for (; j < dim; j += 16) mean_block<lanes16, 1>(rows, j + 16 <= dim ? j : dim - 16, scale, out);
  } else if (dim >= 8) {
    mean_block<lanes8, 1>(rows, 0, scale, out);
    if (dim > 8) mean_block<lanes8, 1>(rows, dim - 8, scale, out);
  } else if (dim >= 4) {
    mean_block<lanes4, 1>(rows, 0, scale, out);
    if (dim > 4) mean_block<lanes4, 1>(rows, dim - 4, scale, out);
  } else if (dim >= 2) {
    mean_block<lanes2, 1>(rows, 0, scale, out);
    if (dim > 2) mean_block<lanes2, 1>(rows, dim - 2, scale, out);
  } else {
    float sum = 0;
    for (int64_t i = rows.begin; i < rows.end; ++i) sum += *rows[i];
    out[0] = sum * scale;
  }
}

void mean_rows(const loose_float* table, const loose_float* extra, const int32_t* ids, const int64_t* offsets,
               int64_t lines, int64_t dim, float* out) {
  if (dim == 0) return;
  for (int64_t b = 0; b < lines; ++b) {
    mean_of(Rows{table, extra, ids, offsets[b], offsets[b + 1], dim}, out + b * dim);
  }
}

// Whether a folded row is empty. Threads fold while others read: the first number is written last, and read
// first; two that fold the same row write the same bytes.
inline bool empty(const float* row) {
  int32_t bits = __atomic_load_n(reinterpret_cast<const int32_t*>(row), __ATOMIC_ACQUIRE);
  return bits == 0;
}

int64_t folded_means(const float* folded, const int32_t* ids, const int64_t* offsets, int64_t lines,
                     int64_t columns, float* out, int32_t* missing) {
  constexpr int64_t AHEAD = 32;  // features whose rows are fetched before they are asked for
  int64_t gone = 0;
  for (int64_t b = 0; b < lines; ++b) {  // a line's rows are summed while they are in the cache
    for (int64_t i = offsets[b]; i < offsets[b + 1]; ++i) {
      __builtin_prefetch(folded + ids[i + AHEAD < offsets[lines] ? i + AHEAD : i] * columns);
      missing[gone] = ids[i];
      gone += empty(folded + ids[i] * columns);
    }
    if (gone == 0) mean_of(Rows{folded, folded, ids, offsets[b], offsets[b + 1], columns}, out + b * columns);
  }
  return gone;
}

// x · rows[c] for N rows at a time, whose sums do not wait for each other.
template <int N>
inline void dots_of(const loose_float* x, const loose_float* rows, int64_t dim, float* out) {
  lanes16 wide[N] = {};
  lanes4 narrow[N] = {};
  float rest[N] = {};
  int64_t j = 0;
  for (; j + 16 <= dim; j += 16) {
    lanes16 left, right;
    load(x + j, left);
    for (int n = 0; n < N; ++n) {
      load(rows + n * dim + j, right);
      wide[n] += left * right;
    }
  }
  for (; j + 4 <= dim; j += 4) {
    lanes4 left, right;
    load(x + j, left);
    for (int n = 0; n < N; ++n) {
      load(rows + n * dim + j, right);
      narrow[n] += left * right;
    }
  }
  for (; j < dim; ++j) {
    for (int n = 0; n < N; ++n) rest[n] += x[j] * rows[n * dim + j];
  }
  for (int n = 0; n < N; ++n) out[n] = sum_lanes(wide[n]) + sum_lanes(narrow[n]) + rest[n];
}

void dots(const loose_float* x, const loose_float* rows, int64_t count, int64_t dim, float* out) {
  int64_t c = 0;
  for (; c + 4 <= count; c += 4) dots_of<4>(x, rows + c * dim, dim, out + c);
  for (; c + 2 <= count; c += 2) dots_of<2>(x, rows + c * dim, dim, out + c);
  if (c < count) dots_of<1>(x, rows + c * dim, dim, out + c);
}

void products(const loose_float* hidden, const loose_float* output, int64_t lines, int64_t count, int64_t dim,
              float* out) {
  for (int64_t c = 0; c < count; c += 64) {  // 64 rows stay in the cache for all lines
    int64_t part = count - c < 64 ? count - c : 64;
    for (int64_t b = 0; b < lines; ++b) {
      dots(hidden + b * dim, output + c * dim, part, dim, out + b * count + c);
    }
  }
}

void fold_rows(const loose_float* rows, const int32_t* numbers, const loose_float* output,
               const int32_t* places, int64_t n, int64_t columns, int64_t dim, float* folded) {
  float some[64];
  for (int64_t i = 0; i < n; ++i) {
    int64_t number = numbers == nullptr ? i : numbers[i];
    if (numbers != nullptr) {  // rows far apart: the one after next is fetched
      const loose_float* next = rows + int64_t{numbers[i + 2 < n ? i + 2 : n - 1]} * dim;
      for (int64_t j = 0; j < dim; j += 16) __builtin_prefetch(next + j);
    }
    float* to = folded + places[i] * columns;
    for (int64_t left = columns; left > 0;) {  // from the last: the first number says that all are there
      int64_t part = left % 64 == 0 ? 64 : left % 64;
      left -= part;
      dots(rows + number * dim, output + left * dim, part, dim, some);
      for (int64_t c = part - 1; c >= 0; --c) {
        if (some[c] == 0) some[c] = -0.0f;
        if (left + c > 0) to[left + c] = some[c];
      }
    }
    int32_t bits;
    std::memcpy(&bits, &some[0], sizeof(bits));
    __atomic_store_n(reinterpret_cast<int32_t*>(to), bits, __ATOMIC_RELEASE);
  }
}

bool add_unit(const float* vector, int64_t dim, float* total) {
  float square;
  dots_of<1>(vector, vector, dim, &square);
  if (!(square > 0)) return false;
  float scale = static_cast<float>(1.0 / static_cast<double>(__builtin_sqrtf(square)));
  for (int64_t j = 0; j < dim; ++j) total[j] += scale * vector[j];
  return true;
}

}  // namespace

extern const MeanKernels mean_kernels;
const MeanKernels mean_kernels = {mean_rows, folded_means, dots, products, fold_rows, add_unit};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
