#include <nanobind/stl/string.h>

#include "binding/require.h"
#include "binding/held_predictor.h"
#include "binding/held_rows.h"

namespace ftcore {

HeldPredictor::HeldPredictor(nb::object vocabulary, nb::object rows, nb::handle output, nb::handle folded, int64_t kind,
                             nb::handle sigmoid, nb::handle left, nb::handle right)
    : vocabulary_(vocabulary), rows_(rows) {
  const auto& known = object_of<HeldVocabulary>(vocabulary, "Predictor: vocabulary must be a Vocabulary");
  const auto& held = object_of<HeldRows>(rows, "Predictor: rows must be Rows");
  held.require_of(*known);
  if (!output_.take(output.ptr())) throw nb::type_error("output must be a C-contiguous float32 matrix");
  if (!sigmoid_.take(sigmoid.ptr())) throw nb::type_error("sigmoid must be a float32 array");
  if (!left_.take(left.ptr()) || !right_.take(right.ptr())) throw nb::type_error("left and right must be int32");
  const int64_t labels = output_->shape[0];
  require(labels > 0 && labels < int64_t{1} << 30, "output: a row for each label");
  require(output_->shape[1] == held->dim, "output: its rows have another length");
  require(SOFTMAX <= kind && kind <= TREE, "kind: 0 (softmax), 1 (sigmoid) or 2 (tree)");
  require(sigmoid_->size() == 513, "sigmoid: 513 values");
  if (kind == TREE) {
    require(left_->size() == labels - 1, "tree: an inner node less than labels");
    require_tree(*left_, *right_);
  }
  if (!folded.is_none()) {
    if (!folded_.take(folded.ptr())) throw nb::type_error("folded must be a writable float32 matrix");
    require(folded_->shape[0] == held->places() && folded_->shape[1] == labels, "folded: another shape");
    model_.folded = folded_->data;
  } else {
    require(held->table != nullptr, "rows that are codes need a folded table");
  }
  model_.vocabulary = &*known;
  model_.rows = *held;
  model_.output = output_->data;
  model_.labels = labels;
  model_.kind = kind;
  model_.sigmoid = sigmoid_->data;
  model_.tree = {left_->data, right_->data};
}

namespace {

int64_t checked(int64_t k, const Classifier& model) {
  require(k >= 1, "k must be 1 or more");
  return std::min(k, model.labels);
}

template <class T>
void add_all(const Buffer<T>& more, Buffer<T>& all) {
  all.reserve(more.size());
  std::copy_n(more.data(), more.size(), all.extend(more.size()));
}

// Add the answers to one piece to those before.
void append(const Answers& more, Answers& all) {
  const int64_t lines = more.ends.size() - 1, before = all.labels.size();
  add_all(more.labels, all.labels);
  add_all(more.found, all.found);
  all.ends.reserve(lines);
  for (int64_t b = 1; b <= lines; ++b) all.ends.push(before + more.ends[b]);
}

nb::tuple items_of(nb::object given) {  // nobody takes one out meanwhile
  nb::tuple items = nb::steal<nb::tuple>(PySequence_Tuple(given.ptr()));
  if (!items.is_valid()) nb::raise_python_error();
  return items;
}

nb::object returned(Answers& answers, Outcome outcome) {
  return nb::make_tuple(owned(std::move(answers.labels)), owned(std::move(answers.found)),
                        owned(std::move(answers.ends)), outcome == Outcome::GIVEN);
}

}  // namespace

std::optional<Outcome> HeldPredictor::many(nb::tuple items, int64_t k, float threshold, int64_t threads, bool plain,
                                           Buffer<int32_t>& missing, const Each& each) {
  constexpr size_t AHEAD = 8;  // strings whose heads are fetched before they are asked for
  const size_t size = items.size();
  std::vector<std::unique_ptr<PredictScratch>> scratches(static_cast<size_t>(allowed_threads(threads)));
  for (auto& one : scratches) one = pool_.take();
  std::vector<nb::object> kept;
  std::optional<Outcome> outcome = Outcome::GIVEN;
  {
    Crowd crowd(model_, k, threshold, plain ? Newline::REFUSED : Newline::SEPARATES, scratches);
    for (size_t i = 0; i < size; ++i) {
      if (i + AHEAD < size) __builtin_prefetch(items[i + AHEAD].ptr());
      PyObject* item = items[i].ptr();
      Bytes line;
      if (!bytes_of(item, line, kept) || (plain && (!PyUnicode_Check(item) || !kept.empty()))) return std::nullopt;
      crowd.add(line);
    }
    crowd.close();
    std::vector<Crowd::Piece*> ready;
    for (bool more = true; more && outcome;) {
      {
        nb::gil_scoped_release released;
        more = crowd.next(ready);
      }
      if (PyErr_CheckSignals() != 0) nb::raise_python_error();
      for (Crowd::Piece* piece : ready) {
        if (piece->refused) return std::nullopt;
        if (piece->outcome != Outcome::GIVEN && *outcome != Outcome::CODED) outcome = piece->outcome;
        if (piece->outcome == Outcome::CODED) {
          add_all(piece->missing, missing);
        } else {
          each(piece->answers);
        }
      }
    }
  }
  for (auto& one : scratches)
    if (one->text.room() <= KEPT) pool_.give(std::move(one));
  return outcome;
}

nb::object HeldPredictor::lines(nb::object given, int64_t k, float threshold, int64_t threads) {
  k = checked(k, model_);
  nb::tuple items = items_of(given);
  Answers all;
  all.ends.add(0);
  Buffer<int32_t> missing;
  const auto outcome = many(items, k, threshold, threads, false, missing, [&](Answers& more) { append(more, all); });
  if (!outcome) return nb::none();
  if (*outcome == Outcome::CODED) return owned(std::move(missing));
  return returned(all, *outcome);
}

nb::object HeldPredictor::scores(nb::object given, int64_t threads) {
  nb::tuple items = items_of(given);
  Buffer<int32_t> told, missing;
  Buffer<float> found;
  const auto outcome = many(items, 0, 0, threads, false, missing, [&](Answers& more) {
    add_all(more.labels, told);
    add_all(more.found, found);
  });
  if (!outcome) return nb::none();
  if (*outcome == Outcome::CODED) return owned(std::move(missing));
  return nb::make_tuple(owned(std::move(told)), owned(std::move(found)));
}

nb::object HeldPredictor::text(Vector<const uint8_t> given, int64_t k, float threshold) {
  k = checked(k, model_);
  const int64_t stop = text_size(given);
  std::unique_ptr<PredictScratch> scratch = pool_.take();
  Answers answers;
  Outcome outcome;
  {
    nb::gil_scoped_release released;
    outcome = predict(model_, given.data, stop, k, threshold, *scratch, answers);
  }
  nb::object said = outcome == Outcome::CODED ? owned(std::move(scratch->missing)) : returned(answers, outcome);
  pool_.give(std::move(scratch));
  return said;
}

void bind_predictor(nb::module_& m) {
  const char* returns =
      "Returns (labels int32[n], probabilities + 1e-5 but at most 1 float32[n], where each line ends int64[B + 1],\n"
      "whether all are numbers); the places int32[] whose rows are codes and have to be folded first;";
  static const std::string lines = std::string("The k best labels of each str or bytes of a sequence.\n\n") + returns +
                                   "\nor None where a line is neither.";
  static const std::string text = std::string("The same of a text, uint8[bytes + PAD].\n\n") + returns;
  nb::class_<HeldPredictor>(
      m, "Predictor",
      "A classifier's answers to lines; it holds the arrays, which nobody may change.\n\n"
      "output: float32[C, dim]. folded: float32[places, C], zeros, or None; see `fold_rows`. kind: `SOFTMAX`,\n"
      "`SIGMOID` or `TREE`. sigmoid: float32[513]. left, right: int32[C - 1], of a tree.")
      .def(nb::init<nb::object, nb::object, nb::handle, nb::handle, int64_t, nb::handle, nb::handle, nb::handle>(),
           nb::arg("vocabulary"), nb::arg("rows"), nb::arg("output"), nb::arg("folded").none(), nb::arg("kind"),
           nb::arg("sigmoid"), nb::arg("left"), nb::arg("right"))
      .def("lines", &HeldPredictor::lines, nb::arg("lines"), nb::arg("k"), nb::arg("threshold"), nb::arg("threads") = 1,
           lines.c_str())
      .def("scores", &HeldPredictor::scores, nb::arg("lines"), nb::arg("threads") = 1,
           "The scores of all labels of each str or bytes of a sequence: (int32[B], 1 where a line has a word or an\n"
           "n-gram with a row; float32[B * C], output · mean of the features' rows, of a tree those of its inner nodes);\n"
           "or, as of `lines`, the places to fold first, or None.")
      .def("text", &HeldPredictor::text, nb::arg("text"), nb::arg("k"), nb::arg("threshold"), text.c_str());
}

}  // namespace ftcore
