#include "answers/crowd.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#ifdef __linux__
#include <sched.h>
#endif

namespace ftcore {

Crowd::Crowd(const Classifier& model, int64_t k, float threshold, Newline newline,
             std::vector<std::unique_ptr<PredictScratch>>& scratches)
    : model_(model),
      k_(k),
      most_(std::clamp<int64_t>(SCORES / std::max(model.labels, k), 1, LINES)),
      threshold_(threshold),
      newline_(newline),
      scratches_(scratches),
      open_(std::make_unique<Piece>()) {}

Crowd::~Crowd() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    begun_ = pieces_.size();
  }
  posted_.notify_all();
  for (std::thread& one : threads_) one.join();
}

void Crowd::add(const Bytes& line) {
  open_->lines.push_back(line);
  bytes_ += line.size + 1;
  if (bytes_ >= TEXT || static_cast<int64_t>(open_->lines.size()) >= most_) post();
}

void Crowd::close() {
  if (!open_->lines.empty()) post();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  posted_.notify_all();
}

void Crowd::post() {
  auto next = std::make_unique<Piece>();
  next->lines.reserve(open_->lines.size());
  bytes_ = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    pieces_.push_back(std::move(open_));
  }
  open_ = std::move(next);
  posted_.notify_one();
  if (threads_.empty() && pieces_.size() > 1) start();  // one piece is the caller's
}

void Crowd::start() {
  threads_.reserve(scratches_.size());
  try {
    for (size_t i = 1; i < scratches_.size(); ++i)
      threads_.emplace_back([this, &scratch = *scratches_[i]] { work(scratch); });
  } catch (const std::system_error&) {  // no more threads here: those that there are do the work
  }
}

void Crowd::work(PredictScratch& scratch) {
  for (std::unique_lock<std::mutex> lock(mutex_);;) {
    posted_.wait(lock, [&] { return closed_ || begun_ < pieces_.size(); });
    if (begun_ >= pieces_.size()) return;
    Piece& piece = *pieces_[begun_++];
    lock.unlock();
    answer(piece, scratch);
    lock.lock();
    piece.done = true;
    done_.notify_one();
  }
}

void Crowd::answer(Piece& piece, PredictScratch& scratch) {
  try {
    Buffer<uint8_t>& text = scratch.text;
    text.clear();
    for (const Bytes& line : piece.lines) {
      piece.refused |= add_bytes(line, text) && newline_ == Newline::REFUSED;
      text.push('\n');
    }
    if (piece.refused) return;
    const int64_t stop = finish(text);
    piece.outcome = k_ == 0 ? score(model_, text.data(), stop, scratch, piece.answers)
                            : predict(model_, text.data(), stop, k_, threshold_, scratch, piece.answers);
    if (piece.outcome == Outcome::CODED) piece.missing = std::move(scratch.missing);
    piece.lines = {};
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    thrown_ = std::current_exception();
  }
}

bool Crowd::next(std::vector<Piece*>& ready) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::chrono::milliseconds(50);
  ready.clear();
  for (std::unique_lock<std::mutex> lock(mutex_);;) {
    while (given_ < pieces_.size() && pieces_[given_]->done) ready.push_back(pieces_[given_++].get());
    if (thrown_) std::rethrow_exception(thrown_);
    if (given_ == pieces_.size() || ready.size() >= MANY || clock::now() >= until) break;
    if (begun_ < pieces_.size()) {
      Piece& mine = *pieces_[begun_++];
      lock.unlock();
      answer(mine, *scratches_[0]);
      lock.lock();
      mine.done = true;
    } else if (ready.empty()) {
      done_.wait_until(lock, until, [&] { return pieces_[given_]->done; });
    } else {
      break;
    }
  }
  return !ready.empty() || given_ < pieces_.size();
}

int allowed_threads(int64_t threads) {
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) threads = std::min<int64_t>(threads, CPU_COUNT(&cores));
#endif
  return static_cast<int>(std::clamp<int64_t>(threads, 1, 256));
}

}  // namespace ftcore
