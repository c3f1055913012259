// The module of the vector math library: every function of functions.h, for vectors and single elements.
#include "error_function.h"
#include "exponential.h"
#include "exports.h"
#include "logarithm.h"
#include "power.h"
#include "random.h"
#include "trigonometric.h"

namespace sinter::backend::simd {

inline F32 rsqrt(F32 x) { return F32(1) / xsimd::sqrt(x); }

// A single element is computed as lane 0 of a vector: the same bits. Its call is not inlined, which halves the module.
// Names are qualified, because xsimd's own functions of these names would be found through the batches.
#define SINTER_SIMD_VECTOR(name) \
  NativeF32 SINTER_SIMD_F32(name)(NativeF32 x) { return NativeF32(simd::name(F32(F32::register_type(x))).data); }
#define SINTER_SIMD_SCALAR(name)                                \
  float SINTER_SIMD_F32_SCALAR(name)(float x) {                 \
    const NativeF32 lanes = F32(x).data;                        \
    [[clang::noinline]] return SINTER_SIMD_F32(name)(lanes)[0]; \
  }

#define SINTER_SIMD_DEFINE(op, name) [[gnu::always_inline]] SINTER_SIMD_VECTOR(name) SINTER_SIMD_SCALAR(name)
SINTER_SIMD_INLINE_F32(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE
#define SINTER_SIMD_DEFINE(op, name) SINTER_SIMD_VECTOR(name) SINTER_SIMD_SCALAR(name)
SINTER_SIMD_CALLED_F32(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE

#define SINTER_SIMD_DEFINE(op, name)                                                                 \
  NativeF32 SINTER_SIMD_F32(name)(NativeF32 x, NativeF32 y) {                                        \
    return NativeF32(simd::name(F32(F32::register_type(x)), F32(F32::register_type(y))).data);      \
  }                                                                                                  \
  float SINTER_SIMD_F32_SCALAR(name)(float x, float y) {                                             \
    const NativeF32 x_lanes = F32(x).data, y_lanes = F32(y).data;                                    \
    [[clang::noinline]] return SINTER_SIMD_F32(name)(x_lanes, y_lanes)[0];                           \
  }
SINTER_SIMD_BINARY_F32(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE

#define SINTER_SIMD_DEFINE(op, name)                                                                              \
  NativeF64 SINTER_SIMD_F64(name)(NativeF64 x) { return NativeF64(simd::name(F64(F64::register_type(x))).data); } \
  double SINTER_SIMD_F64_SCALAR(name)(double x) {                                                                 \
    const NativeF64 lanes = F64(x).data;                                                                          \
    [[clang::noinline]] return SINTER_SIMD_F64(name)(lanes)[0];                                                   \
  }
SINTER_SIMD_UNARY_F64(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE

[[gnu::noinline]] NativeU32 sinter_random_halves(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high) {
  return random_bits(seed, step, stream, index_low, index_high);
}
uint32_t sinter_random_bits_u32x1(uint32_t seed, uint32_t step, uint32_t stream, int64_t index) {
  const NativeU32 low = NativeU32{} + static_cast<uint32_t>(index), high = NativeU32{} + static_cast<uint32_t>(index >> 32);
  return sinter_random_halves(seed, step, stream, low, high)[0];
}

}  // namespace sinter::backend::simd
