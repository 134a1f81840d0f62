#include "cutting/letters.h"

#include <memory>

namespace ftcore {

const Letters::Page& Letters::ask(uint32_t number) const {
  auto made = std::make_unique<Page>();
  source_(number, *made);
  const Page* before = nullptr;
  if (pages_[number].compare_exchange_strong(before, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *before;  // another thread was faster
}

}  // namespace ftcore
