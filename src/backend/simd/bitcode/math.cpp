// The module of the vector math library: every function of functions.h, for vectors and single elements.
#include "error_function.h"
#include "exponential.h"
#include "exports.h"
#include "inverse_trigonometric.h"
#include "logarithm.h"
#include "power.h"
#include "random.h"
#include "trigonometric.h"

namespace sinter::backend::simd {

template <class V> V rsqrt(V x) { return V(1) / xsimd::sqrt(x); }

// A single element is computed as lane 0 of a vector: the same bits. Its call is not inlined, which halves the module.
// Names are qualified, because xsimd's own functions of these names would be found through the batches.
#define SINTER_SIMD_VECTOR(name, batch, Native, vector) \
  Native vector(name)(Native x) { return Native(simd::name(batch(batch::register_type(x))).data); }
#define SINTER_SIMD_SCALAR(name, batch, Native, vector, scalar)  \
  Scalar<batch> scalar(name)(Scalar<batch> x) {                  \
    const Native lanes = batch(x).data;                          \
    [[clang::noinline]] return vector(name)(lanes)[0];           \
  }
#define SINTER_SIMD_BOTH_F32(name)                            \
  SINTER_SIMD_VECTOR(name, F32, NativeF32, SINTER_SIMD_F32) \
  SINTER_SIMD_SCALAR(name, F32, NativeF32, SINTER_SIMD_F32, SINTER_SIMD_F32_SCALAR)
#define SINTER_SIMD_BOTH_F64(name)                            \
  SINTER_SIMD_VECTOR(name, F64, NativeF64, SINTER_SIMD_F64) \
  SINTER_SIMD_SCALAR(name, F64, NativeF64, SINTER_SIMD_F64, SINTER_SIMD_F64_SCALAR)

#define SINTER_SIMD_DEFINE(op, name) [[gnu::always_inline]] SINTER_SIMD_BOTH_F32(name) SINTER_SIMD_BOTH_F64(name)
SINTER_SIMD_INLINE(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE
#define SINTER_SIMD_DEFINE(op, name) SINTER_SIMD_BOTH_F32(name) SINTER_SIMD_BOTH_F64(name)
SINTER_SIMD_CALLED(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE

#define SINTER_SIMD_BINARY_OF(name, batch, Native, vector, scalar)                                                \
  Native vector(name)(Native x, Native y) {                                                                       \
    return Native(simd::name(batch(batch::register_type(x)), batch(batch::register_type(y))).data);               \
  }                                                                                                               \
  Scalar<batch> scalar(name)(Scalar<batch> x, Scalar<batch> y) {                                                  \
    const Native x_lanes = batch(x).data, y_lanes = batch(y).data;                                                \
    [[clang::noinline]] return vector(name)(x_lanes, y_lanes)[0];                                                 \
  }
#define SINTER_SIMD_DEFINE(op, name)                                                            \
  SINTER_SIMD_BINARY_OF(name, F32, NativeF32, SINTER_SIMD_F32, SINTER_SIMD_F32_SCALAR)          \
  SINTER_SIMD_BINARY_OF(name, F64, NativeF64, SINTER_SIMD_F64, SINTER_SIMD_F64_SCALAR)
SINTER_SIMD_BINARY(SINTER_SIMD_DEFINE)
#undef SINTER_SIMD_DEFINE

[[gnu::noinline]] NativeU32 sinter_random_halves(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high) {
  return random_bits(seed, step, stream, index_low, index_high);
}
uint32_t sinter_random_bits_u32x1(uint32_t seed, uint32_t step, uint32_t stream, int64_t index) {
  const NativeU32 low = NativeU32{} + static_cast<uint32_t>(index), high = NativeU32{} + static_cast<uint32_t>(index >> 32);
  return sinter_random_halves(seed, step, stream, low, high)[0];
}

}  // namespace sinter::backend::simd
