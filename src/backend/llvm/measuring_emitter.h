// Emits the functions of measuring_code.h. Used by codegen.cpp only.
#pragma once

#include <llvm/IR/Module.h>

#include "base/machine.h"

namespace sinter::backend {

/// Adds `multiply_add`, `read` and `triad`; the result is the flops of one iteration of the first.
double emit_measuring_functions(llvm::Module& module, const Target& target);

}  // namespace sinter::backend
