// Grad: replaces each `grad` node (operands y, x1 .. xn; results dy/dx1 .. dy/dxn) by ops that compute the gradients,
// in reverse mode, with the gradient rules of the op records. Runs first: everything after it sees ordinary ops only.
//
// A derivative is total: when x2 depends on x1, dy/dx1 includes the way through x2. Gradients of gradients work because
// the first grad node in order is expanded first, and what it becomes is made of ops that have rules of their own.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// Raises Error kUnsupported, with the op's reason and the node's name, when an op on the way from an x to y has no
/// derivative.
ir::Module grad(const ir::Module& module);

}  // namespace sinter::passes
