// Neighbouring kernels that go by the same blocks of rows become stages of one: contractions of the same rows, each of
// which reads its own rows of the one before, and reductions of those rows. Small networks stay in the caches of a core
// from input to output. Used by fuse, after kernels are ordered.
#pragma once

#include "passes/fuse/order.h"

namespace sinter::passes {

/// Joins kernels of one part each to those before them, where stages are possible and pay. A kernel whose parts depend
/// on each other is one of stages.
std::vector<Kernel> join_stages(const ir::Function& function, const Groups& groups, const std::vector<Kernel>& kernels,
                                const FuseOptions& options, std::vector<Decision>& decisions);

bool is_staged(const Groups& groups, const Kernel& kernel);

/// Rows that one tile of a kernel of stages takes through all of them.
int64_t rows_per_block(const Groups& groups, const Kernel& kernel, const FuseOptions& options);

}  // namespace sinter::passes
