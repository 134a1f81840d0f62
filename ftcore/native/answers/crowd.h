// Answers to many lines: in pieces that fit a core's cache, on threads beside the caller's.
//
// The caller adds lines and the threads begin with the first piece while it adds the next ones. Then it takes
// pieces as the threads do, and has the answers in the order of the lines, each piece's as soon as it is there:
// what is made of them is made while the threads work. An answer's bits do not depend on who made it, nor on
// what else is in its piece.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "words/bytes.h"
#include "answers/predictor.h"

namespace ftcore {

// A newline within a line: a separator like any other, or what ends the work.
enum class Newline { SEPARATES, REFUSED };

class Crowd {
 public:
  struct Piece {
    std::vector<Bytes> lines;
    Answers answers;
    Outcome outcome = Outcome::GIVEN;
    Buffer<int32_t> missing;  // where the outcome is CODED
    bool refused = false, done = false;
  };

  // k: labels of each line, or 0: the scores of all (`score`). The lines' bytes are read without the GIL, for as long as the crowd is there.
  // `scratches`: one for the caller, and one for each thread beside it.
  Crowd(const Classifier& model, int64_t k, float threshold, Newline newline,
        std::vector<std::unique_ptr<PredictScratch>>& scratches);
  ~Crowd();  // what nobody has begun is left
  Crowd(const Crowd&) = delete;

  void add(const Bytes& line);
  void close();  // no more lines

  // Pieces that are answered, in order, at most MANY of those not yet given; works on others meanwhile, 50 ms or a
  // piece. False when all were given before. Throws what the work threw.
  bool next(std::vector<Piece*>& ready);

 private:
  static constexpr int64_t TEXT = 1 << 17;    // bytes of a piece
  static constexpr int64_t LINES = 1024;      // lines of one,
  static constexpr int64_t SCORES = 1 << 16;  // and their scores
  static constexpr size_t MANY = 16;  // what is made of them takes the GIL, which others may have

  void post();
  void start();
  void work(PredictScratch& scratch);
  void answer(Piece& piece, PredictScratch& scratch);

  const Classifier& model_;
  const int64_t k_, most_;
  const float threshold_;
  const Newline newline_;
  std::vector<std::unique_ptr<PredictScratch>>& scratches_;
  std::unique_ptr<Piece> open_;
  int64_t bytes_ = 0;  // of the open piece

  std::mutex mutex_;  // of all below
  std::condition_variable posted_, done_;
  std::deque<std::unique_ptr<Piece>> pieces_;
  size_t begun_ = 0, given_ = 0;
  bool closed_ = false;
  std::exception_ptr thrown_;
  std::vector<std::thread> threads_;
};

// As many threads as are asked for, but no more than this thread may run on at this moment.
int allowed_threads(int64_t threads);

}  // namespace ftcore
