// Instructions of x86-64 that multiply and sum groups of narrow elements. Includes LLVM.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include "base/machine.h"

namespace sinter::backend {

/// sum + x * y, vectors of `target_of(level).vector_bits` of f32 or i32: over pairs of bf16 in each lane of x and y, over fours of bytes (those of x unsigned).
/// Null where the level has no such instruction.
llvm::Value* multiply_add_bf16_pairs(llvm::IRBuilder<>& b, TargetLevel level, llvm::Value* sum, llvm::Value* x, llvm::Value* y);
llvm::Value* multiply_add_int8_fours(llvm::IRBuilder<>& b, TargetLevel level, llvm::Value* sum, llvm::Value* x, llvm::Value* y);
/// x * y summed over pairs of i16 in each lane of i32; every level has it.
llvm::Value* multiply_int16_pairs(llvm::IRBuilder<>& b, TargetLevel level, llvm::Value* x, llvm::Value* y);

}  // namespace sinter::backend
