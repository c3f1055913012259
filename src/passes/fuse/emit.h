// Writes groups as fusion nodes. Used by fuse.
#pragma once

#include "passes/fuse/order.h"

namespace sinter::passes {

/// The function's graph with one fusion node per kernel.
ir::Graph emit(const Groups& groups, const std::vector<Kernel>& kernels, const FuseOptions& options);

}  // namespace sinter::passes
