// Tasks: the kernels of a segment as pieces of work for participants. Cheap kernels that follow each other are one task, which one participant runs
// from end to end without telling anybody in between; of a kernel that is worth it the tiles are shared out. Made by Layout, from sizes alone: the same
// for every run and team. Read by TileQueue and shown by `inspect`. Serial runs do not need them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/program.h"

namespace sinter::runtime {

/// What is known of a kernel at concrete sizes.
struct KernelEstimate {
  double seconds = 0;  // of one thread, rough
  int64_t tiles = 0;
};

/// Seconds that arithmetic and memory traffic of one call take at least on a core of today; large when beyond 64 bits.
double estimated_seconds(const ProgramKernel& kernel, const SymbolValues& symbols);

/// Its tiles are worth sharing out.
bool is_shared(const KernelEstimate& kernel);

/// Kernels [first, first + count).
struct Task {
  int32_t first = 0, count = 1;
  bool shared = false;  // its one kernel's tiles are cut up among participants; else one participant runs all of it
  double seconds = 0;
};

/// The kernels of one segment as tasks in order. `dependencies` per kernel of the program: those of its segment that come before it.
std::vector<Task> plan_tasks(const Segment& segment, std::span<const KernelEstimate> kernels, const std::vector<std::vector<int32_t>>& dependencies);

}  // namespace sinter::runtime
