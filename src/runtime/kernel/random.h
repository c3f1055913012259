/* Random words for emitted code: the same numbers as base/random.h. Plain C, freestanding. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Word index % 4 of the Philox4x32-10 block with key (seed, 0) and counter (stream, step, low and high half of index / 4). */
uint32_t sinter_random_bits_u32(uint32_t seed, uint32_t step, uint32_t stream, int64_t index);

#ifdef __cplusplus
}
#endif
