// Cleanup: fold_constants, simplify, cse and dce, again and again until none of them finds anything: each makes work
// for the others (a folded number is neutral somewhere, two merged nodes are equal operands). One line of the driver's
// list, wherever a pass left a mess.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// `cleanup(cleanup(m))` is `cleanup(m)`.
ir::Module cleanup(const ir::Module& module);

}  // namespace sinter::passes
