// Bind results: sees to it that every result of a fused function can be written straight into the memory of its
// variable. Runs after fuse, right before plan_memory, which then gives each such result that memory without a second
// thought.
//
// A result gets a copy (a fusion of one cast to its own dtype) where it is an argument, where one value is bound to two
// variables, and where its kernel runs while the variable's old value is still needed. Copies of arguments whose
// variables change come first, all others last.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// A result that hands an argument back to its own variable stays as it is: nothing is written.
ir::Module bind_results(const ir::Module& module);

}  // namespace sinter::passes
