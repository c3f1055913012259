// Timing whole programs and their kernels, for `bench` and for the table at the end of the demo.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "driver/measure.h"
#include "runtime/executable.h"

namespace sinter::tools {

/// One row: the whole program or a kernel of it, at concrete sizes.
struct TimedRow {
  std::string name, contents;
  double seconds = 0;  // median
  double flops = 0, bytes = 0;
  double gflops() const { return seconds > 0 ? flops / seconds / 1e9 : 0; }
  double gbps() const { return seconds > 0 ? bytes / seconds / 1e9 : 0; }
};

struct Timing {
  TimedRow total;
  std::vector<TimedRow> kernels;
  driver::Peaks peaks;  // measured in the same run
  int threads = 1;
  TargetLevel level = TargetLevel::kV2;
  bool cold = false;
  double working_set = 0;  // bytes that one run touches
  int64_t arena_bytes = 0;

  double peak_share(const TimedRow& row) const { return row.gflops() / peaks.fma_gflops; }
  /// Of the bandwidth of the level of memory that holds the working set.
  double bandwidth_share(const TimedRow& row) const;
  /// "arithmetic", "L2 bandwidth" ...: the limit that the row is nearest to.
  std::string limit(const TimedRow& row) const;
};

struct TimingOptions {
  TargetLevel level = TargetLevel::kV2;
  bool cold = false;  // the caches hold nothing of the program when a run begins
};
/// Runs the program until its median settles (about a second), with its inputs as they are bound.
Timing time_program(runtime::Run& run, const runtime::Executable& executable, const SymbolValues& symbols, const TimingOptions& options, runtime::Team& team);

/// A table for people, longest kernels first when `sorted`.
std::string timing_table(const Timing& timing);
/// Google Benchmark's JSON format.
std::string timing_json(const Timing& timing, const std::string& name);

}  // namespace sinter::tools
