// Pack operands: the right operand of a contraction is stored in the order in which the kernel reads it, panels of a few columns, where
// that pays: always when it can be packed ahead of the calls (prepare_values, the pass after this one, sees to that).
#pragma once

#include <functional>

#include "ir/module.h"

namespace sinter::passes {

/// Columns of a panel for this contraction, 0 to leave the operand as it is; `ahead`: the operand is the same at every call. The backend knows
/// (contract_packing.h).
using PanelWidth = std::function<int64_t(const ir::Node& contract, const ir::Graph& graph, bool ahead)>;

/// Contractions are in canonical form.
ir::Module pack_operands(const ir::Module& module, const PanelWidth& width);

}  // namespace sinter::passes
