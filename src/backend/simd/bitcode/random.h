// Philox4x32-10 (base/random.h) in lanes: each lane computes the block of its own counter and picks one word.
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

using NativeU32 = Native<uint32_t>;
using NativeU64 = Native<uint64_t>;

/// Words in the low halves of 64-bit lanes, as processors multiply them; the high halves hold anything.
struct Block {
  NativeU64 word[4];
};

inline Block philox(NativeU64 key0, NativeU64 key1, Block c) {
  const auto multiply = [](NativeU64 a, uint64_t factor) { return (a & 0xffffffff) * factor; };
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; ++round) {
    const NativeU64 p0 = multiply(c.word[0], 0xD2511F53), p1 = multiply(c.word[2], 0xCD9E8D57);
    c = {(p1 >> 32) ^ c.word[1] ^ key0, p1, (p0 >> 32) ^ c.word[3] ^ key1, p0};
    key0 = key0 + 0x9E3779B9;
    key1 = key1 + 0xBB67AE85;
  }
  return c;
}

/// The word of each lane's index, given as its low and high halves. The even lanes and the odd ones are two independent computations.
inline NativeU32 random_bits(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high) {
  const NativeU64 zero = {}, block_low = NativeU64((index_low >> 2) | (index_high << 30)), block_high = NativeU64(index_high >> 2);
  const Block even = philox(zero + seed, zero, {zero + stream, zero + step, block_low, block_high});
  const Block odd = philox(zero + seed, zero, {zero + stream, zero + step, block_low >> 32, block_high >> 32});
  NativeU32 words[4];
  for (int k = 0; k < 4; ++k) words[k] = NativeU32((even.word[k] & 0xffffffff) | (odd.word[k] << 32));
  const NativeU32 which = index_low & 3, low = which < 2 ? words[0] : words[2], high = which < 2 ? words[1] : words[3];
  return (which & 1) == 0 ? low : high;
}

}  // namespace sinter::backend::simd
