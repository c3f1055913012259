// Who is inside a team's current work: the part that teams with participants of unknown timing share (own threads, the host's loop). Those who
// come while the gate is open are waited for, those who come later find it closed; nobody waits for one that does not come.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <condition_variable>

namespace sinter::runtime {

class TeamGate {
 public:
  /// Makes the gate the caller's own; false when the team is busy.
  bool acquire() { return !busy_.exchange(true, std::memory_order_acquire); }
  void release() { busy_.store(false, std::memory_order_release); }

  /// Lets participants in. By the one who acquired the gate.
  void open(void (*work)(void* context, int participant), void* context);
  /// Lets no more in and returns when those inside have left.
  void close();

  /// Does the work as `participant` when the gate is open, but not twice in the opening `seen`; updates `seen`. Whether it did.
  bool enter(int participant, uint64_t& seen);
  /// The opening under way when the gate is open, else 0.
  uint64_t open_now() const;

 private:
  // One word, so that entering and closing cannot miss each other: opening << 16 | open << 15 | participants inside.
  static constexpr uint64_t kOpen = 1 << 15, kInside = kOpen - 1;

  std::atomic<bool> busy_{false};
  std::atomic<uint64_t> word_{0};
  void (*work_)(void*, int) = nullptr;
  void* context_ = nullptr;
  std::atomic<bool> closer_sleeps_{false};
  std::mutex mutex_;
  std::condition_variable empty_;
};

}  // namespace sinter::runtime
