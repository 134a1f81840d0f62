#include "binding/require.h"
#include "cutting/minhash.h"
#include "ground/spread_sort.h"

namespace ftcore {

namespace {

// The documents as functions take them: tokens of row d are data[offsets[d]:offsets[d + 1]].
void require_documents(const Vector<const uint8_t>& data, const Vector<const int64_t>& offsets,
                       const Vector<const bool>& by_characters, int64_t characters, int64_t words) {
  require_offsets(offsets, data.size(), "documents");
  require(by_characters.size() == offsets.size() - 1, "documents: by_characters needs a value for each");
  require(characters > 0 && words > 0, "documents: a shingle has at least one character, and one word");
}

}  // namespace

void bind_minhash(nb::module_& m) {
  m.attr("SKETCH") = SKETCH;
  m.def(
      "minhash_bands",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets, Vector<const bool> by_characters,
         int64_t characters, int64_t words, Matrix<uint32_t> out, int64_t rows) {
        require_documents(data, offsets, by_characters, characters, words);
        const int64_t documents = offsets.size() - 1, bands = out.shape[0];
        require(out.shape[1] == documents, "minhash_bands: out has a column for each document");
        require(0 < bands && bands <= 1 << 12 && 0 < rows && rows <= 1 << 12, "minhash_bands: 1 to 4096 bands and rows");
        Shingler shingler(characters, words);
        Minhash minhash(bands, rows);
        for (int64_t d = 0; d < documents; ++d)
          minhash.bands(shingler.of(data.data + offsets[d], offsets[d + 1] - offsets[d], by_characters[d]),
                        out.data + d, documents);
      },
      nb::arg("data"), nb::arg("offsets"), nb::arg("by_characters"), nb::arg("characters"), nb::arg("words"),
      nb::arg("out"), nb::arg("rows"), nb::call_guard<nb::gil_scoped_release>(),
      "Fill out[band, document]: a hash of ``rows`` places of a document's MinHash signature.\n\n"
      "Shingles are n-grams of ``characters`` where ``by_characters``, else of ``words``.");

  m.def(
      "shingles",
      [](Vector<const uint8_t> data, Vector<const int64_t> offsets, Vector<const bool> by_characters,
         int64_t characters, int64_t words, Matrix<uint64_t> sketches) {
        Buffer<uint32_t> out;
        Buffer<int64_t> cuts;
        {
          nb::gil_scoped_release released;
          require_documents(data, offsets, by_characters, characters, words);
          require(sketches.shape[0] == offsets.size() - 1 && sketches.shape[1] == SKETCH,
                  "shingles: sketches has a row of 8 for each document");
          Shingler shingler(characters, words);
          SpreadSort sort;
          cuts.resize(offsets.size());
          cuts[0] = 0;
          for (int64_t d = 0; d + 1 < offsets.size(); ++d) {
            const Buffer<uint32_t>& found =
                shingler.of(data.data + offsets[d], offsets[d + 1] - offsets[d], by_characters[d]);
            out.reserve(found.size());
            uint32_t* to = out.extend(found.size());
            for (int64_t i = 0; i < found.size(); ++i) to[i] = found[i];
            cuts[d + 1] = cuts[d] + sort.unique(to, found.size());
            sketch(to, cuts[d + 1] - cuts[d], sketches.data + d * SKETCH);
            out.resize(cuts[d + 1]);
          }
        }
        return nb::make_tuple(owned(std::move(out)), owned(std::move(cuts)));
      },
      nb::arg("data"), nb::arg("offsets"), nb::arg("by_characters"), nb::arg("characters"), nb::arg("words"),
      nb::arg("sketches"),
      "Hashes of each document's shingles, rising, one of each: (uint32[N], offsets int64[n + 1]).\n\n"
      "Fills sketches[document]: 512 bits, of which each shingle sets one.");

  m.def(
      "settle_pairs",
      [](Vector<const int64_t> later, Vector<const int64_t> earlier, int descriptor, Vector<const int64_t> offsets,
         Matrix<const uint64_t> sketches, double threshold, Vector<int64_t> kept, Vector<float> similarity) {
        require_offsets(offsets, INT64_MAX / 4, "settle_pairs");
        const int64_t documents = offsets.size() - 1;
        require(later.size() == earlier.size(), "settle_pairs: a pair has two documents");
        require(kept.size() == documents && similarity.size() == documents,
                "settle_pairs: kept and similarity need a value for each document");
        require(sketches.shape[0] == documents && sketches.shape[1] == SKETCH,
                "settle_pairs: sketches has a row of 8 for each document");
        bool fits = true;
        for (int64_t p = 0; p < later.size(); ++p)
          fits &= 0 <= earlier[p] && earlier[p] < later[p] && later[p] < documents;
        for (int64_t one : kept) fits &= -1 <= one && one < documents;
        require(fits, "settle_pairs: a number names no document, or none before it");
        return settle_pairs(later.data, earlier.data, later.size(),
                            ShingleFile(descriptor, offsets.data, sketches.data), threshold, kept.data, similarity.data);
      },
      nb::arg("later"), nb::arg("earlier"), nb::arg("descriptor"), nb::arg("offsets"), nb::arg("sketches"),
      nb::arg("threshold"), nb::arg("kept"), nb::arg("similarity"), nb::call_guard<nb::gil_scoped_release>(),
      "Settle likely pairs by the Jaccard similarity of their shingles, which an open file holds.\n\n"
      "kept[d] becomes the document for which d goes (-1: it stays). False where the file cannot be read.");
}

}  // namespace ftcore
