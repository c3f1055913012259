#include "backend/llvm/scalar_emitter.h"

#include <llvm/IR/Intrinsics.h>

#include "backend/simd/bitcode.h"

namespace sinter::backend {
namespace {

using llvm::Intrinsic::ID;
using llvm::Value;

unsigned lanes_of(llvm::Type* type) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector ? vector->getNumElements() : 1;
}

llvm::Type* with_lanes(llvm::Type* element, unsigned lanes) { return lanes == 1 ? element : llvm::FixedVectorType::get(element, lanes); }

/// A plain unary intrinsic of the same name, or 0.
ID unary_intrinsic(ScalarOp op) {
  switch (op) {
    case ScalarOp::kAbs: return llvm::Intrinsic::fabs;
    case ScalarOp::kFloor: return llvm::Intrinsic::floor;
    case ScalarOp::kCeil: return llvm::Intrinsic::ceil;
    case ScalarOp::kTrunc: return llvm::Intrinsic::trunc;
    case ScalarOp::kRound: return llvm::Intrinsic::roundeven;
    case ScalarOp::kSqrt: return llvm::Intrinsic::sqrt;
    default: return llvm::Intrinsic::not_intrinsic;
  }
}

bool is_splat_constant(Value* value) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(value);
  return constant && constant->getSplatValue();
}

/// What `make` makes of the arguments of each lane.
template <class Make> Value* lane_by_lane(llvm::IRBuilder<>& b, std::span<Value* const> arguments, const Make& make) {
  Value* result = nullptr;
  const unsigned lanes = lanes_of(arguments[0]->getType());
  for (unsigned i = 0; i < lanes; ++i) {
    std::vector<Value*> lane;
    for (Value* value : arguments) lane.push_back(b.CreateExtractElement(value, i));
    Value* one = make(lane);
    if (!result) result = llvm::PoisonValue::get(with_lanes(one->getType(), lanes));
    result = b.CreateInsertElement(result, one, i);
  }
  return result;
}

bool is_comparison(ScalarOp op) { return op >= ScalarOp::kEqual && op <= ScalarOp::kGreaterEqual; }

}  // namespace

llvm::Type* register_type(llvm::LLVMContext& context, DType dtype) {
  switch (dtype) {
    case DType::kF64: return llvm::Type::getDoubleTy(context);
    case DType::kF32: return llvm::Type::getFloatTy(context);
    case DType::kF16:
    case DType::kBF16: return llvm::Type::getInt16Ty(context);  // their bits: nothing is computed with them
    case DType::kBool: return llvm::Type::getInt1Ty(context);
    default: return llvm::Type::getIntNTy(context, static_cast<unsigned>(size_in_bytes(dtype)) * 8);
  }
}

llvm::Type* memory_type(llvm::LLVMContext& context, DType dtype) {
  return dtype == DType::kBool ? llvm::Type::getInt8Ty(context) : register_type(context, dtype);
}

Value* ScalarEmitter::emit(llvm::IRBuilder<>& b, ScalarOp op, std::span<Value* const> a, DType dtype) {
  if (op == ScalarOp::kSelect) return b.CreateSelect(a[0], a[1], a[2]);
  if (op == ScalarOp::kRandomBits) return random_bits(b, a);
  if (is_comparison(op)) return compare(b, op, a[0], a[1], dtype);
  return is_float(dtype) ? float_op(b, op, a, dtype) : integer_op(b, op, a, dtype);
}

Value* ScalarEmitter::compare(llvm::IRBuilder<>& b, ScalarOp op, Value* x, Value* y, DType dtype) {
  using P = llvm::CmpInst;
  if (is_float(dtype)) {
    switch (op) {
      case ScalarOp::kEqual: return b.CreateFCmp(P::FCMP_OEQ, x, y);
      case ScalarOp::kNotEqual: return b.CreateFCmp(P::FCMP_UNE, x, y);
      case ScalarOp::kLess: return b.CreateFCmp(P::FCMP_OLT, x, y);
      case ScalarOp::kLessEqual: return b.CreateFCmp(P::FCMP_OLE, x, y);
      case ScalarOp::kGreater: return b.CreateFCmp(P::FCMP_OGT, x, y);
      default: return b.CreateFCmp(P::FCMP_OGE, x, y);
    }
  }
  const bool s = is_signed_integer(dtype);  // bool compares as unsigned: false < true
  switch (op) {
    case ScalarOp::kEqual: return b.CreateICmpEQ(x, y);
    case ScalarOp::kNotEqual: return b.CreateICmpNE(x, y);
    case ScalarOp::kLess: return b.CreateICmp(s ? P::ICMP_SLT : P::ICMP_ULT, x, y);
    case ScalarOp::kLessEqual: return b.CreateICmp(s ? P::ICMP_SLE : P::ICMP_ULE, x, y);
    case ScalarOp::kGreater: return b.CreateICmp(s ? P::ICMP_SGT : P::ICMP_UGT, x, y);
    default: return b.CreateICmp(s ? P::ICMP_SGE : P::ICMP_UGE, x, y);
  }
}

Value* ScalarEmitter::float_op(llvm::IRBuilder<>& b, ScalarOp op, std::span<Value* const> a, DType dtype) {
  llvm::Type* type = a[0]->getType();
  const auto number = [&](double value) { return llvm::ConstantFP::get(type, value); };
  switch (op) {
    case ScalarOp::kAdd: return b.CreateFAdd(a[0], a[1]);
    case ScalarOp::kSubtract: return b.CreateFSub(a[0], a[1]);
    case ScalarOp::kMultiply: return b.CreateFMul(a[0], a[1]);
    case ScalarOp::kDivide: return b.CreateFDiv(a[0], a[1]);
    case ScalarOp::kNegate: return b.CreateFNeg(a[0]);
    case ScalarOp::kMaximum:
    case ScalarOp::kMinimum: return extreme(b, op, a[0], a[1]);
    case ScalarOp::kFma:
      if (target_.has_fma) return b.CreateIntrinsic(llvm::Intrinsic::fma, {type}, {a[0], a[1], a[2]});
      return routine_per_lane(b, op, a, dtype);
    case ScalarOp::kSign: {
      Value* zero = number(0);
      Value* negative = b.CreateSelect(b.CreateFCmpOLT(a[0], zero), number(-1), a[0]);
      return b.CreateSelect(b.CreateFCmpOGT(a[0], zero), number(1), negative);
    }
    case ScalarOp::kIsNan: return b.CreateFCmpUNO(a[0], a[0]);
    case ScalarOp::kIsFinite:
      return b.CreateFCmpOLT(b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, a[0]), llvm::ConstantFP::getInfinity(type));
    default: break;
  }
  if (const ID intrinsic = unary_intrinsic(op); intrinsic != llvm::Intrinsic::not_intrinsic) return b.CreateUnaryIntrinsic(intrinsic, a[0]);
  return math_call(b, op, a, dtype);
}

Value* ScalarEmitter::integer_op(llvm::IRBuilder<>& b, ScalarOp op, std::span<Value* const> a, DType dtype) {
  llvm::Type* type = a[0]->getType();
  const bool s = is_signed_integer(dtype), is_bool = dtype == DType::kBool;
  const unsigned bits = type->getScalarSizeInBits();
  const auto number = [&](uint64_t value) -> llvm::Constant* { return llvm::ConstantInt::get(type, value); };
  // x / 0 = 0, MIN / -1 = MIN. Lane by lane, as the machine divides anyway: LLVM 19 takes a vector with one zero lane for an undefined divisor even where
  // a select per lane keeps that lane out of it.
  const auto divide = [&]() -> Value* {
    Value* zero_divisor = b.CreateICmpEQ(a[1], number(0));
    Value* unsafe = zero_divisor;
    if (s) {
      llvm::Constant* lowest = llvm::ConstantInt::get(type, llvm::APInt::getSignedMinValue(bits));
      unsafe = b.CreateOr(unsafe, b.CreateAnd(b.CreateICmpEQ(a[0], lowest), b.CreateICmpEQ(a[1], llvm::Constant::getAllOnesValue(type))));
    }
    Value* divisor = b.CreateSelect(unsafe, number(1), a[1]);
    return b.CreateSelect(zero_divisor, number(0), s ? b.CreateSDiv(a[0], divisor) : b.CreateUDiv(a[0], divisor));
  };
  const bool divides = op == ScalarOp::kDivide || op == ScalarOp::kRemainder;
  if (divides && type->isVectorTy() && !is_splat_constant(a[1]))
    return lane_by_lane(b, a, [&](std::span<Value* const> lane) { return integer_op(b, op, lane, dtype); });
  switch (op) {
    case ScalarOp::kAdd: return is_bool ? b.CreateOr(a[0], a[1]) : b.CreateAdd(a[0], a[1]);
    case ScalarOp::kSubtract: return b.CreateSub(a[0], a[1]);
    case ScalarOp::kMultiply: return is_bool ? b.CreateAnd(a[0], a[1]) : b.CreateMul(a[0], a[1]);
    case ScalarOp::kDivide: return divide();
    case ScalarOp::kRemainder: return b.CreateSelect(b.CreateICmpEQ(a[1], number(0)), number(0), b.CreateSub(a[0], b.CreateMul(a[1], divide())));
    case ScalarOp::kMaximum: return is_bool ? b.CreateOr(a[0], a[1]) : b.CreateBinaryIntrinsic(s ? llvm::Intrinsic::smax : llvm::Intrinsic::umax, a[0], a[1]);
    case ScalarOp::kMinimum: return is_bool ? b.CreateAnd(a[0], a[1]) : b.CreateBinaryIntrinsic(s ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, a[0], a[1]);
    case ScalarOp::kNegate: return b.CreateNeg(a[0]);
    case ScalarOp::kAbs: return s ? b.CreateBinaryIntrinsic(llvm::Intrinsic::abs, a[0], b.getFalse()) : a[0];
    case ScalarOp::kSign: {
      Value* positive = b.CreateZExt(s ? b.CreateICmpSGT(a[0], number(0)) : b.CreateICmpNE(a[0], number(0)), type);
      return s ? b.CreateSelect(b.CreateICmpSLT(a[0], number(0)), llvm::Constant::getAllOnesValue(type), positive) : positive;
    }
    case ScalarOp::kAnd: return b.CreateAnd(a[0], a[1]);
    case ScalarOp::kOr: return b.CreateOr(a[0], a[1]);
    case ScalarOp::kXor: return b.CreateXor(a[0], a[1]);
    case ScalarOp::kNot: return b.CreateNot(a[0]);
    case ScalarOp::kShiftLeft:
    case ScalarOp::kShiftRight: {
      Value* fits = b.CreateICmpULT(a[1], number(bits));
      Value* amount = b.CreateSelect(fits, a[1], number(bits - 1));
      if (op == ScalarOp::kShiftRight && s) return b.CreateAShr(a[0], amount);
      Value* shifted = op == ScalarOp::kShiftLeft ? b.CreateShl(a[0], amount) : b.CreateLShr(a[0], amount);
      return b.CreateSelect(fits, shifted, number(0));
    }
    default: return routine_per_lane(b, op, a, dtype);
  }
}

Value* ScalarEmitter::cast(llvm::IRBuilder<>& b, Value* value, DType from, DType to) {
  if (from == to) return value;
  if (is_narrow(from)) return cast(b, widen(b, value, from), DType::kF32, to);
  if (is_narrow(to)) {
    if (is_float(from)) return narrow(b, value, from, to);
    const DType exact = size_in_bytes(from) <= 2 ? DType::kF32 : DType::kF64;
    return narrow(b, cast(b, value, from, exact), exact, to);
  }
  llvm::Type* type = with_lanes(register_type(module_.getContext(), to), lanes_of(value->getType()));
  const bool from_signed = is_signed_integer(from);
  if (to == DType::kBool)
    return is_float(from) ? b.CreateFCmpUNE(value, llvm::Constant::getNullValue(value->getType()))
                          : b.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType()));
  if (is_float(from)) {
    if (is_float(to)) return size_in_bytes(to) > size_in_bytes(from) ? b.CreateFPExt(value, type) : b.CreateFPTrunc(value, type);
    const ID intrinsic = is_signed_integer(to) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat;
    return b.CreateIntrinsic(intrinsic, {type, value->getType()}, {value});
  }
  if (is_float(to)) return from_signed ? b.CreateSIToFP(value, type) : b.CreateUIToFP(value, type);
  return b.CreateIntCast(value, type, from_signed);
}

llvm::Constant* ScalarEmitter::identity(ScalarOp op, llvm::Type* type, DType dtype) {
  const unsigned bits = type->getScalarSizeInBits();
  const bool floating = is_float(dtype), s = is_signed_integer(dtype);
  switch (op) {
    case ScalarOp::kMultiply: return floating ? llvm::ConstantFP::get(type, 1.0) : llvm::ConstantInt::get(type, 1);
    case ScalarOp::kMaximum:
      if (floating) return llvm::ConstantFP::getInfinity(type, true);
      return llvm::ConstantInt::get(type, s ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getMinValue(bits));
    case ScalarOp::kMinimum:
      if (floating) return llvm::ConstantFP::getInfinity(type);
      return llvm::ConstantInt::get(type, s ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits));
    case ScalarOp::kAnd: return llvm::Constant::getAllOnesValue(type);
    default: return llvm::Constant::getNullValue(type);  // add: +0, which differs from -0 only where a sum of -0s alone is asked for
  }
}

Value* ScalarEmitter::combine_lanes(llvm::IRBuilder<>& b, ScalarOp op, Value* vector, DType dtype) {
  for (unsigned lanes = lanes_of(vector->getType()); lanes > 1; lanes /= 2) {
    llvm::SmallVector<int, 32> low, high;
    for (unsigned i = 0; i < lanes / 2; ++i) low.push_back(static_cast<int>(i)), high.push_back(static_cast<int>(i + lanes / 2));
    Value* pair[] = {b.CreateShuffleVector(vector, low), b.CreateShuffleVector(vector, high)};
    vector = emit(b, op, pair, dtype);
  }
  return b.CreateExtractElement(vector, uint64_t{0});
}

Value* ScalarEmitter::math_call(llvm::IRBuilder<>& b, ScalarOp op, std::span<Value* const> a, DType dtype) {
  llvm::Type* type = a[0]->getType();
  const unsigned lanes = lanes_of(type);
  const auto native = static_cast<unsigned>(target_.lanes(static_cast<int>(size_in_bytes(dtype))));
  const auto symbol = simd::math_symbol(op, dtype, static_cast<int>(lanes == 1 ? 1 : native));
  if (!symbol) return routine_per_lane(b, op, a, dtype);
  if (lanes == 1 || lanes == native) return library_call(b, *symbol, a, type);
  // Registers at a time; a part of a register is padded with copies of its first lane.
  Value* result = llvm::PoisonValue::get(type);
  llvm::SmallVector<int, 64> all(lanes);
  std::vector<Value*> parts;
  for (unsigned first = 0; first < lanes; first += native) {
    llvm::SmallVector<int, 64> pick;
    for (unsigned i = 0; i < native; ++i) pick.push_back(static_cast<int>(first + i < lanes ? first + i : first));
    std::vector<Value*> arguments;
    for (Value* value : a) arguments.push_back(b.CreateShuffleVector(value, pick));
    Value* part = library_call(b, *symbol, arguments, with_lanes(type->getScalarType(), native));
    for (unsigned i = 0; i < native && first + i < lanes; ++i)
      result = b.CreateInsertElement(result, b.CreateExtractElement(part, i), first + i);
  }
  return result;
}

Value* ScalarEmitter::library_call(llvm::IRBuilder<>& b, const std::string& symbol, std::span<Value* const> a, llvm::Type* result) {
  std::vector<llvm::Type*> types;
  for (Value* value : a) types.push_back(value->getType());
  uses_math_ = true;
  return b.CreateCall(module_.getOrInsertFunction(symbol, llvm::FunctionType::get(result, types, false)), {a.data(), a.size()});
}

/// A routine of runtime/kernel per element: sinter_<op>_<dtype>.
Value* ScalarEmitter::routine_per_lane(llvm::IRBuilder<>& b, ScalarOp op, std::span<Value* const> a, DType dtype) {
  llvm::Type* type = a[0]->getType();
  const std::vector<llvm::Type*> types(a.size(), type->getScalarType());
  const std::string symbol = "sinter_" + std::string(name(op)) + "_" + std::string(name(dtype));
  llvm::FunctionCallee callee = module_.getOrInsertFunction(symbol, llvm::FunctionType::get(type->getScalarType(), types, false));
  if (auto* function = llvm::dyn_cast<llvm::Function>(callee.getCallee())) {
    function->setDoesNotThrow();
    function->setDoesNotAccessMemory();
    function->addFnAttr(llvm::Attribute::WillReturn);
  }
  const auto call = [&](std::span<Value* const> lane) { return b.CreateCall(callee, {lane.data(), lane.size()}); };
  return type->isVectorTy() ? lane_by_lane(b, a, call) : call(a);
}

Value* ScalarEmitter::random_bits(llvm::IRBuilder<>& b, std::span<Value* const> a) {
  const unsigned lanes = lanes_of(a[3]->getType());
  const auto scalar = [&](Value* value) { return value->getType()->isVectorTy() ? b.CreateExtractElement(value, uint64_t{0}) : value; };
  Value* key[] = {scalar(a[0]), scalar(a[1]), scalar(a[2])};
  const auto native = static_cast<unsigned>(target_.lanes(4));
  const auto call = [&](Value* index, unsigned width) {
    Value* arguments[] = {key[0], key[1], key[2], index};
    return library_call(b, simd::math_symbol(ScalarOp::kRandomBits, DType::kU32, static_cast<int>(width)).value(), arguments,
                        with_lanes(b.getInt32Ty(), width));
  };
  if (lanes == 1 || lanes == native) return call(a[3], lanes);
  Value* result = llvm::PoisonValue::get(with_lanes(b.getInt32Ty(), lanes));
  for (unsigned i = 0; i < lanes; ++i) result = b.CreateInsertElement(result, call(b.CreateExtractElement(a[3], i), 1), i);
  return result;
}

}  // namespace sinter::backend
