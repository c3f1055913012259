// Products of words that hold neighbours in depth, 2 bf16 or 4 bytes, summed into lanes of f32 or i32: one instruction where the level has it, else the words
// are taken apart. Used by the microkernels of `contract`. The bits are those of the loop language on each path but for subnormals, which the instruction
// for bf16 takes as zeros and makes zeros of.
#pragma once

#include <llvm/IR/IRBuilder.h>

#include <array>

#include "base/dtype.h"
#include "base/machine.h"

namespace sinter::backend {

class WordProducts {
 public:
  /// `a`: what the words of the left operand hold, bf16, u8 or i8; those of the right one hold bf16 or i8. `raised`: an i8 counts 128 more.
  WordProducts(const Target& target, DType a, bool raised);

  /// A vector of words, or its halves where these are multiplied one by one: of each pair the second first.
  using Operand = std::array<llvm::Value*, 2>;
  Operand left(llvm::IRBuilder<>& b, llvm::Value* words) const;
  Operand right(llvm::IRBuilder<>& b, llvm::Value* words) const { return apart(b, words, a_ == DType::kBF16 ? a_ : DType::kI8); }
  llvm::Value* add(llvm::IRBuilder<>& b, const Operand& x, const Operand& y, llvm::Value* sum) const;

  /// The first `count` elements of a word of A, at least one and not all, and zeros.
  llvm::Value* load_part(llvm::IRBuilder<>& b, llvm::Value* from, llvm::Value* count) const;

 private:
  Operand apart(llvm::IRBuilder<>& b, llvm::Value* words, DType dtype) const;

  const Target target_;
  const bool raised_;
  const DType a_;      // as multiplied: a raised i8 is u8, its sign bit the other way round
  const bool whole_;  // one instruction does it
};

}  // namespace sinter::backend
