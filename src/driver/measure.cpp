#include "driver/measure.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "backend/llvm/measuring_code.h"
#include "runtime/memory_block.h"

namespace sinter::driver {
namespace {

using Clock = std::chrono::steady_clock;

const backend::MeasuringCode& code_of(TargetLevel level) {
  static std::mutex mutex;
  static std::map<TargetLevel, backend::MeasuringCode> made;
  const std::lock_guard lock(mutex);
  const auto found = made.find(level);
  return found != made.end() ? found->second : made.emplace(level, backend::measuring_code(level)).first->second;
}

/// The best rate (work per second, summed over participants) of several tries; `work` returns how much one participant did.
double best_rate(runtime::Team& team, int tries, const std::function<double(int)>& work) {
  struct Context {
    const std::function<double(int)>& work;
    std::vector<double> rates;
  } context{work, {}};
  double best = 0;
  for (int i = 0; i < tries; ++i) {
    context.rates.assign(static_cast<size_t>(team.size()), 0);
    team.run(
        [](void* data, int participant) {
          auto& own = *static_cast<Context*>(data);
          const auto start = Clock::now();
          const double amount = own.work(participant);
          own.rates[static_cast<size_t>(participant)] = amount / std::chrono::duration<double>(Clock::now() - start).count();
        },
        &context);
    double sum = 0;
    for (const double rate : context.rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

}  // namespace

double measure_fma_gflops(TargetLevel level, runtime::Team& team) {
  const backend::MeasuringCode& code = code_of(level);
  return best_rate(team, 12, [&](int) {
           alignas(64) float sink[16];
           std::fill(std::begin(sink), std::end(sink), 0.5f);
           constexpr int64_t kIterations = 40000;
           code.multiply_add(sink, kIterations);
           return code.flops_per_iteration * kIterations;
         }) / 1e9;
}

Peaks measure_peaks(TargetLevel level, runtime::Team& team) {
  const backend::MeasuringCode& code = code_of(level);
  const Machine& machine = this_machine();
  Peaks peaks;
  peaks.fma_gflops = measure_fma_gflops(level, team);
  const auto read_rate = [&](int64_t bytes_each, int rounds, int tries) {
    bytes_each = bytes_each / 4096 * 4096;
    const runtime::MemoryBlock memory(bytes_each * team.size(), "memory to measure with");
    std::fill_n(memory.data(), memory.bytes(), std::byte{1});
    return best_rate(team, tries, [&](int participant) {
             alignas(64) float sink[16];
             for (int i = 0; i < rounds; ++i) code.read(memory.data() + bytes_each * participant, bytes_each, sink);
             return static_cast<double>(bytes_each) * rounds;
           }) / 1e9;
  };
  peaks.read_l2_gbps = read_rate(machine.l2_bytes / 2, 100, 8);
  peaks.read_l3_gbps = read_rate(std::max(machine.l3_bytes / 4 / team.size(), 2 * machine.l2_bytes), 8, 6);
  const int64_t large = std::max<int64_t>(4 * machine.l3_bytes, int64_t{128} << 20);
  peaks.read_dram_gbps = read_rate(large / team.size(), 1, 6);
  const int64_t each = large / 2 / team.size() / 4096 * 4096;
  const runtime::MemoryBlock memory(each * 3 * team.size(), "memory to measure with");
  std::fill_n(memory.data(), memory.bytes(), std::byte{0});
  peaks.stream_gbps = best_rate(team, 6, [&](int participant) {
                        std::byte* own = memory.data() + each * 3 * participant;
                        code.triad(own, own + each, own + 2 * each, each);
                        return 3.0 * static_cast<double>(each);
                      }) / 1e9;
  return peaks;
}

}  // namespace sinter::driver
