// Stores past the caches: which buffers take them, from where on a loop's stores are aligned, and the fence at the end.
#include <algorithm>

#include "backend/llvm/kernel_emitter.h"
#include "backend/llvm/targets/x86.h"

namespace sinter::backend {
namespace {

constexpr int64_t kLeastVectors = 4;      // per run of a loop, or its head and tail are most of it
constexpr int64_t kLeastStoreBytes = 16;  // the least that a non-temporal store of a vector has

bool has_checked_index(const loop::Body& body) {
  return std::any_of(body.begin(), body.end(), [](const loop::Statement& statement) {
    if (const auto* loop = std::get_if<loop::For>(&statement.node)) return has_checked_index(loop->body);
    if (const auto* branch = std::get_if<loop::If>(&statement.node)) return has_checked_index(branch->then) || has_checked_index(branch->otherwise);
    return std::holds_alternative<loop::CheckedIndex>(statement.node);
  });
}

}  // namespace

/// Decides for each buffer with hints whether it streams: large enough, and no memory that the kernel reads too.
void KernelEmitter::find_streams(const loop::Body& statements) {
  for (const loop::Statement& statement : statements) {
    if (const auto* loop = std::get_if<loop::For>(&statement.node)) {
      find_streams(loop->body);
    } else if (const auto* branch = std::get_if<loop::If>(&statement.node)) {
      find_streams(branch->then);
      find_streams(branch->otherwise);
    }
    const auto* store = std::get_if<loop::Store>(&statement.node);
    if (!store || store->stream_beyond == 0 || streams_.contains(store->buffer)) continue;
    const loop::Buffer& buffer = kernel_.buffers[static_cast<size_t>(store->buffer)];
    const Dim bytes = byte_count({buffer.dtype, buffer.shape});
    if (buffer.use != loop::BufferUse::kWrite || (bytes.is_constant() && bytes.constant() <= store->stream_beyond)) continue;
    Value* streams = b_.CreateICmpSGT(uniform(bytes), i64(store->stream_beyond));
    for (size_t i = 0; i < kernel_.buffers.size(); ++i)
      if (kernel_.buffers[i].use == loop::BufferUse::kRead)
        streams = b_.CreateAnd(streams, b_.CreateICmpNE(buffers_[i], buffers_[static_cast<size_t>(store->buffer)]));
    streams_[store->buffer] = streams;
  }
}

/// The stores of a loop that may stream; none when another order of the iterations could be seen.
std::vector<const loop::Store*> KernelEmitter::streamed_stores(const loop::For& loop) {
  std::vector<const loop::Store*> stores;
  if (streams_.empty() || has_checked_index(loop.body)) return stores;
  if (loop.extent.is_constant() && loop.extent.constant() < kLeastVectors * lanes_) return stores;
  vector_base_ = i64(0);
  for (const loop::Statement& statement : loop.body) {
    const auto* store = std::get_if<loop::Store>(&statement.node);
    if (!store || store->stream_beyond == 0 || !streams_.contains(store->buffer)) continue;
    const auto element = static_cast<int64_t>(size_in_bytes(kernel_.buffers[static_cast<size_t>(store->buffer)].dtype));
    const IndexValue at = index(linear(store->buffer, store->indices));
    const auto* stride = llvm::dyn_cast_or_null<llvm::ConstantInt>(at.stride);
    if (stride && stride->isOne() && element * lanes_ >= kLeastStoreBytes) stores.push_back(store);
  }
  return stores;
}

/// What a streamed store of a full vector is aligned to, in bytes; 0: it does not stream.
uint64_t KernelEmitter::stream_alignment(const loop::Store& store) const {
  if (!streams_.contains(store.buffer)) return 0;
  const auto bytes = static_cast<int64_t>(size_in_bytes(kernel_.buffers[static_cast<size_t>(store.buffer)].dtype)) * lanes_;
  return bytes < kLeastStoreBytes ? 0 : static_cast<uint64_t>(std::min<int64_t>(bytes, target_.vector_bits / 8));
}

/// How many iterations come before the first aligned vector, 0 when the loop does not stream; `streams` says whether it does.
llvm::Value* KernelEmitter::stream_head(const std::vector<const loop::Store*>& stores, Value* extent, Value** streams) {
  vector_base_ = i64(0);
  Value *head = nullptr, *all = b_.CreateICmpSGE(extent, i64(kLeastVectors * lanes_));
  for (const loop::Store* store : stores) {
    const size_t element = size_in_bytes(kernel_.buffers[static_cast<size_t>(store->buffer)].dtype);
    const uint64_t alignment = stream_alignment(*store);
    Value* begin = b_.CreatePtrToInt(address(store->buffer, index(linear(store->buffer, store->indices)).base), b_.getInt64Ty());
    if (!head) {
      Value* bytes = b_.CreateAnd(b_.CreateNeg(begin), b_.getInt64(alignment - 1));
      head = b_.CreateUDiv(bytes, b_.getInt64(element));
    }
    Value* first = b_.CreateAdd(begin, b_.CreateMul(head, b_.getInt64(element)));
    all = b_.CreateAnd(all, streams_.at(store->buffer));
    all = b_.CreateAnd(all, b_.CreateICmpEQ(b_.CreateAnd(first, b_.getInt64(alignment - 1)), i64(0)));
  }
  *streams = all;
  return b_.CreateSelect(all, head, i64(0));
}

/// Whoever reads the result sees what went past the caches.
void KernelEmitter::finish_streams() {
  if (streams_.empty()) return;
  Value* any = nullptr;
  for (const auto& [buffer, streams] : streams_) any = any ? b_.CreateOr(any, streams) : streams;
  llvm::BasicBlock* fence = llvm::BasicBlock::Create(context_, "fence", function_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context_, "fenced", function_);
  b_.CreateCondBr(any, fence, after);
  b_.SetInsertPoint(fence);
  b_.CreateCall(module_.getOrInsertFunction(kStreamFence, llvm::FunctionType::get(b_.getVoidTy(), false)));
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

}  // namespace sinter::backend
