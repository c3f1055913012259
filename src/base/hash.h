// A 128-bit content hash: structural hashes, cache keys, checksums of cache entries and checkpoints. Not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sinter {

struct Hash128 {
  uint64_t high = 0, low = 0;
  std::string to_string() const;  // 32 hexadecimal digits
  friend bool operator==(const Hash128&, const Hash128&) = default;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

/// Feeds values one after another; equal sequences of calls give equal hashes on every machine and run.
class Hasher {
 public:
  Hasher& bytes(const void* data, size_t size);
  Hasher& text(std::string_view text);  // length first, so that neighbours cannot run together
  Hasher& number(uint64_t value);
  Hash128 finish() const;

 private:
  uint64_t a_ = 0x9e3779b97f4a7c15ULL, b_ = 0xc2b2ae3d27d4eb4fULL;
  uint64_t length_ = 0;
};

Hash128 hash_text(std::string_view text);

}  // namespace sinter
