#include "backend/llvm/measuring_emitter.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

#include <functional>
#include <vector>

#include "backend/llvm/targets/x86_products.h"

namespace sinter::backend {
namespace {

using llvm::Value;

// Independent chains: enough for latency times throughput of the multiply-add units of any processor so far (4 cycles by 2), and with their factor no spill
// with 16 registers.
constexpr size_t kChains = 12;
// A product and a sum may each have units of their own: as many chains of either, independent of the other, so that all units stay busy.
constexpr size_t kSplitChains = 7;
constexpr int kRounds = 4;     // of all chains per iteration, so that the loop itself costs nothing
constexpr size_t kReads = 8;   // vectors per step, each with a sum of its own: two for one sum would be taken together, out of order

/// A function with one loop that carries vectors: for i in 0 .. end, step `step`.
class LoopFunction {
 public:
  LoopFunction(llvm::Module& module, llvm::FixedVectorType* of, const std::string& name, std::vector<llvm::Type*> parameters)
      : b(module.getContext()), vector(of) {
    function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), parameters, false), llvm::Function::ExternalLinkage, name, module);
    function->setDoesNotThrow();
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function));
  }

  template <class Step> std::vector<Value*> loop(Value* end, int64_t step, std::vector<Value*> carried, const Step& write) {
    llvm::BasicBlock* before = b.GetInsertBlock();
    llvm::BasicBlock* inside = llvm::BasicBlock::Create(b.getContext(), "loop", function);
    llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "after", function);
    b.CreateBr(inside);
    b.SetInsertPoint(inside);
    llvm::PHINode* i = b.CreatePHI(b.getInt64Ty(), 2);
    i->addIncoming(b.getInt64(0), before);
    std::vector<llvm::PHINode*> phis;
    for (Value* value : carried) {
      phis.push_back(b.CreatePHI(vector, 2));
      phis.back()->addIncoming(value, before);
    }
    const std::vector<Value*> next = write(i, std::vector<Value*>(phis.begin(), phis.end()));
    Value* i_next = b.CreateAdd(i, b.getInt64(static_cast<uint64_t>(step)));
    i->addIncoming(i_next, inside);
    for (size_t p = 0; p < phis.size(); ++p) phis[p]->addIncoming(next[p], inside);
    b.CreateCondBr(b.CreateICmpSLT(i_next, end), inside, after);
    b.SetInsertPoint(after);
    return next;
  }

  /// Keeps the values from being optimised away.
  void finish(const std::vector<Value*>& values, Value* sink) {
    if (!values.empty()) {
      Value* sum = values[0];
      for (size_t i = 1; i < values.size(); ++i) sum = vector->getElementType()->isIntegerTy() ? b.CreateAdd(sum, values[i]) : b.CreateFAdd(sum, values[i]);
      b.CreateAlignedStore(sum, sink, llvm::Align(4));
    }
    b.CreateRetVoid();
  }

  llvm::IRBuilder<> b;
  llvm::FixedVectorType* vector;
  llvm::Function* function;
};

/// Sum, factor: the sum with a product added.
using Step = std::function<Value*(llvm::IRBuilder<>&, Value* sum, Value* x)>;

/// One function of chains that each repeat `steps[chain]`.
void emit_chains(llvm::Module& module, llvm::FixedVectorType* vector, const std::string& symbol, const std::vector<Step>& steps) {
  llvm::LLVMContext& context = module.getContext();
  LoopFunction f(module, vector, symbol, {llvm::PointerType::getUnqual(context), llvm::Type::getInt64Ty(context)});
  // Factors from memory, so that nothing is known of them.
  Value* x = f.b.CreateAlignedLoad(f.vector, f.function->getArg(0), llvm::Align(4));
  const bool integer = vector->getElementType()->isIntegerTy();
  std::vector<Value*> chains;
  for (size_t i = 0; i < steps.size(); ++i) {
    chains.push_back(integer ? f.b.CreateAdd(x, llvm::ConstantInt::get(f.vector, i)) : f.b.CreateFAdd(x, llvm::ConstantFP::get(f.vector, static_cast<double>(i))));
  }
  chains = f.loop(f.function->getArg(1), 1, chains, [&](Value*, std::vector<Value*> sums) {
    for (int round = 0; round < kRounds; ++round)
      for (size_t i = 0; i < sums.size(); ++i) sums[i] = steps[i](f.b, sums[i], x);
    return sums;
  });
  f.finish(chains, f.function->getArg(0));
}

/// The result is the operations of one iteration.
double emit_multiply_add(llvm::Module& module, TargetLevel level, Arithmetic arithmetic) {
  const Target target = target_of(level);
  llvm::LLVMContext& context = module.getContext();
  const auto vector_of = [&](llvm::Type* element, int bytes) { return llvm::FixedVectorType::get(element, static_cast<unsigned>(target.lanes(bytes))); };
  const std::string symbol = multiply_add_symbol(arithmetic);
  const bool wide = arithmetic == Arithmetic::kF64;
  const double lanes = target.lanes(wide ? 8 : 4);
  const auto same = [](const Step& step) { return std::vector<Step>(kChains, step); };
  const bool has_dots = level == TargetLevel::kV4Bf16;
  const auto two = [](const Step& first, const Step& second) {
    std::vector<Step> steps;
    for (size_t i = 0; i < kSplitChains; ++i) steps.insert(steps.end(), {first, second});
    return steps;
  };
  if (arithmetic == Arithmetic::kInt8) {
    llvm::FixedVectorType* integers = vector_of(llvm::Type::getInt32Ty(context), 4);
    if (has_dots) {
      emit_chains(module, integers, symbol, same([&](llvm::IRBuilder<>& b, Value* sum, Value* x) { return multiply_add_int8_fours(b, level, sum, x, x); }));
      return 8 * lanes * kChains * kRounds;
    }
    emit_chains(module, integers, symbol, two([&](llvm::IRBuilder<>& b, Value* sum, Value* x) { return multiply_int16_pairs(b, level, sum, x); },
                                              [](llvm::IRBuilder<>& b, Value* sum, Value* x) { return b.CreateAdd(sum, x); }));
    return 4 * lanes * kSplitChains * kRounds;
  }
  llvm::FixedVectorType* vector = wide ? vector_of(llvm::Type::getDoubleTy(context), 8) : vector_of(llvm::Type::getFloatTy(context), 4);
  if (arithmetic == Arithmetic::kBf16 && has_dots) {
    emit_chains(module, vector, symbol, same([&](llvm::IRBuilder<>& b, Value* sum, Value* x) { return multiply_add_bf16_pairs(b, level, sum, x, x); }));
    return 4 * lanes * kChains * kRounds;
  }
  if (target.has_fma) {
    emit_chains(module, vector, symbol, same([&](llvm::IRBuilder<>& b, Value* sum, Value* x) {
                  return b.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {sum, x, x});
                }));
    return 2 * lanes * kChains * kRounds;
  }
  emit_chains(module, vector, symbol, two([](llvm::IRBuilder<>& b, Value* sum, Value* x) { return b.CreateFMul(sum, x); },
                                          [](llvm::IRBuilder<>& b, Value* sum, Value* x) { return b.CreateFAdd(sum, x); }));
  return lanes * 2 * kSplitChains * kRounds;
}

}  // namespace

std::string multiply_add_symbol(Arithmetic arithmetic) { return "multiply_add_" + std::string(name(arithmetic)); }

std::array<double, kArithmetics> emit_measuring_functions(llvm::Module& module, TargetLevel level) {
  const Target target = target_of(level);
  llvm::LLVMContext& context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(context), *integer = llvm::Type::getInt64Ty(context);
  auto* floats = llvm::FixedVectorType::get(llvm::Type::getFloatTy(context), static_cast<unsigned>(target.lanes(4)));
  const int64_t vector_bytes = target.vector_bits / 8;
  std::array<double, kArithmetics> operations{};
  for (size_t i = 0; i < kArithmetics; ++i) operations[i] = emit_multiply_add(module, level, static_cast<Arithmetic>(i));
  {
    LoopFunction f(module, floats, "read", {pointer, integer, pointer});
    const int64_t step = vector_bytes * static_cast<int64_t>(kReads);
    std::vector<Value*> sums(kReads, llvm::Constant::getNullValue(f.vector));
    sums = f.loop(f.function->getArg(1), step, sums, [&](Value* at, std::vector<Value*> before) {
      Value* here = f.b.CreateGEP(f.b.getInt8Ty(), f.function->getArg(0), at);
      for (size_t i = 0; i < kReads; ++i) {
        Value* from = f.b.CreateConstGEP1_64(f.b.getInt8Ty(), here, i * static_cast<size_t>(vector_bytes));
        Value* loaded = f.b.CreateAlignedLoad(f.vector, from, llvm::Align(4));
        // Any operation will do; this one cannot overflow and is not folded.
        llvm::Type* bits = llvm::VectorType::getInteger(f.vector);
        before[i] = f.b.CreateBitCast(f.b.CreateXor(f.b.CreateBitCast(before[i], bits), f.b.CreateBitCast(loaded, bits)), f.vector);
      }
      return before;
    });
    f.finish(sums, f.function->getArg(2));
  }
  {
    LoopFunction f(module, floats, "triad", {pointer, pointer, pointer, integer});
    f.loop(f.function->getArg(3), vector_bytes, {}, [&](Value* at, std::vector<Value*> none) {
      const auto place = [&](unsigned i) { return f.b.CreateGEP(f.b.getInt8Ty(), f.function->getArg(i), at); };
      const llvm::Align align(static_cast<uint64_t>(vector_bytes));
      Value* sum = f.b.CreateFAdd(f.b.CreateAlignedLoad(f.vector, place(1), align),
                                  f.b.CreateFMul(f.b.CreateAlignedLoad(f.vector, place(2), align), llvm::ConstantFP::get(f.vector, 3.0)));
      llvm::StoreInst* store = f.b.CreateAlignedStore(sum, place(0), align);
      store->setMetadata(llvm::LLVMContext::MD_nontemporal, llvm::MDNode::get(context, llvm::ConstantAsMetadata::get(f.b.getInt32(1))));
      return none;
    });
    f.finish({}, nullptr);
  }
  return operations;
}

}  // namespace sinter::backend
