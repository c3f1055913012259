// This machine's limits, measured: what `bench` and `info --measure` hold kernels against. Takes a fraction of a second.
#pragma once

#include <cstdint>

#include "base/machine.h"
#include "runtime/team.h"

namespace sinter::driver {

/// Of all participants of the team together.
struct Peaks {
  double fma_gflops = 0;     // f32 multiply-adds (multiply, then add, where the level has no other)
  double read_l2_gbps = 0, read_l3_gbps = 0;
  double read_dram_gbps = 0; // 2 MB pages, where the system gives them
  double stream_gbps = 0;    // non-temporal triad in DRAM: bytes read and written
};

Peaks measure_peaks(TargetLevel level, runtime::Team& team);
/// The multiply-add peak alone, in a few milliseconds: measured again beside each figure.
double measure_fma_gflops(TargetLevel level, runtime::Team& team);

}  // namespace sinter::driver
