// The module of the vector math library: every function of functions.h, for vectors and single elements.
#include "error_function.h"
#include "exponential.h"
#include "exports.h"
#include "logarithm.h"
#include "random.h"

namespace sinter::backend::simd {

// A single element is computed as lane 0 of a vector: the same bits. Its call is not inlined, which halves the module.
// Names are qualified, because xsimd's own functions of these names would be found through the batches.
#define SINTER_SIMD_DEFINE(op, name)                                                                                                    \
  [[gnu::always_inline]] NativeF32 SINTER_SIMD_F32(name)(NativeF32 x) { return NativeF32(simd::name(F32(F32::register_type(x))).data); } \
  float SINTER_SIMD_F32_SCALAR(name)(float x) {                                                                                         \
    const NativeF32 lanes = F32(x).data;                                                                                                \
    [[clang::noinline]] return SINTER_SIMD_F32(name)(lanes)[0];                                                                         \
  }
SINTER_SIMD_UNARY_F32(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE

[[gnu::noinline]] NativeU32 sinter_random_halves(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high) {
  return random_bits(seed, step, stream, index_low, index_high);
}
uint32_t sinter_random_bits_u32x1(uint32_t seed, uint32_t step, uint32_t stream, int64_t index) {
  const NativeU32 low = NativeU32{} + static_cast<uint32_t>(index), high = NativeU32{} + static_cast<uint32_t>(index >> 32);
  return sinter_random_halves(seed, step, stream, low, high)[0];
}

}  // namespace sinter::backend::simd
