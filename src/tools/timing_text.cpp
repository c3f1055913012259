// A Timing as a table and as JSON.
#include <nlohmann/json.hpp>

#include "tools/command_line.h"
#include "tools/timing.h"

namespace sinter::tools {

std::string timing_table(const Timing& timing) {
  std::vector<std::vector<std::string>> rows{{"", "us", "GFLOP/s", "of peak", "GB/s", "of bandwidth", "limit", "what"}};
  const auto percent = [](double share) { return format_number(100 * share, 1) + " %"; };
  const auto add = [&](const std::string& number, const TimedRow& row) {
    rows.push_back({number, format_number(row.seconds * 1e6, 2), format_number(row.gflops(), 1), percent(timing.peak_share(row)), format_number(row.gbps(), 1),
                    percent(timing.bandwidth_share(row)), timing.limit(row), row.name});
  };
  for (size_t i = 0; i < timing.kernels.size(); ++i) add(std::to_string(i), timing.kernels[i]);
  add("", timing.total);
  static constexpr const char* kLevels[] = {"L1", "L2", "L3", "DRAM"};
  const driver::Peaks& peaks = timing.peaks;
  const std::string kind(name(timing.total.arithmetic));
  return table(rows, {0, 1, 2, 3, 4, 5}) + "peaks now, " + std::to_string(timing.threads) + (timing.threads == 1 ? " thread" : " threads") + " of x86-64-" +
         std::string(name(timing.level)) + ": " + format_number(peaks.of(timing.total.arithmetic), 1) + " GFLOP/s (" + kind + "), read L2 " +
         format_number(peaks.read_l2_gbps, 1) + ", L3 " + format_number(peaks.read_l3_gbps, 1) + ", DRAM " + format_number(peaks.read_dram_gbps, 1) +
         ", stream " + format_number(peaks.stream_gbps, 1) + " GB/s; the working set of " + format_bytes(timing.working_set) + " is in " +
         (timing.cold ? "DRAM (--cold)" : kLevels[static_cast<size_t>(timing.memory_level())]) + "\n";
}

std::string timing_json(const Timing& timing, const std::string& name) {
  nlohmann::ordered_json benchmarks = nlohmann::ordered_json::array();
  const auto add = [&](const std::string& label, const TimedRow& row) {
    benchmarks.push_back({{"name", label},
                          {"run_name", label},
                          {"run_type", "iteration"},
                          {"repetitions", 1},
                          {"repetition_index", 0},
                          {"threads", 1},
                          {"iterations", timing.runs},
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
  const driver::Peaks& peaks = timing.peaks;
  const nlohmann::ordered_json all = {{"context",
                                       {{"name", name},
                                        {"target", std::string(sinter::name(timing.level))},
                                        {"threads", timing.threads},
                                        {"num_cpus", this_machine().cores},
                                        {"cold", timing.cold},
                                        {"working_set_bytes", timing.working_set},
                                        {"fma_peak_gflops", peaks.fma_gflops()},
                                        {"peak_gflops", peaks.of(timing.total.arithmetic)},
                                        {"stream_gbps", peaks.stream_gbps},
                                        {"read_l1_gbps", peaks.read_l1_gbps},
                                        {"read_l2_gbps", peaks.read_l2_gbps},
                                        {"read_l3_gbps", peaks.read_l3_gbps},
                                        {"read_dram_gbps", peaks.read_dram_gbps},
                                        {"region_us", peaks.region_seconds * 1e6}}},
                                      {"benchmarks", benchmarks}};
  return all.dump(2) + "\n";
}

}  // namespace sinter::tools
