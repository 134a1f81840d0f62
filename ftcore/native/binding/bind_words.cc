#include "words/words.h"

#include "binding/require.h"
#include "ground/introsort.h"
#include "binding/vocabulary.h"

namespace ftcore {

void bind_words(nb::module_& m) {
  m.def(
      "take_words",
      [](Vector<const uint8_t> blob, Vector<const int64_t> offsets, Vector<const int64_t> order) {
        Buffer<uint8_t> out;
        Buffer<int64_t> cuts;
        {
          nb::gil_scoped_release released;
          require_offsets(offsets, blob.size(), "take_words");
          bool fits = true;
          for (int64_t w : order) fits &= 0 <= w && w < offsets.size() - 1;
          require(fits, "take_words: a number names no word");
          cuts.resize(order.size() + 1);
          take_words(blob.data, offsets.data, order.data, order.size(), out, cuts.data());
        }
        return nb::make_tuple(owned(std::move(out)), owned(std::move(cuts)));
      },
      nb::arg("blob"), nb::arg("offsets"), nb::arg("order"),
      "Some packed words in another order, packed: (blob with `PAD` zeros behind, offsets).");

  m.def(
      "words_starting_with",
      [](Vector<const uint8_t> blob, Vector<const int64_t> offsets, nb::bytes prefix) {
        Buffer<bool> out;
        const auto* bytes = reinterpret_cast<const uint8_t*>(prefix.c_str());
        const auto size = static_cast<int64_t>(prefix.size());
        {
          nb::gil_scoped_release released;
          require_offsets(offsets, blob.size(), "words_starting_with");
          out.resize(offsets.size() - 1);
          words_starting_with(blob.data, offsets.data, offsets.size() - 1, bytes, size, out.data());
        }
        return owned(std::move(out));
      },
      nb::arg("blob"), nb::arg("offsets"), nb::arg("prefix"), "Which packed words start with the prefix: bool[n].");

  m.def(
      "hash_words",
      [](Vector<const uint8_t> blob, Vector<const int64_t> offsets) {
        Buffer<int32_t> out;
        {
          nb::gil_scoped_release released;
          require_offsets(offsets, blob.size(), "hash_words");
          out.resize(offsets.size() - 1);
          hash_words(blob.data, offsets.data, offsets.size() - 1, out.data());
        }
        return owned(std::move(out));
      },
      nb::arg("blob"), nb::arg("offsets"), "FNV-1a of packed words, as fastText hashes them, with its sign: int32[n].");

  m.def(
      "ngram_buckets",
      [](Vector<const uint8_t> blob, Vector<const int64_t> offsets, int64_t minn, int64_t maxn, int64_t bucket) {
        Buffer<int32_t> out;
        Buffer<int64_t> cuts;
        {
          nb::gil_scoped_release released;
          require_offsets(offsets, blob.size(), "ngram_buckets");
          cuts.resize(offsets.size());
          const CharNgrams chars = char_ngrams(minn, maxn, bucket, 0);
          ngram_buckets(blob.data, offsets.data, offsets.size() - 1, chars, out, cuts.data());
        }
        return nb::make_tuple(owned(std::move(out)), owned(std::move(cuts)));
      },
      nb::arg("blob"), nb::arg("offsets"), nb::arg("minn"), nb::arg("maxn"), nb::arg("bucket"),
      "Buckets of the character n-grams of packed words: (buckets int32[N], offsets int64[n + 1]).");

  m.def(
      "join_rows",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets, Vector<uint8_t> out) {
        require_offsets(offsets, data.size(), "join_rows");
        const int64_t rows = offsets.size() - 1;
        require(out.size() >= offsets[rows] - offsets[0] + rows, "join_rows: out is too small");
        join_rows(data.data, offsets.data, rows, out.data, out.size());
      },
      nb::arg("data"), nb::arg("offsets"), nb::arg("out"), nb::call_guard<nb::gil_scoped_release>(),
      "Write ``data[offsets[b]:offsets[b + 1]]`` and a newline for each row, then zeros.\n\n"
      "A newline within a row becomes a space.");

  m.def(
      "sort_permutation",
      [](Vector<const int64_t> keys) {
        Buffer<int64_t> out;
        {
          nb::gil_scoped_release released;
          Buffer<Keyed> items(keys.size());
          for (int64_t i = 0; i < keys.size(); ++i) items[i] = {keys[i], i};
          introsort(items.data(), items.size());
          out.resize(keys.size());
          for (int64_t i = 0; i < keys.size(); ++i) out[i] = items[i].place;
        }
        return owned(std::move(out));
      },
      nb::arg("keys"),
      "The permutation that libstdc++'s ``std::sort`` applies when it sorts ``keys`` ascending: int64[n].");
}

}  // namespace ftcore
