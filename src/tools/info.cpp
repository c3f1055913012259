// sinter info: what Sinter sees of this machine, and where it keeps things.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/pages.h"
#include "driver/cache.h"
#include "driver/measure.h"
#include "runtime/abi.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

constexpr TargetLevel kLevels[] = {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4, TargetLevel::kV4Bf16};

void print_info() {
  const Machine& machine = this_machine();
  std::string levels;
  for (const TargetLevel level : kLevels)
    if (level <= machine.best_level) levels += (levels.empty() ? "" : ", ") + std::string(name(level));
  const driver::Cache cache = driver::Cache::standard();
  const auto [files, bytes] = cache.usage();
  std::cout << table({
      {"version", "sinter " SINTER_VERSION ", run-time ABI " + std::to_string(SINTER_ABI_VERSION) + ", program format " + std::to_string(runtime::kProgramVersion)},
      {"processor", machine.cpu_name},
      {"cores", std::to_string(machine.cores)},
      {"instruction sets", levels + "; compiling for " + std::string(name(default_target_level()))},
      {"caches", "L1 " + format_bytes(static_cast<double>(machine.l1_bytes)) + ", L2 " + format_bytes(static_cast<double>(machine.l2_bytes)) + ", L3 " +
                     format_bytes(static_cast<double>(machine.l3_bytes))},
      {"2 MB pages", huge_page_policy()},
      {"kernel cache", cache.is_on() ? cache.folder() + ": " + std::to_string(files) + " entries, " + format_bytes(static_cast<double>(bytes)) : "off"},
  });
}

void print_peaks(int threads) {
  const auto team = make_team(threads);
  driver::pin(*team);
  std::cout << "measuring with " << team->size() << (team->size() == 1 ? " thread" : " threads") << "\n";
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& what, double value, int digits, const char* unit) { rows.push_back({what, format_number(value, digits), unit}); };
  for (const TargetLevel level : kLevels) {
    if (level > this_machine().best_level) continue;
    const std::string sum = target_of(level).has_fma ? " multiply-adds, " : " products and sums, ";
    for (const Arithmetic arithmetic : {Arithmetic::kF32, Arithmetic::kF64, Arithmetic::kBf16, Arithmetic::kInt8}) {
      if (arithmetic == Arithmetic::kBf16 && level < TargetLevel::kV4Bf16) continue;  // there f32 does the work
      double best = 0;
      for (int i = 0; i < 5; ++i) best = std::max(best, driver::measure_arithmetic(level, arithmetic, *team));
      add(std::string(name(arithmetic)) + sum + std::string(name(level)), best, 1, "GFLOP/s");
    }
  }
  const driver::Peaks peaks = driver::measure_peaks(default_target_level(), *team);
  add("read from L1", peaks.read_l1_gbps, 1, "GB/s");
  add("read from L2", peaks.read_l2_gbps, 1, "GB/s");
  add("read from L3", peaks.read_l3_gbps, 1, "GB/s");
  add("read from DRAM, 2 MB pages", peaks.read_dram_gbps, 1, "GB/s");
  add("stream in DRAM (non-temporal triad)", peaks.stream_gbps, 1, "GB/s");
  add("parallel region", peaks.region_seconds * 1e6, 2, "us");
  add("parallel region after 2 ms of idling", peaks.idle_region_seconds * 1e6, 2, "us");
  std::cout << table(rows, {1});
}

}  // namespace

void add_info(CLI::App& app) {
  struct Options {
    bool measure = false;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("info", "Show this machine, instruction sets, and the kernel cache");
  verb->add_flag("--measure", options->measure, "Measure the peaks of arithmetic and memory, and what a parallel region costs");
  verb->add_option("--threads", options->threads, "Threads to measure with; all cores unless given")->check(whole_number(1, 1024));
  verb->callback([options] {
    print_info();
    if (options->measure) print_peaks(options->threads);
  });
}

}  // namespace sinter::tools
