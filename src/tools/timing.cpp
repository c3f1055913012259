#include "tools/timing.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/memory_block.h"
#include "tools/command_line.h"
#include "tools/plan_text.h"

namespace sinter::tools {
namespace {

using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Fills the caches of all participants with something else.
class CacheSweep {
 public:
  explicit CacheSweep(runtime::Team& team) : team_(team), each_((4 * this_machine().l3_bytes / team.size() + 4095) / 4096 * 4096), memory_(each_ * team.size(), "memory to sweep the caches with") {
    std::fill_n(memory_.data(), memory_.bytes(), std::byte{1});
  }
  void sweep() {
    team_.run(
        [](void* data, int participant) {
          auto& self = *static_cast<CacheSweep*>(data);
          // Written, not only read: then no older line stays because it is dearer to lose.
          auto* own = reinterpret_cast<volatile uint64_t*>(self.memory_.data() + self.each_ * participant);
          for (int64_t i = 0; i < self.each_ / 8; i += 8) own[i] = own[i] + 1;
        },
        this);
  }

 private:
  runtime::Team& team_;
  int64_t each_;
  runtime::MemoryBlock memory_;
};

/// What holds the working set, and its bandwidth.
std::pair<std::string, double> memory_level(const Timing& timing) {
  const Machine& machine = this_machine();
  if (timing.cold) return {"memory", timing.peaks.read_dram_gbps};
  if (timing.working_set <= static_cast<double>(machine.l2_bytes * timing.threads)) return {"L2", timing.peaks.read_l2_gbps};
  if (timing.working_set <= static_cast<double>(machine.l3_bytes)) return {"L3", timing.peaks.read_l3_gbps};
  return {"memory", timing.peaks.read_dram_gbps};
}

}  // namespace

double Timing::bandwidth_share(const TimedRow& row) const { return row.gbps() / memory_level(*this).second; }

std::string Timing::limit(const TimedRow& row) const {
  const double arithmetic = peak_share(row), memory = bandwidth_share(row);
  if (std::max(arithmetic, memory) < 0.05) return "latency";
  return arithmetic >= memory ? "arithmetic" : memory_level(*this).first + " bandwidth";
}

Timing time_program(runtime::Run& run, const runtime::Executable& executable, const SymbolValues& symbols, const TimingOptions& options, runtime::Team& team) {
  const runtime::Program& program = executable.program();
  Timing timing;
  timing.threads = team.size();
  timing.level = options.level;
  timing.cold = options.cold;
  timing.peaks = driver::measure_peaks(options.level, team);
  std::optional<CacheSweep> sweep;
  if (options.cold) sweep.emplace(team);
  run.execute();
  // Blocks of a few milliseconds, so that the clock costs nothing; the median over blocks. A cold run is a block of its own.
  int64_t per_block = 1;
  if (!options.cold) {
    const auto start = Clock::now();
    int64_t count = 0;
    while (seconds_since(start) < 0.05) run.execute(), ++count;
    per_block = std::max<int64_t>(1, count / 25);
  }
  const auto block = [&] {
    if (sweep) sweep->sweep();
    const auto begin = Clock::now();
    for (int64_t i = 0; i < per_block; ++i) run.execute();
    return seconds_since(begin) / static_cast<double>(per_block);
  };
  std::vector<double> blocks;
  auto start = Clock::now();
  while (seconds_since(start) < 0.5 || blocks.size() < 3) blocks.push_back(block());
  timing.total.name = "total";
  timing.total.seconds = median(blocks);
  timing.arena_bytes = run.arena_bytes();
  // Per kernel: the median over blocks of its mean in a block.
  run.profile(true);
  std::vector<std::vector<double>> samples(program.kernels.size());
  std::vector<runtime::KernelTime> before = run.kernel_times();
  for (int i = 0; i < 15; ++i) {
    block();
    const std::vector<runtime::KernelTime>& now = run.kernel_times();
    for (size_t k = 0; k < samples.size(); ++k) {
      const auto calls = static_cast<double>(now[k].calls - before[k].calls);
      samples[k].push_back(calls > 0 ? (now[k].seconds - before[k].seconds) / calls : 0);
    }
    before = now;
  }
  run.profile(false);
  for (size_t k = 0; k < program.kernels.size(); ++k) {
    const runtime::ProgramKernel& kernel = program.kernels[k];
    TimedRow row{kernel.name, kernel.contents, median(samples[k]), static_cast<double>(kernel.flops.evaluate(symbols)), static_cast<double>(kernel.bytes.evaluate(symbols))};
    timing.total.flops += row.flops;
    timing.total.bytes += row.bytes;
    timing.kernels.push_back(std::move(row));
  }
  for (const runtime::Port& port : program.ports) timing.working_set += static_cast<double>(byte_count(port.type).evaluate(symbols));
  timing.working_set += static_cast<double>(timing.arena_bytes);
  return timing;
}

std::string timing_table(const Timing& timing) {
  std::vector<std::vector<std::string>> rows{{"", "us", "GFLOP/s", "of peak", "GB/s", "limit", "what"}};
  const auto add = [&](const std::string& number, const TimedRow& row) {
    rows.push_back({number, format_number(row.seconds * 1e6, 2), format_number(row.gflops(), 1), format_number(100 * timing.peak_share(row), 1) + " %",
                    format_number(row.gbps(), 1), timing.limit(row), row.name});
  };
  for (size_t i = 0; i < timing.kernels.size(); ++i) add(std::to_string(i), timing.kernels[i]);
  add("", timing.total);
  return table(rows, {0, 1, 2, 3, 4}) + "peak: " + format_number(timing.peaks.fma_gflops, 1) + " GFLOP/s of f32 multiply-adds, memory " +
         format_number(timing.peaks.read_dram_gbps, 1) + " GB/s, with " + std::to_string(timing.threads) + (timing.threads == 1 ? " thread" : " threads") + " of x86-64-" +
         std::string(name(timing.level)) + ", measured just now\n";
}

std::string timing_json(const Timing& timing, const std::string& name) {
  nlohmann::ordered_json benchmarks = nlohmann::ordered_json::array();
  const auto add = [&](const std::string& label, const TimedRow& row) {
    benchmarks.push_back({{"name", label},
                          {"run_name", label},
                          {"run_type", "iteration"},
                          {"iterations", 1},
                          {"real_time", row.seconds * 1e6},
                          {"cpu_time", row.seconds * 1e6},
                          {"time_unit", "us"},
                          {"label", timing.limit(row)},
                          {"gflops", row.gflops()},
                          {"gbps", row.gbps()},
                          {"peak_share", timing.peak_share(row)},
                          {"bandwidth_share", timing.bandwidth_share(row)}});
  };
  add("total", timing.total);
  for (size_t i = 0; i < timing.kernels.size(); ++i) add(std::to_string(i) + "/" + timing.kernels[i].name, timing.kernels[i]);
  const nlohmann::ordered_json all = {{"context",
                                       {{"name", name},
                                        {"target", std::string(sinter::name(timing.level))},
                                        {"threads", timing.threads},
                                        {"fma_peak_gflops", timing.peaks.fma_gflops},
                                        {"stream_gbps", timing.peaks.stream_gbps},
                                        {"read_l2_gbps", timing.peaks.read_l2_gbps},
                                        {"read_l3_gbps", timing.peaks.read_l3_gbps},
                                        {"read_dram_gbps", timing.peaks.read_dram_gbps}}},
                                      {"benchmarks", benchmarks}};
  return all.dump(2) + "\n";
}

}  // namespace sinter::tools
