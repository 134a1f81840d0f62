#include <nanobind/stl/string.h>

#include <cmath>
#include <utility>

#include "binding.h"
#include "held_rows.h"
#include "mould.h"
#include "predictor.h"
#include "strings.h"

namespace ftcore {

namespace {

// `native.Predictor(vocabulary, rows, output, folded, kind, sigmoid, left, right)`.
class HeldPredictor {
 public:
  HeldPredictor(nb::object vocabulary, nb::object rows, nb::handle output, nb::handle folded, int64_t kind,
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

  const Classifier& model() const { return model_; }
  Pool<PredictScratch>& pool() { return pool_; }

  int64_t checked(int64_t k) const {
    require(k >= 1, "k must be 1 or more");
    return std::min(k, model_.labels);
  }

  nb::object lines(nb::object given, int64_t k, float threshold) {
    k = checked(k);
    nb::tuple items = nb::steal<nb::tuple>(PySequence_Tuple(given.ptr()));  // nobody takes a line out meanwhile
    if (!items.is_valid()) nb::raise_python_error();
    std::vector<Bytes> found(items.size());
    std::vector<nb::object> kept;
    int64_t size = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      if (!bytes_of(items[i].ptr(), found[i], kept)) return nb::none();
      size += found[i].size + 1;
    }
    return answered([&](PredictScratch& scratch, Answers& answers) {
      scratch.text.clear();
      scratch.text.reserve(size + PAD);
      for (const Bytes& line : found) {
        add_bytes(line, scratch.text);
        scratch.text.push('\n');
      }
      std::memset(scratch.text.data() + scratch.text.size(), 0, PAD);
      return predict(model_, scratch.text.data(), scratch.text.size(), k, threshold, scratch, answers);
    });
  }

  nb::object text(Vector<const uint8_t> given, int64_t k, float threshold) {
    k = checked(k);
    const int64_t stop = text_size(given);
    return answered([&](PredictScratch& scratch, Answers& answers) {
      return predict(model_, given.data, stop, k, threshold, scratch, answers);
    });
  }

 private:
  template <class Work>
  nb::object answered(Work work) {
    std::unique_ptr<PredictScratch> scratch = pool_.take();
    Answers answers;
    Outcome outcome;
    {
      nb::gil_scoped_release released;
      outcome = work(*scratch, answers);
    }
    if (outcome == Outcome::CODED) return owned(std::move(scratch->missing));
    if (scratch->text.room() <= KEPT) pool_.give(std::move(scratch));
    return nb::make_tuple(owned(std::move(answers.labels)), owned(std::move(answers.found)),
                          owned(std::move(answers.ends)), outcome == Outcome::GIVEN);
  }

  nb::object vocabulary_, rows_;
  Held<const float, 2, false> output_;
  Held<float, 2> folded_;
  Held<const float, 1> sigmoid_;
  Held<const int32_t, 1> left_, right_;
  Classifier model_;
  Pool<PredictScratch> pool_;
};

// `native.OneLine(predictor, names)`: fastText's answer to one text, without a detour through arrays.
class OneLine {
 public:
  OneLine(nb::object predictor, nb::list names)
      : held_(predictor), predictor_(&object_of<HeldPredictor>(predictor, "OneLine: predictor must be a Predictor")) {
    for (nb::handle name : names) {
      require(PyUnicode_Check(name.ptr()), "names: a str for each label");
      names_.push_back(nb::borrow(name));
    }
    require(static_cast<int64_t>(names_.size()) == predictor_->model().labels, "names: one for each label");
  }

  // None where there is more to say than an answer: another type, a newline, a k that makes no sense.
  nb::object predict(nb::handle text, nb::handle k, nb::handle threshold, nb::handle errors) {
    if (!PyUnicode_CheckExact(text.ptr()) || !PyLong_CheckExact(k.ptr()) || !PyFloat_CheckExact(threshold.ptr()) ||
        !PyUnicode_CheckExact(errors.ptr()) || PyUnicode_CompareWithASCIIString(errors.ptr(), "strict") != 0)
      return nb::none();
    int overflow;
    int64_t wanted = PyLong_AsLongLongAndOverflow(k.ptr(), &overflow);
    const float least = static_cast<float>(PyFloat_AsDouble(threshold.ptr()));
    if (overflow != 0 || wanted < -1 || wanted == 0 || std::isnan(least)) return nb::none();
    const Classifier& model = predictor_->model();
    wanted = wanted == -1 ? model.labels : std::min(wanted, model.labels);
    Bytes line;
    Py_ssize_t size;
    line.data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (line.data == nullptr) {
      PyErr_Clear();  // a lone surrogate
      return nb::none();
    }
    line.size = size;
    if (std::memchr(line.data, '\n', static_cast<size_t>(size)) != nullptr) return nb::none();
    std::unique_ptr<Use> use = pool_.take();
    auto run = [&] {
      const int64_t stop = one_line(line, use->scratch.text);
      return ftcore::predict(model, use->scratch.text.data(), stop, wanted, least, use->scratch, use->answers);
    };
    Outcome outcome;
    if (size <= SHORT && model.labels <= SHORT) {
      outcome = run();
    } else {
      nb::object kept = nb::borrow(text);  // its bytes are read without the GIL
      nb::gil_scoped_release released;
      outcome = run();
    }
    if (outcome != Outcome::GIVEN) return nb::none();
    nb::object answer = made(use->answers);
    if (use->scratch.text.room() <= KEPT) pool_.give(std::move(use));
    return answer;
  }

 private:
  struct Use {
    PredictScratch scratch;
    Answers answers;
  };

  nb::object made(const Answers& answers) {
    const int64_t n = answers.labels.size();
    nb::object labels = nb::steal(PyTuple_New(n));
    if (!labels.is_valid()) nb::raise_python_error();
    for (int64_t i = 0; i < n; ++i)
      PyTuple_SetItem(labels.ptr(), i, names_[static_cast<size_t>(answers.labels[i])].inc_ref().ptr());
    nb::object numbers = mould_of(n)->filled(answers.found.data());
    nb::object answer = nb::steal(PyTuple_Pack(2, labels.ptr(), numbers.ptr()));
    if (!answer.is_valid()) nb::raise_python_error();
    return answer;
  }

  std::shared_ptr<Mould<double>> mould_of(int64_t n) {
    const size_t at = static_cast<size_t>(n);
    if (n < FEW && moulds_[at] != nullptr) return moulds_[at];
    auto made = std::make_shared<Mould<double>>(n);
    if (n < FEW) moulds_[at] = made;
    return made;
  }

  static constexpr int64_t FEW = 64;
  nb::object held_;
  HeldPredictor* predictor_;
  std::vector<nb::object> names_;
  std::shared_ptr<Mould<double>> moulds_[FEW];  // by the number of labels
  Pool<Use> pool_;
};

}  // namespace

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
      .def("lines", &HeldPredictor::lines, nb::arg("lines"), nb::arg("k"), nb::arg("threshold"), lines.c_str())
      .def("text", &HeldPredictor::text, nb::arg("text"), nb::arg("k"), nb::arg("threshold"), text.c_str());

  m.def(
      "are_lines",
      [](nb::list texts) {
        for (nb::handle text : texts) {
          Py_ssize_t size;
          if (!PyUnicode_Check(text.ptr())) return false;
          const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
          if (data == nullptr) PyErr_Clear();
          if (data == nullptr || std::memchr(data, '\n', static_cast<size_t>(size)) != nullptr) return false;
        }
        return true;
      },
      nb::arg("texts"), "Whether all are str of one line, without a lone surrogate. A False may be looked into.");

  nb::class_<OneLine>(m, "OneLine", "fastText's answer to one text at a time. names: a str for each label.")
      .def(nb::init<nb::object, nb::list>(), nb::arg("predictor"), nb::arg("names"))
      .def("predict", &OneLine::predict, nb::arg("text").none(), nb::arg("k").none(), nb::arg("threshold").none(),
           nb::arg("errors").none(),
           "(labels tuple, probabilities float64[n]); None for what needs more than an answer: another type, a\n"
           "newline, a lone surrogate, a k below 1 and not -1, a model that holds NaN, another ``errors`` than strict.");
}

}  // namespace ftcore
