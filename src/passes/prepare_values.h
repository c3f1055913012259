// Prepare values: what a function computes from parameters, state and constants alone, none of which it writes, is
// computed by a function of its own, ahead of the calls. Runs after the layouts of operands are decided and before fuse,
// so that what is prepared and what is not never share a kernel.
//
// Function F that has such values is followed by `F_prepare`, whose results are variables of role prepared; F reads
// these instead. Who keeps them, and when they are computed anew, is the runtime's business
// (docs/decisions/012-prepared-values.md).
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// Per value of the function's graph: it could be computed ahead of the calls.
std::vector<bool> computed_ahead(const ir::Module& module, const ir::Function& function);

/// What stays in its function although it could be computed ahead: values that take more than twice the bytes of the
/// variables they come from and more than 64 KB (reading them would cost more than computing them), values that are
/// only another view in the same order of memory (reading through a view is free), lookups (they can fail), random
/// numbers, and what nothing but results of the function reads. Operands of contractions are memory at each call
/// anyway: layouts of them are prepared whatever their size, only broadcasts are not.
ir::Module prepare_values(const ir::Module& module);

/// The function that prepares values for `function`: null when there is none.
const ir::Function* preparation_of(const ir::Module& module, const ir::Function& function);

}  // namespace sinter::passes
