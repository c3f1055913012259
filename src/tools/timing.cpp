#include "tools/timing.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>

#include "runtime/memory_block.h"
#include "tools/plan_text.h"

namespace sinter::tools {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kStretchSeconds = 0.04;
constexpr double kTotalSeconds = 0.6, kKernelSeconds = 0.4;
constexpr double kBlockSeconds = 0.002;  // long enough for the clock to cost nothing
constexpr size_t kEnoughStretches = 4;
constexpr double kPatience = 4;               // times the planned seconds, for enough undisturbed stretches
constexpr double kQuiet[] = {0.97, 0.94, 0};  // of the best burst, the strictest first that leaves enough

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Fills the caches of all participants with something else.
class CacheSweep {
 public:
  explicit CacheSweep(runtime::Team& team)
      : team_(team), each_((4 * this_machine().l3_bytes / team.size() + 4095) / 4096 * 4096), memory_(each_ * team.size(), "memory to sweep the caches with") {
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

/// Bursts of multiply-adds, which tell whether the machine is its whole self.
class Bursts {
 public:
  Bursts(TargetLevel level, Arithmetic arithmetic, runtime::Team& team) : level_(level), arithmetic_(arithmetic), team_(team) {}
  double take() {
    const double rate = driver::measure_arithmetic(level_, arithmetic_, team_);
    best_ = std::max(best_, rate);
    return rate;
  }
  double best() const { return best_; }

 private:
  TargetLevel level_;
  Arithmetic arithmetic_;
  runtime::Team& team_;
  double best_ = 0;
};

/// Samples of undisturbed stretches, about `seconds` long in all.
template <class Take> auto quiet_samples(Bursts& bursts, double seconds, const Take& take) {
  using Sample = decltype(take());
  struct Stretch {
    std::vector<Sample> samples;
    double burst;  // the slower of the two around it
  };
  std::vector<Stretch> stretches;
  const auto count = [&](double share) { return std::count_if(stretches.begin(), stretches.end(), [&](const Stretch& s) { return s.burst >= share * bursts.best(); }); };
  const auto enough = [&](double share) { return count(share) >= static_cast<std::ptrdiff_t>(kEnoughStretches); };
  const auto start = Clock::now();
  double before = bursts.take();
  for (;;) {
    Stretch stretch;
    const auto begin = Clock::now();
    do stretch.samples.push_back(take());
    while (seconds_since(begin) < kStretchSeconds);
    const double after = bursts.take();
    stretch.burst = std::min(before, after);
    before = after;
    stretches.push_back(std::move(stretch));
    const double elapsed = seconds_since(start);
    if (elapsed >= kPatience * seconds || (elapsed >= seconds && enough(kQuiet[0]))) break;
  }
  std::vector<Sample> quiet;
  for (const double share : kQuiet) {
    if (share > 0 && !enough(share)) continue;
    for (const Stretch& stretch : stretches)
      if (stretch.burst >= share * bursts.best()) quiet.insert(quiet.end(), stretch.samples.begin(), stretch.samples.end());
    break;
  }
  return quiet;
}

/// Rows without times: what the kernels do.
void describe(const runtime::Program& program, const SymbolValues& symbols, Timing& timing) {
  std::map<Arithmetic, double> flops;
  for (const runtime::ProgramKernel& kernel : program.kernels) {
    TimedRow row{kernel.name, kernel.contents};
    const auto rounds = static_cast<double>(kernel.rounds.evaluate(symbols));
    row.flops = rounds * static_cast<double>(kernel.flops.evaluate(symbols));
    row.bytes = rounds * static_cast<double>(kernel.bytes.evaluate(symbols));
    row.arithmetic = arithmetic_of(kernel.arithmetic);
    for (const runtime::KernelBuffer& use : kernel.buffers)
      if (use.access != runtime::Access::kRead)
        row.written_bytes += rounds * static_cast<double>(byte_count(program.buffers[static_cast<size_t>(use.buffer)].type).evaluate(symbols));
    flops[row.arithmetic] += row.flops;
    timing.total.flops += row.flops;
    timing.total.bytes += row.bytes;
    timing.total.written_bytes += row.written_bytes;
    timing.kernels.push_back(std::move(row));
  }
  timing.total.name = "total";
  for (const auto& [arithmetic, share] : flops)
    if (share > flops[timing.total.arithmetic]) timing.total.arithmetic = arithmetic;
}

double working_set(const runtime::Program& program, const SymbolValues& symbols, int64_t arena_bytes) {
  std::set<std::pair<BufferKind, int32_t>> touched;
  double bytes = static_cast<double>(arena_bytes);
  for (const runtime::ProgramKernel& kernel : program.kernels) {
    for (const runtime::KernelBuffer& use : kernel.buffers) {
      const PlannedBuffer& buffer = program.buffers[static_cast<size_t>(use.buffer)];
      if (buffer.kind == BufferKind::kArena || buffer.kind == BufferKind::kRow || !touched.emplace(buffer.kind, buffer.index).second) continue;
      bytes += static_cast<double>(byte_count(buffer.type).evaluate(symbols));
    }
  }
  return bytes;
}

}  // namespace

Timing time_program(runtime::Run& run, const runtime::Executable& executable, const SymbolValues& symbols, const TimingOptions& options, runtime::Team& team) {
  const runtime::Program& program = executable.program();
  Timing timing;
  timing.threads = team.size();
  timing.level = options.level;
  timing.cold = options.cold;
  describe(program, symbols, timing);
  timing.peaks = driver::measure_peaks(options.level, team);
  Bursts bursts(options.level, timing.total.arithmetic, team);
  std::optional<CacheSweep> sweep;
  if (options.cold) sweep.emplace(team);

  run.execute();
  int64_t per_block = 1;  // a cold run is a block of its own
  if (!options.cold) {
    const auto start = Clock::now();
    int64_t count = 0;
    while (seconds_since(start) < 0.05) run.execute(), ++count;
    per_block = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(count) / 0.05 * kBlockSeconds));
  }
  const auto block = [&] {
    if (sweep) sweep->sweep();
    const auto begin = Clock::now();
    for (int64_t i = 0; i < per_block; ++i) run.execute();
    return seconds_since(begin) / static_cast<double>(per_block);
  };
  const std::vector<double> blocks = quiet_samples(bursts, kTotalSeconds, block);
  timing.total.seconds = median(blocks);
  timing.runs = static_cast<int64_t>(blocks.size()) * per_block;
  timing.arena_bytes = run.arena_bytes();
  timing.working_set = working_set(program, symbols, timing.arena_bytes);

  run.profile(true);
  std::vector<runtime::KernelTime> before = run.kernel_times();
  const auto profiled = quiet_samples(bursts, kKernelSeconds, [&] {
    block();
    std::vector<double> means;
    const std::vector<runtime::KernelTime>& now = run.kernel_times();
    for (size_t k = 0; k < now.size(); ++k) means.push_back((now[k].longest - before[k].longest) / static_cast<double>(now[k].calls - before[k].calls));
    before = now;
    return means;
  });
  run.profile(false);
  for (size_t k = 0; k < timing.kernels.size(); ++k) {
    std::vector<double> samples;
    for (const std::vector<double>& means : profiled) samples.push_back(means[k]);
    timing.kernels[k].seconds = median(samples);
  }
  timing.peaks.take_better(driver::measure_peaks(options.level, team));
  double& burst_peak = timing.peaks.arithmetic_gflops[static_cast<size_t>(timing.total.arithmetic)];
  burst_peak = std::max(burst_peak, bursts.best());
  return timing;
}

MemoryLevel Timing::memory_level() const {
  const Machine& machine = this_machine();
  // What else a run touches wants room too: three quarters of a cache are the program's.
  const double bytes = working_set * 4 / 3;
  if (cold || bytes > static_cast<double>(machine.l3_bytes)) return MemoryLevel::kDram;
  if (bytes > static_cast<double>(machine.l2_bytes * threads)) return MemoryLevel::kL3;
  return bytes > static_cast<double>(machine.l1_bytes * threads) ? MemoryLevel::kL2 : MemoryLevel::kL1;
}

double Timing::bandwidth_share(const TimedRow& row) const {
  constexpr double kMuch = 0.25;
  switch (memory_level()) {
    case MemoryLevel::kL1: return row.gbps() / peaks.read_l1_gbps;
    case MemoryLevel::kL2: return row.gbps() / peaks.read_l2_gbps;
    case MemoryLevel::kL3: return row.gbps() / peaks.read_l3_gbps;
    case MemoryLevel::kDram: break;
  }
  return row.gbps() / (row.written_bytes > kMuch * row.bytes ? peaks.stream_gbps : peaks.read_dram_gbps);
}

std::string Timing::limit(const TimedRow& row) const {
  static constexpr const char* kNames[] = {"L1", "L2", "L3", "DRAM"};
  // Far from both limits, a row is held up by its beginning and end when it is short, and by arithmetic that is no multiply-add when it is long.
  constexpr double kFar = 0.2, kShort = 3e-6;
  const double arithmetic = peak_share(row), memory = bandwidth_share(row);
  if (std::max(arithmetic, memory) < kFar) return row.seconds < kShort ? "overhead" : "compute";
  return arithmetic >= memory ? "compute" : kNames[static_cast<size_t>(memory_level())];
}

const TimedRow* Timing::beyond_peak() const {
  if (peak_share(total) > 1) return &total;
  for (const TimedRow& row : kernels)
    if (peak_share(row) > 1) return &row;
  return nullptr;
}

}  // namespace sinter::tools
