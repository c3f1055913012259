#include "runtime/memory_block.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

[[noreturn]] void fail(int64_t bytes, const std::string& what) {
  throw Error(ErrorCode::kCheck, what + " would take " + std::to_string(bytes) + " bytes, more than there are")
      .hint("a smaller batch?");
}

}  // namespace

MemoryBlock::MemoryBlock(int64_t bytes, const std::string& what) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const int64_t there = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  if (bytes < 0 || bytes > there - alignment) fail(bytes, what);  // the system would promise more and end the process later
  bytes_ = (bytes + alignment - 1) / alignment * alignment;
  if (bytes_ == 0) return;
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(bytes_))));
  if (data_ == nullptr) fail(bytes, what);
  if (alignment == kHugePage) madvise(data_.get(), static_cast<size_t>(bytes_), MADV_HUGEPAGE);  // a wish; works without
}

void MemoryBlock::Free::operator()(std::byte* data) const { std::free(data); }

}  // namespace sinter::runtime
