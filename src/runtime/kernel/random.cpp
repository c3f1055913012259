#include "runtime/kernel/random.h"

uint32_t sinter_random_bits_u32(uint32_t seed, uint32_t step, uint32_t stream, int64_t index) {
  const uint64_t block = (uint64_t)index / 4;
  uint32_t k0 = seed, k1 = 0;
  uint32_t c0 = stream, c1 = step, c2 = (uint32_t)block, c3 = (uint32_t)(block >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  switch (index & 3) {
    case 0: return c0;
    case 1: return c1;
    case 2: return c2;
    default: return c3;
  }
}
