// maximum and minimum of floats (docs/decisions/004-numbers.md: NaN when either is, -0 < +0) in few instructions. What LLVM makes of its own
// intrinsics for them, a choice of the operands' order by sign and two blends, is twice as long and one chain.
#include "backend/llvm/scalar_emitter.h"
#include "backend/llvm/targets/x86.h"

namespace sinter::backend {
namespace {

using llvm::Value;

unsigned bits_of(llvm::Type* type) { return static_cast<unsigned>(type->getPrimitiveSizeInBits().getFixedValue()); }

/// The larger or smaller, zeros by their signs too, by an instruction that knows these; numbers win over NaNs.
Value* ordered(llvm::IRBuilder<>& b, bool maximum, Value* x, Value* y) {
  llvm::Type* type = x->getType();
  const bool single = type->getScalarType()->isFloatTy();
  if (!type->isVectorTy()) {
    llvm::Type* wide = llvm::FixedVectorType::get(type, single ? 4 : 2);
    const auto widened = [&](Value* v) { return b.CreateInsertElement(llvm::PoisonValue::get(wide), v, uint64_t{0}); };
    return b.CreateExtractElement(ordered(b, maximum, widened(x), widened(y)), uint64_t{0});
  }
  const unsigned lanes = llvm::cast<llvm::FixedVectorType>(type)->getNumElements();
  llvm::Type* mask = b.getIntNTy(std::max(lanes, 8U));
  std::vector<Value*> arguments{x, y, b.getInt32(maximum ? kRangeMaximum : kRangeMinimum), x, llvm::Constant::getAllOnesValue(mask)};
  if (bits_of(type) == 512) arguments.push_back(b.getInt32(kCurrentRounding));
  std::vector<llvm::Type*> types;
  for (Value* argument : arguments) types.push_back(argument->getType());
  llvm::Module& module = *b.GetInsertBlock()->getModule();
  const std::string symbol = std::string(kRange) + (single ? "ps." : "pd.") + std::to_string(bits_of(type));
  return b.CreateCall(module.getOrInsertFunction(symbol, llvm::FunctionType::get(type, types, false)), arguments);
}

bool has_ordered(llvm::Type* type) {
  if (!type->isVectorTy()) return true;
  const unsigned bits = bits_of(type);
  return bits == 128 || bits == 256 || bits == 512;
}

}  // namespace

Value* ScalarEmitter::extreme(llvm::IRBuilder<>& b, ScalarOp op, Value* x, Value* y) {
  const bool maximum = op == ScalarOp::kMaximum;
  llvm::Type* type = x->getType();
  if (llvm::isa<llvm::Constant>(x) || llvm::isa<llvm::Constant>(y))  // whose sign and number are known: LLVM orders the operands by them
    return b.CreateBinaryIntrinsic(maximum ? llvm::Intrinsic::maximum : llvm::Intrinsic::minimum, x, y);
  if (level_ >= TargetLevel::kV4 && has_ordered(type)) {
    Value* sum = b.CreateFAdd(x, y);  // a NaN where either is
    return b.CreateSelect(b.CreateFCmpUNO(x, y), sum, ordered(b, maximum, x, y));
  }
  // x86's own maximum gives its second operand where one is NaN or both are zeros: so both orders of the operands are taken.
  llvm::Type* integer = b.getIntNTy(type->getScalarSizeInBits());
  if (const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type)) integer = llvm::FixedVectorType::get(integer, vector->getNumElements());
  const auto bits = [&](Value* first, Value* second) {
    Value* holds = maximum ? b.CreateFCmpOGT(first, second) : b.CreateFCmpOLT(first, second);
    return b.CreateBitCast(b.CreateSelect(holds, first, second), integer);
  };
  Value *one = bits(x, y), *other = bits(y, x);
  // Of zeros the signs decide. All bits of a NaN's exponent are set, and with it in the `or` they stay so; an `and` needs to be told.
  Value* result = maximum ? b.CreateOr(b.CreateAnd(one, other), b.CreateSExt(b.CreateFCmpUNO(x, y), integer)) : b.CreateOr(one, other);
  return b.CreateBitCast(result, type);
}

}  // namespace sinter::backend
