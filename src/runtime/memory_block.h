// Memory without a type, for arenas and scratch: 64-byte aligned, in huge pages when large. Used by Run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace sinter::runtime {

class MemoryBlock {
 public:
  MemoryBlock() = default;
  /// Uninitialized. Raises Error kCheck, naming `what`, beyond the machine's memory.
  MemoryBlock(int64_t bytes, const std::string& what);
  std::byte* data() const { return data_.get(); }
  int64_t bytes() const { return data_.get_deleter().bytes; }

 private:
  struct Free {
    Free() : bytes(0) {}
    explicit Free(int64_t size) : bytes(size) {}
    int64_t bytes;
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
};

}  // namespace sinter::runtime
