// Convolutions in the forms that kernels have: those over single positions become contractions, gradients by filters, which are convolutions whose channels
// are images, the op filter_gradient. After gradients are made, before assign_layout and cleanup, which take away the
// transposes that are left over.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

ir::Module canonical_convolutions(const ir::Module& module);

}  // namespace sinter::passes
