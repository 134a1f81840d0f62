#include "binding/vocabulary.h"

#include <algorithm>

#include "binding/require.h"

namespace ftcore {

namespace {

template <class T>
void hold(Held<T, 1>& held, nb::handle given, const char* what) {
  if (!held.take(given.ptr())) throw nb::type_error(what);
}

}  // namespace

CharNgrams char_ngrams(int64_t minn, int64_t maxn, int64_t bucket, int64_t base) {
  require(bucket >= 0 && bucket <= (int64_t{1} << 31) - base, "features are numbered with 32 bits: a bucket too large");
  CharNgrams made;
  made.minn = minn;
  made.maxn = bucket > 0 ? maxn : 0;
  made.base = base;
  made.bucket = Remainder(static_cast<uint64_t>(std::max<int64_t>(bucket, 1)));
  return made;
}

int64_t text_size(const Vector<const uint8_t>& text) {
  require(text.size() >= PAD, "a text needs 8 bytes behind its last");
  return text.size() - PAD;
}

void require_words(const Vector<const uint8_t>& blob, const Vector<const int64_t>& offsets, const char* name) {
  require(offsets.size() - 1 <= MAX_WORDS, "too many words");
  require_offsets(offsets, text_size(blob), name);
}

HeldTable::HeldTable(nb::handle blob, nb::handle offsets) {
  hold(blob_, blob, "WordTable: blob must be a C-contiguous uint8 array");
  hold(offsets_, offsets, "WordTable: offsets must be a C-contiguous int64 array");
  require(offsets_->size() > 0, "WordTable: offsets of no word are one number");
  nb::gil_scoped_release released;
  require_words(*blob_, *offsets_, "WordTable");
  table_.blob = blob_->data;
  table_.offsets = offsets_->data;
  table_.words = offsets_->size() - 1;
  slots_ = Slots(table_.words);
  table_.slots = slots_.data();
  table_.mask = static_cast<uint64_t>(slots_.size() - 1);
  slots_.enter(table_);
}

HeldVocabulary::HeldVocabulary(nb::handle_t<HeldTable> table, int64_t nwords, int64_t eos, nb::bytes prefix,
                               nb::handle known, nb::handle cuts, int64_t minn, int64_t maxn, int64_t word_ngrams, int64_t bucket)
    : table_(nb::borrow(table)), prefix_(prefix.c_str(), prefix.size()) {
  hold(known_, known, "Vocabulary: known must be a C-contiguous int32 array");
  hold(cuts_, cuts, "Vocabulary: cuts must be a C-contiguous int64 array");
  Vocabulary& v = vocabulary_;
  const HeldTable* words = nullptr;
  if (!nb::try_cast(table, words) || words == nullptr) throw nb::type_error("Vocabulary: table must be a WordTable");
  v.table = **words;
  require(0 <= nwords && nwords <= v.table.words, "Vocabulary: more words than the table has");
  require(-1 <= eos && eos < v.table.words, "Vocabulary: eos is no word of the table");
  v.nwords = nwords;
  v.eos = eos;
  v.prefix = reinterpret_cast<const uint8_t*>(prefix_.data());
  v.prefix_size = static_cast<int64_t>(prefix_.size());
  v.chars = char_ngrams(minn, maxn, bucket, nwords);
  v.word_ngrams = bucket > 0 ? std::max<int64_t>(word_ngrams, 1) : 1;
  if (cuts_->size() > 1 || nwords == 0) {
    require(cuts_->size() == nwords + 1, "Vocabulary: cuts need one number more than there are words");
    require_offsets(*cuts_, known_->size(), "Vocabulary");
    bool fits = true;
    const int64_t features = nwords + (v.chars.maxn > 0 ? bucket : 0);
    for (int32_t id : *known_) fits &= 0 <= id && id < features;
    require(fits, "Vocabulary: a subword is no feature");
    v.known = known_->data;
    v.cuts = cuts_->data;
  } else if (v.chars.maxn > 0) {
    kept_ = std::make_unique<KeptSubwords>(nwords);
    v.kept = kept_.get();
  }
}

void bind_vocabulary(nb::module_& m) {
  m.attr("PAD") = PAD;

  nb::class_<HeldTable>(m, "WordTable",
                        "Finds packed words, uint8[bytes + PAD] and int64[n + 1], which it holds and nobody may "
                        "change; of equal ones the last, as in ``Dictionary::load``.")
      .def(nb::init<nb::handle, nb::handle>(), nb::arg("blob"), nb::arg("offsets"))
      .def("__len__", [](const HeldTable& table) { return table->words; })
      .def(
          "find",
          [](const HeldTable& table, Vector<const uint8_t> data, Vector<const int64_t> cuts) {
            Buffer<int32_t> out;
            {
              nb::gil_scoped_release released;
              require_words(data, cuts, "find");
              out.resize(cuts.size() - 1);
              for (int64_t k = 0; k < out.size(); ++k)
                out[k] = static_cast<int32_t>(table->find(data.data + cuts[k], cuts[k + 1] - cuts[k]));
            }
            return owned(std::move(out));
          },
          nb::arg("data"), nb::arg("cuts"), "Numbers of packed words, -1 where the table has none: int32[n].");

  nb::class_<HeldVocabulary>(
      m, "Vocabulary",
      "What `line_features` and `word_features` know of a dictionary.\n\n"
      "nwords: numbers from here on in the table are labels. eos: number of the end of line, or -1. prefix: a word\n"
      "out of the vocabulary that starts so is a label nobody knows; none if empty. known, cuts: of `subwords`, or\n"
      "[] and [0], if they are to be made when a word is met. word_ngrams: the longest. bucket 0: no n-grams.")
      .def(nb::init<nb::handle_t<HeldTable>, int64_t, int64_t, nb::bytes, nb::handle, nb::handle, int64_t, int64_t, int64_t,
                    int64_t>(),
           nb::arg("table"), nb::arg("nwords"), nb::arg("eos"), nb::arg("prefix"), nb::arg("known"), nb::arg("cuts"),
           nb::arg("minn"), nb::arg("maxn"), nb::arg("word_ngrams"), nb::arg("bucket"));

  m.def(
      "line_features",
      [](Vector<const uint8_t> text, bool with_eos, bool rest, const HeldVocabulary& vocabulary) {
        Lines lines;
        {
          nb::gil_scoped_release released;
          const int64_t stop = text_size(text);
          lines.features.reserve(stop / 4);
          line_features(*vocabulary, text.data, stop, with_eos, rest, lines);
        }
        return nb::make_tuple(owned(std::move(lines.features)), owned(std::move(lines.offsets)),
                              owned(std::move(lines.labels)), owned(std::move(lines.label_offsets)));
      },
      nb::arg("text"), nb::arg("with_eos"), nb::arg("rest"), nb::arg("vocabulary"),
      "Features and labels of the lines of a text, uint8[bytes + PAD], in full numbering.\n\n"
      "A line gives its words' numbers and character n-grams, word by word, then its word n-grams. A newline\n"
      "is an end of line, a word too, if ``with_eos``. Behind a literal one the rest of the line is a line of\n"
      "its own if ``rest`` (training), else dropped (prediction).\n\n"
      "Returns (features int32[N], line offsets int64[L + 1], labels int32[T], their offsets int64[L + 1]).");

  m.def(
      "word_features",
      [](Vector<const uint8_t> word, const HeldVocabulary& vocabulary) {
        Buffer<int32_t> out;
        word_features(*vocabulary, word.data, text_size(word), out);
        return owned(std::move(out));
      },
      nb::arg("word"), nb::arg("vocabulary"),
      "Number of a word, uint8[bytes + PAD], -1 in no vocabulary, and of its n-grams: int32[1 + n].");

  m.def(
      "subwords",
      [](Vector<const uint8_t> blob, Vector<const int64_t> offsets, int64_t minn, int64_t maxn, int64_t bucket,
         int64_t eos) {
        Buffer<int32_t> out;
        Buffer<int64_t> cuts;
        {
          nb::gil_scoped_release released;
          require_words(blob, offsets, "subwords");
          cuts.resize(offsets.size());
          const int64_t words = offsets.size() - 1;
          subwords(blob.data, offsets.data, words, char_ngrams(minn, maxn, bucket, words), eos, out, cuts.data());
        }
        return nb::make_tuple(owned(std::move(out)), owned(std::move(cuts)));
      },
      nb::arg("blob"), nb::arg("offsets"), nb::arg("minn"), nb::arg("maxn"), nb::arg("bucket"), nb::arg("eos"),
      "Each packed word's own number, then len(words) + bucket of its character n-grams: (int32[N], offsets).\n\n"
      "Word ``eos`` (-1: none) has no n-grams.");

  m.def(
      "word_ids",
      [](Vector<const uint8_t> text, const HeldTable& table, int64_t nwords, int64_t eos) {
        Buffer<int32_t> out;
        int64_t total;
        {
          nb::gil_scoped_release released;
          require(eos >= -1 && eos < table->words, "word_ids: eos is no word of the table");
          const int64_t stop = text_size(text);
          out.reserve(stop / 4);
          total = word_ids(*table, nwords, eos, text.data, stop, out);
        }
        return nb::make_tuple(owned(std::move(out)), total);
      },
      nb::arg("text"), nb::arg("table"), nb::arg("nwords"), nb::arg("eos"),
      "In-vocabulary words of a text, uint8[bytes + PAD], ends of line included, in order: (ids int32[n], words read).\n\n"
      "Numbers from ``nwords`` on are labels: -1. ``eos``: number of the end of line, -1 where it has none.");
}

}  // namespace ftcore
