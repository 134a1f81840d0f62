#include "ground/team.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace ftcore {

void run_team(int threads, const std::function<void(int)>& work, const std::function<bool()>& go_on, int* stop) {
  std::mutex mutex;
  std::condition_variable ended;
  int left = 0;
  std::vector<std::thread> team;
  team.reserve(static_cast<size_t>(threads));
  int started = 0;
  try {
    for (; started < threads; ++started) {
      {
        std::lock_guard<std::mutex> lock(mutex);
        ++left;
      }
      team.emplace_back([&, part = started] {
        work(part);
        std::lock_guard<std::mutex> lock(mutex);
        if (--left == 0) ended.notify_one();
      });
    }
  } catch (const std::system_error&) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      --left;
    }
    for (int part = started; part < threads; ++part) work(part);
  }
  for (std::unique_lock<std::mutex> lock(mutex); left > 0;) {
    if (ended.wait_for(lock, std::chrono::milliseconds(50), [&] { return left == 0; })) break;
    lock.unlock();
    if (!go_on()) __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
    lock.lock();
  }
  for (std::thread& one : team) one.join();
}

}  // namespace ftcore
