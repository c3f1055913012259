// Timing whole programs and their kernels against this machine's limits. Used by `bench`, and by nothing that decides.
#pragma once

#include <string>
#include <vector>

#include "driver/measure.h"
#include "runtime/executable.h"

namespace sinter::tools {

/// One row: the whole program or a kernel of it, at concrete sizes.
struct TimedRow {
  std::string name, contents;
  double seconds = 0;  // median; of the participant that was at a kernel longest
  double flops = 0, bytes = 0, written_bytes = 0;
  Arithmetic arithmetic = Arithmetic::kF32;
  double gflops() const { return seconds > 0 ? flops / seconds / 1e9 : 0; }
  double gbps() const { return seconds > 0 ? bytes / seconds / 1e9 : 0; }
};

/// What holds a working set.
enum class MemoryLevel { kL1, kL2, kL3, kDram };

struct Timing {
  TimedRow total;
  std::vector<TimedRow> kernels;
  driver::Peaks peaks;  // the best of before, between and after
  int threads = 1;
  TargetLevel level = TargetLevel::kV2;
  bool cold = false;
  int64_t runs = 0;        // that the medians are of
  double working_set = 0;  // bytes that one run touches
  int64_t arena_bytes = 0;

  MemoryLevel memory_level() const;
  /// Of the peak of the row's own kind of arithmetic.
  double peak_share(const TimedRow& row) const { return row.gflops() / peaks.of(row.arithmetic); }
  /// Of the bandwidth of the level that holds the working set; in DRAM of reading, or of streaming when much is written.
  double bandwidth_share(const TimedRow& row) const;
  /// What the row is limited by: "compute", "L1", "L2", "L3", "DRAM" or "overhead".
  std::string limit(const TimedRow& row) const;
  /// A row that claims more than the peak, or nullptr.
  const TimedRow* beyond_peak() const;
};

struct TimingOptions {
  TargetLevel level = TargetLevel::kV2;
  bool cold = false;  // the caches hold nothing of the program when a run begins
};
/// Runs the program about a second, with its inputs as they are bound. The machine may be disturbed for a while: time is taken in stretches between two
/// bursts of multiply-adds, and stretches whose bursts are slow do not count as long as there are enough others.
Timing time_program(runtime::Run& run, const runtime::Executable& executable, const SymbolValues& symbols, const TimingOptions& options, runtime::Team& team);

/// A table for people: kernels in their order, then the total, then the limits of the machine.
std::string timing_table(const Timing& timing);
/// Google Benchmark's JSON format.
std::string timing_json(const Timing& timing, const std::string& name);

}  // namespace sinter::tools
