// Rows of float tables against a vector, several rows a pass, in lanes as wide as the processor's registers.
//
// Lanes are the compilers' vector types (gcc, clang), not intrinsics: for all a compiler knows two rows of a table
// overlap, so it would go row by row and through memory. A width that the lanes do not fill goes on in four
// lanes, then one by one. `dim` is a number, or `Fixed<D>`, by which loops are written out.
// Shapes: table float32[R, D], K rows of it by their starts.
#pragma once

#include <cstdint>

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
constexpr int64_t LINE = 16;  // floats in a cache line

#define ALWAYS_INLINE inline __attribute__((always_inline))

typedef float Wide __attribute__((vector_size(4 * LANES)));
typedef float Quad __attribute__((vector_size(16)));
template <class V> struct Loose {
  typedef V Type __attribute__((aligned(4), may_alias));
};

template <class V> ALWAYS_INLINE V load(const float* from) {
  return *reinterpret_cast<const typename Loose<V>::Type*>(from);
}
template <class V> ALWAYS_INLINE void store(float* to, V value) {
  *reinterpret_cast<typename Loose<V>::Type*>(to) = value;
}

ALWAYS_INLINE float fold(Quad v) { return (v[0] + v[2]) + (v[1] + v[3]); }
#if defined(__AVX__)
ALWAYS_INLINE Quad quad_of(Wide v) {
  union { Wide whole; Quad parts[LANES / 4]; } split = {v};
  Quad sum = split.parts[0] + split.parts[1];
  if (LANES == 16) sum += split.parts[LANES / 4 - 2] + split.parts[LANES / 4 - 1];
  return sum;
}
#else
ALWAYS_INLINE Quad quad_of(Wide v) { return v; }
#endif

template <int64_t D> struct Fixed {
  constexpr operator int64_t() const { return D; }
};

// Calls step(column, V()) for runs of columns, V the type that holds a run.
template <class Dim, class Step> ALWAYS_INLINE void columns(Dim dim, Step step) {
  const int64_t size = dim;
  int64_t j = 0;
#pragma GCC unroll 4
  for (; j + LANES <= size; j += LANES) step(j, Wide());
  if (LANES > 4) {
    for (; j + 4 <= size; j += 4) step(j, Quad());
  }
  for (; j < size; ++j) step(j, float());
}

// Asks for a row's cache lines, to be read and written soon; nothing waits for them.
template <class Dim> ALWAYS_INLINE void fetch(const float* row, Dim dim) {
  for (int64_t j = 0; j < dim; j += LINE) __builtin_prefetch(row + j, 1, 3);
  __builtin_prefetch(row + dim - 1, 1, 3);
}

template <class Dim> ALWAYS_INLINE void clear(float* __restrict row, Dim dim) {
  for (int64_t j = 0; j < dim; ++j) row[j] = 0;
}

// scores[k] = rows[k] . hidden
template <int K, class Row, class Dim>
ALWAYS_INLINE void score_rows(Row* const* rows, const float* hidden, float* scores, Dim dim) {
  Wide wide[K] = {};
  Quad quad[K];
  float rest[K] = {};
  const int64_t size = dim;
  int64_t j = 0;
  for (; j + LANES <= size; j += LANES) {
    Wide h = load<Wide>(hidden + j);
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) wide[k] += load<Wide>(rows[k] + j) * h;
  }
#pragma GCC unroll 16
  for (int k = 0; k < K; ++k) quad[k] = quad_of(wide[k]);
  if (LANES > 4) {
    for (; j + 4 <= size; j += 4) {
      Quad h = load<Quad>(hidden + j);
#pragma GCC unroll 16
      for (int k = 0; k < K; ++k) quad[k] += load<Quad>(rows[k] + j) * h;
    }
  }
  for (; j < size; ++j) {
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) rest[k] += rows[k][j] * hidden[j];
  }
#pragma GCC unroll 16
  for (int k = 0; k < K; ++k) scores[k] = fold(quad[k]) + rest[k];
}

// For each row: row += steps[k] * hidden; and hidden += gain * the sum of steps[k] * row as it was. The rows must differ.
template <int K, class Dim>
ALWAYS_INLINE void move_rows(float* const* rows, const float* steps, float gain, float* hidden, Dim dim) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    V h = load<V>(hidden + j), grad = V();
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) {
      V old = load<V>(rows[k] + j);
      grad += steps[k] * old;
      store<V>(rows[k] + j, old + steps[k] * h);
    }
    store<V>(hidden + j, h + gain * grad);
  });
}

// The same where the gradient goes elsewhere: grad += the sum of steps[k] * row as it was.
template <int K, class Dim>
ALWAYS_INLINE void move_rows(float* const* rows, const float* steps, const float* hidden, float* grad, Dim dim) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    V h = load<V>(hidden + j), g = load<V>(grad + j);
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) {
      V old = load<V>(rows[k] + j);
      g += steps[k] * old;
      store<V>(rows[k] + j, old + steps[k] * h);
    }
    store<V>(grad + j, g);
  });
}

// total[j : j + B lanes] += the sum of table[rows[:count]] there.
template <int B>
ALWAYS_INLINE void sum_block(const float* table, const int32_t* rows, int64_t count, float* total, int64_t dim,
                             int64_t j) {
  Wide sums[B];
#pragma GCC unroll 8
  for (int b = 0; b < B; ++b) sums[b] = load<Wide>(total + j + b * LANES);
  for (int64_t k = 0; k < count; ++k) {
    const float* row = table + rows[k] * dim + j;
#pragma GCC unroll 8
    for (int b = 0; b < B; ++b) sums[b] += load<Wide>(row + b * LANES);
  }
#pragma GCC unroll 8
  for (int b = 0; b < B; ++b) store<Wide>(total + j + b * LANES, sums[b]);
}

// total += the sum of table[rows[:count]], a row named twice counting twice.
template <class Dim>
ALWAYS_INLINE void sum_rows(const float* table, const int32_t* rows, int64_t count, float* total, Dim dim) {
  const int64_t size = dim;
  int64_t j = 0;
  for (; j + 8 * LANES <= size; j += 8 * LANES) sum_block<8>(table, rows, count, total, size, j);
  for (; j + 4 * LANES <= size; j += 4 * LANES) sum_block<4>(table, rows, count, total, size, j);
  for (; j + LANES <= size; j += LANES) sum_block<1>(table, rows, count, total, size, j);
  for (int64_t k = 0; k < count && j < size; ++k) {
    for (int64_t c = j; c < size; ++c) total[c] += table[rows[k] * size + c];
  }
}

// Each of table[rows[:count]] += grad, a row named twice moving twice.
template <class Dim>
ALWAYS_INLINE void add_to_rows(float* table, const int32_t* rows, int64_t count, const float* grad, Dim dim) {
  for (int64_t k = 0; k < count; ++k) {
    float* row = table + rows[k] * static_cast<int64_t>(dim);
    columns(dim, [&](int64_t j, auto lane) {
      using V = decltype(lane);
      store<V>(row + j, load<V>(row + j) + load<V>(grad + j));
    });
  }
}

// out = factor * row
template <class Dim> ALWAYS_INLINE void scaled(const float* row, float factor, float* out, Dim dim) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    store<V>(out + j, load<V>(row + j) * factor);
  });
}

// total += factor * row
template <class Dim> ALWAYS_INLINE void add_scaled(const float* row, float factor, float* total, Dim dim) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    store<V>(total + j, load<V>(total + j) + load<V>(row + j) * factor);
  });
}

// out = (end - start) * factor
template <class Dim>
ALWAYS_INLINE void difference(const float* end, const float* start, float factor, float* out, Dim dim) {
  columns(dim, [&](int64_t j, auto lane) {
    using V = decltype(lane);
    store<V>(out + j, (load<V>(end + j) - load<V>(start + j)) * factor);
  });
}

}  // namespace

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
