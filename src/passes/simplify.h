// Simplify: rewrites graphs into the canonical form that simplify/README.md writes down, by small rules that only ever
// go one way (src/passes/simplify/*.cpp, one file per family). Runs after grad and expand, whose rules build what is
// simple to write.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// Nodes that nothing uses any more are dropped on the way. `simplify(simplify(m))` is `simplify(m)`.
ir::Module simplify(const ir::Module& module);

}  // namespace sinter::passes
