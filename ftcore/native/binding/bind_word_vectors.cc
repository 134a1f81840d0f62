#include "binding/require.h"
#include "binding/held_rows.h"
#include "binding/mould.h"
#include "binding/strings.h"
#include "answers/word_vectors.h"

namespace ftcore {

namespace {

// `native.WordVectors(vocabulary, rows)`.
class HeldVectors {
 public:
  HeldVectors(nb::object vocabulary, nb::object rows)
      : vocabulary_(vocabulary),
        rows_(rows),
        mould_(object_of<HeldRows>(rows, "WordVectors: rows must be Rows")->dim) {
    const auto& held = object_of<HeldRows>(rows, "WordVectors: rows must be Rows");
    const auto& known = object_of<HeldVocabulary>(vocabulary, "WordVectors: vocabulary must be a Vocabulary");
    held.require_of(*known);
    require(held->table != nullptr, "rows that are codes have to be written out first");
    model_.vocabulary = &*known;
    model_.rows = *held;
  }

  // One vector of a str or bytes; None for another object.
  template <class Make>
  nb::object one(nb::handle given, Make make) {
    Bytes bytes;
    std::vector<nb::object> kept;
    if (!bytes_of(given.ptr(), bytes, kept)) return nb::none();
    std::unique_ptr<VectorScratch> scratch = pool_.take();
    scratch->sum.resize(model_.rows.dim);
    auto run = [&] { make(bytes, *scratch, scratch->sum.data()); };
    if (bytes.size <= SHORT) {
      run();
    } else {
      kept.push_back(nb::borrow(given));  // its bytes are read without the GIL
      nb::gil_scoped_release released;
      run();
    }
    nb::object made = mould_.filled(scratch->sum.data());
    if (scratch->text.room() <= KEPT) pool_.give(std::move(scratch));
    return made;
  }

  nb::object word(nb::handle given) {
    return one(given, [&](const Bytes& bytes, VectorScratch& scratch, float* out) {
      word_vector(model_, padded(bytes, scratch), bytes.size, scratch, out);
    });
  }

  nb::object sentence(nb::handle given) {
    return one(given, [&](const Bytes& bytes, VectorScratch& scratch, float* out) {
      sentence_vector(model_, padded(bytes, scratch), bytes.size, scratch, out);
    });
  }

  nb::object line(nb::handle given) {
    return one(given, [&](const Bytes& bytes, VectorScratch& scratch, float* out) {
      const int64_t size = one_line(bytes, scratch.text);
      line_vector(model_, scratch.text.data(), size, scratch, out);
    });
  }

  void words(Vector<const uint8_t> blob, Vector<const int64_t> offsets, Matrix<float> out) {
    require_words(blob, offsets, "words");
    require(out.shape[0] == offsets.size() - 1 && out.shape[1] == model_.rows.dim, "words: out has another shape");
    VectorScratch scratch;
    for (int64_t i = 0; i < out.shape[0]; ++i)
      word_vector(model_, blob.data + offsets[i], offsets[i + 1] - offsets[i], scratch, out.data + i * out.shape[1]);
  }

 private:
  // The bytes as they are, newlines too, PAD more behind them.
  static const uint8_t* padded(const Bytes& bytes, VectorScratch& scratch) {
    scratch.text.clear();
    scratch.text.reserve(bytes.size + PAD);
    if (bytes.size > 0) std::memcpy(scratch.text.data(), bytes.data, static_cast<size_t>(bytes.size));
    std::memset(scratch.text.data() + bytes.size, 0, PAD);
    return scratch.text.data();
  }

  nb::object vocabulary_, rows_;
  WordVectors model_;
  Mould<float> mould_;
  Pool<VectorScratch> pool_;
};

}  // namespace

void bind_word_vectors(nb::module_& m) {
  nb::class_<HeldVectors>(m, "WordVectors",
                          "Vectors of words and lines; it holds the arrays, which nobody may change. What takes a str or "
                          "bytes answers None to another object.")
      .def(nb::init<nb::object, nb::object>(), nb::arg("vocabulary"), nb::arg("rows"))
      .def("word", &HeldVectors::word, nb::arg("word").none(),
           "Mean of the word's row and its n-grams', float32[D]; of these alone out of the vocabulary, zero without any.")
      .def("sentence", &HeldVectors::sentence, nb::arg("line").none(),
           "Mean of the words' vectors, each divided by its length, those without one left out: float32[D].")
      .def("line", &HeldVectors::line, nb::arg("line").none(),
           "Mean of a line's features in the supervised sense, end of line included: float32[D].")
      .def("words", &HeldVectors::words, nb::arg("blob"), nb::arg("offsets"), nb::arg("out"),
           nb::call_guard<nb::gil_scoped_release>(),
           "`word` of packed words, uint8[bytes + PAD] and int64[n + 1], into float32[n, D].");
}

}  // namespace ftcore
