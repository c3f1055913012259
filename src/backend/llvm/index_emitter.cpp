// Integer quantities of a kernel: Dims as scalar arithmetic, as base + lane * stride, or per lane.
#include "backend/llvm/kernel_emitter.h"

namespace sinter::backend {

bool KernelEmitter::varies(const Dim& dim) const {
  if (lanes_ == 1 || dim.is_constant()) return false;
  std::set<std::string> symbols;
  dim.collect_symbols(symbols);
  for (const std::string& symbol : symbols) {
    if (symbol == vector_variable_) return true;
    const auto found = names_.symbols.find(symbol);
    if (found != names_.symbols.end() && found->second->getType()->isVectorTy()) return true;
  }
  return false;
}

llvm::Value* KernelEmitter::lane_numbers() {
  std::vector<uint64_t> numbers;
  for (int i = 0; i < lanes_; ++i) numbers.push_back(static_cast<uint64_t>(i));
  return llvm::ConstantDataVector::get(context_, numbers);
}

llvm::Value* KernelEmitter::atom(const DimAtom& atom, bool lanes) {
  if (atom.kind == DimAtom::Kind::kSymbol) {
    if (lanes_ > 1 && atom.symbol == vector_variable_)
      return b_.CreateAdd(b_.CreateVectorSplat(static_cast<unsigned>(lanes_), vector_base_), lane_numbers());
    const auto found = names_.symbols.find(atom.symbol);
    SINTER_CHECK(found != names_.symbols.end(), "kernel " + kernel_.name + ": unknown symbol " + atom.symbol);
    Value* value = found->second;
    return lanes && !value->getType()->isVectorTy() ? b_.CreateVectorSplat(static_cast<unsigned>(lanes_), value) : value;
  }
  Value* left = evaluate(atom.args[0], lanes);
  Value* right = evaluate(atom.args[1], lanes);
  switch (atom.kind) {
    case DimAtom::Kind::kMin: return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, left, right);
    case DimAtom::Kind::kMax: return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, left, right);
    default: break;
  }
  const bool divides = atom.kind == DimAtom::Kind::kFloorDiv;
  const auto lowest = [](const Dim& dim) { return dim.lower_bound().value_or(-1); };
  // Both sides of a guard are computed in all lanes, and the one that is not taken may divide by the size of an empty axis: that must not trap.
  if (lowest(atom.args[1]) < 1) {
    Value* zero = llvm::Constant::getNullValue(right->getType());
    right = b_.CreateSelect(b_.CreateICmpEQ(right, zero), llvm::ConstantInt::get(right->getType(), 1), right);
  }
  if (lowest(atom.args[0]) >= 0 && lowest(atom.args[1]) >= 0) return divides ? b_.CreateUDiv(left, right) : b_.CreateURem(left, right);
  // Floor semantics from truncating division: step down when the remainder's sign differs from the divisor's.
  Value* remainder = b_.CreateSRem(left, right);
  Value* zero = llvm::Constant::getNullValue(remainder->getType());
  Value* fix = b_.CreateAnd(b_.CreateICmpNE(remainder, zero), b_.CreateICmpSLT(b_.CreateXor(remainder, right), zero));
  if (divides) return b_.CreateSub(b_.CreateSDiv(left, right), b_.CreateZExt(fix, remainder->getType()));
  return b_.CreateSelect(fix, b_.CreateAdd(remainder, right), remainder);
}

llvm::Value* KernelEmitter::evaluate(const Dim& dim, bool lanes) {
  const auto number = [&](int64_t value) -> Value* {
    return lanes ? b_.CreateVectorSplat(static_cast<unsigned>(lanes_), i64(value)) : static_cast<Value*>(i64(value));
  };
  Value* sum = nullptr;
  for (const DimTerm& term : dim.terms()) {
    Value* product = nullptr;
    for (const DimAtom& factor : term.factors) {
      Value* value = atom(factor, lanes);
      product = product ? b_.CreateMul(product, value) : value;
    }
    if (!product) {
      product = number(term.coefficient);
    } else if (term.coefficient == -1 && sum) {
      sum = b_.CreateSub(sum, product);
      continue;
    } else if (term.coefficient != 1) {
      product = b_.CreateMul(product, number(term.coefficient));
    }
    sum = sum ? b_.CreateAdd(sum, product) : product;
  }
  return sum ? sum : number(0);
}

llvm::Value* KernelEmitter::uniform(const Dim& dim) {
  SINTER_CHECK(!varies(dim), "kernel " + kernel_.name + ": " + dim.to_string() + " must not differ between lanes");
  return evaluate(dim, false);
}

llvm::Value* KernelEmitter::per_lane(const Dim& dim) { return evaluate(dim, true); }

/// Splits what is linear in the vector variable, coefficient by coefficient, from what is the same in all lanes.
KernelEmitter::IndexValue KernelEmitter::index(const Dim& dim) {
  if (!varies(dim)) return {evaluate(dim, false), nullptr, nullptr};
  Dim rest = 0, stride = 0;
  for (const DimTerm& term : dim.terms()) {
    Dim product = term.coefficient, others = term.coefficient;
    int variable_factors = 0;
    bool linear_term = true;
    for (const DimAtom& factor : term.factors) {
      Dim value = 0;
      switch (factor.kind) {
        case DimAtom::Kind::kSymbol: value = Dim::symbol(factor.symbol); break;
        case DimAtom::Kind::kFloorDiv: value = floor_div(factor.args[0], factor.args[1]); break;
        case DimAtom::Kind::kMod: value = mod(factor.args[0], factor.args[1]); break;
        case DimAtom::Kind::kMin: value = min(factor.args[0], factor.args[1]); break;
        case DimAtom::Kind::kMax: value = max(factor.args[0], factor.args[1]); break;
      }
      product = product * value;
      if (factor.kind == DimAtom::Kind::kSymbol && factor.symbol == vector_variable_) {
        ++variable_factors;
      } else {
        linear_term = linear_term && !varies(value);
        others = others * value;
      }
    }
    if (variable_factors == 1 && linear_term) {
      stride = stride + others;
    } else if (variable_factors == 0 && linear_term) {
      rest = rest + product;
    } else {
      return {nullptr, nullptr, per_lane(dim)};
    }
  }
  Value* step = evaluate(stride, false);
  return {b_.CreateAdd(evaluate(rest, false), b_.CreateMul(step, vector_base_)), step, nullptr};
}

Dim KernelEmitter::linear(int32_t buffer, const std::vector<Dim>& indices) const {
  const Shape& shape = kernel_.buffers[static_cast<size_t>(buffer)].shape;
  Dim position = 0;
  for (size_t axis = 0; axis < indices.size(); ++axis) position = position * shape[axis] + indices[axis];
  return position;
}

}  // namespace sinter::backend
