// sinter_ulp [FUNCTION...] [--level=v3] [--step=N]: the greatest error of each function of the vector math library over all 2^32 floats
// (or every Nth; for f64, over 2^26 doubles; of two operands, over 2^24 pairs), where it is, and the speed over an array in the first-level
// cache, at each instruction-set level. Exits 1 if a function breaks its promise.
#include <time.h>

#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "backend/simd/accuracy.h"
#include "backend/simd/arrays.h"
#include "base/machine.h"
#include "base/random.h"

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
  double second = 0;  // of a function of two operands
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

/// Pairs of any bits in turns with such that a power of them is in range, and with integers.
template <class T> std::pair<T, T> random_pair(uint64_t index) {
  RandomSequence random(index, 0);
  const auto any = [&] { return argument_at<T>(random.next()); };
  if (index % 4 == 0) return {any(), any()};
  if (index % 4 == 1) return {static_cast<T>(random.below(2001)) - 1000, static_cast<T>(random.below(121)) - 60};
  // around 1 and over the whole range; half of the results near the ends of the range, where the error of a logarithm counts most
  const double spread = sizeof(T) == 4 ? 80 : 700, base = std::exp((random.uniform() - 0.5) * (index % 4 == 2 ? 1.4 : 2 * spread));
  const double size = random.uniform() < 0.5 ? random.uniform() : 1 - random.uniform() / 16, log = random.uniform() < 0.5 ? size : -size;
  return {static_cast<T>(base), static_cast<T>(log * spread / std::log(base))};
}

template <class T, class Wide>
std::vector<Worst> measure_errors(const std::vector<BinaryArrays<T>>& levels, const BinaryReference<Wide>& truth, uint64_t) {
  std::vector<Worst> worst(levels.size());
  std::vector<T> x(kBlock), y(kBlock), result(kBlock);
  std::vector<Wide> expected(kBlock);
  for (uint64_t first = 0; first < uint64_t{1} << 24; first += kBlock) {
    for (int64_t i = 0; i < kBlock; ++i) {
      std::tie(x[i], y[i]) = random_pair<T>(first + i);
      expected[i] = truth.function(x[i], y[i]);
    }
    for (size_t level = 0; level < levels.size(); ++level) {
      levels[level].vectors(x.data(), y.data(), result.data(), kBlock);
      for (int64_t i = 0; i < kBlock; ++i) {
        const double error = ulp_error(result[i], expected[i]);
        if (error > worst[level].error) worst[level] = {error, static_cast<double>(x[i]), static_cast<double>(y[i])};
      }
    }
  }
  return worst;
}

template <class T> void call(const UnaryArrays<T>& f, const std::vector<T>& x, std::vector<T>& result) {
  f.vectors(x.data(), result.data(), static_cast<int64_t>(x.size()));
}
template <class T> void call(const BinaryArrays<T>& f, const std::vector<T>& x, std::vector<T>& result) {
  f.vectors(x.data(), x.data(), result.data(), static_cast<int64_t>(x.size()));
}

/// Elements per nanosecond of processor time, the best of many runs over 2048 ordinary arguments.
template <class T, class Function> double measure_speed(const Function& f) {
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
    for (int64_t i = 0; i < kRepeat; ++i) call(f, x, result);
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
template <class T, class Function, class References>
bool report(const char* dtype, const Function* MathArrays::*list, const References& references, const Request& request, uint64_t step) {
  bool kept = true;
  for (size_t f = 0; (arrays_of(TargetLevel::kV2).*list)[f].name; ++f) {
    std::vector<Function> functions;
    for (const TargetLevel level : request.levels) functions.push_back((arrays_of(level).*list)[f]);
    const char* const function = functions[0].name;
    if (!request.functions.empty() && !request.functions.contains(function)) continue;
    std::vector<double> speeds;
    for (const auto& arrays : functions) speeds.push_back(measure_speed<T>(arrays));
    const auto& truth = reference(references, function);
    const std::vector<Worst> worst = measure_errors(functions, truth, step);
    size_t i = 0;
    for (const TargetLevel level : request.levels) {
      const std::string label(name(level));
      char where[64];
      const bool two = std::is_same_v<Function, BinaryArrays<T>>;
      std::snprintf(where, sizeof(where), two ? "%.9g, %.9g" : "%.9g", worst[i].argument, worst[i].second);
      std::printf("%-10s %-5s %-5s %8.3f %8.1f  %-32s %12.2f\n", function, dtype, label.c_str(), worst[i].error, truth.max_ulp, where,
                  speeds[i]);
      if (worst[i].error > truth.max_ulp) kept = false;
      ++i;
    }
    std::fflush(stdout);
  }
  return kept;
}

int run(const Request& request) {
  std::printf("%-10s %-5s %-5s %8s %8s  %-32s %12s\n", "function", "dtype", "level", "max ULP", "promised", "at", "elements/ns");
  bool kept = report<float>("f32", &MathArrays::unary_f32, kUnaryReferences<double>, request, request.step);
  kept &= report<float>("f32", &MathArrays::binary_f32, kBinaryReferences<double>, request, 1);
  kept &= report<double>("f64", &MathArrays::unary_f64, kUnaryReferences<long double>, request, std::max<uint64_t>(request.step, 64));
  kept &= report<double>("f64", &MathArrays::binary_f64, kBinaryReferences<long double>, request, 1);
  return kept ? 0 : 1;
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
