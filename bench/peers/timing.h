// How the peers' programs time a call: the median over batches of calls, as `sinter bench` does it.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace peers {

inline double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Microseconds of one call of `work`: warmed up for a tenth of `seconds`, then batches of about 2 ms until `seconds` are over.
template <class Work> double median_microseconds(double seconds, const Work& work) {
  double start = seconds_now();
  long calls = 0;
  do {
    work();
    ++calls;
  } while (seconds_now() - start < seconds / 10);
  const long batch = std::max(1L, static_cast<long>(static_cast<double>(calls) * 0.002 / (seconds_now() - start)));
  std::vector<double> times;
  start = seconds_now();
  while (seconds_now() - start < seconds || times.size() < 5) {
    const double begin = seconds_now();
    for (long i = 0; i < batch; ++i) work();
    times.push_back((seconds_now() - begin) / static_cast<double>(batch));
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2] * 1e6;
}

}  // namespace peers
