// Vector loops: lanes in one register or in several, the last iterations under a mask, accumulators from outside as partial results.
//
// More lanes than a register holds run a register at a time, each with partial results of its own: of the lockstep of all lanes nothing can be
// seen but these.
#include <algorithm>
#include <unordered_set>

#include "backend/llvm/kernel_emitter.h"

namespace sinter::backend {
namespace {

/// Accumulators that `body` updates, whether declared in it or outside.
void collect_updates(const loop::Body& body, std::map<std::string, ScalarOp>& updates) {
  for (const loop::Statement& statement : body) {
    if (const auto* update = std::get_if<loop::Update>(&statement.node)) {
      updates[update->name] = update->op;
    } else if (const auto* loop = std::get_if<loop::For>(&statement.node)) {
      collect_updates(loop->body, updates);
    } else if (const auto* branch = std::get_if<loop::If>(&statement.node)) {
      collect_updates(branch->then, updates);
      collect_updates(branch->otherwise, updates);
    }
  }
}

/// Whether elements of at most 4 bytes are computed.
class FindNarrow {
 public:
  bool in(const loop::Body& body) {
    return std::any_of(body.begin(), body.end(), [this](const loop::Statement& s) { return std::visit([this](const auto& node) { return is(node); }, s.node); });
  }

 private:
  bool is(const loop::For& loop) { return in(loop.body); }
  bool is(const loop::If& branch) { return in(branch.then) || in(branch.otherwise); }
  bool is(const loop::Declare& declare) { return of(declare.initial); }
  template <class Node> bool is(const Node& node) {
    if constexpr (requires { node.value; }) return of(node.value);
    return false;
  }
  bool of(const loop::ExpressionRef& e) {
    if (e->dtype != DType::kBool && size_in_bytes(e->dtype) <= 4) return true;
    if (!seen_.insert(e.get()).second) return false;
    return std::any_of(e->arguments.begin(), e->arguments.end(), [this](const loop::ExpressionRef& argument) { return of(argument); });
  }

  std::unordered_set<const loop::Expression*> seen_;
};

}  // namespace

void KernelEmitter::vector_loop(const loop::For& loop) {
  SINTER_CHECK(lanes_ == 1, "kernel " + kernel_.name + ": nested vector loops");
  const int parts = std::max(1, loop.lanes / target_.lanes(FindNarrow().in(loop.body) ? 4 : 8));
  lanes_ = loop.lanes / parts;
  const std::vector<Partial> partials = make_partials(loop, parts);
  vector_variable_ = loop.variable;
  const auto streamed = partials.empty() || parts == 1 ? streamed_stores(loop) : std::vector<const loop::Store*>{};
  if (!streamed.empty() && partials.empty()) {
    streamed_steps(loop, streamed);
  } else if (!streamed.empty()) {
    streamed_sums(loop, streamed, partials);
  } else if (loop.extent.is_constant()) {
    constant_steps(loop, partials, parts);
  } else {
    symbolic_steps(loop, partials, parts);
  }
  lanes_ = 1;
  mask_ = nullptr;
  vector_variable_.clear();
  for (const Partial& partial : partials) finish_partial(partial);
}

/// The registers of each accumulator from outside, holding what changes nothing.
std::vector<KernelEmitter::Partial> KernelEmitter::make_partials(const loop::For& loop, int parts) {
  std::map<std::string, ScalarOp> updates;
  collect_updates(loop.body, updates);
  std::vector<Partial> partials;
  for (const auto& [name, op] : updates) {
    const auto found = names_.variables.find(name);
    if (found == names_.variables.end()) continue;  // declared inside
    Partial partial{name, op, variable_dtypes_.at(name), found->second, {}};
    llvm::Type* type = lanes_of(partial.accumulator.type);
    for (int part = 0; part < parts; ++part) {
      partial.parts.push_back(new_variable(type, name + ".lanes"));
      b_.CreateStore(ScalarEmitter::identity(op, type, partial.dtype), partial.parts.back().place);
    }
    partials.push_back(std::move(partial));
  }
  return partials;
}

/// The iterations from `first` on that one register of lanes holds.
void KernelEmitter::vector_step(const loop::For& loop, const std::vector<Partial>& partials, size_t part, Value* first, Value* mask) {
  const Names outside = names_;
  for (const Partial& partial : partials) names_.variables[partial.name] = partial.parts[part];
  vector_base_ = first;
  mask_ = mask;
  body(loop.body);
  names_ = outside;
}

/// The mask of the iterations from `first` on that there are.
llvm::Value* KernelEmitter::lanes_below(Value* first, Value* extent) {
  return b_.CreateICmpULT(lane_numbers(), b_.CreateVectorSplat(static_cast<unsigned>(lanes_), b_.CreateSub(extent, first)));
}

void KernelEmitter::whole_steps(const loop::For& loop, const std::vector<Partial>& partials, int parts, Value* begin, Value* end) {
  counted_loop(begin, end, loop.lanes, [&](Value* first) {
    for (int part = 0; part < parts; ++part)
      vector_step(loop, partials, static_cast<size_t>(part), part == 0 ? first : b_.CreateAdd(first, i64(part * lanes_)), nullptr);
  });
}

void KernelEmitter::constant_steps(const loop::For& loop, const std::vector<Partial>& partials, int parts) {
  const int64_t extent = loop.extent.constant(), whole = extent - extent % loop.lanes;
  if (whole > 0) whole_steps(loop, partials, parts, i64(0), i64(whole));
  size_t part = 0;
  for (int64_t first = whole; first < extent; first += lanes_, ++part)
    vector_step(loop, partials, part, i64(first), first + lanes_ <= extent ? nullptr : lanes_below(i64(first), i64(extent)));
}

/// Which register of partial results the iterations after the last whole lanes belong to is known at run time only: these keep them in memory.
void KernelEmitter::symbolic_steps(const loop::For& loop, const std::vector<Partial>& partials, int parts) {
  Value* extent = uniform(loop.extent);
  Value* whole = b_.CreateAnd(extent, i64(~int64_t{loop.lanes - 1}));
  Value* full = b_.CreateAnd(extent, i64(~int64_t{lanes_ - 1}));
  whole_steps(loop, partials, parts, i64(0), whole);
  std::vector<Partial> rest = partials;
  std::vector<Value*> arrays;
  const auto element = [&](size_t i, Value* part) { return b_.CreateGEP(rest[i].parts[0].type, arrays[i], part); };
  if (parts > 1) {
    for (size_t i = 0; i < rest.size(); ++i) {
      llvm::Type* type = rest[i].parts[0].type;
      arrays.push_back(new_variable(llvm::ArrayType::get(type, static_cast<uint64_t>(parts)), rest[i].name + ".rest").place);
      for (int part = 0; part < parts; ++part) b_.CreateStore(load_variable(partials[i].parts[static_cast<size_t>(part)]), element(i, i64(part)));
    }
  }
  const auto step = [&](Value* first, bool masked) {
    Value* part = b_.CreateLShr(b_.CreateSub(first, whole), i64(llvm::Log2_64(static_cast<uint64_t>(lanes_))));
    for (size_t i = 0; i < arrays.size(); ++i) rest[i].parts[0].place = element(i, part);
    vector_step(loop, rest, 0, first, masked ? lanes_below(first, extent) : nullptr);
  };
  if (parts > 1) counted_loop(whole, full, lanes_, [&](Value* first) { step(first, false); });
  counted_loop(full, extent, lanes_, [&](Value* first) { step(first, true); });  // once or not at all
  for (size_t i = 0; i < arrays.size(); ++i)
    for (int part = 0; part < parts; ++part) {
      const Variable& to = partials[i].parts[static_cast<size_t>(part)];
      b_.CreateStore(b_.CreateLoad(to.type, element(i, i64(part))), to.place);
    }
}

/// Where stores go past the caches, the full vectors begin at a line, and the mask serves the elements before it too.
void KernelEmitter::streamed_steps(const loop::For& loop, const std::vector<const loop::Store*>& streamed) {
  Value *extent = uniform(loop.extent), *streams = nullptr;
  Value* head = stream_head(streamed, extent, &streams);
  Value* full = b_.CreateAdd(head, b_.CreateAnd(b_.CreateSub(extent, head), i64(~int64_t{lanes_ - 1})));
  llvm::BasicBlock* past = llvm::BasicBlock::Create(context_, "past_caches", function_);
  llvm::BasicBlock* through = llvm::BasicBlock::Create(context_, "through_caches", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "head_and_tail", function_);
  b_.CreateCondBr(streams, past, through);
  // A register at a time, however many hold the lanes: no partial results tell them apart.
  const auto registers = [&] { counted_loop(head, full, lanes_, [&](Value* first) { vector_step(loop, {}, 0, first, nullptr); }); };
  b_.SetInsertPoint(past);
  streaming_ = true;
  registers();
  streaming_ = false;
  b_.CreateBr(after);
  b_.SetInsertPoint(through);
  registers();
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
  // The head, then the tail, by the same code; each runs once or not at all.
  counted_loop(i64(0), i64(2), 1, [&](Value* part) {
    Value* at_tail = b_.CreateICmpNE(part, i64(0));
    Value* end = b_.CreateSelect(at_tail, extent, head);
    counted_loop(b_.CreateSelect(at_tail, full, i64(0)), end, lanes_, [&](Value* first) { vector_step(loop, {}, 0, first, lanes_below(first, end)); });
  });
}

/// Beside accumulators the lanes stay where they are, whatever memory is: stores go past the caches where these are aligned as they stand.
void KernelEmitter::streamed_sums(const loop::For& loop, const std::vector<const loop::Store*>& streamed, const std::vector<Partial>& partials) {
  Value* streams = nullptr;
  Value* head = stream_head(streamed, uniform(loop.extent), &streams);
  llvm::BasicBlock* past = llvm::BasicBlock::Create(context_, "past_caches", function_);
  llvm::BasicBlock* through = llvm::BasicBlock::Create(context_, "through_caches", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "streamed", function_);
  b_.CreateCondBr(b_.CreateAnd(streams, b_.CreateICmpEQ(head, i64(0))), past, through);
  for (llvm::BasicBlock* block : {past, through}) {
    b_.SetInsertPoint(block);
    streaming_ = block == past;
    if (loop.extent.is_constant()) {
      constant_steps(loop, partials, 1);
    } else {
      symbolic_steps(loop, partials, 1);
    }
    b_.CreateBr(after);
  }
  streaming_ = false;
  b_.SetInsertPoint(after);
}

/// The tree over all lanes: halves of the registers while there are several, then halves of the one that is left.
void KernelEmitter::finish_partial(const Partial& partial) {
  std::vector<Value*> parts;
  for (const Variable& part : partial.parts) parts.push_back(load_variable(part));
  for (size_t half = parts.size() / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      Value* pair[] = {parts[i], parts[i + half]};
      parts[i] = scalars_.emit(b_, partial.op, pair, partial.dtype);
    }
  }
  Value* pair[] = {load_variable(partial.accumulator), scalars_.combine_lanes(b_, partial.op, parts[0], partial.dtype)};
  b_.CreateStore(scalars_.emit(b_, partial.op, pair, partial.dtype), partial.accumulator.place);
}

}  // namespace sinter::backend
