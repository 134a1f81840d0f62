#include "binding/require.h"
#include "binding/held_rows.h"

namespace ftcore {

HeldRows::HeldRows(nb::handle table, int64_t rows, int64_t dim, int64_t nwords, int64_t bucket,
                   nb::handle bucket_rows, bool pruned, uint64_t seed) {
  require(rows >= 0 && dim > 0 && nwords >= 0 && bucket >= 0, "Rows: a size below 0");
  constexpr int64_t most = INT32_MAX;
  require(nwords <= most && bucket <= most - nwords && rows <= most, "Rows: features are numbered with 32 bits");
  if (!table.is_none()) {
    if (!table_.take(table.ptr())) throw nb::type_error("Rows: table must be a C-contiguous float32 matrix");
    require(table_->shape[0] == rows && table_->shape[1] == dim, "Rows: the table has another shape");
    rows_.table = table_->data;
  }
  rows_.rows = rows;
  rows_.dim = dim;
  rows_.pruned = pruned;
  rows_.whole = bucket_rows.is_none();
  rows_.seed = seed;
  rows_.buckets = {nullptr, bucket, nwords};
  require(rows >= (rows_.whole ? nwords + bucket : nwords), "Rows: less rows than features");
  if (rows_.whole) return;
  if (!bucket_rows_.take(bucket_rows.ptr())) throw nb::type_error("Rows: bucket_rows must be an int32 array");
  require(bucket_rows_->size() == bucket, "Rows: bucket_rows need a number for each bucket");
  nb::gil_scoped_release released;
  require_rows(*bucket_rows_, rows, 1, "Rows");
  rows_.buckets.rows = bucket_rows_->data;
}

void HeldRows::require_of(const Vocabulary& v) const {
  const int64_t nwords = rows_.buckets.nwords, features = nwords + rows_.buckets.count;
  require(v.nwords == nwords, "the vocabulary has other words");
  if (v.chars.maxn > 0 || v.word_ngrams > 1)
    require(v.chars.base == nwords && nwords + static_cast<int64_t>(v.chars.bucket.divisor()) <= features,
            "the vocabulary has other buckets");
  bool fits = true;
  for (int64_t i = 0; v.cuts != nullptr && i < v.cuts[nwords]; ++i) fits &= 0 <= v.known[i] && v.known[i] < features;
  require(fits, "the vocabulary's subwords are no features");
}

void bind_rows(nb::module_& m) {
  nb::class_<HeldRows>(
      m, "Rows",
      "Where the rows of a model's features are; it holds the arrays, which nobody may change.\n\n"
      "table: float32[rows, dim], at any address, or None where the rows are codes. bucket_rows: int32[bucket], the\n"
      "row of each bucket or -1; None where bucket b has row nwords + b. pruned: a bucket without a row is left\n"
      "out; otherwise its row is made from the seed.")
      .def(nb::init<nb::handle, int64_t, int64_t, int64_t, int64_t, nb::handle, bool, uint64_t>(),
           nb::arg("table").none(), nb::arg("rows"), nb::arg("dim"), nb::arg("nwords"), nb::arg("bucket"),
           nb::arg("bucket_rows").none(), nb::arg("pruned"), nb::arg("seed"));
}

}  // namespace ftcore
