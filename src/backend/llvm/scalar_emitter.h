// Scalar operations as LLVM instructions, on one element or on a vector of them (docs/decisions/004-numbers.md gives their meaning).
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <span>

#include "base/machine.h"
#include "base/scalar.h"

namespace sinter::backend {

/// The register type of an element: bool is i1 in registers, a byte in memory; f16 and bf16 are their bits.
llvm::Type* register_type(llvm::LLVMContext& context, DType dtype);
llvm::Type* memory_type(llvm::LLVMContext& context, DType dtype);

class ScalarEmitter {
 public:
  ScalarEmitter(llvm::Module& module, const Target& target, TargetLevel level) : module_(module), target_(target), level_(level) {}

  /// `op` on arguments of equal width (all scalars or all vectors); `argument` is the dtype of the operands, of the last two for select.
  llvm::Value* emit(llvm::IRBuilder<>& b, ScalarOp op, std::span<llvm::Value* const> arguments, DType argument);
  llvm::Value* cast(llvm::IRBuilder<>& b, llvm::Value* value, DType from, DType to);
  /// A number no other value of the dtype can beat in `op` (0 for add, -inf for maximum, ...).
  static llvm::Constant* identity(ScalarOp op, llvm::Type* type, DType dtype);
  /// Halves a vector with `op` until one element is left: lane i with lane i + n/2.
  llvm::Value* combine_lanes(llvm::IRBuilder<>& b, ScalarOp op, llvm::Value* vector, DType dtype);
  bool uses_math() const { return uses_math_; }

 private:
  llvm::Value* float_op(llvm::IRBuilder<>& b, ScalarOp op, std::span<llvm::Value* const> a, DType dtype);
  // extreme_emitter.cpp
  llvm::Value* extreme(llvm::IRBuilder<>& b, ScalarOp op, llvm::Value* x, llvm::Value* y);
  llvm::Value* integer_op(llvm::IRBuilder<>& b, ScalarOp op, std::span<llvm::Value* const> a, DType dtype);
  llvm::Value* compare(llvm::IRBuilder<>& b, ScalarOp op, llvm::Value* x, llvm::Value* y, DType dtype);
  llvm::Value* math_call(llvm::IRBuilder<>& b, ScalarOp op, std::span<llvm::Value* const> a, DType dtype);
  llvm::Value* library_call(llvm::IRBuilder<>& b, const std::string& symbol, std::span<llvm::Value* const> a, llvm::Type* result);
  llvm::Value* routine_per_lane(llvm::IRBuilder<>& b, ScalarOp op, std::span<llvm::Value* const> a, DType dtype);
  llvm::Value* random_bits(llvm::IRBuilder<>& b, std::span<llvm::Value* const> a);
  // narrow_float_emitter.cpp
  llvm::Value* widen(llvm::IRBuilder<>& b, llvm::Value* value, DType from);
  llvm::Value* narrow(llvm::IRBuilder<>& b, llvm::Value* value, DType from, DType to);

  llvm::Module& module_;
  const Target& target_;
  TargetLevel level_;
  bool uses_math_ = false;
};

}  // namespace sinter::backend
