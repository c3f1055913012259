#include "runtime/team_gate.h"

#include "runtime/pause.h"

namespace sinter::runtime {
namespace {
constexpr int kSpins = 2000;  // tens of microseconds
}

void TeamGate::open(void (*work)(void* context, int participant), void* context) {
  work_ = work;
  context_ = context;
  const uint64_t opening = (word_.load(std::memory_order_relaxed) >> 16) + 1;
  word_.store(opening << 16 | kOpen);  // sequentially consistent: see ThreadTeam::wake
}

void TeamGate::close() {
  uint64_t word = word_.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  for (int i = 0; i < kSpins && (word & kInside) != 0; ++i) {
    pause();
    word = word_.load(std::memory_order_acquire);
  }
  if ((word & kInside) == 0) return;
  std::unique_lock lock(mutex_);
  closer_sleeps_.store(true);  // before the word is read again; the last one inside reads them the other way round
  empty_.wait(lock, [&] { return (word_.load() & kInside) == 0; });
  closer_sleeps_.store(false);
}

bool TeamGate::enter(int participant, uint64_t& seen) {
  uint64_t word = word_.load(std::memory_order_acquire);
  do {
    if ((word & kOpen) == 0 || word >> 16 == seen) return false;
  } while (!word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire));
  seen = word >> 16;
  work_(context_, participant);
  const uint64_t left = word_.fetch_sub(1) - 1;
  if ((left & (kOpen | kInside)) == 0 && closer_sleeps_.load()) {
    const std::lock_guard lock(mutex_);
    empty_.notify_all();
  }
  return true;
}

uint64_t TeamGate::open_now() const {
  const uint64_t word = word_.load();
  return (word & kOpen) != 0 ? word >> 16 : 0;
}

}  // namespace sinter::runtime
