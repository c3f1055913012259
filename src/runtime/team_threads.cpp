#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/pause.h"
#include "runtime/team.h"
#include "runtime/team_gate.h"
#include "runtime/team_size.h"

namespace sinter::runtime {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpinTime = std::chrono::microseconds(50);
constexpr int kSpinsPerLook = 32;  // at the clock

class ThreadTeam final : public Team {
 public:
  explicit ThreadTeam(int participants) {
    try {
      for (int i = 1; i < participants; ++i) threads_.emplace_back([this, i] { serve(i); });
    } catch (const std::exception&) {
      stop();
      throw Error(ErrorCode::kUsage, "the system gives no more than " + std::to_string(threads_.size()) + " threads");
    }
  }
  ~ThreadTeam() override { stop(); }
  int size() const override { return static_cast<int>(threads_.size()) + 1; }

  void run(void (*work)(void* context, int participant), void* context) override {
    if (!gate_.acquire()) return work(context, 0);
    gate_.open(work, context);
    wake();
    work(context, 0);
    gate_.close();
    gate_.release();
  }

 private:
  void serve(int participant) {
    uint64_t seen = 0;
    while (!stopping_.load(std::memory_order_acquire)) {
      if (!gate_.enter(participant, seen) && !spin(seen)) sleep(seen);
    }
  }

  bool has_news(uint64_t seen) const {
    const uint64_t opening = gate_.open_now();
    return (opening != 0 && opening != seen) || stopping_.load();
  }

  /// Watches the gate for a bounded time; whether there is something new.
  bool spin(uint64_t seen) const {
    const auto end = Clock::now() + kSpinTime;
    do {
      for (int i = 0; i < kSpinsPerLook; ++i) {
        if (has_news(seen)) return true;
        pause();
      }
    } while (Clock::now() < end);
    return false;
  }

  // A sleeper announces itself before it looks at the gate for the last time, and `wake` looks for sleepers after the gate was opened: in the one
  // order of these sequentially consistent accesses, one of the two sees the other.
  void sleep(uint64_t seen) {
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    awake_.wait(lock, [&] { return has_news(seen); });
    sleepers_.fetch_sub(1);
  }

  void wake() {
    if (sleepers_.load() == 0) return;
    { const std::lock_guard lock(mutex_); }  // a sleeper is either before its last look or waits already
    awake_.notify_all();
  }

  void stop() {
    stopping_.store(true);
    wake();
    for (std::thread& thread : threads_) thread.join();
  }

  TeamGate gate_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::mutex mutex_;
  std::condition_variable awake_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Team> thread_team(int participants) {
  return checked_team_size(participants) == 1 ? serial_team() : std::make_unique<ThreadTeam>(participants);
}

}  // namespace sinter::runtime
