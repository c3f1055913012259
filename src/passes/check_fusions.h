// Check fusions: the promises of docs/fusion_kinds.md, checked on a fused graph by following where each body reads, the
// way lowering does. It shares no code with fuse, which decides by kinds of nodes and shapes. Used by tests and by the
// driver's checks.
#pragma once

#include "ir/graph.h"

namespace sinter::passes {

/// Raises InternalError, naming node and promise, where one is broken.
void check_fusions(const ir::Graph& graph);

}  // namespace sinter::passes
