// Dead code elimination: drops nodes that no result depends on, arguments bound to constants that nothing reads, and
// constants that no function is bound to. Inputs, parameters, state and outputs stay: they are what callers and
// checkpoints see.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

ir::Module dce(const ir::Module& module);
/// The nodes of one graph that its results depend on.
ir::Graph dce(const ir::Graph& graph);

}  // namespace sinter::passes
