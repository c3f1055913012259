#include "backend/llvm/word_products.h"

#include <llvm/IR/Intrinsics.h>

#include "backend/llvm/targets/x86_products.h"

namespace sinter::backend {
namespace {

using llvm::Value;

llvm::FixedVectorType* lanes_like(Value* words, llvm::Type* element, unsigned in_each = 1) {
  return llvm::FixedVectorType::get(element, llvm::cast<llvm::FixedVectorType>(words->getType())->getNumElements() * in_each);
}

}  // namespace

WordProducts::WordProducts(const Target& target, DType a, bool raised)
    : target_(target), raised_(raised), a_(raised ? DType::kU8 : a), whole_(target.has_narrow_products && a_ != DType::kI8) {}

WordProducts::Operand WordProducts::left(llvm::IRBuilder<>& b, Value* words) const {
  return apart(b, raised_ ? b.CreateXor(words, llvm::ConstantInt::get(words->getType(), 0x80808080u)) : words, a_);
}

WordProducts::Operand WordProducts::apart(llvm::IRBuilder<>& b, Value* words, DType dtype) const {
  if (whole_) return {words, nullptr};
  if (dtype == DType::kBF16) {
    llvm::Type* floats = lanes_like(words, b.getFloatTy());
    Value* second = b.CreateAnd(words, llvm::ConstantInt::get(words->getType(), 0xffff0000u));
    Value* first = b.CreateShl(words, llvm::ConstantInt::get(words->getType(), 16));
    return {b.CreateBitCast(second, floats), b.CreateBitCast(first, floats)};
  }
  Value* pairs = b.CreateBitCast(words, lanes_like(words, b.getInt16Ty(), 2));
  llvm::Constant* byte = llvm::ConstantInt::get(pairs->getType(), 8);
  if (dtype == DType::kU8) return {b.CreateLShr(pairs, byte), b.CreateAnd(pairs, llvm::ConstantInt::get(pairs->getType(), 0xff))};
  return {b.CreateAShr(pairs, byte), b.CreateAShr(b.CreateShl(pairs, byte), byte)};
}

Value* WordProducts::add(llvm::IRBuilder<>& b, const Operand& x, const Operand& y, Value* sum) const {
  if (whole_) return a_ == DType::kBF16 ? multiply_add_bf16_pairs(b, target_.level, sum, x[0], y[0]) : multiply_add_int8_fours(b, target_.level, sum, x[0], y[0]);
  for (size_t half = 0; half < 2; ++half) {
    if (a_ != DType::kBF16) {
      sum = b.CreateAdd(sum, multiply_int16_pairs(b, target_.level, x[half], y[half]));
    } else if (target_.has_fma) {
      sum = b.CreateIntrinsic(llvm::Intrinsic::fma, {sum->getType()}, {x[half], y[half], sum});
    } else {
      sum = b.CreateFAdd(sum, b.CreateFMul(x[half], y[half]));
    }
  }
  return sum;
}

Value* WordProducts::load_part(llvm::IRBuilder<>& b, Value* from, Value* count) const {
  const bool pairs = a_ == DType::kBF16;
  if (pairs) return b.CreateZExt(b.CreateAlignedLoad(b.getInt16Ty(), from, llvm::Align(1)), b.getInt32Ty());
  // Where there are fewer, the first byte again, which is in bounds, and nothing of it.
  Value* bits = b.getInt32(0);
  for (uint64_t i = 0; i < 3; ++i) {
    Value* there = b.CreateICmpULT(b.getInt64(i), count);
    Value* at = b.CreateSelect(there, b.getInt64(i), b.getInt64(0));
    Value* byte = b.CreateZExt(b.CreateAlignedLoad(b.getInt8Ty(), b.CreateGEP(b.getInt8Ty(), from, at), llvm::Align(1)), b.getInt32Ty());
    bits = b.CreateOr(bits, b.CreateSelect(there, b.CreateShl(byte, b.getInt32(static_cast<uint32_t>(8 * i))), b.getInt32(0)));
  }
  return bits;
}

}  // namespace sinter::backend
