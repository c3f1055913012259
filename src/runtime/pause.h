// Waiting without sleeping. Used by teams and by participants that find nothing to do; always bounded by the caller.
#pragma once

#include <thread>

namespace sinter::runtime {

/// Tells the core that this thread spins.
inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins for some microseconds, then gives the core away each time: a machine with more threads than cores goes on.
class Backoff {
 public:
  void wait() {
    if (++rounds_ <= kSpins) {
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  void reset() { rounds_ = 0; }

 private:
  static constexpr int kSpins = 200;
  int rounds_ = 0;
};

}  // namespace sinter::runtime
