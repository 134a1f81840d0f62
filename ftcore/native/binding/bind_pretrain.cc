#include "binding/require.h"

#include <algorithm>
#include <new>
#include <string_view>

#include "training/draws.h"
#include "training/gains.h"
#include "training/huffman.h"
#include "training/negatives.h"
#include "processor.h"

namespace ftcore {

namespace {

constexpr int64_t MOST_NEGATIVES = 1 << 16;
constexpr int64_t MOST_WORDS = INT32_MAX;

// The input side of a training: which rows of the table each word has. Checked once, used by every chunk.
class PretrainWords {
 public:
  PretrainWords(Vector<const int32_t> rows, Vector<const int64_t> offsets, Vector<const float> gain) {
    require_offsets(offsets, rows.size(), "PretrainWords");
    require(gain.size() == offsets.size() - 1 && gain.size() <= MOST_WORDS, "PretrainWords: a gain for each word");
    for (int32_t row : rows) {
      require(row >= 0, "PretrainWords: an id names no row");
      if (row >= table_rows) table_rows = static_cast<int64_t>(row) + 1;
    }
  }
  Held<const int32_t, 1> rows;
  Held<const int64_t, 1> offsets;
  Held<const float, 1> gain;
  int64_t table_rows = 0;  // that the input table has at least
};

// The output side of a training: negatives' alias table (ns), paths to the root (hs), or nothing (softmax).
class PretrainTargets {
 public:
  PretrainTargets(Vector<const uint32_t> pairs, Vector<const int32_t> nodes, Vector<const float> codes,
                  Vector<const int64_t> paths) {
    words = pairs.size() / 2;
    require(pairs.size() % 2 == 0 && words <= MOST_WORDS, "PretrainTargets: two numbers for each word");
    for (int64_t i = 0; i < words; ++i) require(pairs[2 * i + 1] < words, "PretrainTargets: an alias names no word");
    require(codes.size() == nodes.size(), "PretrainTargets: a code for each node");
    for (int32_t node : nodes) {
      require(node >= 0, "PretrainTargets: a node names no row");
      most = std::max<int64_t>(most, node + INT64_C(1));
    }
    if (paths.size() > 0) require_offsets(paths, nodes.size(), "PretrainTargets");
  }
  Held<const uint32_t, 1> pairs;
  Held<const int32_t, 1> nodes;
  Held<const float, 1> codes;
  Held<const int64_t, 1> paths;
  int64_t words = 0;  // of the alias table
  int64_t most = 0;   // rows that the output table has at least
};

template <class T, int N> void hold(Held<T, N>& held, nb::handle array) {
  if (!held.take(array.ptr())) throw nb::type_error("an array of another type, rank or layout");
}

}  // namespace

void bind_pretrain(nb::module_& m) {
  m.def(
      "initial_rows",
      [](uint64_t seed, Vector<const int64_t> numbers, Matrix<float> out) {
        require(numbers.size() == out.shape[0], "initial_rows: out needs a row for each number");
        nb::gil_scoped_release free;
        kernels().initial->rows(seed, numbers.data, out.shape[0], out.shape[1], out.data);
      },
      nb::arg("seed"), nb::arg("numbers"), nb::arg("out"), "Rows by their numbers, see ftcore.dictionary.init.");
  m.def(
      "huffman_tree",
      [](Vector<const int64_t> counts) {
        HuffmanTree tree;
        {
          nb::gil_scoped_release free;
          tree = huffman_tree(counts.data, counts.size());
        }
        return nb::make_tuple(owned(std::move(tree.parent)), owned(std::move(tree.right)));
      },
      nb::arg("counts"), "int64[2C - 1] parent of each node (-1: the root), uint8[2C - 1] whether it is the right child.");
  m.def(
      "table_sizes", [](Vector<const int64_t> counts) { return owned(table_sizes(counts.data, counts.size())); },
      nb::arg("counts"), "int64[C] entries of each class in fastText's table of negatives.");
  m.def(
      "alias_table",
      [](Vector<const double> weights, Matrix<uint32_t> out) {
        require(out.shape[0] == weights.size() && out.shape[1] == 2 && weights.size() <= MOST_WORDS,
                "alias_table: out needs two numbers for each weight");
        nb::gil_scoped_release free;
        std::vector<uint32_t> table = alias_table(weights.data, weights.size());
        std::copy(table.begin(), table.end(), out.data);
      },
      nb::arg("weights"), nb::arg("out"), "(threshold, other class) of each class.");
  m.def(
      "gains",
      [](Vector<const int32_t> rows, Vector<const int64_t> offsets, Vector<float> out) {
        require(out.size() == offsets.size() - 1, "gains: out needs a number for each word");
        require_offsets(offsets, rows.size(), "gains");
        nb::gil_scoped_release free;
        gains(rows.data, offsets.data, out.size(), out.data);
      },
      nb::arg("rows"), nb::arg("offsets"), nb::arg("out"), "sum(m²) / G of the words' rows.");
  m.def(
      "draw_centres",
      [](Vector<const int32_t> ids, Vector<const int64_t> offsets, Vector<const uint32_t> limits, int64_t ws,
         uint64_t seed, Vector<int32_t> words, Vector<int32_t> place, Vector<int32_t> first, Vector<int32_t> last) {
        int64_t size = ids.size();
        require(words.size() == size && place.size() == size && first.size() == size && last.size() == size,
                "draw_centres: the arrays to fill are as long as ids");
        require(size <= INT32_MAX && ws >= 1 && ws <= INT32_MAX, "draw_centres: too long, or ws is not from 1 up");
        require_offsets(offsets, size, "draw_centres");
        require_rows(ids, limits.size(), 0, "draw_centres");
        nb::gil_scoped_release free;
        return draw_centres(ids.data, offsets.data, offsets.size() - 1, limits.data, static_cast<uint64_t>(ws), seed,
                            {words.data, place.data, first.data, last.data});
      },
      nb::arg("ids"), nb::arg("offsets"), nb::arg("limits"), nb::arg("ws"), nb::arg("seed"), nb::arg("words"),
      nb::arg("place"), nb::arg("first"), nb::arg("last"), "Fills the arrays; returns how many tokens were kept.");

  nb::class_<PretrainWords>(m, "PretrainWords", "The input side of a training: rows of every word and its gain.")
      .def(
          "__init__",
          [](PretrainWords* self, nb::handle rows, nb::handle offsets, nb::handle gain) {
            Held<const int32_t, 1> r;
            Held<const int64_t, 1> o;
            Held<const float, 1> g;
            hold(r, rows), hold(o, offsets), hold(g, gain);
            new (self) PretrainWords(*r, *o, *g);
            self->rows = std::move(r), self->offsets = std::move(o), self->gain = std::move(g);
          },
          nb::arg("rows"), nb::arg("offsets"), nb::arg("gain"));
  nb::class_<PretrainTargets>(m, "PretrainTargets", "The output side of a training: what its loss needs of the words.")
      .def(
          "__init__",
          [](PretrainTargets* self, nb::handle pairs, nb::handle nodes, nb::handle codes, nb::handle paths) {
            Held<const uint32_t, 1> a;
            Held<const int32_t, 1> n;
            Held<const float, 1> c;
            Held<const int64_t, 1> p;
            hold(a, pairs), hold(n, nodes), hold(c, codes), hold(p, paths);
            new (self) PretrainTargets(*a, *n, *c, *p);
            self->pairs = std::move(a), self->nodes = std::move(n), self->codes = std::move(c);
            self->paths = std::move(p);
          },
          nb::arg("alias"), nb::arg("nodes"), nb::arg("codes"), nb::arg("paths"));
  m.def(
      "train_centres",
      [](const char* model, const char* loss, bool shared, Matrix<float> input, Matrix<float> output,
         const PretrainWords& words, const PretrainTargets& targets, Vector<const int32_t> centre,
         Vector<const int32_t> place, Vector<const int32_t> first, Vector<const int32_t> last,
         Vector<const int32_t> negatives, int64_t neg, float rate, float slope, uint64_t seed,
         Vector<const int32_t> stop) {
        require(model && loss, "train_centres: a model and a loss");
        const std::string_view kind = loss, how = model;
        const bool cbow = how == "cbow", ns = kind == "ns", hs = kind == "hs";
        const int64_t rows = output.shape[0], size = centre.size();
        require(cbow || how == "skipgram", "train_centres: the model is skipgram or cbow");
        require(ns || hs || kind == "softmax", "train_centres: the loss is ns, hs or softmax");
        require(input.shape[1] == output.shape[1] && input.shape[1] > 0, "train_centres: columns differ");
        require(words.table_rows <= input.shape[0] && targets.most <= rows && rows == words.gain->size() && rows > 0,
                "train_centres: the tables have too few rows");
        require(!ns || (targets.words == rows && neg >= 0 && neg <= MOST_NEGATIVES),
                "train_centres: negatives of other words, or too many");
        require(!hs || targets.paths->size() == rows + 1, "train_centres: paths of other words");
        require(!shared || (ns && (cbow || (rows >= 8 * neg && negatives.size() == 0))),
                "train_centres: updates cannot be shared");
        require(stop.size() == 1, "train_centres: stop is one number");
        require(place.size() == size && first.size() == size && last.size() == size,
                "train_centres: the centres' arrays are of one length");
        require_rows(centre, rows, 0, "train_centres");
        require_rows(negatives, rows, 0, "train_centres");
        bool fits = size <= INT32_MAX;
        int64_t examples = 0;
        for (int64_t i = 0; i < size; ++i) {
          const int64_t begin = first[i], end = last[i], others = end - begin - 1;
          fits &= 0 <= begin && begin <= i && i < end && end <= size;
          examples += others > 0 ? (cbow ? 1 : others) : 0;
        }
        require(fits, "train_centres: a context is outside the text");
        require(negatives.size() == 0 || (ns && negatives.size() >= examples * neg), "train_centres: too few negatives");
        const Pretraining data = {
            input.data, output.data, rows, input.shape[1], words.rows->data, words.offsets->data, words.gain->data,
            targets.pairs->data, negatives.size() > 0 ? negatives.data : nullptr, targets.nodes->data,
            targets.codes->data, targets.paths->data, ns ? neg : 0, centre.data, place.data, first.data, last.data,
            size, rate, slope, seed, stop.data};
        const PretrainKernels& run = *kernels().pretrain;
        Pretrained trained;
        bool room;
        {
          nb::gil_scoped_release free;
          if (shared) room = (cbow ? run.cbow : run.skipgram)(data, trained);
          else room = run.exact(data, ns ? PretrainLoss::ns : hs ? PretrainLoss::hs : PretrainLoss::softmax, cbow, trained);
        }
        if (!room) throw std::bad_alloc();
        return nb::make_tuple(trained.loss, trained.examples, trained.updates, trained.broken);
      },
      nb::arg("model"), nb::arg("loss"), nb::arg("shared"), nb::arg("input"), nb::arg("output"), nb::arg("words"),
      nb::arg("targets"), nb::arg("centre"), nb::arg("place"), nb::arg("first"), nb::arg("last"),
      nb::arg("negatives"), nb::arg("neg"), nb::arg("rate"), nb::arg("slope"), nb::arg("seed"), nb::arg("stop"),
      "Trains both tables in place: (loss in nats, examples, centres, the first whose loss is no number or -1).");
}

}  // namespace ftcore
