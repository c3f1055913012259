#include "runtime/memory_block.h"

#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/pages.h"

namespace sinter::runtime {
namespace {

bool is_large(int64_t bytes) { return bytes >= static_cast<int64_t>(kHugePage); }

[[noreturn]] void fail(int64_t bytes, const std::string& what) {
  throw Error(ErrorCode::kCheck, what + " would take " + std::to_string(bytes) + " bytes, more than there are")
      .hint("a smaller batch?");
}

}  // namespace

MemoryBlock::MemoryBlock(int64_t bytes, const std::string& what) {
  const int64_t there = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  if (bytes < 0 || bytes > there - static_cast<int64_t>(kHugePage)) fail(bytes, what);  // the system would promise more and end the process later
  const int64_t rounded = (bytes + 63) / 64 * 64;
  if (rounded == 0) return;
  const size_t size = static_cast<size_t>(rounded);
  void* data = is_large(rounded) ? take_pages(size) : std::aligned_alloc(64, size);
  if (data == nullptr) fail(bytes, what);
  data_ = std::unique_ptr<std::byte[], Free>(static_cast<std::byte*>(data), Free(rounded));
}

void MemoryBlock::Free::operator()(std::byte* data) const {
  if (is_large(bytes)) return free_pages(data, static_cast<size_t>(bytes));
  std::free(data);
}

}  // namespace sinter::runtime
