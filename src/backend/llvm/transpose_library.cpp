#include "backend/llvm/transpose_library.h"

#include <algorithm>
#include <vector>

namespace sinter::backend {
namespace {

using llvm::Value;

constexpr int kLaneBytes = 16;  // within which every instruction set interleaves

/// for (i = begin; i < end; i += step) write(i); leaves the builder after it.
template <class Write> void counted_loop(llvm::IRBuilder<>& b, Value* begin, Value* end, int64_t step, const Write& write) {
  llvm::Function* function = b.GetInsertBlock()->getParent();
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock* inside = llvm::BasicBlock::Create(b.getContext(), "loop", function);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "after", function);
  b.CreateCondBr(b.CreateICmpSLT(begin, end), inside, after);
  b.SetInsertPoint(inside);
  llvm::PHINode* i = b.CreatePHI(b.getInt64Ty(), 2);
  i->addIncoming(begin, before);
  write(i);
  Value* next = b.CreateAdd(i, b.getInt64(static_cast<uint64_t>(step)), "", true, true);
  i->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpSLT(next, end), inside, after);
  b.SetInsertPoint(after);
}

/// Writes void f(to, from, row_stride, column_stride, rows, columns): full blocks here, what is left by `smaller`.
class TransposeWriter {
 public:
  TransposeWriter(llvm::Function* function, int element_bytes, int64_t block, llvm::Function* smaller)
      : b_(function->getContext()), element_(b_.getIntNTy(static_cast<unsigned>(element_bytes) * 8)), block_(block),
        lane_(std::min<int64_t>(block, kLaneBytes / element_bytes)), smaller_(smaller) {
    b_.SetInsertPoint(llvm::BasicBlock::Create(function->getContext(), "entry", function));
    to_ = function->getArg(0), from_ = function->getArg(1), row_stride_ = function->getArg(2), column_stride_ = function->getArg(3);
    rows_ = function->getArg(4), columns_ = function->getArg(5);
  }

  void write() {
    Value* zero = b_.getInt64(0);
    Value *full_rows = full(rows_), *full_columns = full(columns_);
    // Rows run fastest: a block's lines of the source are read to their end before others take their place in the cache.
    counted_loop(b_, zero, full_columns, block_, [&](Value* c) { counted_loop(b_, zero, full_rows, block_, [&](Value* r) { block(r, c); }); });
    if (smaller_) {
      rest(full_rows, zero, b_.CreateSub(rows_, full_rows), columns_);
      rest(zero, full_columns, full_rows, b_.CreateSub(columns_, full_columns));
    }
    b_.CreateRetVoid();
  }

 private:
  Value* full(Value* count) { return block_ == 1 ? count : b_.CreateAnd(count, b_.getInt64(~static_cast<uint64_t>(block_ - 1))); }
  Value* target(Value* r, Value* c) { return b_.CreateGEP(element_, to_, b_.CreateAdd(b_.CreateMul(r, row_stride_), c)); }
  Value* source(Value* r, Value* c) { return b_.CreateGEP(element_, from_, b_.CreateAdd(b_.CreateMul(c, column_stride_), r)); }

  /// A call for the part that begins at (r, c), when there is any.
  void rest(Value* r, Value* c, Value* rows, Value* columns) {
    llvm::Function* function = b_.GetInsertBlock()->getParent();
    llvm::BasicBlock* run = llvm::BasicBlock::Create(b_.getContext(), "rest", function);
    llvm::BasicBlock* after = llvm::BasicBlock::Create(b_.getContext(), "done", function);
    Value* zero = b_.getInt64(0);
    b_.CreateCondBr(b_.CreateAnd(b_.CreateICmpSGT(rows, zero), b_.CreateICmpSGT(columns, zero)), run, after);
    b_.SetInsertPoint(run);
    b_.CreateCall(smaller_, {target(r, c), source(r, c), row_stride_, column_stride_, rows, columns});
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
  }

  void block(Value* r, Value* c) {
    const llvm::Align align(element_->getScalarSizeInBits() / 8);
    if (block_ == 1) {
      b_.CreateAlignedStore(b_.CreateAlignedLoad(element_, source(r, c), align), target(r, c), align);
      return;
    }
    auto* piece = llvm::FixedVectorType::get(element_, static_cast<unsigned>(lane_));
    std::vector<Value*> sources;
    Value* first = source(r, c);
    for (int64_t i = 0; i < block_; ++i) sources.push_back(b_.CreateGEP(element_, first, b_.CreateMul(column_stride_, b_.getInt64(static_cast<uint64_t>(i)))));
    Value* to = target(r, c);
    // Lane g of a register holds a piece of line i + g*lane: after interleaving within lanes it is a whole line of the result.
    for (int64_t part = 0; part < block_; part += lane_) {
      std::vector<Value*> registers;
      for (int64_t i = 0; i < lane_; ++i) {
        std::vector<Value*> pieces;
        for (int64_t g = i; g < block_; g += lane_)
          pieces.push_back(b_.CreateAlignedLoad(piece, b_.CreateConstGEP1_64(element_, sources[static_cast<size_t>(g)], static_cast<uint64_t>(part)), align));
        registers.push_back(joined(pieces));
      }
      interleave(registers);
      for (int64_t i = 0; i < lane_; ++i) {
        Value* line = b_.CreateGEP(element_, to, b_.CreateMul(row_stride_, b_.getInt64(static_cast<uint64_t>(part + i))));
        b_.CreateAlignedStore(registers[static_cast<size_t>(i)], line, align);
      }
    }
  }

  Value* joined(std::vector<Value*> pieces) {
    for (int64_t lanes = lane_; pieces.size() > 1; lanes *= 2) {
      std::vector<int> all(static_cast<size_t>(2 * lanes));
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
      std::vector<Value*> pairs;
      for (size_t i = 0; i + 1 < pieces.size(); i += 2) pairs.push_back(b_.CreateShuffleVector(pieces[i], pieces[i + 1], all));
      pieces = std::move(pairs);
    }
    return pieces[0];
  }

  /// log2(lane) rounds of interleaving register i with register i + lane/2 swap rows and columns within each lane.
  void interleave(std::vector<Value*>& registers) {
    std::vector<int> low, high;
    for (int64_t first = 0; first < block_; first += lane_)
      for (int64_t i = 0; i < lane_; ++i) {
        const int64_t at = first + i / 2 + (i % 2) * block_;
        low.push_back(static_cast<int>(at));
        high.push_back(static_cast<int>(at + lane_ / 2));
      }
    for (int64_t round = 1; round < lane_; round *= 2) {
      std::vector<Value*> next;
      for (int64_t i = 0; i < lane_ / 2; ++i) {
        Value *x = registers[static_cast<size_t>(i)], *y = registers[static_cast<size_t>(i + lane_ / 2)];
        next.push_back(b_.CreateShuffleVector(x, y, low));
        next.push_back(b_.CreateShuffleVector(x, y, high));
      }
      registers = std::move(next);
    }
  }

  llvm::IRBuilder<> b_;
  llvm::Type* element_;
  int64_t block_, lane_;
  llvm::Function* smaller_;
  Value *to_ = nullptr, *from_ = nullptr, *row_stride_ = nullptr, *column_stride_ = nullptr, *rows_ = nullptr, *columns_ = nullptr;
};

}  // namespace

llvm::Function* TransposeLibrary::function(int element_bytes, int64_t block) {
  const std::string name = "transpose_" + std::to_string(8 * element_bytes) + "_" + std::to_string(block) + "x" + std::to_string(block);
  llvm::Function*& entry = functions_[name];
  if (entry) return entry;
  llvm::LLVMContext& context = module_.getContext();
  llvm::Type *p = llvm::PointerType::getUnqual(context), *n = llvm::Type::getInt64Ty(context);
  entry = llvm::Function::Create(llvm::FunctionType::get(llvm::Type::getVoidTy(context), {p, p, n, n, n, n}, false), llvm::Function::InternalLinkage, name, module_);
  entry->setDoesNotThrow();
  entry->addFnAttr(llvm::Attribute::NoInline);
  for (unsigned i = 0; i < 2; ++i) entry->addParamAttr(i, llvm::Attribute::NoAlias);
  llvm::Function* const made = entry;
  llvm::Function* smaller = nullptr;
  if (block > 1) smaller = function(element_bytes, block >= 16 ? block / 4 : block >= 8 ? 4 : 1);
  TransposeWriter(made, element_bytes, block, smaller).write();
  return made;
}

void TransposeLibrary::call(llvm::IRBuilder<>& b, const Call& c) {
  if (c.filled > 0) {
    llvm::Type* element = b.getIntNTy(static_cast<unsigned>(c.element_bytes) * 8);
    Value* filled = b.getInt64(static_cast<uint64_t>(c.filled));
    // Rows of zeros first; the columns that are there come over them.
    Value* end = b.CreateSelect(b.CreateICmpSLT(c.columns, filled), c.rows, b.getInt64(0));
    counted_loop(b, b.getInt64(0), end, 1, [&](Value* r) {
      b.CreateMemSet(b.CreateGEP(element, c.to, b.CreateMul(r, c.row_stride)), b.getInt8(0), static_cast<uint64_t>(c.filled * c.element_bytes),
                     llvm::MaybeAlign(static_cast<uint64_t>(c.element_bytes)));
    });
  }
  // Blocks of two lanes where registers are wide enough: wider ones cost more shuffles than they save loads.
  const bool wide = target_.vector_bits >= 256 && c.element_bytes >= 4;
  const int64_t block = (wide ? 2 : 1) * kLaneBytes / c.element_bytes;
  b.CreateCall(function(c.element_bytes, block), {c.to, c.from, c.row_stride, c.column_stride, c.rows, c.columns});
}

}  // namespace sinter::backend
