// What the pass pack_operands asks the backend: in which order a contraction's kernel wants its right operand.
#pragma once

#include "base/machine.h"
#include "ir/graph.h"

namespace sinter::backend {

/// Columns of a panel for an operand that is the same at every call, or 0: as it lies. The contraction is in canonical form.
int64_t panel_width(const ir::Node& contract, const ir::Graph& graph, const Target& target);

}  // namespace sinter::backend
