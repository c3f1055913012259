#include "backend/llvm/measuring_emitter.h"

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Intrinsics.h>

#include <vector>

namespace sinter::backend {
namespace {

using llvm::Value;

constexpr size_t kChains = 12;  // latency times throughput of the multiply-add units of any processor so far, and no spill with 16 registers
constexpr size_t kReads = 16;   // vectors per step

/// A function with one loop that carries vectors: for i in 0 .. end, step `step`.
class LoopFunction {
 public:
  LoopFunction(llvm::Module& module, const Target& target, const char* name, std::vector<llvm::Type*> parameters)
      : b(module.getContext()), vector(llvm::FixedVectorType::get(b.getFloatTy(), static_cast<unsigned>(target.lanes(4)))) {
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
      for (size_t i = 1; i < values.size(); ++i) sum = b.CreateFAdd(sum, values[i]);
      b.CreateAlignedStore(sum, sink, llvm::Align(4));
    }
    b.CreateRetVoid();
  }

  llvm::IRBuilder<> b;
  llvm::FixedVectorType* vector;
  llvm::Function* function;
};

}  // namespace

double emit_measuring_functions(llvm::Module& module, const Target& target) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(context), *integer = llvm::Type::getInt64Ty(context);
  const int64_t vector_bytes = target.vector_bits / 8;
  {
    LoopFunction f(module, target, "multiply_add", {pointer, integer});
    // Factors from memory, so that nothing is known of them.
    Value* x = f.b.CreateAlignedLoad(f.vector, f.function->getArg(0), llvm::Align(4));
    std::vector<Value*> chains;
    for (size_t i = 0; i < kChains; ++i) chains.push_back(f.b.CreateFAdd(x, llvm::ConstantFP::get(f.vector, static_cast<double>(i))));
    chains = f.loop(f.function->getArg(1), 1, chains, [&](Value*, std::vector<Value*> sums) {
      for (Value*& sum : sums)
        sum = target.has_fma ? f.b.CreateIntrinsic(llvm::Intrinsic::fma, {f.vector}, {sum, x, x}) : f.b.CreateFAdd(f.b.CreateFMul(sum, x), x);
      return sums;
    });
    f.finish(chains, f.function->getArg(0));
  }
  {
    LoopFunction f(module, target, "read", {pointer, integer, pointer});
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
    LoopFunction f(module, target, "triad", {pointer, pointer, pointer, integer});
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
  return 2.0 * static_cast<double>(kChains) * target.lanes(4);
}

}  // namespace sinter::backend
