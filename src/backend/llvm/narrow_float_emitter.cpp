// Casts of f16 and bf16, which are stored and never computed with: instructions where the level has exact ones, else integer arithmetic. (The
// bf16 instructions of AVX-512 flush subnormals, and are not used.)
#include "backend/llvm/scalar_emitter.h"

namespace sinter::backend {
namespace {

using llvm::Value;

llvm::Type* same_lanes(Value* like, llvm::Type* element) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(like->getType());
  return vector ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

Value* number(Value* like, uint64_t value) { return llvm::ConstantInt::get(like->getType(), value); }

/// f32 from the bits of an f16, as i32.
Value* widen_f16(llvm::IRBuilder<>& b, Value* bits) {
  llvm::Type* wide = same_lanes(bits, b.getFloatTy());
  Value* magnitude = b.CreateAnd(bits, number(bits, 0x7fff));
  Value* shifted = b.CreateShl(magnitude, number(bits, 13));
  Value* normal = b.CreateAdd(shifted, number(bits, 112u << 23));
  Value* subnormal = b.CreateBitCast(b.CreateFMul(b.CreateSIToFP(magnitude, wide), llvm::ConstantFP::get(wide, 0x1p-24)), bits->getType());
  Value* quiet = b.CreateSelect(b.CreateICmpUGT(magnitude, number(bits, 0x7c00)), number(bits, 0x400000), number(bits, 0));
  Value* special = b.CreateOr(b.CreateOr(shifted, number(bits, 0x70000000)), quiet);
  Value* value = b.CreateSelect(b.CreateICmpUGE(magnitude, number(bits, 0x400)), normal, subnormal);
  value = b.CreateSelect(b.CreateICmpUGE(magnitude, number(bits, 0x7c00)), special, value);
  return b.CreateBitCast(b.CreateOr(value, b.CreateShl(b.CreateAnd(bits, number(bits, 0x8000)), number(bits, 16))), wide);
}

/// The bits of an f16, as i32, from those of an f32.
Value* narrow_f16(llvm::IRBuilder<>& b, Value* bits) {
  llvm::Type* wide = same_lanes(bits, b.getFloatTy());
  Value* magnitude = b.CreateAnd(bits, number(bits, 0x7fffffff));
  Value* odd = b.CreateAnd(b.CreateLShr(magnitude, number(bits, 13)), number(bits, 1));
  Value* rounded = b.CreateAdd(b.CreateAdd(magnitude, number(bits, 0xfff - (112u << 23))), odd);
  Value* normal = b.CreateLShr(rounded, number(bits, 13));
  // Adding 1/2 rounds to multiples of the smallest subnormal, which then stand in the low bits.
  Value* half = b.CreateFAdd(b.CreateBitCast(magnitude, wide), llvm::ConstantFP::get(wide, 0.5));
  Value* subnormal = b.CreateSub(b.CreateBitCast(half, bits->getType()), number(bits, 0x3f000000));
  Value* nan = b.CreateOr(b.CreateAnd(b.CreateLShr(magnitude, number(bits, 13)), number(bits, 0x3ff)), number(bits, 0x7e00));
  Value* value = b.CreateSelect(b.CreateICmpUGE(magnitude, number(bits, 0x38800000)), normal, subnormal);
  value = b.CreateSelect(b.CreateICmpUGE(magnitude, number(bits, 0x477ff000)), number(bits, 0x7c00), value);
  value = b.CreateSelect(b.CreateICmpUGT(magnitude, number(bits, 0x7f800000)), nan, value);
  return b.CreateOr(value, b.CreateAnd(b.CreateLShr(bits, number(bits, 16)), number(bits, 0x8000)));
}

/// The bits of a bf16, as i32, from those of an f32.
Value* narrow_bf16(llvm::IRBuilder<>& b, Value* bits) {
  Value* high = b.CreateLShr(bits, number(bits, 16));
  Value* rounded = b.CreateLShr(b.CreateAdd(b.CreateAdd(bits, number(bits, 0x7fff)), b.CreateAnd(high, number(bits, 1))), number(bits, 16));
  Value* is_nan = b.CreateICmpUGT(b.CreateAnd(bits, number(bits, 0x7fffffff)), number(bits, 0x7f800000));
  return b.CreateSelect(is_nan, b.CreateOr(high, number(bits, 0x40)), rounded);
}

}  // namespace

/// f32 from f16 or bf16, exactly.
Value* ScalarEmitter::widen(llvm::IRBuilder<>& b, Value* value, DType from) {
  llvm::Type* wide = same_lanes(value, b.getFloatTy());
  if (from == DType::kF16 && target_.has_fma) return b.CreateFPExt(b.CreateBitCast(value, same_lanes(value, b.getHalfTy())), wide);  // conversions came with multiply-add, or before
  Value* bits = b.CreateZExt(value, same_lanes(value, b.getInt32Ty()));
  if (from == DType::kF16) return widen_f16(b, bits);
  Value* is_nan = b.CreateICmpUGT(b.CreateAnd(bits, number(bits, 0x7fff)), number(bits, 0x7f80));
  Value* quiet = b.CreateSelect(is_nan, number(bits, 0x400000), number(bits, 0));
  return b.CreateBitCast(b.CreateOr(b.CreateShl(bits, number(bits, 16)), quiet), wide);
}

/// f16 or bf16 from f32 or f64, rounded once.
Value* ScalarEmitter::narrow(llvm::IRBuilder<>& b, Value* value, DType from, DType to) {
  if (from == DType::kF64) {
    // To f32 with rounding to odd, after which a second rounding is as good as one: towards zero, and an inexact result gets its last bit.
    llvm::Type* single = same_lanes(value, b.getFloatTy());
    Value* nearest = b.CreateFPTrunc(value, single);
    Value* back = b.CreateFPExt(nearest, value->getType());
    Value* bits = b.CreateBitCast(nearest, same_lanes(value, b.getInt32Ty()));
    const auto size = [&](Value* x) { return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); };
    Value* beyond = b.CreateFCmpOGT(size(back), size(value));
    Value* toward = b.CreateSub(bits, b.CreateZExt(beyond, bits->getType()));
    value = b.CreateBitCast(b.CreateOr(toward, b.CreateZExt(b.CreateFCmpONE(back, value), bits->getType())), single);
  }
  llvm::Type* result = same_lanes(value, b.getInt16Ty());
  if (to == DType::kF16 && target_.has_fma) return b.CreateBitCast(b.CreateFPTrunc(value, same_lanes(value, b.getHalfTy())), result);
  Value* bits = b.CreateBitCast(value, same_lanes(value, b.getInt32Ty()));
  Value* narrow = to == DType::kF16 ? narrow_f16(b, bits) : narrow_bf16(b, bits);
  return b.CreateTrunc(narrow, result);
}

}  // namespace sinter::backend
