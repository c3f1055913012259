// Independent pieces of work on several threads: the compiler's own small parallel loop. Not for running programs, whose threads are a Team's.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace sinter {

/// Calls work(i) once for each i below `count`, on at most `threads` threads, the caller's among them; lower numbers begin first. `work` does not
/// throw. A system that gives no more threads makes it slower, nothing else.
template <class Work> void share_out(size_t count, int threads, const Work& work) {
  std::atomic<size_t> next = 0;
  const auto take = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> helpers;
  const size_t wanted = std::min(count, static_cast<size_t>(std::max(threads, 1)));
  try {
    while (helpers.size() + 1 < wanted) helpers.emplace_back(take);
  } catch (const std::exception&) {
  }
  take();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace sinter
