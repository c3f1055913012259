// Canonical contracts: brings the operands of every contract (dot_general and its kin) into the orders that lowering
// compiles: batch axes first, in order, and the contracted axes as one ascending run, right behind them or at the end.
// What a dense layer needs forward and backward (x W, x^T dy, dy W^T) is in such an order already and stays; anything
// else gets a transpose, which fuse turns into a copy.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// Runs after cleanup, whose simplify moves transposes into the axis numbers of contracts.
ir::Module canonical_contracts(const ir::Module& module);

}  // namespace sinter::passes
