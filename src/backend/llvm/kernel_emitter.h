// Emits one loop kernel as an LLVM function: tiles, loops, expressions, already vectorised. Used by codegen.cpp only.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/llvm/contract_library.h"
#include "backend/llvm/scalar_emitter.h"
#include "backend/llvm/transpose_library.h"
#include "backend/loop/loop_ir.h"
#include "base/machine.h"

namespace sinter::backend {

class KernelEmitter {
 public:
  /// Shared by the kernels of a module.
  struct Libraries {
    ContractLibrary& contracts;
    TransposeLibrary& transposes;
    ScalarEmitter& scalars;
  };
  KernelEmitter(llvm::Module& module, const Target& target, Libraries libraries, const loop::Kernel& kernel);
  void emit();

 private:
  using Value = llvm::Value;

  /// An index inside a vector loop: the same in all lanes (only `base`), base + lane * stride, or any (`lanes`).
  struct IndexValue {
    Value* base = nullptr;
    Value* stride = nullptr;
    Value* lanes = nullptr;
  };
  /// An accumulator: where it is kept.
  struct Variable {
    Value* place = nullptr;
    llvm::Type* type = nullptr;
  };
  /// What names and integer symbols mean at this point.
  struct Names {
    std::map<std::string, Value*, std::less<>> values;        // Lets
    std::map<std::string, Variable, std::less<>> variables;  // accumulators
    std::map<std::string, Value*, std::less<>> symbols;       // i64, or a vector of them for a checked index per lane
  };
  /// An accumulator from outside a vector loop: its lanes are `parts` registers inside.
  struct Partial {
    std::string name;
    ScalarOp op;
    DType dtype;
    Variable accumulator;
    std::vector<Variable> parts;
  };

  // function frame (kernel_emitter.cpp)
  void load_arguments();
  void emit_tiles();
  void finish_failure(Value* site, Value* value, Value* limit);

  // statements
  void body(const loop::Body& statements);
  void statement(const loop::For& loop);
  void statement(const loop::Let& let);
  void statement(const loop::Declare& declare);
  void statement(const loop::Update& update);
  void statement(const loop::Assign& assign);
  void statement(const loop::Store& store);
  void statement(const loop::Prefetch& prefetch);
  void statement(const loop::CheckedIndex& index);
  void statement(const loop::If& branch);
  void statement(const loop::Contract& contract);
  void statement(const loop::Transpose& transpose);
  Value* load_variable(const Variable& variable) { return b_.CreateLoad(variable.type, variable.place); }
  template <class Write> void any_rows(Value* rows, int vectors, int max_rows, const Write& write);
  template <class Write> void counted_loop(Value* begin, Value* end, int64_t step, const Write& write);

  // stores past the caches (stream_emitter.cpp)
  void find_streams(const loop::Body& statements);
  std::vector<const loop::Store*> streamed_stores(const loop::For& loop);
  Value* stream_head(const std::vector<const loop::Store*>& stores, Value* extent, Value** streams);
  uint64_t stream_alignment(const loop::Store& store) const;
  void finish_streams();

  // vector loops (vector_loop_emitter.cpp)
  void vector_loop(const loop::For& loop);
  std::vector<Partial> make_partials(const loop::For& loop, int parts);
  void constant_steps(const loop::For& loop, const std::vector<Partial>& partials, int parts);
  void symbolic_steps(const loop::For& loop, const std::vector<Partial>& partials, int parts);
  void streamed_steps(const loop::For& loop, const std::vector<const loop::Store*>& streamed);
  void streamed_sums(const loop::For& loop, const std::vector<const loop::Store*>& streamed, const std::vector<Partial>& partials);
  void whole_steps(const loop::For& loop, const std::vector<Partial>& partials, int parts, Value* begin, Value* end);
  void vector_step(const loop::For& loop, const std::vector<Partial>& partials, size_t part, Value* first, Value* mask);
  Value* lanes_below(Value* first, Value* extent);
  void finish_partial(const Partial& partial);

  // integers (index_emitter.cpp)
  bool varies(const Dim& dim) const;
  Value* uniform(const Dim& dim);
  Value* per_lane(const Dim& dim);
  Value* evaluate(const Dim& dim, bool lanes);
  Value* atom(const DimAtom& atom, bool lanes);
  IndexValue index(const Dim& dim);
  Dim linear(int32_t buffer, const std::vector<Dim>& indices) const;
  Value* i64(int64_t value) { return b_.getInt64(static_cast<uint64_t>(value)); }
  Value* lane_numbers();

  // elements (expression_emitter.cpp)
  Value* expression(const loop::ExpressionRef& e);
  Value* load(const loop::Expression& e);
  Value* guarded(const loop::Expression& e);
  Value* holds(const loop::Range& range);
  Value* address(int32_t buffer, Value* position);
  Value* addresses(int32_t buffer, Value* positions);
  Value* spread(Value* value);
  Value* full_mask();
  llvm::Type* lanes_of(llvm::Type* element) const { return lanes_ == 1 ? element : llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes_)); }
  Variable new_variable(llvm::Type* type, const std::string& name);

  llvm::Module& module_;
  llvm::LLVMContext& context_;
  const Target& target_;
  ContractLibrary& contracts_;
  TransposeLibrary& transposes_;
  ScalarEmitter& scalars_;
  const loop::Kernel& kernel_;
  llvm::IRBuilder<> b_;
  llvm::Function* function_ = nullptr;
  Value* args_ = nullptr;
  std::vector<Value*> buffers_;
  Names names_;
  std::map<int32_t, Value*> streams_;  // per buffer that may be written past the caches: whether it is
  bool streaming_ = false;             // stores of the vector loop at hand are
  std::map<std::string, DType, std::less<>> variable_dtypes_;
  int lanes_ = 1;              // of the vector loop at hand
  Value* mask_ = nullptr;      // lanes that run; null: all
  bool maybe_no_lane_ = false; // under a guard per lane, when possibly none runs
  std::string vector_variable_;
  Value* vector_base_ = nullptr;
};

/// for (i = begin; i < end; i += step) write(i)
template <class Write> void KernelEmitter::counted_loop(Value* begin, Value* end, int64_t step, const Write& write) {
  llvm::BasicBlock* before = b_.GetInsertBlock();
  llvm::BasicBlock* inside = llvm::BasicBlock::Create(context_, "loop", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "after", function_);
  b_.CreateCondBr(b_.CreateICmpSLT(begin, end), inside, after);
  b_.SetInsertPoint(inside);
  llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
  i->addIncoming(begin, before);
  write(i);
  Value* next = b_.CreateAdd(i, i64(step), "", true, true);
  i->addIncoming(next, b_.GetInsertBlock());
  b_.CreateCondBr(b_.CreateICmpSLT(next, end), inside, after);
  b_.SetInsertPoint(after);
}

}  // namespace sinter::backend
