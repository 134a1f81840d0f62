// Threads of one call, and Ctrl-C while they work.
#pragma once

#include <functional>

namespace ftcore {

// Runs work(0), ..., work(threads - 1) side by side, each on a thread of its own, and returns when all have.
// The calling thread asks `go_on` every 50 ms meanwhile; where the answer is no, *stop becomes 1, which
// the work looks at. Work must not throw. Where no more threads can be started the caller does what is left.
void run_team(int threads, const std::function<void(int)>& work, const std::function<bool()>& go_on, int* stop);

}  // namespace ftcore
