// This machine's limits, measured: what `bench` and `info --measure` hold kernels against.
//
// A rate is the best of several tries: a limit is what the machine can do, and whatever disturbs it only takes away. Rates are of all participants of the
// team together.
#pragma once

#include <array>
#include <cstdint>

#include "base/arithmetic.h"
#include "base/machine.h"
#include "runtime/team.h"

namespace sinter::driver {

struct Peaks {
  std::array<double, kArithmetics> arithmetic_gflops{};  // multiply-adds by Arithmetic; on levels without FMA products and sums, independent of each other
  double read_l1_gbps = 0, read_l2_gbps = 0, read_l3_gbps = 0;
  double read_dram_gbps = 0;  // 2 MB pages, where the system gives them
  double stream_gbps = 0;     // non-temporal triad in DRAM: bytes read and written
  double region_seconds = 0;       // until all participants have come together and left, right after another such region
  double idle_region_seconds = 0;  // the same after 2 ms without work

  double of(Arithmetic arithmetic) const { return arithmetic_gflops[static_cast<size_t>(arithmetic)]; }
  double fma_gflops() const { return of(Arithmetic::kF32); }
  /// The better of both, limit by limit.
  void take_better(const Peaks& other);
};

/// Ties each participant to a core of its own, where there are enough, for as long as its thread lives. The system may wake a thread on its caller's core and
/// leave it there for milliseconds: for figures, that is noise.
void pin(runtime::Team& team);

/// All of them, in about a second, most of it for DRAM.
Peaks measure_peaks(TargetLevel level, runtime::Team& team);
/// One kind of multiply-add, in about a millisecond: to be measured beside each figure.
double measure_arithmetic(TargetLevel level, Arithmetic arithmetic, runtime::Team& team);

}  // namespace sinter::driver
