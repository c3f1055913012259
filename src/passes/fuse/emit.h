// Writes groups as fusion nodes, in an order that keeps lifetimes short and puts updates last. Used by fuse.
#pragma once

#include "passes/fuse/merge.h"

namespace sinter::passes {

/// The groups in the order in which their kernels run. `late` marks groups that wait until nothing else is ready.
std::vector<int32_t> order_groups(const ir::Function& function, const Groups& groups, const std::vector<bool>& late);

/// The function's graph with one fusion node per group.
ir::Graph emit(const Groups& groups, const std::vector<int32_t>& order);

}  // namespace sinter::passes
