#include "answers/predictor.h"

#include <algorithm>

#include "processor.h"

namespace ftcore {

namespace {

constexpr int64_t SCORES = int64_t{1} << 20;  // made at a time: label counts go up to some hundred thousand

// Scores [B, C]; or, if `hidden` will do, means [B, D] where nothing is folded. Null where rows are codes.
float* scores_of(const Classifier& model, const Places& part, bool hidden, PredictScratch& s, Outcome& outcome) {
  const auto& means_of = *kernels().means;
  const int64_t labels = model.labels, dim = model.rows.dim;
  if (model.folded != nullptr) {
    s.missing.resize(part.offsets[part.lines] - part.offsets[0]);
    s.scores.resize(part.lines * labels);
    auto sum = [&] {
      return means_of.folded_means(model.folded, part.ids, part.offsets, part.lines, labels, s.scores.data(),
                                   s.missing.data());
    };
    int64_t gone = sum();
    if (gone > 0) {
      s.missing.resize(gone);
      if (!fold(model.rows, s.missing.data(), gone, model.output, labels, s.rows, model.folded)) {
        outcome = Outcome::CODED;
        return nullptr;
      }
      s.missing.resize(part.offsets[part.lines] - part.offsets[0]);
      sum();
    }
    return s.scores.data();
  }
  s.hidden.resize(part.lines * dim);
  means(model.rows, part, s.rows, s.hidden.data());
  if (hidden) return s.hidden.data();
  s.scores.resize(part.lines * labels);
  means_of.products(s.hidden.data(), model.output, part.lines, labels, dim, s.scores.data());
  return s.scores.data();
}

Places places_of(const Classifier& model, const uint8_t* text, int64_t stop, PredictScratch& s) {
  line_features(*model.vocabulary, text, stop, true, false, s.lines);
  return known_places(model.rows, s.lines.features.data(), s.lines.offsets.data(), s.lines.size(), s.rows);
}

int64_t lines_at_a_time(const Classifier& model) {
  return std::max<int64_t>(1, SCORES / std::max(model.labels, model.rows.dim));
}

}  // namespace

Outcome score(const Classifier& model, const uint8_t* text, int64_t stop, PredictScratch& s, Answers& answers) {
  const Places all = places_of(model, text, stop, s);
  answers.labels.resize(all.lines);
  answers.found.resize(all.lines * model.labels);
  tell(model.rows, all, model.vocabulary->eos, answers.labels.data());
  Outcome outcome = Outcome::GIVEN;
  const int64_t step = lines_at_a_time(model);
  for (int64_t at = 0; at < all.lines; at += step) {
    const Places part{all.ids, all.offsets + at, std::min(step, all.lines - at)};
    const float* values = scores_of(model, part, false, s, outcome);
    if (values == nullptr) return outcome;
    std::copy_n(values, part.lines * model.labels, answers.found.data() + at * model.labels);
  }
  return outcome;
}

Outcome predict(const Classifier& model, const uint8_t* text, int64_t stop, int64_t k, float threshold,
                PredictScratch& s, Answers& answers) {
  const Places all = places_of(model, text, stop, s);
  answers.labels.resize(all.lines * k);
  answers.found.resize(all.lines * k);
  answers.ends.resize(all.lines + 1);
  answers.ends[0] = 0;
  s.best.keep(k);
  if (model.kind == TREE) s.stack.resize(static_cast<size_t>(model.labels) + 1);
  Outcome outcome = Outcome::GIVEN;
  const int64_t step = lines_at_a_time(model);
  for (int64_t at = 0; at < all.lines; at += step) {
    const Places part{all.ids, all.offsets + at, std::min(step, all.lines - at)};
    float* values = scores_of(model, part, model.kind == TREE, s, outcome);
    if (values == nullptr) return outcome;
    const int64_t before = answers.ends[at];
    const Chosen chosen{answers.labels.data() + before, answers.found.data() + before, answers.ends.data() + at};
    const bool sound =
        model.kind == TREE
            ? best_leaves(values, model.folded == nullptr ? model.output : nullptr, part.offsets, part.lines,
                          model.labels, model.rows.dim, model.tree, threshold, s.best, s.stack, chosen)
            : best_labels(values, part.offsets, part.lines, model.labels, model.kind, model.sigmoid, threshold, s.best,
                          chosen);
    if (!sound) outcome = Outcome::NOT_A_NUMBER;
    for (int64_t b = 0; b <= part.lines; ++b) chosen.ends[b] += before;
  }
  answers.labels.resize(answers.ends[all.lines]);
  answers.found.resize(answers.ends[all.lines]);
  return outcome;
}

}  // namespace ftcore
