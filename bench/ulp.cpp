// sinter_ulp [FUNCTION...] [--level=v3] [--step=N]: the greatest error of each f32 function of the vector math library over all 2^32 arguments
// (or every Nth), where it is, and the speed over an array in the first-level cache. Exits 1 if a function breaks its promise.
#include <time.h>

#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "backend/simd/accuracy.h"
#include "backend/simd/arrays.h"
#include "base/machine.h"

namespace sinter::backend::simd {
namespace {

constexpr int64_t kBlock = 1 << 14;

struct Worst {
  double error = 0;
  float argument = 0;
};

/// All threads take blocks of consecutive bit patterns.
Worst measure_error(const UnaryArrays<float>& f, const UnaryReference<double>& truth, uint64_t step) {
  std::atomic<uint64_t> next = 0;
  std::mutex mutex;
  Worst worst;
  const auto work = [&] {
    std::vector<float> x(kBlock), result(kBlock);
    Worst mine;
    for (uint64_t first; (first = next.fetch_add(kBlock * step)) <= 0xffffffff;) {
      for (int64_t i = 0; i < kBlock; ++i) x[i] = std::bit_cast<float>(static_cast<uint32_t>(std::min<uint64_t>(first + i * step, 0xffffffff)));
      f.vectors(x.data(), result.data(), kBlock);
      for (int64_t i = 0; i < kBlock; ++i) {
        const double error = ulp_error(result[i], truth.function(x[i]));
        if (error > mine.error) mine = {error, x[i]};
      }
    }
    const std::lock_guard lock(mutex);
    if (mine.error > worst.error) worst = mine;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < this_machine().cores; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return worst;
}

/// Elements per nanosecond of processor time, the best of many runs over 2048 ordinary arguments.
double measure_speed(const UnaryArrays<float>& f) {
  constexpr int64_t kSize = 2048, kRepeat = 50;
  std::vector<float> x(kSize), result(kSize);
  for (int64_t i = 0; i < kSize; ++i) x[i] = 0.001f + 0.998f * static_cast<float>((i * 677) % kSize) / kSize;
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
  };
  double best = 0;
  for (int run = 0; run < 300; ++run) {
    const double start = now();
    for (int64_t i = 0; i < kRepeat; ++i) f.vectors(x.data(), result.data(), kSize);
    best = std::max(best, kRepeat * kSize / (now() - start));
  }
  return best;
}

int run(const std::set<std::string>& chosen, const std::set<TargetLevel>& levels, uint64_t step) {
  bool kept = true;
  std::printf("%-5s %-10s %8s %8s  %-16s %12s\n", "level", "function", "max ULP", "promised", "at", "elements/ns");
  for (const TargetLevel level : levels) {
    const MathArrays& arrays = level == TargetLevel::kV2   ? sinter_simd_arrays_v2
                               : level == TargetLevel::kV3 ? sinter_simd_arrays_v3
                                                           : sinter_simd_arrays_v4;
    for (const auto* f = arrays.unary_f32; f->name; ++f) {
      if (!chosen.empty() && !chosen.contains(f->name)) continue;
      const auto& truth = reference(kReferencesF32, f->name);
      const double speed = measure_speed(*f);
      const Worst worst = measure_error(*f, truth, step);
      std::printf("%-5s %-10s %8.3f %8.1f  %-16.9g %12.2f\n", std::string(name(level)).c_str(), f->name, worst.error, truth.max_ulp, worst.argument,
                  speed);
      std::fflush(stdout);
      kept = kept && worst.error <= truth.max_ulp;
    }
  }
  return kept ? 0 : 1;
}

}  // namespace
}  // namespace sinter::backend::simd

int main(int argc, char** argv) {
  using sinter::TargetLevel;
  std::set<std::string> chosen;
  std::set<TargetLevel> levels;
  uint64_t step = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--level=") && sinter::parse_target_level(argument.substr(8))) {
      levels.insert(*sinter::parse_target_level(argument.substr(8)));
    } else if (argument.starts_with("--step=") && std::atoll(argument.c_str() + 7) > 0) {
      step = static_cast<uint64_t>(std::atoll(argument.c_str() + 7));
    } else if (!argument.starts_with("-")) {
      chosen.insert(argument);
    } else {
      std::fprintf(stderr, "usage: %s [FUNCTION...] [--level=v2|v3|v4] [--step=N]\n", argv[0]);
      return 1;
    }
  }
  if (levels.empty()) levels = {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4};
  std::erase_if(levels, [](TargetLevel level) { return level > sinter::this_machine().best_level; });
  return sinter::backend::simd::run(chosen, levels, step);
}
