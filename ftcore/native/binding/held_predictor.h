// `native.Predictor(vocabulary, rows, output, folded, kind, sigmoid, left, right)`: a classifier and the arrays that
// it is made of, which nobody may change.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "binding/array.h"
#include "answers/crowd.h"
#include "answers/predictor.h"
#include "binding/strings.h"

namespace ftcore {

class HeldPredictor {
 public:
  HeldPredictor(nb::object vocabulary, nb::object rows, nb::handle output, nb::handle folded, int64_t kind,
                nb::handle sigmoid, nb::handle left, nb::handle right);

  const Classifier& model() const { return model_; }
  nb::object lines(nb::object given, int64_t k, float threshold, int64_t threads);
  nb::object scores(nb::object given, int64_t threads);
  nb::object text(Vector<const uint8_t> given, int64_t k, float threshold);

  // `each` is given the answers to the items of a tuple, a piece after the other, with the GIL; a piece whose rows
  // are codes adds to `missing` instead. Without a value where an item is no line, a newline is refused, or bytes
  // or a lone surrogate where only a `plain` str is taken.
  using Each = std::function<void(Answers&)>;
  std::optional<Outcome> many(nb::tuple items, int64_t k, float threshold, int64_t threads, bool plain,
                              Buffer<int32_t>& missing, const Each& each);

 private:
  nb::object vocabulary_, rows_;
  Held<const float, 2, false> output_;
  Held<float, 2> folded_;
  Held<const float, 1> sigmoid_;
  Held<const int32_t, 1> left_, right_;
  Classifier model_;
  Pool<PredictScratch> pool_;
};

}  // namespace ftcore
