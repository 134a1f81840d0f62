#include "training/supervised.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include <sys/mman.h>

#include "processor.h"
#include "ground/team.h"

namespace ftcore {

namespace {

constexpr int64_t LINE = 16;  // floats of a cache line

int64_t longest_bag(const Documents& documents) {
  int64_t longest = 0;
  for (int64_t k = 0; k < documents.count; ++k) {
    const int64_t* at = documents.offsets + documents.order[k];
    longest = std::max(longest, at[1] - at[0]);
  }
  return longest;
}

int64_t most_rows(const Truth& truth, int64_t documents) {
  int64_t most = 1;
  for (int64_t k = 0; k < documents; ++k) {
    most = std::max(most, truth.offsets[truth.place[k] + 1] - truth.offsets[truth.place[k]]);
  }
  return most;
}

// Floats, of any value at first, at the start of a cache line, apart from those of other threads; many in huge pages where
// the system has them: rows are read at random, and each of a small page's own costs a look-up of its address.
class Lines {
 public:
  explicit Lines(int64_t size) {
    size_t bytes = static_cast<size_t>(size + LINE) * sizeof(float), page = bytes < HUGE_PAGE / 4 ? 64 : HUGE_PAGE;
    bytes = (bytes + page - 1) / page * page;
    void* memory = nullptr;
    if (posix_memalign(&memory, page, bytes) != 0) throw std::bad_alloc();
    memory_.reset(static_cast<float*>(memory));
#ifdef MADV_HUGEPAGE
    if (page == HUGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  }
  float* get() { return memory_.get(); }

 private:
  static constexpr size_t HUGE_PAGE = size_t{2} << 20;
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  std::unique_ptr<float, Free> memory_;
};

// Which rows the threads have copies of, and who meets them now.
struct Common {
  std::vector<int32_t> row;
  std::vector<uint8_t> busy;

  explicit Common(std::vector<int32_t> rows) : row(std::move(rows)), busy(row.size()) {}
};

struct CopyMemory {
  Lines copy, base;
  std::vector<float> moved;
  std::vector<int32_t> due;
  int32_t waiting = 0;

  CopyMemory(int64_t slots, int64_t stride)
      : copy(slots * stride), base(slots * stride), moved(static_cast<size_t>(slots + 1)),
        due(MOST_DUE) {}
  Copies view(Common& common, int64_t stride, float enough) {
    Copies copies;
    copies.slots = static_cast<int64_t>(common.row.size());
    copies.stride = stride;
    copies.copy = copy.get();
    copies.base = base.get();
    copies.moved = moved.data();
    copies.enough = enough;
    copies.row = common.row.data();
    copies.busy = common.busy.data();
    copies.due = due.data();
    copies.waiting = &waiting;
    return copies;
  }
};

// What a thread works in.
struct Memory {
  std::vector<int32_t> id, slot;
  std::vector<float> times;
  std::vector<float*> row;
  std::vector<uint32_t> cell;
  Lines hidden, gradient;
  std::vector<int64_t> output_row;
  std::vector<float> yes, error, part;
  CopyMemory input, head;

  Memory(int64_t longest, int64_t dim, int64_t most, int64_t input_slots, int64_t head_slots, int64_t stride)
      : id(static_cast<size_t>(longest)), slot(id.size()), times(id.size()), row(id.size()), cell(4 * id.size() + 16),
        hidden(dim), gradient(dim), output_row(static_cast<size_t>(most)), yes(output_row.size()),
        error(output_row.size()), part(output_row.size()), input(input_slots, stride), head(head_slots, stride) {
    for (size_t t = 0; t < output_row.size(); ++t) output_row[t] = static_cast<int64_t>(t);
  }
  Thread view() {
    Thread own{};
    own.bag.id = id.data();
    own.bag.slot = slot.data();
    own.bag.times = times.data();
    own.bag.row = row.data();
    own.bag.cell = cell.data();
    own.hidden = hidden.get();
    own.gradient = gradient.get();
    own.row = output_row.data();
    own.yes = yes.data();
    own.error = error.data();
    own.part = part.data();
    return own;
  }
};

constexpr int64_t COPIED = 2 << 20;   // bytes of a thread's copies of input rows
constexpr int64_t HEAD = 4 << 20;     // bytes of a head that is copied
// Motion of a row, of all threads together, after which copies meet, in updates of full size. What threads have
// not told each other acts as a larger rate or as less learning. Reviews at lr .1, two threads: 87.25 % right at
// ROW_MOTION .3 (2 seeds), 87.10 at 3 (3 seeds), 86.9 at 30 (2); one thread 87.29. A head that met half as often cost
// 735 labels at lr .5 1.4 points at two threads and 3.6 at eight (one seed).
constexpr float ROW_MOTION = 3, HEAD_MOTION = 2;
constexpr int64_t MOST_CLAIMED = 32;  // documents that a thread takes at a time
constexpr int64_t SAMPLE = 1 << 16;   // features looked at for the commonest, or
constexpr int64_t LOOKED_AT = 8;      // one in so many documents
// Visits in a chunk for which a row is worth a copy. Where two processors are near each other all work gains by fewer copies
// (77 labels a tenth with 96 instead of 2, most of it memory that is new in each chunk), where they are far apart by more.
constexpr int64_t OFTEN = 32;

// The commonest rows of the chunk: slot s holds one with row % slots == s, or -1. A feature that meets another in
// its slot takes a vote from it (Boyer and Moore, 1981), so that the commonest keeps the slot.
std::vector<int32_t> commonest(const Documents& documents, const Tables& tables, int64_t most) {
  std::vector<int32_t> row(static_cast<size_t>(most), -1);
  std::vector<int64_t> votes(row.size());
  int64_t features = 0;
  for (int64_t k = 0; k < documents.count; k += 1 + documents.count / 1024) features += documents.size_of(k);
  features *= 1 + documents.count / 1024;  // of the chunk, roughly
  const int64_t step = std::max<int64_t>(LOOKED_AT, features / SAMPLE);
  for (int64_t k = 0; k < documents.count; k += step) {
    const int64_t* at = documents.offsets + documents.order[k];
    for (int64_t i = at[0]; i < at[1]; ++i) {
      int32_t id = documents.ids[i];
      if (id < 0 || id >= tables.rows) continue;
      size_t s = static_cast<size_t>(id & (most - 1));
      if (row[s] == id) {
        ++votes[s];
      } else if (votes[s] == 0) {
        row[s] = id;
        votes[s] = 1;
      } else {
        --votes[s];
      }
    }
  }
  size_t slots = row.size(), kept = 0;
  for (size_t s = 0; s < slots; ++s) {
    if (votes[s] < 2 || votes[s] * step < OFTEN) row[s] = -1;
    kept += row[s] >= 0;
  }
  for (; slots > 1 && 2 * kept <= slots; slots /= 2) {  // few: into less memory, which is new in each chunk
    for (size_t s = 0; s < slots / 2; ++s) {
      if (row[s] >= 0 && (row[s + slots / 2] < 0 || votes[s] >= votes[s + slots / 2])) continue;
      row[s] = row[s + slots / 2];
      votes[s] = votes[s + slots / 2];
    }
  }
  row.resize(kept > 0 ? slots : 0);
  return row;
}

int64_t power_of_two_below(int64_t most) {
  int64_t power = 1;
  while (2 * power <= most) power *= 2;
  return power;
}

}  // namespace

const char* misfit(const Documents& documents, int64_t ids, int64_t bags, const Truth& truth, int64_t spans,
                   int64_t rows, int64_t classes) {
  for (int64_t k = 0; k < documents.count; ++k) {
    int64_t bag = documents.order[k];
    if (bag < 0 || bag >= bags) return "order names no document";
    int64_t first = documents.offsets[bag], last = documents.offsets[bag + 1];
    // a bag is counted in 32 bits
    if (first < 0 || last <= first || last > ids || last - first > INT32_MAX / 4) return "a document without features";
    int64_t place = truth.place[k];
    if (place < 0) return "place names no label";
    if (truth.loss == Truth::SOFTMAX) {
      if (place >= classes) return "place names no label";
      continue;
    }
    if (place >= spans) return "place names no label";
    first = truth.offsets[place], last = truth.offsets[place + 1];
    if (first < 0 || last < first || last > rows || last - first > INT32_MAX) return "the offsets of the truth do not rise";
    for (int64_t t = first; t < last; ++t) {
      if (truth.row[t] < 0 || truth.row[t] >= classes) return "the truth names no row of the head";
    }
  }
  return nullptr;
}

Trained train_chunk(const Tables& tables, const Documents& documents, const Truth& truth, const Update& update,
                    int threads, const std::function<bool()>& go_on) {
  bool dense = truth.loss == Truth::SOFTMAX || truth.loss == Truth::OVA;
  int64_t most = dense ? tables.classes : most_rows(truth, documents.count);
  int64_t stride = (tables.dim + LINE - 1) / LINE * LINE, bytes = stride * static_cast<int64_t>(sizeof(float));
  std::vector<int32_t> input_rows, head_rows;
  if (threads > 1) {
    if (update.train_input) {
      input_rows = commonest(documents, tables, power_of_two_below(std::max<int64_t>(COPIED / bytes, 1)));
    }
    if (tables.classes * bytes <= HEAD) {
      for (int64_t c = 0; c < tables.classes; ++c) head_rows.push_back(static_cast<int32_t>(c));
    }
  }
  Common input(std::move(input_rows)), head(std::move(head_rows));
  std::vector<std::unique_ptr<Memory>> memory;
  std::vector<Thread> own;
  std::vector<Trained> parts(static_cast<size_t>(threads));
  int64_t longest = longest_bag(documents);
  for (int t = 0; t < threads; ++t) {
    memory.push_back(std::make_unique<Memory>(longest, tables.dim, most, static_cast<int64_t>(input.row.size()),
                                              static_cast<int64_t>(head.row.size()), stride));
    own.push_back(memory.back()->view());
    own.back().input_copies = memory.back()->input.view(input, stride, ROW_MOTION / static_cast<float>(threads));
    own.back().head_copies = memory.back()->head.view(head, stride, HEAD_MOTION / static_cast<float>(threads));
  }
  // what is read with every document does not lie beside what a thread writes
  alignas(128) int stop = 0;
  alignas(128) int64_t claimed = 0;
  const int64_t block = std::clamp<int64_t>(documents.count / (int64_t{16} * threads), 1, MOST_CLAIMED);
  auto work = [&](int t) {
    Thread& mine = own[static_cast<size_t>(t)];
    kernels().copies->fetch(mine.input_copies, tables.input, tables.dim);
    kernels().copies->fetch(mine.head_copies, tables.output, tables.dim);
    parts[static_cast<size_t>(t)] =
        kernels().supervised->train(tables, documents, truth, update, block, &claimed, mine, &stop);
    kernels().copies->settle(mine.input_copies, tables.input, tables.dim);
    kernels().copies->settle(mine.head_copies, tables.output, tables.dim);
  };
  run_team(threads, work, go_on, &stop);
  Trained all{0, -1, -1};
  for (int t = 0; t < threads; ++t) {
    const Trained& part = parts[static_cast<size_t>(t)];
    all.loss += part.loss;
    if (part.broken >= 0) all.broken = all.broken < 0 ? part.broken : std::min(all.broken, part.broken);
    if (part.wrong >= 0) all.wrong = part.wrong;
  }
  return all;
}

}  // namespace ftcore
