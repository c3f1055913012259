#include "backend/llvm/contract_library.h"

#include <algorithm>
#include <limits>
#include <span>

#include "backend/llvm/scalar_emitter.h"
#include "backend/llvm/word_products.h"

namespace sinter::backend {
namespace {

using llvm::Value;

constexpr uint64_t kStepsAhead = 16;  // of the depth, each a dozen cycles: about as long as the third cache takes

/// Writes one microkernel.
class Microkernel {
 public:
  Microkernel(llvm::Module& module, const Target& target, const ContractLibrary::Form& form)
      : module_(module), target_(target), form_(form), b_(module.getContext()) {
    element_ = memory_type(module.getContext(), form.dtype);
    lanes_ = static_cast<unsigned>(target.lanes(static_cast<int>(size_in_bytes(form.dtype))));
    vector_ = llvm::FixedVectorType::get(element_, lanes_);
    a_element_ = memory_type(module.getContext(), form.a_dtype);
  }

  llvm::Function* declare() {
    llvm::Type *p = b_.getPtrTy(), *n = b_.getInt64Ty();
    std::vector<llvm::Type*> parameters{p, p, p, n, n, n, n, n, n, n, n, n};
    if (form_.after) parameters.push_back(n);
    if (form_.gathered) parameters.push_back(p);
    if (form_.ahead) parameters.insert(parameters.end(), {p, n});
    function_ = llvm::Function::Create(llvm::FunctionType::get(b_.getVoidTy(), parameters, false), llvm::Function::ExternalLinkage, form_.symbol(), module_);
    function_->setVisibility(llvm::GlobalValue::HiddenVisibility);
    function_->setDoesNotThrow();
    function_->addFnAttr(llvm::Attribute::NoInline);
    for (unsigned i = 0; i < 3; ++i) function_->addParamAttr(i, llvm::Attribute::NoAlias);
    return function_;
  }

  /// The body of what declare() made.
  void write() {
    const auto argument = [&](unsigned i) { return function_->getArg(i); };
    a_ = argument(0), panel_ = argument(1), c_ = argument(2);
    a_stride_ = form_.a_unit_row && !form_.a_unit_depth ? b_.getInt64(1) : static_cast<Value*>(argument(3));
    a_depth_ = form_.a_unit_depth ? b_.getInt64(1) : static_cast<Value*>(argument(4));
    b_depth_ = argument(5), c_stride_ = argument(6), depth_ = argument(7);
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.getContext(), "entry", function_));
    if (form_.masked) make_masks(argument(11));
    unsigned more = 12;
    Value* after = form_.after ? argument(more++) : nullptr;
    if (form_.gathered) table_ = argument(more++);
    if (form_.ahead) ahead_.push_back({argument(more), argument(more + 1), element_});
    std::vector<Value*> sums = initial(after);
    if (form_.batched) {
      sums = loop(argument(8), {{a_, argument(9), a_element_}, {panel_, argument(10), element_}}, sums,
                  [&](const std::vector<Value*>& at, std::vector<Value*> before) { return over_depth(at[0], at[1], std::move(before)); });
    } else {
      sums = over_depth(a_, panel_, std::move(sums));
    }
    store(sums);
    b_.CreateRetVoid();
  }

 private:
  size_t rows() const { return static_cast<size_t>(form_.rows); }
  size_t vectors() const { return static_cast<size_t>(form_.vectors); }

  void make_masks(Value* columns) {
    std::vector<uint64_t> numbers;
    for (unsigned i = 0; i < lanes_; ++i) numbers.push_back(i);
    Value* lane = llvm::ConstantDataVector::get(module_.getContext(), numbers);
    for (size_t v = 0; v < vectors(); ++v) {
      Value* left = b_.CreateSub(columns, b_.getInt64(v * lanes_));
      masks_.push_back(b_.CreateICmpSLT(lane, b_.CreateVectorSplat(lanes_, left)));
    }
  }

  Value* load_vector(Value* from, size_t v) {
    Value* at = b_.CreateConstInBoundsGEP1_64(element_, from, v * lanes_);
    const llvm::Align align(size_in_bytes(form_.dtype));
    if (masks_.empty()) return b_.CreateAlignedLoad(vector_, at, align);
    return b_.CreateMaskedLoad(vector_, at, align, masks_[v], llvm::Constant::getNullValue(vector_));
  }
  Value* c_row(size_t row) { return b_.CreateGEP(element_, c_, b_.CreateMul(c_stride_, b_.getInt64(row))); }

  /// Zeros, or what stands in C; where `after` is not null, that decides.
  std::vector<Value*> initial(Value* after) {
    const std::vector<Value*> zeros(rows() * vectors(), llvm::Constant::getNullValue(vector_));
    if (!form_.accumulate) return zeros;
    llvm::BasicBlock *before = b_.GetInsertBlock(), *start = nullptr;
    if (after) {
      llvm::BasicBlock* from_c = llvm::BasicBlock::Create(module_.getContext(), "from_c", function_);
      start = llvm::BasicBlock::Create(module_.getContext(), "start", function_);
      b_.CreateCondBr(b_.CreateICmpNE(after, b_.getInt64(0)), from_c, start);
      b_.SetInsertPoint(from_c);
    }
    std::vector<Value*> sums;
    for (size_t row = 0; row < rows(); ++row) {
      Value* from = c_row(row);
      for (size_t v = 0; v < vectors(); ++v) sums.push_back(load_vector(from, v));
    }
    if (!after) return sums;
    llvm::BasicBlock* loaded = b_.GetInsertBlock();
    b_.CreateBr(start);
    b_.SetInsertPoint(start);
    for (size_t i = 0; i < sums.size(); ++i) {
      llvm::PHINode* phi = b_.CreatePHI(vector_, 2);
      phi->addIncoming(zeros[i], before);
      phi->addIncoming(sums[i], loaded);
      sums[i] = phi;
    }
    return sums;
  }

  void store(const std::vector<Value*>& sums) {
    const llvm::Align align(size_in_bytes(form_.dtype));
    for (size_t row = 0; row < rows(); ++row) {
      Value* to = c_row(row);
      for (size_t v = 0; v < vectors(); ++v) {
        Value* at = b_.CreateConstInBoundsGEP1_64(element_, to, v * lanes_);
        if (masks_.empty()) {
          b_.CreateAlignedStore(sums[row * vectors() + v], at, align);
        } else {
          b_.CreateMaskedStore(sums[row * vectors() + v], at, align, masks_[v]);
        }
      }
    }
  }

  /// What moves by a fixed step from one turn of a loop to the next: an element of memory, by so many elements.
  struct Moving {
    Value *first, *step;
    llvm::Type* element;
  };

  /// count times: sums = step(positions, sums), where positions are those of `moving`: added to, not multiplied anew.
  template <class Step> std::vector<Value*> loop(Value* count, const std::vector<Moving>& moving, std::vector<Value*> sums, const Step& step) {
    llvm::BasicBlock* before = b_.GetInsertBlock();
    llvm::BasicBlock* inside = llvm::BasicBlock::Create(module_.getContext(), "loop", function_);
    llvm::BasicBlock* after = llvm::BasicBlock::Create(module_.getContext(), "after", function_);
    b_.CreateCondBr(b_.CreateICmpSGT(count, b_.getInt64(0)), inside, after);
    b_.SetInsertPoint(inside);
    const auto phi_from = [&](Value* first) {
      llvm::PHINode* phi = b_.CreatePHI(first->getType(), 2);
      phi->addIncoming(first, before);
      return phi;
    };
    llvm::PHINode* left = phi_from(count);
    std::vector<llvm::PHINode*> places, phis;
    for (const Moving& one : moving) places.push_back(phi_from(one.first));
    for (Value* sum : sums) phis.push_back(phi_from(sum));
    const std::vector<Value*> next = step(std::vector<Value*>(places.begin(), places.end()), std::vector<Value*>(phis.begin(), phis.end()));
    llvm::BasicBlock* last = b_.GetInsertBlock();
    for (size_t i = 0; i < places.size(); ++i) places[i]->addIncoming(b_.CreateGEP(moving[i].element, places[i], moving[i].step), last);
    for (size_t s = 0; s < phis.size(); ++s) phis[s]->addIncoming(next[s], last);
    Value* fewer = b_.CreateSub(left, b_.getInt64(1), "", true, true);
    left->addIncoming(fewer, last);
    b_.CreateCondBr(b_.CreateICmpNE(fewer, b_.getInt64(0)), inside, after);
    b_.SetInsertPoint(after);
    std::vector<Value*> results;
    for (size_t s = 0; s < sums.size(); ++s) {
      llvm::PHINode* phi = b_.CreatePHI(vector_, 2);
      phi->addIncoming(sums[s], before);
      phi->addIncoming(next[s], last);
      results.push_back(phi);
    }
    return results;
  }

  /// One element of A in all lanes.
  Value* load_left(Value* from) {
    if (form_.a_spread) return b_.CreateAlignedLoad(vector_, from, llvm::Align(static_cast<uint64_t>(target_.vector_bits / 8)));
    return b_.CreateVectorSplat(lanes_, b_.CreateLoad(element_, from));
  }

  std::vector<Value*> over_depth(Value* a, Value* panel, std::vector<Value*> sums) {
    if (form_.group > 1) return over_words(a, panel, std::move(sums));
    std::vector<Value*> row_offsets;
    for (size_t row = 0; row < rows(); ++row)
      row_offsets.push_back(table_ ? b_.CreateLoad(b_.getInt64Ty(), b_.CreateConstInBoundsGEP1_64(b_.getInt64Ty(), table_, row))
                                   : b_.CreateMul(a_stride_, b_.getInt64(row)));
    // Where rows of A are next to each other every step of the depth reads a line far from the last one, often of another page: no hardware sees it coming.
    const bool across_lines = form_.a_unit_row && !form_.a_unit_depth && !form_.a_spread;
    Value* soon = across_lines ? b_.CreateMul(a_depth_, b_.getInt64(kStepsAhead)) : nullptr;
    std::vector<Moving> moving{{a, a_depth_, element_}, {panel, b_depth_, element_}};
    moving.insert(moving.end(), ahead_.begin(), ahead_.end());
    return loop(depth_, moving, std::move(sums), [&](const std::vector<Value*>& at, std::vector<Value*> before) {
      if (form_.ahead) fetch(at[2], 2);
      if (across_lines) fetch(b_.CreateGEP(element_, at[0], soon), 3);
      std::vector<Value*> columns;
      for (size_t v = 0; v < vectors(); ++v) columns.push_back(load_vector(at[1], v));
      for (size_t row = 0; row < rows(); ++row) {
        Value* left = load_left(b_.CreateGEP(element_, at[0], row_offsets[row]));
        for (size_t v = 0; v < vectors(); ++v) before[row * vectors() + v] = multiply_add(left, columns[v], before[row * vectors() + v]);
      }
      return before;
    });
  }

  /// Words of A by words of B, then what is left of the depth: less than a word of A, the rest of which is taken as zeros.
  std::vector<Value*> over_words(Value* a, Value* panel, std::vector<Value*> sums) {
    Value *group = b_.getInt64(static_cast<uint64_t>(form_.group)), *whole = b_.CreateUDiv(depth_, group), *left = b_.CreateURem(depth_, group);
    llvm::Type* word = b_.getInt32Ty();
    const auto step = [&](bool part) {
      return [this, part, left, word](const std::vector<Value*>& at, std::vector<Value*> before) {
        std::vector<WordProducts::Operand> columns;
        for (size_t v = 0; v < vectors(); ++v) {
          Value* from = b_.CreateConstInBoundsGEP1_64(word, at[1], v * lanes_);
          columns.push_back(products_.right(b_, b_.CreateAlignedLoad(llvm::FixedVectorType::get(word, lanes_), from, llvm::Align(4))));
        }
        for (size_t row = 0; row < rows(); ++row) {
          Value* from = b_.CreateGEP(a_element_, at[0], b_.CreateMul(a_stride_, b_.getInt64(row)));
          Value* bits = part ? products_.load_part(b_, from, left) : b_.CreateAlignedLoad(word, from, llvm::Align(1));
          const WordProducts::Operand one = products_.left(b_, b_.CreateVectorSplat(lanes_, bits));
          for (size_t v = 0; v < vectors(); ++v) before[row * vectors() + v] = products_.add(b_, one, columns[v], before[row * vectors() + v]);
        }
        return before;
      };
    };
    sums = loop(whole, {{a, group, a_element_}, {panel, b_depth_, word}}, std::move(sums), step(false));
    if (!form_.tail) return sums;
    Value* any = b_.CreateZExt(b_.CreateICmpNE(left, b_.getInt64(0)), b_.getInt64Ty());
    Value* last_a = b_.CreateGEP(a_element_, a, b_.CreateMul(whole, group));
    Value* last_panel = b_.CreateGEP(word, panel, b_.CreateMul(whole, b_depth_));
    return loop(any, {{last_a, group, a_element_}, {last_panel, b_depth_, word}}, std::move(sums), step(true));
  }

  /// Asks for a line to be brought into the first cache (3) or the second (2).
  void fetch(Value* from, uint32_t level) {
    b_.CreateIntrinsic(llvm::Intrinsic::prefetch, {b_.getPtrTy()}, {from, b_.getInt32(0), b_.getInt32(level), b_.getInt32(1)});
  }

  Value* multiply_add(Value* x, Value* y, Value* sum) {
    if (!is_float(form_.dtype)) return b_.CreateAdd(sum, b_.CreateMul(x, y));
    if (target_.has_fma) return b_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_}, {x, y, sum});
    return b_.CreateFAdd(sum, b_.CreateFMul(x, y));
  }

  llvm::Module& module_;
  const Target& target_;
  const ContractLibrary::Form& form_;
  const WordProducts products_{target_, form_.a_dtype, form_.raised};
  llvm::IRBuilder<> b_;
  llvm::Function* function_ = nullptr;
  llvm::Type *element_, *a_element_;  // of B and C, and of A
  llvm::FixedVectorType* vector_;
  unsigned lanes_;
  Value *a_ = nullptr, *panel_ = nullptr, *c_ = nullptr, *a_stride_ = nullptr, *a_depth_ = nullptr, *b_depth_ = nullptr, *c_stride_ = nullptr, *depth_ = nullptr,
        *table_ = nullptr;
  std::vector<Value*> masks_;
  std::vector<Moving> ahead_;
};

}  // namespace

int ContractLibrary::height(int rows, int vectors, int max_rows, bool known) {
  if (rows >= max_rows) return max_rows;
  // Cheapest way to cover each count of rows with the heights there are, in steps of a multiply-add: as many as the tile has, or as many as a sum takes until
  // it can be added to again.
  constexpr int kKnown[] = {1, 2, 3, 4, 5}, kAny[] = {1, 2, 4}, kLatency = 8, kCall = 2;
  const std::span<const int> heights = known ? std::span<const int>(kKnown) : std::span<const int>(kAny);
  std::vector<int> cost(static_cast<size_t>(rows) + 1), first(cost.size());
  for (int n = 1; n <= rows; ++n) {
    cost[static_cast<size_t>(n)] = std::numeric_limits<int>::max();
    for (const int height : heights) {
      if (height > n || height >= max_rows) continue;
      const int total = cost[static_cast<size_t>(n - height)] + std::max(height * vectors, kLatency) + kCall;
      if (total <= cost[static_cast<size_t>(n)]) cost[static_cast<size_t>(n)] = total, first[static_cast<size_t>(n)] = height;
    }
  }
  return first[static_cast<size_t>(rows)];
}

std::string ContractLibrary::Form::symbol() const {
  std::string symbol = "contract_" + std::string(name(a_dtype)) + "_" + std::to_string(rows) + "x" + std::to_string(vectors);
  if (masked) symbol += "_masked";
  if (accumulate) symbol += after ? "_accumulate_after" : "_accumulate";
  if (batched) symbol += "_batched";
  if (raised) symbol += "_raised";
  if (group > 1) return symbol + (tail ? "_words_tail" : "_words");
  if (ahead) symbol += "_ahead";
  if (gathered) return symbol + "_gathered";
  if (a_spread) return symbol + "_spread";
  return symbol + (a_unit_depth ? "_rows" : a_unit_row ? "_columns" : "_strided");
}

void ContractLibrary::define(const Form& form) {
  Microkernel microkernel(module_, target_, form);
  microkernel.declare();
  microkernel.write();
}

llvm::Function* ContractLibrary::microkernel(const Form& form) {
  const std::string symbol = form.symbol();
  llvm::Function*& function = functions_[symbol];
  if (function) return function;
  forms_[symbol] = form;
  Microkernel microkernel(module_, target_, form);
  function = microkernel.declare();
  if (code_ == Code::kElsewhere) return function;
  microkernel.write();
  function->setVisibility(llvm::GlobalValue::DefaultVisibility);
  function->setLinkage(llvm::GlobalValue::InternalLinkage);
  return function;
}

void ContractLibrary::call(llvm::IRBuilder<>& builder, const Call& c) {
  std::vector<Value*> arguments{c.a,     c.b,       c.c,              c.a_stride,       c.a_depth_stride, c.b_depth_stride, c.c_stride,
                                c.depth, c.batches, c.a_batch_stride, c.b_batch_stride, c.columns};
  if (c.form.after) arguments.push_back(c.after);
  if (c.form.gathered) arguments.push_back(c.table);
  if (c.form.ahead) arguments.insert(arguments.end(), {c.ahead_from, c.ahead_stride});
  builder.CreateCall(microkernel(c.form), arguments);
}

}  // namespace sinter::backend
