#include "kernels/supervised.h"

#include <cmath>

#include "kernels/head.h"
#include "kernels/losses.h"

namespace ftcore {
namespace FTCORE_VARIANT {

namespace {

// The head as a thread sees it: the table, or its copies.
struct Head {
  const Tables& tables;
  const Copies& copies;
  float* rows;
  int64_t stride;

  Head(const Tables& t, const Copies& c)
      : tables(t), copies(c), rows(c.slots > 0 ? c.copy : t.output), stride(c.slots > 0 ? c.stride : t.dim) {}
  float* operator[](int64_t row) const { return rows + row * stride; }

  void count_motion(int64_t row, float error) const {
    if (copies.slots == 0) return;
    copies.moved[row] += std::fabs(error);
    if (copies.moved[row] >= copies.enough) put_on_list(copies, row, tables.output, tables.dim);
  }
  void count_motion_of_all(const float* error) const {
    if (copies.slots == 0) return;
    int32_t many = 0;
    for (int64_t c = 0; c < copies.slots; ++c) {
      copies.moved[c] += std::fabs(error[c]);
      many += copies.moved[c] >= copies.enough ? 1 : 0;
    }
    for (int64_t c = 0; many > 0 && c < copies.slots; ++c) {
      if (copies.moved[c] < copies.enough) continue;
      put_on_list(copies, c, tables.output, tables.dim);
      --many;
    }
  }
  // What was put on the list at the last document.
  void meet() const {
    if (copies.slots > 0) meet_listed(copies, tables.output, tables.dim);
  }
};

// ------------------------------------------------------------------------------------------- scoring
// Errors of every label of document k (softmax, one against all); its loss.
double score_dense(const Head& head, const Truth& truth, int64_t k, Thread& own) {
  int64_t classes = head.tables.classes;
  score_all(head.rows, classes, head.stride, own.hidden, head.tables.dim, own.error);
  if (truth.loss == Truth::SOFTMAX) return softmax(own.error, classes, truth.place[k]);
  int64_t first = truth.offsets[truth.place[k]], last = truth.offsets[truth.place[k] + 1];
  for (int64_t t = first; t < last; ++t) own.yes[truth.row[t]] = 1;
  double loss = logistic(own.error, own.yes, own.part, classes);
  for (int64_t t = first; t < last; ++t) own.yes[truth.row[t]] = 0;
  return loss;
}

// Rows, answers and errors of document k (ns, hs); its loss.
double score_some(const Head& head, const Truth& truth, int64_t k, Thread& own, int64_t* count) {
  int64_t first = truth.offsets[truth.place[k]], size = truth.offsets[truth.place[k] + 1] - first;
  for (int64_t t = 0; t < size; ++t) {
    own.row[t] = truth.row[first + t];
    own.yes[t] = truth.loss == Truth::HS ? truth.code[first + t] : (t == 0 ? 1.0f : 0.0f);
    own.error[t] = dot(head[own.row[t]], own.hidden, head.tables.dim);
  }
  *count = size;
  return logistic(own.error, own.yes, own.part, size);
}

// ------------------------------------------------------------------------------------------- updates
// The label and its negatives one after another; a row drawn twice is seen as its first visit left it. The loss,
// and the sum of |error|.
double negatives(const Head& head, const Truth& truth, int64_t k, float weight, float rate, Thread& own,
                 float* motion) {
  double loss = 0;
  int64_t first = truth.offsets[truth.place[k]], last = truth.offsets[truth.place[k] + 1];
  for (int64_t t = first; t < last; ++t) {
    float* row = head[truth.row[t]];
    own.error[0] = dot(row, own.hidden, head.tables.dim);
    float yes = t == first ? 1.0f : 0.0f;
    loss += logistic(own.error, &yes, own.part, 1);
    float error = own.error[0] * weight;
    exchange(row, own.hidden, own.gradient, head.tables.dim, error, rate * error);
    head.count_motion(truth.row[t], error);
    *motion += std::fabs(error);
  }
  return loss;
}

// Sum the errors of equal rows in place; how many rows are left.
int64_t merge(int64_t* row, float* error, int64_t count) {
  int64_t left = 0;
  for (int64_t t = 0; t < count; ++t) {
    int64_t at = left;
    for (int64_t u = 0; u < left; ++u) {
      if (row[u] == row[t]) at = u;
    }
    if (at < left) {
      error[at] += error[t];
    } else {
      row[at] = row[t];
      error[at] = error[t];
      ++left;
    }
  }
  return left;
}

// How far a document moves what it touches.
float motion_of(const float* error, int64_t count) {
  float motion = 0;
  for (int64_t t = 0; t < count; ++t) motion += std::fabs(error[t]);
  return motion;
}

// An update whose gradient is clipped, or whose rows decay; every row is visited once.
//
// The norm is over all that moves, input and output rows together, a row's gradient summed over its
// occurrences first. As in torch's SGD the decay is not clipped.
void update_jointly(const Head& head, const int64_t* rows, const float* error, int64_t count, float rate,
                    const Update& update, Thread& own) {
  int64_t dim = head.tables.dim;
  float *hidden = own.hidden, *gradient = own.gradient;
  const Bag& bag = own.bag;
  float square = 0;
  for (int64_t t = 0; t < count; ++t) {
    const float* row = head[rows[t]];
    square += error[t] * error[t];
    for (int64_t j = 0; j < dim; ++j) gradient[j] += error[t] * row[j];
  }
  square *= dot(hidden, hidden, dim);
  for (int64_t j = 0; j < dim; ++j) gradient[j] /= static_cast<float>(bag.size);
  auto moves = [&](int64_t i) {
    return update.train_input && (update.frozen == nullptr || !update.frozen[bag.id[i]]);
  };
  float mine = dot(gradient, gradient, dim);
  for (int64_t i = 0; i < bag.distinct; ++i) {
    if (moves(i)) square += bag.times[i] * bag.times[i] * mine;
  }
  float scale = 1;
  if (update.clip > 0) {
    float limit = update.clip / (std::sqrt(square) + 1e-6f);
    scale = limit < scale ? limit : scale;
  }
  float head_rate = rate * update.head_rate, keep = 1 - head_rate * update.decay;
  for (int64_t t = 0; t < count; ++t) {
    float *row = head[rows[t]], step = head_rate * scale * error[t];
    for (int64_t j = 0; j < dim; ++j) row[j] = keep * row[j] - step * hidden[j];
    // what decays moves too: an eighth of a row is as much as an update
    head.count_motion(rows[t], std::fabs(error[t]) + 8 * head_rate * update.decay);
  }
  keep = 1 - rate * update.decay;
  for (int64_t i = 0; i < bag.distinct; ++i) {
    if (!moves(i)) continue;
    float *row = bag.row[i], step = rate * scale * bag.times[i];
    for (int64_t j = 0; j < dim; ++j) row[j] = keep * row[j] - step * gradient[j];
  }
  if (update.train_input) {
    float decays = 8 * rate * update.decay * static_cast<float>(bag.size);
    count_motion(bag, update.frozen, head.tables.input, dim, own.input_copies, motion_of(error, count) + decays);
  }
}

// --------------------------------------------------------------------------------------- a chunk
// Which documents are a thread's: blocks of some in a row, claimed one ahead. A thread that the machine slows down
// claims fewer.
struct Turns {
  const int64_t count, block;
  int64_t* claimed;
  int64_t at, end, then, last;  // the document; the end of its block; the next block

  Turns(int64_t documents, int64_t size, int64_t* shared) : count(documents), block(size), claimed(shared), last(claim()) {
    begin_block();
  }
  int64_t claim() {
    then = __atomic_fetch_add(claimed, block, __ATOMIC_RELAXED);
    return then + block < count ? then + block : count;
  }
  void begin_block() {
    at = then;
    end = last;
    last = claim();
  }
  void go_on() {
    if (++at >= end) begin_block();
  }
  // The document after k, one of those claimed; `count` if that is not known yet.
  int64_t after(int64_t k) const {
    ++k;
    if (k < end || (k > then && k < last)) return k;
    return k == end && then < count ? then : count;
  }
};

constexpr int64_t MOST_IDS = 256;  // of a document, asked for before it is looked at

// Rows of documents to come are asked for as soon as fewer than AHEAD features of them are on their way.
struct Ahead {
  int64_t seen, coming;  // the last document asked for; features of those asked for and not yet arrived at

  Ahead(const Documents& documents, int64_t first)
      : seen(first), coming(first < documents.count ? documents.size_of(first) : 0) {}

  void look(const Tables& tables, const Documents& documents, const Turns& turns, const Copies& copies) {
    while (coming < AHEAD) {
      int64_t next = turns.after(seen);
      if (next >= documents.count) return;
      int64_t first = documents.offsets[documents.order[next]], size = documents.size_of(next);
      // one long document, or several short ones
      announce(tables.input, tables.dim, documents.ids, first, first + (size < AHEAD ? size : AHEAD), copies);
      coming += size;
      seen = next;
      look_further(documents, turns, next);
    }
  }
  // Documents come in any order, so where the next but one begins and what it holds is in no cache yet: to wait for that
  // cost titles a quarter of their time. Inlined always, as `ask` of bag.cc.
  __attribute__((always_inline)) static void look_further(const Documents& documents, const Turns& turns, int64_t next) {
    int64_t later = turns.after(next);
    if (later >= documents.count) return;
    int64_t last = turns.after(later);
    if (last < documents.count) __builtin_prefetch(documents.offsets + documents.order[last], 0, 3);
    const int64_t* at = documents.offsets + documents.order[later];
    for (int64_t i = at[0]; i < at[1] && i < at[0] + MOST_IDS; i += 16) __builtin_prefetch(documents.ids + i, 0, 3);
  }
  void arrive(const Documents& documents, int64_t k) {
    if (k >= documents.count) return;
    if (seen < k) seen = k;
    else coming -= documents.size_of(k);
  }
};

Trained train(const Tables& tables, const Documents& documents, const Truth& truth, const Update& update,
              int64_t block, int64_t* claimed, Thread& own, const int* stop) {
  int64_t dim = tables.dim;
  bool dense = truth.loss == Truth::SOFTMAX || truth.loss == Truth::OVA, jointly = update.clip > 0 || update.decay > 0;
  Head head(tables, own.head_copies);
  Turns turns(documents.count, block, claimed);
  Ahead ahead(documents, turns.at);
  Trained trained{0, -1, -1};
  for (; turns.at < documents.count && !__atomic_load_n(stop, __ATOMIC_RELAXED); turns.go_on()) {
    const int64_t k = turns.at;
    ahead.arrive(documents, k);
    int64_t begin = documents.offsets[documents.order[k]], end = documents.offsets[documents.order[k] + 1];
    if (!read_bag(own.bag, documents.ids + begin, end - begin, tables.input, tables.rows, dim, own.input_copies, jointly)) {
      trained.wrong = k;
      break;
    }
    float weight = documents.weight == nullptr ? 1.0f : documents.weight[k];
    float rate = documents.rate[k], head_rate = rate * update.head_rate;
    mean_of_bag(own.bag, dim, own.hidden);
    head.meet();
    for (int64_t j = 0; j < dim; ++j) own.gradient[j] = 0;
    int64_t count = dense ? tables.classes : 0;
    bool moved = truth.loss == Truth::NS && !jointly;
    float motion = 0;
    double loss = dense   ? score_dense(head, truth, k, own)
                  : moved ? negatives(head, truth, k, weight, head_rate, own, &motion)
                          : score_some(head, truth, k, own, &count);
    loss *= weight;
    trained.loss += loss;
    if (trained.broken < 0 && !__builtin_isfinite(loss)) trained.broken = k;
    for (int64_t t = 0; weight != 1 && t < count; ++t) own.error[t] *= weight;
    if (jointly) {
      if (truth.loss == Truth::NS) count = merge(own.row, own.error, count);
      update_jointly(head, own.row, own.error, count, rate, update, own);
    } else {
      if (dense) {
        exchange_all(head.rows, count, head.stride, own.hidden, own.gradient, dim, own.error, head_rate);
        head.count_motion_of_all(own.error);
      }
      for (int64_t t = 0; !dense && t < count; ++t) {
        exchange(head[own.row[t]], own.hidden, own.gradient, dim, own.error[t], head_rate * own.error[t]);
        head.count_motion(own.row[t], own.error[t]);
      }
      if (update.train_input) {
        float share = -rate / static_cast<float>(own.bag.size);
        for (int64_t j = 0; j < dim; ++j) own.gradient[j] *= share;
        move_bag(own.bag, own.gradient, update.frozen, tables.input, dim, own.input_copies,
                 moved ? motion : motion_of(own.error, count));
      }
    }
    ahead.look(tables, documents, turns, own.input_copies);
  }
  return trained;
}

}  // namespace

extern const SupervisedKernels supervised_kernels;
const SupervisedKernels supervised_kernels = {train};

}  // namespace FTCORE_VARIANT
}  // namespace ftcore
