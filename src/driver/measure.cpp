#include "driver/measure.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "backend/llvm/measuring_code.h"
#include "runtime/memory_block.h"

namespace sinter::driver {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

const backend::MeasuringCode& code_of(TargetLevel level) {
  static std::mutex mutex;
  static std::map<TargetLevel, backend::MeasuringCode> made;
  const std::lock_guard lock(mutex);
  const auto found = made.find(level);
  return found != made.end() ? found->second : made.emplace(level, backend::measuring_code(level)).first->second;
}

/// All participants of a team at one place. Nobody waits long for one that may not come.
class Meeting {
 public:
  explicit Meeting(const runtime::Team& team) : wanted_(team.size()) {}
  void begin() { arrived_ = 0; }
  void arrive() {
    const auto came = Clock::now();
    ++arrived_;
    while (arrived_ < wanted_ && seconds_since(came) < 500e-6) {
    }
  }

 private:
  const int wanted_;
  std::atomic<int> arrived_{0};
};

/// The best rate (work per second, summed over participants) of several tries; `work` returns how much one participant did.
double best_rate(runtime::Team& team, int tries, const std::function<double(int)>& work) {
  struct Context {
    const std::function<double(int)>& work;
    Meeting meeting;
    std::vector<double> rates;
  } context{work, Meeting(team), {}};
  double best = 0;
  for (int i = 0; i < tries; ++i) {
    context.rates.assign(static_cast<size_t>(team.size()), 0);
    context.meeting.begin();
    team.run(
        [](void* data, int participant) {
          auto& own = *static_cast<Context*>(data);
          own.meeting.arrive();  // together, so that what they share is shared
          const auto start = Clock::now();
          const double amount = own.work(participant);
          own.rates[static_cast<size_t>(participant)] = amount / seconds_since(start);
        },
        &context);
    double sum = 0;
    for (const double rate : context.rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

double arithmetic_gflops(TargetLevel level, Arithmetic arithmetic, runtime::Team& team, int tries) {
  const auto& code = code_of(level).multiply_add[static_cast<size_t>(arithmetic)];
  return best_rate(team, tries, [&](int) {
           alignas(64) float vector[16];
           alignas(64) double wide[8];
           std::fill(std::begin(vector), std::end(vector), 1.0f);
           std::fill(std::begin(wide), std::end(wide), 1.0);
           void* factors = arithmetic == Arithmetic::kF64 ? static_cast<void*>(wide) : vector;
           constexpr int64_t kIterations = 10000;  // about 70 us
           code.run(factors, kIterations);
           return code.operations * kIterations;
         }) / 1e9;
}

void measure_reading(const backend::MeasuringCode& code, runtime::Team& team, Peaks& peaks) {
  const Machine& machine = this_machine();
  const auto read_rate = [&](int64_t bytes_each, int rounds, int tries) {
    bytes_each = std::max<int64_t>(bytes_each / 4096 * 4096, 4096);
    const runtime::MemoryBlock memory(bytes_each * team.size(), "memory to measure with");
    std::fill_n(memory.data(), memory.bytes(), std::byte{1});
    return best_rate(team, tries, [&](int participant) {
             alignas(64) float sink[16];
             for (int i = 0; i < rounds; ++i) code.read(memory.data() + bytes_each * participant, bytes_each, sink);
             return static_cast<double>(bytes_each) * rounds;
           }) / 1e9;
  };
  peaks.read_l1_gbps = read_rate(machine.l1_bytes / 2, 3000, 8);
  peaks.read_l2_gbps = read_rate(machine.l2_bytes / 2, 60, 8);
  peaks.read_l3_gbps = read_rate(std::max(machine.l3_bytes / 4 / team.size(), 2 * machine.l2_bytes), 4, 10);
  const int64_t large = std::max<int64_t>(4 * machine.l3_bytes, int64_t{128} << 20);
  peaks.read_dram_gbps = read_rate(large / team.size(), 1, 8);
}

void measure_streaming(const backend::MeasuringCode& code, runtime::Team& team, Peaks& peaks) {
  const int64_t large = std::max<int64_t>(4 * this_machine().l3_bytes, int64_t{128} << 20);
  const int64_t each = large / 2 / team.size() / 4096 * 4096;
  constexpr int64_t kApart = 1088;  // so that the three streams share no set of the caches
  const runtime::MemoryBlock memory((each + 4096) * 3 * team.size(), "memory to measure with");
  std::fill_n(memory.data(), memory.bytes(), std::byte{0});
  peaks.stream_gbps = best_rate(team, 8, [&](int participant) {
                        std::byte* own = memory.data() + (each + 4096) * 3 * participant;
                        code.triad(own, own + each + kApart, own + 2 * (each + kApart), each);
                        return 3.0 * static_cast<double>(each);
                      }) / 1e9;
}

void measure_regions(runtime::Team& team, Peaks& peaks) {
  constexpr int kRegions = 1000, kIdle = 15;
  Meeting meeting(team);
  const auto region = [&] {
    const auto begin = Clock::now();
    meeting.begin();
    team.run([](void* data, int) { static_cast<Meeting*>(data)->arrive(); }, &meeting);
    return seconds_since(begin);
  };
  const auto median_of = [](std::vector<double> times) {
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
  };
  std::vector<double> hot, idle;
  for (int i = 0; i < kRegions; ++i) hot.push_back(region());
  for (int i = 0; i < kIdle; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    idle.push_back(region());
  }
  peaks.region_seconds = median_of(hot);
  peaks.idle_region_seconds = median_of(idle);
}

}  // namespace

void pin(runtime::Team& team) {
  cpu_set_t allowed;
  if (team.size() == 1 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  struct Context {
    std::vector<int> cores;
    std::vector<char> pinned;
  } context{{}, std::vector<char>(static_cast<size_t>(team.size()))};
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) context.cores.push_back(core);
  if (context.cores.size() < static_cast<size_t>(team.size())) return;
  constexpr int kTries = 50;  // a participant may be late
  for (int i = 0; i < kTries && std::count(context.pinned.begin(), context.pinned.end(), 0) > 0; ++i) {
    team.run(
        [](void* data, int participant) {
          auto& own = *static_cast<Context*>(data);
          const auto at = static_cast<size_t>(participant);
          if (std::exchange(own.pinned[at], 1) == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(own.cores[at], &one);
            sched_setaffinity(0, sizeof one, &one);
          }
          std::this_thread::sleep_for(std::chrono::milliseconds(1));  // for the others to come
        },
        &context);
  }
}

double measure_arithmetic(TargetLevel level, Arithmetic arithmetic, runtime::Team& team) { return arithmetic_gflops(level, arithmetic, team, 15); }

Peaks measure_peaks(TargetLevel level, runtime::Team& team) {
  const backend::MeasuringCode& code = code_of(level);
  Peaks peaks;
  for (size_t i = 0; i < kArithmetics; ++i) peaks.arithmetic_gflops[i] = arithmetic_gflops(level, static_cast<Arithmetic>(i), team, 100);
  measure_reading(code, team, peaks);
  measure_streaming(code, team, peaks);
  measure_regions(team, peaks);
  return peaks;
}

void Peaks::take_better(const Peaks& other) {
  for (size_t i = 0; i < kArithmetics; ++i) arithmetic_gflops[i] = std::max(arithmetic_gflops[i], other.arithmetic_gflops[i]);
  for (double Peaks::*rate : {&Peaks::read_l1_gbps, &Peaks::read_l2_gbps, &Peaks::read_l3_gbps, &Peaks::read_dram_gbps, &Peaks::stream_gbps})
    this->*rate = std::max(this->*rate, other.*rate);
  for (double Peaks::*time : {&Peaks::region_seconds, &Peaks::idle_region_seconds}) this->*time = std::min(this->*time, other.*time);
}

}  // namespace sinter::driver
