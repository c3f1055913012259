// Element values: loads, formulas, guards, in one lane or in all lanes of a vector loop.
#include "backend/llvm/kernel_emitter.h"
#include "base/narrow_float.h"

namespace sinter::backend {

using loop::Expression;

llvm::Value* KernelEmitter::spread(Value* value) {
  if (lanes_ == 1 || value->getType()->isVectorTy()) return value;
  return b_.CreateVectorSplat(static_cast<unsigned>(lanes_), value);
}

llvm::Value* KernelEmitter::full_mask() {
  return llvm::Constant::getAllOnesValue(lanes_of(b_.getInt1Ty()));
}

llvm::Value* KernelEmitter::address(int32_t buffer, Value* position) {
  const DType dtype = kernel_.buffers[static_cast<size_t>(buffer)].dtype;
  return b_.CreateInBoundsGEP(memory_type(context_, dtype), buffers_[static_cast<size_t>(buffer)], position);
}

llvm::Value* KernelEmitter::addresses(int32_t buffer, Value* positions) {
  const DType dtype = kernel_.buffers[static_cast<size_t>(buffer)].dtype;
  return b_.CreateGEP(memory_type(context_, dtype), buffers_[static_cast<size_t>(buffer)], positions);
}

llvm::Value* KernelEmitter::expression(const loop::ExpressionRef& e) {
  switch (e->kind) {
    case Expression::Kind::kConstant: {
      llvm::Type* type = register_type(context_, e->dtype);
      if (e->dtype == DType::kF16) return b_.getInt16(to_f16_bits(e->number));
      if (e->dtype == DType::kBF16) return b_.getInt16(to_bf16_bits(e->number));
      if (is_float(e->dtype)) return llvm::ConstantFP::get(type, e->number);
      return llvm::ConstantInt::get(type, static_cast<uint64_t>(e->integer), true);
    }
    case Expression::Kind::kIndex: return varies(e->index) ? per_lane(e->index) : uniform(e->index);
    case Expression::Kind::kLoad: return load(*e);
    case Expression::Kind::kGuarded: return guarded(*e);
    case Expression::Kind::kName: {
      if (const auto found = names_.values.find(e->name); found != names_.values.end()) return found->second;
      const auto variable = names_.variables.find(e->name);
      SINTER_CHECK(variable != names_.variables.end(), "kernel " + kernel_.name + ": unknown name " + e->name);
      return load_variable(variable->second);
    }
    case Expression::Kind::kApply: break;
  }
  std::vector<Value*> arguments;
  bool vector = false;
  for (const loop::ExpressionRef& argument : e->arguments) {
    arguments.push_back(expression(argument));
    vector = vector || arguments.back()->getType()->isVectorTy();
  }
  if (vector)
    for (Value*& argument : arguments) argument = spread(argument);
  const DType operand = e->arguments.back()->dtype;
  if (e->op == ScalarOp::kCast) return scalars_.cast(b_, arguments[0], operand, e->dtype);
  if (e->op == ScalarOp::kBitcast) {
    llvm::Type* type = register_type(context_, e->dtype);
    return b_.CreateBitCast(arguments[0], vector ? lanes_of(type) : type);
  }
  return scalars_.emit(b_, e->op, arguments, operand);
}

llvm::Value* KernelEmitter::load(const Expression& e) {
  const DType dtype = kernel_.buffers[static_cast<size_t>(e.buffer)].dtype;
  llvm::Type* element = memory_type(context_, dtype);
  const llvm::Align align(size_in_bytes(dtype));
  const auto to_register = [&](Value* value) {
    return dtype == DType::kBool ? b_.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType())) : value;
  };
  const IndexValue at = index(linear(e.buffer, e.indices));
  const bool same_in_all = !at.lanes && !at.stride;
  if (lanes_ == 1 || (same_in_all && !maybe_no_lane_)) {
    return to_register(b_.CreateAlignedLoad(element, address(e.buffer, at.base), align));
  }
  llvm::Type* vector = lanes_of(element);
  Value* zero = llvm::Constant::getNullValue(vector);
  if (at.stride && llvm::isa<llvm::ConstantInt>(at.stride) && llvm::cast<llvm::ConstantInt>(at.stride)->isOne()) {
    Value* first = address(e.buffer, at.base);
    return to_register(mask_ ? static_cast<Value*>(b_.CreateMaskedLoad(vector, first, align, mask_, zero)) : b_.CreateAlignedLoad(vector, first, align));
  }
  Value* positions = at.lanes;
  if (!positions) {
    positions = b_.CreateVectorSplat(static_cast<unsigned>(lanes_), at.base);
    if (at.stride) positions = b_.CreateAdd(positions, b_.CreateMul(b_.CreateVectorSplat(static_cast<unsigned>(lanes_), at.stride), lane_numbers()));
  }
  return to_register(b_.CreateMaskedGather(vector, addresses(e.buffer, positions), align, mask_ ? mask_ : full_mask(), zero));
}

llvm::Value* KernelEmitter::holds(const loop::Range& range) {
  const bool lanes = varies(range.value) || varies(range.lower) || varies(range.upper);
  Value* value = evaluate(range.value, lanes);
  const auto at_least = [&](Value* x, const Dim& bound) { return b_.CreateICmpSGE(x, evaluate(bound, lanes)); };
  if (range.lower == Dim(0) && range.value.lower_bound().value_or(-1) >= 0) return b_.CreateNot(at_least(value, range.upper));
  return b_.CreateAnd(at_least(value, range.lower), b_.CreateNot(at_least(value, range.upper)));
}

llvm::Value* KernelEmitter::guarded(const Expression& e) {
  Value* condition = nullptr;
  for (const loop::Range& range : e.ranges) {
    Value* one = holds(range);
    if (condition && condition->getType() != one->getType()) condition = spread(condition), one = spread(one);
    condition = condition ? b_.CreateAnd(condition, one) : one;
  }
  if (!condition->getType()->isVectorTy()) {  // the same side in all lanes: branch
    llvm::BasicBlock* sides[2] = {llvm::BasicBlock::Create(context_, "then", function_), llvm::BasicBlock::Create(context_, "else", function_)};
    llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "guarded", function_);
    b_.CreateCondBr(condition, sides[0], sides[1]);
    Value* values[2];
    llvm::BasicBlock* ends[2];
    for (int side = 0; side < 2; ++side) {
      b_.SetInsertPoint(sides[side]);
      values[side] = spread(expression(e.arguments[static_cast<size_t>(side)]));
      ends[side] = b_.GetInsertBlock();
      b_.CreateBr(after);
    }
    b_.SetInsertPoint(after);
    llvm::PHINode* phi = b_.CreatePHI(values[0]->getType(), 2);
    for (int side = 0; side < 2; ++side) phi->addIncoming(values[side], ends[side]);
    return phi;
  }
  Value* outer_mask = mask_;
  const bool outer_maybe = maybe_no_lane_;
  Value* values[2];
  for (int side = 0; side < 2; ++side) {
    Value* inner = side == 0 ? condition : b_.CreateNot(condition);
    mask_ = outer_mask ? b_.CreateAnd(outer_mask, inner) : inner;
    maybe_no_lane_ = true;
    values[side] = spread(expression(e.arguments[static_cast<size_t>(side)]));
  }
  mask_ = outer_mask;
  maybe_no_lane_ = outer_maybe;
  return b_.CreateSelect(condition, values[0], values[1]);
}

}  // namespace sinter::backend
