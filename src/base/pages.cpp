#include "base/pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <fstream>

namespace sinter {
namespace {

/// Whole large pages when that wastes an eighth at most; else the last part is in small ones.
size_t mapped_bytes(size_t bytes) {
  const size_t small = 4096, large = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  return large - bytes <= bytes / 8 ? large : (bytes + small - 1) / small * small;
}

}  // namespace

void* take_pages(size_t bytes) {
  const size_t wanted = mapped_bytes(bytes), reserved = wanted + kHugePage;
  void* block = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) return nullptr;
  const uintptr_t begin = reinterpret_cast<uintptr_t>(block), at = (begin + kHugePage - 1) / kHugePage * kHugePage;
  if (at > begin) munmap(block, at - begin);
  if (const uintptr_t end = begin + reserved; end > at + wanted) munmap(reinterpret_cast<void*>(at + wanted), end - at - wanted);
  void* address = reinterpret_cast<void*>(at);
  madvise(address, wanted, MADV_HUGEPAGE);
  return address;
}

void free_pages(void* address, size_t bytes) { munmap(address, mapped_bytes(bytes)); }

std::string huge_page_policy() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  for (std::string word; file >> word;) {
    if (word == "[madvise]") return "on request";
    if (word == "[always]") return "always";
    if (word == "[never]") return "never";
  }
  return "unknown";
}

}  // namespace sinter
