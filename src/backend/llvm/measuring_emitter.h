// Emits the functions of measuring_code.h. Used by codegen.cpp only.
#pragma once

#include <llvm/IR/Module.h>

#include <array>
#include <string>

#include "base/arithmetic.h"
#include "base/machine.h"

namespace sinter::backend {

/// The symbol of the function for one kind of multiply-add.
std::string multiply_add_symbol(Arithmetic arithmetic);

/// Adds `read`, `triad` and one function per kind of multiply-add; the result is the operations of one iteration of each.
std::array<double, kArithmetics> emit_measuring_functions(llvm::Module& module, TargetLevel level);

}  // namespace sinter::backend
