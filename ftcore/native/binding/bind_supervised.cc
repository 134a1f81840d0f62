#include "binding/require.h"
#include "processor.h"
#include "training/supervised.h"

namespace ftcore {

void bind_supervised(nb::module_& m) {
  m.def(
      "train_documents",
      [](Matrix<float> input, Matrix<float> output, Vector<const int32_t> ids, Vector<const int64_t> offsets,
         Vector<const int64_t> order, Vector<const float> rate, Vector<const float> weight, int64_t loss,
         Vector<const int64_t> place, Vector<const int32_t> row, Vector<const float> code,
         Vector<const int64_t> spans, float head_rate, float decay, float clip, bool train_input,
         Vector<const bool> frozen, int threads) {
        require(input.shape[1] == output.shape[1] && input.shape[1] > 0, "train_documents: columns differ");
        require(input.shape[0] <= INT32_MAX && output.shape[0] > 0 && output.shape[0] <= INT32_MAX,
                "train_documents: more rows than an int32 names, or none");
        require(rate.size() == order.size() && place.size() == order.size(), "train_documents: a rate and a place for each document");
        require(weight.size() == 0 || weight.size() == order.size(), "train_documents: a weight for each document, or none");
        require(frozen.size() == 0 || frozen.size() == input.shape[0], "train_documents: frozen: one for each row, or none");
        require(loss >= Truth::SOFTMAX && loss <= Truth::HS, "train_documents: no such loss");
        require(loss != Truth::HS || code.size() == row.size(), "train_documents: a code for each row");
        require(offsets.size() > 0 && spans.size() > 0, "train_documents: offsets begin with 0");
        require(threads >= 1 && threads <= 4096, "train_documents: threads must be from 1 to 4096");
        Tables tables{input.data, output.data, input.shape[0], output.shape[0], input.shape[1]};
        Documents documents{ids.data, offsets.data, order.data, rate.data, weight.size() ? weight.data : nullptr, order.size()};
        Truth truth{loss, place.data, row.data, code.data, spans.data};
        Update update{head_rate, decay, clip, train_input, frozen.size() ? frozen.data : nullptr};
        const char* wrong = misfit(documents, ids.size(), offsets.size() - 1, truth, spans.size() - 1, row.size(), output.shape[0]);
        if (wrong != nullptr) throw nb::value_error(wrong);
        bool interrupted = false;
        auto go_on = [&] {
          nb::gil_scoped_acquire gil;
          if (!interrupted) interrupted = PyErr_CheckSignals() != 0;
          return !interrupted;
        };
        Trained trained = train_chunk(tables, documents, truth, update, threads, go_on);
        nb::gil_scoped_acquire gil;
        if (interrupted) throw nb::python_error();
        if (trained.wrong >= 0) throw nb::value_error("train_documents: an id names no row");
        return nb::make_tuple(trained.loss, trained.broken);
      },
      nb::arg("input"), nb::arg("output"), nb::arg("ids"), nb::arg("offsets"), nb::arg("order"), nb::arg("rate"),
      nb::arg("weight"), nb::arg("loss"), nb::arg("place"), nb::arg("row"), nb::arg("code"), nb::arg("spans"),
      nb::arg("head_rate"), nb::arg("decay"), nb::arg("clip"), nb::arg("train_input"), nb::arg("frozen"),
      nb::arg("threads"), nb::call_guard<nb::gil_scoped_release>(),
      "Train both tables on the documents of a chunk: (sum of losses, first that is no number or -1).");
  m.def(
      "softmax_errors",
      [](Vector<float> scores, int64_t label) {
        require(label >= 0 && label < scores.size(), "softmax_errors: no such label");
        return kernels().losses->softmax(scores.data, scores.size(), label);
      },
      nb::arg("scores"), nb::arg("label"), "Scores become probability - truth; the loss in nats.");
  m.def(
      "logistic_errors",
      [](Vector<float> scores, Vector<const float> yes) {
        require(yes.size() == scores.size(), "logistic_errors: a truth for each score");
        std::vector<float> part(static_cast<size_t>(scores.size()));
        return kernels().losses->logistic(scores.data, yes.data, part.data(), scores.size());
      },
      nb::arg("scores"), nb::arg("yes"), "Scores become sigmoid - truth (1 where yes > 0); the loss in nats.");
  m.def(
      "exponentials", [](Vector<float> values) { kernels().losses->exponential(values.data, values.size()); },
      nb::arg("values"), "exp of values up to 0, in place.");
}

}  // namespace ftcore
