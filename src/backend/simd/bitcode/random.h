// Philox4x32-10 (base/random.h) in lanes: each lane computes the block of its own counter and picks one word.
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

using NativeU32 = Native<uint32_t>;
using NativeU64 = Native<uint64_t>;

struct Product {
  NativeU32 high, low;
};

/// a * factor in 64 bits, by the multiplications of even and of odd lanes that processors have.
inline Product wide_multiply(NativeU32 a, uint32_t factor) {
  constexpr uint64_t kLow = 0xffffffff;
  const NativeU64 pairs = NativeU64(a), even = (pairs & kLow) * factor, odd = (pairs >> 32) * factor;
  return {NativeU32((even >> 32) | (odd & ~kLow)), NativeU32((even & kLow) | (odd << 32))};
}

/// The word of each lane's index, given as its low and high halves.
inline NativeU32 random_bits(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high) {
  const NativeU32 zero = {}, word = index_low & 3;
  NativeU32 c0 = zero + stream, c1 = zero + step, c2 = (index_low >> 2) | (index_high << 30), c3 = index_high >> 2;
  uint32_t key0 = seed, key1 = 0;
  for (int round = 0; round < 10; ++round) {
    const Product p0 = wide_multiply(c0, 0xD2511F53), p1 = wide_multiply(c2, 0xCD9E8D57);
    c0 = p1.high ^ c1 ^ key0;
    c2 = p0.high ^ c3 ^ key1;
    c1 = p1.low;
    c3 = p0.low;
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  const NativeU32 even = word < 2 ? c0 : c2, odd = word < 2 ? c1 : c3;
  return (word & 1) == 0 ? even : odd;
}

}  // namespace sinter::backend::simd
