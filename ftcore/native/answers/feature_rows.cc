#include "answers/feature_rows.h"

#include <algorithm>
#include <cstring>

#include "processor.h"

namespace ftcore {

namespace {

constexpr int64_t BUCKET_NUMBERS = int64_t{1} << 40;  // bucket_numbers of dictionary/init.py
constexpr int64_t TOGETHER = 256;                     // rows folded at a time

// Rows of n buckets that have none, float32[n, D].
const float* make_rows(const FeatureRows& rows, const int32_t* buckets, int64_t n, RowScratch& scratch) {
  scratch.numbers.resize(n);
  scratch.made.resize(n * rows.dim);
  for (int64_t i = 0; i < n; ++i) scratch.numbers[i] = BUCKET_NUMBERS + buckets[i];
  kernels().initial->rows(rows.seed, scratch.numbers.data(), n, rows.dim, scratch.made.data());
  return scratch.made.data();
}

}  // namespace

Places known_places(const FeatureRows& rows, const int32_t* ids, const int64_t* offsets, int64_t lines,
                    RowScratch& scratch) {
  if (!rows.pruned || rows.whole) return {ids, offsets, lines};
  scratch.places.resize(offsets[lines] - offsets[0]);
  scratch.ends.resize(lines + 1);
  keep_rows(ids, offsets, lines, rows.buckets, scratch.places.data(), scratch.ends.data());
  return {scratch.places.data(), scratch.ends.data(), lines};
}

void tell(const FeatureRows& rows, const Places& places, int64_t eos, int32_t* told) {
  const bool all = rows.whole || rows.pruned;  // a place is a row
  const Buckets& buckets = rows.buckets;
  for (int64_t b = 0; b < places.lines; ++b) {
    const int32_t* place = places.ids + places.offsets[b];
    const int32_t* end = places.ids + places.offsets[b + 1];
    told[b] = std::any_of(place, end, [&](int32_t id) {
      return id < buckets.nwords ? id != eos : all || buckets.rows[id - buckets.nwords] >= 0;
    });
  }
}

void means(const FeatureRows& rows, const Places& given, RowScratch& scratch, float* out) {
  const int32_t* ids = given.ids;
  const float* made = nullptr;
  if (!rows.pruned && !rows.whole) {
    const int64_t begin = given.offsets[0], n = given.offsets[given.lines];
    Buffer<int32_t>&signs = scratch.places, &absent = scratch.absent;
    signs.resize(n);
    bucket_places(ids + begin, n - begin, rows.buckets, signs.data() + begin);
    absent.clear();
    for (int64_t i = begin; i < n; ++i)
      if (signs[i] < 0) absent.add(-1 - signs[i]);
    if (absent.size() > 0) {
      std::sort(absent.data(), absent.data() + absent.size());
      absent.resize(std::unique(absent.data(), absent.data() + absent.size()) - absent.data());
      made = make_rows(rows, absent.data(), absent.size(), scratch);
      for (int64_t i = begin; i < n; ++i) {
        if (signs[i] >= 0) continue;
        int32_t* last = absent.data() + absent.size();
        signs[i] = static_cast<int32_t>(-1 - (std::lower_bound(absent.data(), last, -1 - signs[i]) - absent.data()));
      }
    }
    ids = signs.data();
  }
  kernels().means->mean_rows(rows.table, made, ids, given.offsets, given.lines, rows.dim, out);
}

bool fold(const FeatureRows& rows, const int32_t* places, int64_t n, const loose_float* output, int64_t columns,
          RowScratch& scratch, float* folded) {
  const auto& means = *kernels().means;
  int32_t found[TOGETHER], numbers[TOGETHER], absent[TOGETHER], buckets[TOGETHER];
  for (int64_t at = 0; at < n; at += TOGETHER) {
    int64_t here = 0, gone = 0;
    for (int64_t i = at; i < std::min(at + TOGETHER, n); ++i) {
      int32_t bits;
      std::memcpy(&bits, folded + int64_t{places[i]} * columns, sizeof(bits));
      if (bits != 0) continue;  // folded since it was found missing
      int64_t bucket = places[i] - rows.buckets.nwords;
      int32_t row = rows.pruned || rows.whole || bucket < 0 ? places[i] : rows.buckets.rows[bucket];
      if (row >= 0) {
        found[here] = places[i];
        numbers[here++] = row;
      } else {
        absent[gone] = places[i];
        buckets[gone++] = static_cast<int32_t>(bucket);
      }
    }
    if (here > 0) {
      if (rows.table == nullptr) return false;
      means.fold_rows(rows.table, numbers, output, found, here, columns, rows.dim, folded);
    }
    if (gone > 0) {
      const float* made = make_rows(rows, buckets, gone, scratch);
      means.fold_rows(made, nullptr, output, absent, gone, columns, rows.dim, folded);
    }
  }
  return true;
}

}  // namespace ftcore
