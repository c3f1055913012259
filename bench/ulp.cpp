// sinter_ulp [FUNCTION...] [--level=v3] [--step=N]: the greatest error of each function of the vector math library over all 2^32 floats
// (or every Nth; for f64, over 2^26 doubles), where it is, and the speed over an array in the first-level cache, at each instruction-set
// level. Exits 1 if a function breaks its promise.
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

const MathArrays& arrays_of(TargetLevel level) {
  switch (level) {
    case TargetLevel::kV2: return sinter_simd_arrays_v2;
    case TargetLevel::kV3: return sinter_simd_arrays_v3;
    default: return sinter_simd_arrays_v4;
  }
}

struct Worst {
  double error = 0;
  double argument = 0;
};

/// The T whose leading 32 bits are `index`; the others, of a double, are mixed from them.
template <class T> T argument_at(uint64_t index) {
  if constexpr (sizeof(T) == 4)
    return std::bit_cast<float>(static_cast<uint32_t>(index));
  else
    return std::bit_cast<double>(index << 32 | (index * 2654435761 & 0xffffffff));
}

/// One function, at several levels together because most of the time goes into the truth. All threads take blocks of arguments.
template <class T, class Wide>
std::vector<Worst> measure_errors(const std::vector<UnaryArrays<T>>& levels, const UnaryReference<Wide>& truth, uint64_t step) {
  std::atomic<uint64_t> next = 0;
  std::mutex mutex;
  std::vector<Worst> worst(levels.size());
  const auto work = [&] {
    std::vector<T> x(kBlock), result(kBlock);
    std::vector<Wide> expected(kBlock);
    for (uint64_t first; (first = next.fetch_add(kBlock * step)) <= 0xffffffff;) {
      for (int64_t i = 0; i < kBlock; ++i) {
        x[i] = argument_at<T>(std::min<uint64_t>(first + i * step, 0xffffffff));
        expected[i] = truth.function(x[i]);
      }
      for (size_t level = 0; level < levels.size(); ++level) {
        levels[level].vectors(x.data(), result.data(), kBlock);
        Worst here;
        for (int64_t i = 0; i < kBlock; ++i) {
          const double error = ulp_error(result[i], expected[i]);
          if (error > here.error) here = {error, static_cast<double>(x[i])};
        }
        const std::lock_guard lock(mutex);
        if (here.error > worst[level].error) worst[level] = here;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < this_machine().cores; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return worst;
}

/// Elements per nanosecond of processor time, the best of many runs over 2048 ordinary arguments.
template <class T> double measure_speed(const UnaryArrays<T>& f) {
  constexpr int64_t kSize = 2048, kRepeat = 50;
  std::vector<T> x(kSize), result(kSize);
  for (int64_t i = 0; i < kSize; ++i) x[i] = T(0.001) + T(0.998) * static_cast<T>((i * 677) % kSize) / kSize;
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

struct Request {
  std::set<std::string> functions;  // empty: all
  std::set<TargetLevel> levels;
  uint64_t step = 1;
};

/// One list of functions, the same at every level. Returns whether all kept their promises.
template <class T, class References>
bool report(const char* dtype, const UnaryArrays<T>* MathArrays::*list, const References& references, const Request& request,
            uint64_t step) {
  bool kept = true;
  for (size_t f = 0; (arrays_of(TargetLevel::kV2).*list)[f].name; ++f) {
    std::vector<UnaryArrays<T>> functions;
    for (const TargetLevel level : request.levels) functions.push_back((arrays_of(level).*list)[f]);
    const char* const function = functions[0].name;
    if (!request.functions.empty() && !request.functions.contains(function)) continue;
    std::vector<double> speeds;
    for (const auto& arrays : functions) speeds.push_back(measure_speed(arrays));
    const auto& truth = reference(references, function);
    const std::vector<Worst> worst = measure_errors(functions, truth, step);
    size_t i = 0;
    for (const TargetLevel level : request.levels) {
      const std::string label(name(level));
      std::printf("%-10s %-5s %-5s %8.3f %8.1f  %-16.9g %12.2f\n", function, dtype, label.c_str(), worst[i].error, truth.max_ulp,
                  worst[i].argument, speeds[i]);
      if (worst[i].error > truth.max_ulp) kept = false;
      ++i;
    }
    std::fflush(stdout);
  }
  return kept;
}

int run(const Request& request) {
  std::printf("%-10s %-5s %-5s %8s %8s  %-16s %12s\n", "function", "dtype", "level", "max ULP", "promised", "at", "elements/ns");
  const bool f32 = report("f32", &MathArrays::unary_f32, kReferencesF32, request, request.step);
  const bool f64 = report("f64", &MathArrays::unary_f64, kReferencesF64, request, std::max<uint64_t>(request.step, 64));
  return f32 && f64 ? 0 : 1;
}

}  // namespace
}  // namespace sinter::backend::simd

int main(int argc, char** argv) {
  using sinter::TargetLevel;
  sinter::backend::simd::Request request;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--level=") && sinter::parse_target_level(argument.substr(8))) {
      request.levels.insert(*sinter::parse_target_level(argument.substr(8)));
    } else if (argument.starts_with("--step=") && std::atoll(argument.c_str() + 7) > 0) {
      request.step = static_cast<uint64_t>(std::atoll(argument.c_str() + 7));
    } else if (!argument.starts_with("-")) {
      request.functions.insert(argument);
    } else {
      std::fprintf(stderr, "usage: %s [FUNCTION...] [--level=v2|v3|v4] [--step=N]\n", argv[0]);
      return 1;
    }
  }
  if (request.levels.empty()) request.levels = {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4};
  std::erase_if(request.levels, [](TargetLevel level) { return level > sinter::this_machine().best_level; });
  return sinter::backend::simd::run(request);
}
