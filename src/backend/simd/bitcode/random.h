// Philox4x32-10 (base/random.h) in lanes. Neighbouring indices, which vector loops ask for, share their blocks: each lane of 64 bits computes one.
// Other indices: each lane computes the block of its own counter and picks one word.
#pragma once

#include <utility>

#include "batch.h"

namespace sinter::backend::simd {

using NativeU32 = Native<uint32_t>;
using NativeU64 = Native<uint64_t>;

/// Words in the low halves of 64-bit lanes, as processors multiply them; the high halves hold anything.
template <class V> struct Block {
  V word[4];
};

template <class V> Block<V> philox(V key0, V key1, Block<V> c) {
  const auto multiply = [](V a, uint64_t factor) { return (a & 0xffffffff) * factor; };
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; ++round) {
    const V p0 = multiply(c.word[0], 0xD2511F53), p1 = multiply(c.word[2], 0xCD9E8D57);
    c = {(p1 >> 32) ^ c.word[1] ^ key0, p1, (p0 >> 32) ^ c.word[3] ^ key1, p0};
    key0 = key0 + 0x9E3779B9;
    key1 = key1 + 0xBB67AE85;
  }
  return c;
}

constexpr int kLanes = sizeof(NativeU32) / sizeof(uint32_t);

/// Elements from..from+n of two vectors, one from each in turn.
template <int from, class V, int... i> auto interleaved(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int lanes = sizeof(V) / sizeof(a[0]);
  return __builtin_shufflevector(a, b, (i % 2 * lanes + i / 2 + from)...);
}

/// kLanes elements of two vectors in a row, from `first` on.
template <int first, int... i> NativeU32 shifted(NativeU32 a, NativeU32 b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (i + first)...);
}

/// The words of as many blocks as V has lanes, numbered from `first` on, in pairs: those of words 0 and 1, then those of 2 and 3.
template <class V> [[gnu::always_inline]] inline std::pair<V, V> blocks_from(uint32_t seed, uint32_t step, uint32_t stream, uint64_t first) {
  const V zero = {};
  V number = zero + first;
  for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(uint64_t)); ++i) number[i] += static_cast<uint64_t>(i);
  const Block<V> block = philox(zero + seed, zero, Block<V>{{zero + stream, zero + step, number, number >> 32}});
  return {(block.word[0] & 0xffffffff) | (block.word[1] << 32), (block.word[2] & 0xffffffff) | (block.word[3] << 32)};
}

/// Of kLanes indices in a row. The blocks that they lie in are at most one more than a quarter of them. (No way through memory: a load that two stores
/// feed waits until both are done.)
[[gnu::always_inline]] inline NativeU32 random_bits_in_a_row(uint32_t seed, uint32_t step, uint32_t stream, uint64_t first) {
  using Half __attribute__((vector_size(sizeof(NativeU64) / 2))) = uint64_t;
  constexpr std::make_integer_sequence<int, kLanes / 2> pairs{};
  constexpr std::make_integer_sequence<int, kLanes> words{};
  if constexpr (sizeof(Half) >= 16) {
    if (first % 4 == 0) {
      const auto [low, high] = blocks_from<Half>(seed, step, stream, first / 4);
      return NativeU32(interleaved<0>(low, high, pairs));
    }
  }
  const auto [low, high] = blocks_from<NativeU64>(seed, step, stream, first / 4);
  const auto front = NativeU32(interleaved<0>(low, high, pairs)), back = NativeU32(interleaved<kLanes / 4>(low, high, pairs));
  switch (first % 4) {
    case 0: return front;
    case 1: return shifted<1>(front, back, words);
    case 2: return shifted<2>(front, back, words);
    default: return shifted<3>(front, back, words);
  }
}

/// The word of each lane's index, given as its low and high halves.
[[gnu::always_inline]] inline NativeU32 random_bits(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high) {
  NativeU32 lane = {};
  for (int i = 0; i < kLanes; ++i) lane[i] = static_cast<uint32_t>(i);
  const NativeU32 astray = ((index_low - lane) ^ index_low[0]) | (index_high ^ index_high[0]);
  if (__builtin_reduce_or(astray) == 0) return random_bits_in_a_row(seed, step, stream, uint64_t{index_high[0]} << 32 | index_low[0]);
  // The even lanes and the odd ones are two independent computations.
  const NativeU64 zero = {}, block_low = NativeU64((index_low >> 2) | (index_high << 30)), block_high = NativeU64(index_high >> 2);
  const auto even = philox(zero + seed, zero, Block<NativeU64>{{zero + stream, zero + step, block_low, block_high}});
  const auto odd = philox(zero + seed, zero, Block<NativeU64>{{zero + stream, zero + step, block_low >> 32, block_high >> 32}});
  NativeU32 words[4];
  for (int k = 0; k < 4; ++k) words[k] = NativeU32((even.word[k] & 0xffffffff) | (odd.word[k] << 32));
  const NativeU32 which = index_low & 3, low = which < 2 ? words[0] : words[2], high = which < 2 ? words[1] : words[3];
  return (which & 1) == 0 ? low : high;
}

}  // namespace sinter::backend::simd
