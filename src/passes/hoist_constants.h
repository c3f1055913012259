// Hoist constants: `constant` nodes of more or fewer than one element become variables of role constant, bound to an
// argument of each function that uses them, so that fused bodies hold numbers only and tables are memory that kernels
// read. Equal constants share a variable.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// Those inside regions of control flow were brought out by lift_invariants.
ir::Module hoist_constants(const ir::Module& module);

}  // namespace sinter::passes
