#include "base/hash.h"

#include <bit>
#include <cstdio>
#include <cstring>

namespace sinter {
namespace {

// The mixing steps and constants of MurmurHash3_x64_128 (Appleby, public domain), one word into both lanes: each step
// is a bijection of the state, so nothing that was fed in can be lost.
void mix(uint64_t word, uint64_t& a, uint64_t& b) {
  constexpr uint64_t kOne = 0x87c37b91114253d5ULL, kTwo = 0x4cf5ad432745937fULL;
  a ^= std::rotl(word * kOne, 31) * kTwo;
  a = (std::rotl(a, 27) + b) * 5 + 0x52dce729;
  b ^= std::rotl(word * kTwo, 33) * kOne;
  b = (std::rotl(b, 31) + a) * 5 + 0x38495ab5;
}

uint64_t avalanche(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

uint64_t little_endian(const unsigned char* bytes, size_t size) {
  uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, bytes, size);
  } else {
    for (size_t i = 0; i < size; ++i) word |= uint64_t{bytes[i]} << (8 * i);
  }
  return word;
}

}  // namespace

std::string Hash128::to_string() const {
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(high), static_cast<unsigned long long>(low));
  return text;
}

Hasher& Hasher::bytes(const void* data, size_t size) {
  const auto* at = static_cast<const unsigned char*>(data);
  number(size);
  length_ += size;
  for (; size >= 8; size -= 8, at += 8) mix(little_endian(at, 8), a_, b_);
  if (size > 0) mix(little_endian(at, size), a_, b_);
  return *this;
}

Hasher& Hasher::text(std::string_view text) { return bytes(text.data(), text.size()); }

Hasher& Hasher::number(uint64_t value) {
  mix(value, a_, b_);
  length_ += 8;
  return *this;
}

Hash128 Hasher::finish() const {
  uint64_t a = a_ ^ length_, b = b_ ^ length_;
  a += b;
  b += a;
  a = avalanche(a);
  b = avalanche(b);
  a += b;
  return {a, a + b};
}

Hash128 hash_text(std::string_view text) { return Hasher().text(text).finish(); }

}  // namespace sinter
