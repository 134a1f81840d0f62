#include <nanobind/stl/string.h>

#include <cmath>
#include <cstring>

#include "binding/require.h"
#include "binding/held_predictor.h"
#include "binding/mould.h"

namespace ftcore {

namespace {

// Python's cyclic collector, off as long as many lists without a cycle are made: it would look at each of them, and
// sooner or later at every object there is, 0.15 s for an answer of 0.06 s.
class Uncollected {
 public:
  Uncollected() : running_(PyGC_Disable() == 1) {}
  ~Uncollected() {
    if (running_) PyGC_Enable();
  }

 private:
  const bool running_;
};

// `native.NamedAnswers(predictor, names, threads)`: fastText's answers to a text or a list, without a detour through
// arrays of labels.
class NamedAnswers {
 public:
  NamedAnswers(nb::object predictor, nb::list names, int64_t threads)
      : held_(predictor),
        predictor_(&object_of<HeldPredictor>(predictor, "NamedAnswers: predictor must be a Predictor")),
        threads_(threads) {
    for (nb::handle name : names) {
      require(PyUnicode_Check(name.ptr()), "names: a str for each label");
      names_.push_back(nb::borrow(name));
    }
    require(static_cast<int64_t>(names_.size()) == predictor_->model().labels, "names: one for each label");
  }

  // None where there is more to say than an answer: another type, a newline, a k that makes no sense.
  nb::object predict(nb::handle text, nb::handle k, nb::handle threshold, nb::handle errors) {
    const bool several = PyList_CheckExact(text.ptr());
    if (!(several || PyUnicode_CheckExact(text.ptr())) || !PyLong_CheckExact(k.ptr()) || !PyFloat_CheckExact(threshold.ptr()) ||
        !PyUnicode_CheckExact(errors.ptr()) || PyUnicode_CompareWithASCIIString(errors.ptr(), "strict") != 0)
      return nb::none();
    int overflow;
    int64_t wanted = PyLong_AsLongLongAndOverflow(k.ptr(), &overflow);
    const float least = static_cast<float>(PyFloat_AsDouble(threshold.ptr()));
    if (overflow != 0 || wanted < -1 || wanted == 0 || std::isnan(least)) return nb::none();
    const Classifier& model = predictor_->model();
    wanted = wanted == -1 ? model.labels : std::min(wanted, model.labels);
    if (several) return list(text, wanted, least);
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

  // (a list of names for each text, an array of probabilities for each), made while the threads work.
  nb::object list(nb::handle texts, int64_t k, float threshold) {
    nb::tuple items = nb::steal<nb::tuple>(PySequence_Tuple(texts.ptr()));  // nobody takes a text out meanwhile
    if (!items.is_valid()) nb::raise_python_error();
    nb::list labels, numbers;
    Buffer<int32_t> missing;
    Uncollected uncollected;
    const auto outcome = predictor_->many(items, k, threshold, threads_, true, missing, [&](Answers& piece) {
      const int64_t lines = piece.ends.size() - 1;
      const int32_t* next = piece.labels.data();
      bool even = true;
      for (int64_t b = 0; b < lines; ++b) {
        const int64_t n = piece.ends[b + 1] - piece.ends[b];
        even &= n == piece.ends[1];
        nb::object line = nb::steal(PyList_New(n));
        if (!line.is_valid()) nb::raise_python_error();
        for (int64_t i = 0; i < n; ++i)
          PyList_SetItem(line.ptr(), i, names_[static_cast<size_t>(*next++)].inc_ref().ptr());
        labels.append(line);
      }
      nb::object all = owned(std::move(piece.found));
      if (even && piece.ends[1] > 0) {
        nb::object rows = nb::steal(PySequence_List(all.attr("reshape")(lines, piece.ends[1]).ptr()));
        if (!rows.is_valid() || PyList_SetSlice(numbers.ptr(), PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, rows.ptr()) != 0)
          nb::raise_python_error();
        return;
      }
      for (int64_t b = 0; b < lines; ++b) numbers.append(all[nb::slice(piece.ends[b], piece.ends[b + 1], int64_t{1})]);
    });
    if (outcome != Outcome::GIVEN) return nb::none();
    return nb::make_tuple(labels, numbers);
  }

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
  int64_t threads_;
  std::vector<nb::object> names_;
  std::shared_ptr<Mould<double>> moulds_[FEW];  // by the number of labels
  Pool<Use> pool_;
};

}  // namespace

void bind_named(nb::module_& m) {
  nb::class_<NamedAnswers>(m, "NamedAnswers",
                           "fastText's answers to a text or a list of them. names: a str for each label.")
      .def(nb::init<nb::object, nb::list, int64_t>(), nb::arg("predictor"), nb::arg("names"), nb::arg("threads"))
      .def("predict", &NamedAnswers::predict, nb::arg("text").none(), nb::arg("k").none(), nb::arg("threshold").none(),
           nb::arg("errors").none(),
           "Of a str (labels tuple, probabilities float64[n]); of a list of str (a list of labels for each, a float32\n"
           "array of probabilities for each). None for what needs more than an answer: another type, a newline, a lone\n"
           "surrogate, a k below 1 and not -1, a model that holds NaN, rows that are codes, another ``errors`` than\n"
           "strict.");
}

}  // namespace ftcore
