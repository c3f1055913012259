// Pack operands: the right operand of a contraction, where it is the same at every call, is stored in the order in which the kernel reads it, panels
// of a few columns. prepare_values sees to it that this is done ahead of the calls, and lift_invariants that what stays the same in all rounds of a
// loop is packed once for them. Operands that change are packed by
// the kernel that reads them, tile by tile: a kernel of its own for that reads and writes more than it saves.
#pragma once

#include <functional>

#include "ir/module.h"

namespace sinter::passes {

/// Columns of a panel for this contraction, 0 to leave the operand as it is. The backend knows (contract_packing.h).
using PanelWidth = std::function<int64_t(const ir::Node& contract, const ir::Graph& graph)>;

/// Contractions are in canonical form.
ir::Module pack_operands(const ir::Module& module, const PanelWidth& width);

}  // namespace sinter::passes
