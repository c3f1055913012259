#include "backend/llvm/kernel_emitter.h"

#include <cstddef>

#include "runtime/abi.h"

namespace sinter::backend {
namespace {

using loop::LoopKind;

}  // namespace

KernelEmitter::KernelEmitter(llvm::Module& module, const Target& target, Libraries libraries, const loop::Kernel& kernel)
    : module_(module), context_(module.getContext()), target_(target), contracts_(libraries.contracts), transposes_(libraries.transposes),
      scalars_(libraries.scalars), kernel_(kernel), b_(context_) {}

void KernelEmitter::emit() {
  llvm::Type* pointer = b_.getPtrTy();
  llvm::Type* parameters[] = {pointer, b_.getInt64Ty(), b_.getInt64Ty()};
  function_ = llvm::Function::Create(llvm::FunctionType::get(b_.getInt32Ty(), parameters, false), llvm::Function::ExternalLinkage, kernel_.name, module_);
  function_->setDoesNotThrow();
  args_ = function_->getArg(0);
  b_.SetInsertPoint(llvm::BasicBlock::Create(context_, "entry", function_));
  load_arguments();
  find_streams(kernel_.body);
  emit_tiles();
  finish_streams();
  b_.CreateRet(b_.getInt32(SINTER_OK));
}

void KernelEmitter::load_arguments() {
  const auto field = [&](size_t offset) { return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), args_, offset)); };
  Value* buffers = field(offsetof(SinterArgs, buffers));
  Value* dims = field(offsetof(SinterArgs, dims));
  Value* scratch = field(offsetof(SinterArgs, scratch));
  uint64_t parameter = 0, scratch_offset = 0;
  for (const loop::Buffer& buffer : kernel_.buffers) {
    if (buffer.use != loop::BufferUse::kScratch) {
      buffers_.push_back(b_.CreateLoad(b_.getPtrTy(), b_.CreateConstInBoundsGEP1_64(b_.getPtrTy(), buffers, parameter++)));
    } else {
      buffers_.push_back(b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), scratch, scratch_offset));
      const auto bytes = static_cast<uint64_t>(byte_count({buffer.dtype, buffer.shape}).constant());
      scratch_offset += (bytes + 63) / 64 * 64;
    }
  }
  for (size_t i = 0; i < kernel_.dims.size(); ++i)
    names_.symbols[kernel_.dims[i]] = b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstInBoundsGEP1_64(b_.getInt64Ty(), dims, i));
}

void KernelEmitter::emit_tiles() {
  counted_loop(function_->getArg(1), function_->getArg(2), 1, [&](Value* tile) {
    const Names outer = names_;
    names_.symbols["tile"] = tile;
    body(kernel_.body);
    names_ = outer;
  });
}

KernelEmitter::Variable KernelEmitter::new_variable(llvm::Type* type, const std::string& name) {
  llvm::BasicBlock& entry = function_->getEntryBlock();
  llvm::IRBuilder<> at_entry(&entry, entry.begin());
  return {at_entry.CreateAlloca(type, nullptr, name), type};
}

void KernelEmitter::body(const loop::Body& statements) {
  for (const loop::Statement& one : statements) std::visit([this](const auto& node) { statement(node); }, one.node);
}

void KernelEmitter::statement(const loop::For& loop) {
  const Names outer = names_;
  if (loop.kind == LoopKind::kVector && loop.lanes > 1) {
    vector_loop(loop);
  } else if (loop.kind == LoopKind::kUnrolled) {
    for (int64_t i = 0; i < loop.extent.constant(); ++i) {
      names_ = outer;
      names_.symbols[loop.variable] = i64(i);
      body(loop.body);
    }
  } else if (loop.extent == Dim(1)) {
    names_.symbols[loop.variable] = i64(0);
    body(loop.body);
  } else {
    counted_loop(i64(0), uniform(loop.extent), 1, [&](Value* i) {
      names_.symbols[loop.variable] = i;
      body(loop.body);
    });
  }
  names_ = outer;
}

void KernelEmitter::statement(const loop::Let& let) { names_.values[let.name] = expression(let.value); }

void KernelEmitter::statement(const loop::Declare& declare) {
  llvm::Type* type = lanes_of(register_type(context_, declare.initial->dtype));
  const Variable variable = new_variable(type, declare.name);
  b_.CreateStore(spread(expression(declare.initial)), variable.place);
  names_.variables[declare.name] = variable;
  variable_dtypes_[declare.name] = declare.initial->dtype;
}

void KernelEmitter::statement(const loop::Update& update) {
  const Variable variable = names_.variables.at(update.name);
  llvm::Type* type = variable.type;
  Value* before = load_variable(variable);
  Value* value = expression(update.value);
  Value* pair[] = {before, type->isVectorTy() ? spread(value) : value};
  Value* after = scalars_.emit(b_, update.op, pair, update.value->dtype);
  if (mask_ && type->isVectorTy()) after = b_.CreateSelect(mask_, after, before);
  b_.CreateStore(after, variable.place);
}

void KernelEmitter::statement(const loop::Assign& assign) {
  const Variable variable = names_.variables.at(assign.name);
  Value* value = expression(assign.value);
  b_.CreateStore(variable.type->isVectorTy() ? spread(value) : value, variable.place);
}

/// Into the second cache: the first has what is being worked on. Elements that are not neighbours are left to be read.
void KernelEmitter::statement(const loop::Prefetch& prefetch) {
  constexpr int kSecondCache = 2, kData = 1;
  const IndexValue at = index(linear(prefetch.buffer, prefetch.indices));
  if (lanes_ > 1 && !(at.stride && llvm::isa<llvm::ConstantInt>(at.stride) && llvm::cast<llvm::ConstantInt>(at.stride)->isOne())) return;
  Value* place = address(prefetch.buffer, at.base);
  b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {place->getType()}, {place, b_.getInt32(0), b_.getInt32(kSecondCache), b_.getInt32(kData)});
}

void KernelEmitter::statement(const loop::Store& store) {
  const DType dtype = kernel_.buffers[static_cast<size_t>(store.buffer)].dtype;
  const llvm::Align align(size_in_bytes(dtype));
  Value* value = expression(store.value);
  const auto to_memory = [&](Value* v) {
    if (dtype != DType::kBool) return v;
    llvm::Type* byte = b_.getInt8Ty();
    return b_.CreateZExt(v, v->getType()->isVectorTy() ? lanes_of(byte) : byte);
  };
  const IndexValue at = index(linear(store.buffer, store.indices));
  if (lanes_ == 1) {
    b_.CreateAlignedStore(to_memory(value), address(store.buffer, at.base), align);
    return;
  }
  value = to_memory(spread(value));
  if (at.stride && llvm::isa<llvm::ConstantInt>(at.stride) && llvm::cast<llvm::ConstantInt>(at.stride)->isOne()) {
    Value* first = address(store.buffer, at.base);
    if (mask_) {
      b_.CreateMaskedStore(value, first, align, mask_);
    } else if (const uint64_t line = streaming_ && store.stream_beyond > 0 ? stream_alignment(store) : 0; line > 0) {
      llvm::StoreInst* past = b_.CreateAlignedStore(value, first, llvm::Align(line));
      past->setMetadata(llvm::LLVMContext::MD_nontemporal, llvm::MDNode::get(context_, llvm::ConstantAsMetadata::get(b_.getInt32(1))));
    } else {
      b_.CreateAlignedStore(value, first, align);
    }
    return;
  }
  SINTER_CHECK(at.lanes || at.stride, "kernel " + kernel_.name + ": all lanes store to one place");
  Value* positions = at.lanes ? at.lanes
                              : b_.CreateAdd(b_.CreateVectorSplat(static_cast<unsigned>(lanes_), at.base),
                                             b_.CreateMul(b_.CreateVectorSplat(static_cast<unsigned>(lanes_), at.stride), lane_numbers()));
  b_.CreateMaskedScatter(value, addresses(store.buffer, positions), align, mask_ ? mask_ : full_mask());
}

void KernelEmitter::statement(const loop::CheckedIndex& checked) {
  const DType dtype = checked.value->dtype;
  Value* value = scalars_.cast(b_, expression(checked.value), dtype, DType::kI64);
  Value* limit = uniform(checked.upper);
  const bool lanes = value->getType()->isVectorTy();
  Value* bad = b_.CreateICmpUGE(value, lanes ? b_.CreateVectorSplat(static_cast<unsigned>(lanes_), limit) : limit);
  if (lanes && mask_) {
    bad = b_.CreateAnd(bad, mask_);
    value = b_.CreateSelect(mask_, value, llvm::Constant::getNullValue(value->getType()));
  }
  llvm::BasicBlock* fail = llvm::BasicBlock::Create(context_, "out_of_range", function_);
  llvm::BasicBlock* fine = llvm::BasicBlock::Create(context_, "in_range", function_);
  b_.CreateCondBr(lanes ? b_.CreateOrReduce(bad) : bad, fail, fine);
  b_.SetInsertPoint(fail);
  Value* culprit = value;
  if (lanes) {
    Value* bits = b_.CreateBitCast(bad, b_.getIntNTy(static_cast<unsigned>(lanes_)));
    culprit = b_.CreateExtractElement(value, b_.CreateZExtOrTrunc(b_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, bits, b_.getTrue()), b_.getInt64Ty()));
  }
  finish_failure(b_.getInt32(static_cast<uint32_t>(checked.site)), culprit, limit);
  b_.SetInsertPoint(fine);
  names_.symbols[checked.variable] = value;
}

void KernelEmitter::finish_failure(Value* site, Value* value, Value* limit) {
  Value* slot = b_.CreateLoad(b_.getPtrTy(), b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), args_, offsetof(SinterArgs, failure)));
  const auto put = [&](Value* what, size_t offset) { b_.CreateStore(what, b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), slot, offset)); };
  put(b_.getInt32(SINTER_INDEX_OUT_OF_RANGE), offsetof(SinterFailure, code));
  put(site, offsetof(SinterFailure, site));
  put(value, offsetof(SinterFailure, value));
  put(limit, offsetof(SinterFailure, limit));
  b_.CreateRet(b_.getInt32(SINTER_INDEX_OUT_OF_RANGE));
}

void KernelEmitter::statement(const loop::If& branch) {
  Value* condition = b_.getTrue();
  for (const loop::Range& range : branch.ranges) condition = b_.CreateAnd(condition, holds(range));
  llvm::BasicBlock* then = llvm::BasicBlock::Create(context_, "then", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "end_if", function_);
  llvm::BasicBlock* otherwise = branch.otherwise.empty() ? after : llvm::BasicBlock::Create(context_, "else", function_);
  b_.CreateCondBr(condition, then, otherwise);
  const Names outer = names_;
  b_.SetInsertPoint(then);
  body(branch.then);
  b_.CreateBr(after);
  names_ = outer;
  if (!branch.otherwise.empty()) {
    b_.SetInsertPoint(otherwise);
    body(branch.otherwise);
    b_.CreateBr(after);
    names_ = outer;
  }
  b_.SetInsertPoint(after);
}

void KernelEmitter::statement(const loop::Transpose& t) {
  TransposeLibrary::Call call;
  call.element_bytes = static_cast<int>(size_in_bytes(kernel_.buffers[static_cast<size_t>(t.to)].dtype));
  call.filled = t.filled;
  call.to = address(t.to, uniform(t.offset));
  call.from = address(t.from, uniform(t.from_offset));
  call.row_stride = uniform(t.row_stride);
  call.column_stride = uniform(t.column_stride);
  call.rows = uniform(t.rows);
  call.columns = uniform(t.columns);
  transposes_.call(b_, call);
}

/// write(first row, height) for `rows` rows, known at run time only: as long as some are left, the height that ContractLibrary chooses for so many.
template <class Write> void KernelEmitter::any_rows(Value* rows, int vectors, int max_rows, const Write& write) {
  llvm::BasicBlock* before = b_.GetInsertBlock();
  llvm::BasicBlock* choose = llvm::BasicBlock::Create(context_, "rows", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "rows_done", function_);
  b_.CreateBr(choose);
  b_.SetInsertPoint(choose);
  llvm::PHINode* row = b_.CreatePHI(b_.getInt64Ty(), 2);
  row->addIncoming(i64(0), before);
  std::map<int, llvm::BasicBlock*> of_height;
  llvm::SwitchInst* ways = b_.CreateSwitch(b_.CreateSub(rows, row), after);
  for (int left = 1; left <= max_rows; ++left) {
    const int height = ContractLibrary::height(left, vectors, max_rows, false);
    llvm::BasicBlock*& block = of_height[height];
    if (block == nullptr) block = llvm::BasicBlock::Create(context_, "rows_" + std::to_string(height), function_);
    ways->addCase(b_.getInt64(static_cast<uint64_t>(left)), block);
  }
  for (const auto& [height, block] : of_height) {
    b_.SetInsertPoint(block);
    write(row, height);
    row->addIncoming(b_.CreateAdd(row, i64(height)), b_.GetInsertBlock());
    b_.CreateBr(choose);
  }
  b_.SetInsertPoint(after);
}

/// Calls microkernels: the full height when all rows are there, else smaller ones, largest first.
void KernelEmitter::statement(const loop::Contract& contract) {
  const DType dtype = kernel_.buffers[static_cast<size_t>(contract.c)].dtype;
  const int lanes = target_.lanes(static_cast<int>(size_in_bytes(dtype)));
  ContractLibrary::Call call;
  ContractLibrary::Form& form = call.form;
  form.dtype = dtype;
  form.a_dtype = kernel_.buffers[static_cast<size_t>(contract.a.buffer)].dtype;
  form.group = loop::contract_group(form.a_dtype, kernel_.buffers[static_cast<size_t>(contract.b.buffer)].dtype);
  form.raised = contract.a_raised;
  const auto depth = contract.depth.as_constant();
  form.tail = form.group > 1 && !(depth && *depth % form.group == 0);
  form.accumulate = contract.accumulate && contract.after != Dim(0);
  form.after = form.accumulate && !contract.after.is_constant();
  if (form.after) call.after = uniform(contract.after);
  form.a_spread = contract.a_spread;
  SINTER_CHECK(!contract.a_spread || contract.a.stride == Dim(lanes), "rows are spread over the lanes of another target");
  form.a_unit_depth = contract.a.depth_stride == Dim(1);
  form.a_unit_row = contract.a.stride == Dim(1);
  form.gathered = contract.a.table >= 0;
  form.batched = contract.batches != Dim(1);
  const auto columns = contract.columns.as_constant();
  form.vectors = static_cast<int>(((columns ? *columns : contract.max_columns) + lanes - 1) / lanes);
  call.a = address(contract.a.buffer, uniform(contract.a.offset));
  call.b = address(contract.b.buffer, uniform(contract.b.offset));
  call.c = address(contract.c, uniform(contract.c_offset));
  call.a_stride = uniform(contract.a.stride);
  call.a_depth_stride = uniform(contract.a.depth_stride);
  call.b_depth_stride = uniform(contract.b.depth_stride);
  call.c_stride = uniform(contract.c_row_stride);
  call.depth = uniform(contract.depth);
  call.batches = uniform(contract.batches);
  call.a_batch_stride = uniform(contract.a.batch_stride);
  call.b_batch_stride = uniform(contract.b.batch_stride);
  call.columns = uniform(contract.columns);
  if (form.gathered) call.table = address(contract.a.table, uniform(contract.a.first));
  form.ahead = contract.ahead >= 0 && form.group == 1;
  if (form.ahead) call.ahead_from = address(contract.ahead, uniform(contract.ahead_offset)), call.ahead_stride = uniform(contract.ahead_stride);
  llvm::Type* element = memory_type(context_, dtype);

  const auto rows_from = [&](Value* row, int height, bool masked) {
    ContractLibrary::Call part = call;
    part.form.rows = height;
    part.form.masked = masked;
    if (form.gathered) {
      part.table = b_.CreateGEP(b_.getInt64Ty(), call.table, row);
    } else {
      part.a = b_.CreateGEP(memory_type(context_, form.a_dtype), call.a, b_.CreateMul(row, call.a_stride));
    }
    part.c = b_.CreateGEP(element, call.c, b_.CreateMul(row, call.c_stride));
    contracts_.call(b_, part);
  };
  const auto all_rows = [&](bool masked) {
    if (const auto rows = contract.rows.as_constant()) {
      for (int64_t row = 0; row < *rows;) {
        const int height = ContractLibrary::height(static_cast<int>(*rows - row), form.vectors, contract.max_rows, true);
        rows_from(i64(row), height, masked);
        row += height;
      }
      return;
    }
    any_rows(uniform(contract.rows), form.vectors, contract.max_rows, [&](Value* row, int height) { rows_from(row, height, masked); });
  };
  if (columns) return all_rows(*columns % lanes != 0);
  llvm::BasicBlock* whole = llvm::BasicBlock::Create(context_, "all_columns", function_);
  llvm::BasicBlock* part = llvm::BasicBlock::Create(context_, "some_columns", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "contracted", function_);
  b_.CreateCondBr(b_.CreateICmpEQ(call.columns, i64(contract.max_columns)), whole, part);
  b_.SetInsertPoint(whole);
  all_rows(false);
  b_.CreateBr(after);
  b_.SetInsertPoint(part);
  all_rows(true);
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

}  // namespace sinter::backend
