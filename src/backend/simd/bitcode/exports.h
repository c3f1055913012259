// The symbols of the library: their names and types, as in bitcode.h.
#pragma once

#include "backend/simd/functions.h"
#include "batch.h"

// sinter_exp_f32x16 and sinter_exp_f32x1.
#if defined(__AVX512F__)
#define SINTER_SIMD_F32(name) sinter_##name##_f32x16
#define SINTER_SIMD_F64(name) sinter_##name##_f64x8
#elif defined(__AVX2__)
#define SINTER_SIMD_F32(name) sinter_##name##_f32x8
#define SINTER_SIMD_F64(name) sinter_##name##_f64x4
#else
#define SINTER_SIMD_F32(name) sinter_##name##_f32x4
#define SINTER_SIMD_F64(name) sinter_##name##_f64x2
#endif
#define SINTER_SIMD_F32_SCALAR(name) sinter_##name##_f32x1
#define SINTER_SIMD_F64_SCALAR(name) sinter_##name##_f64x1

namespace sinter::backend::simd {

using NativeF32 = Native<float>;
using NativeF64 = Native<double>;
using NativeU32 = Native<uint32_t>;

extern "C" {
#define SINTER_SIMD_DECLARE(op, name)           \
  NativeF32 SINTER_SIMD_F32(name)(NativeF32 x); \
  float SINTER_SIMD_F32_SCALAR(name)(float x);  \
  NativeF64 SINTER_SIMD_F64(name)(NativeF64 x); \
  double SINTER_SIMD_F64_SCALAR(name)(double x);
SINTER_SIMD_UNARY(SINTER_SIMD_DECLARE)
#undef SINTER_SIMD_DECLARE
#define SINTER_SIMD_DECLARE(op, name)                        \
  NativeF32 SINTER_SIMD_F32(name)(NativeF32 x, NativeF32 y); \
  float SINTER_SIMD_F32_SCALAR(name)(float x, float y);      \
  NativeF64 SINTER_SIMD_F64(name)(NativeF64 x, NativeF64 y); \
  double SINTER_SIMD_F64_SCALAR(name)(double x, double y);
SINTER_SIMD_BINARY(SINTER_SIMD_DECLARE)
#undef SINTER_SIMD_DECLARE

/// The body of sinter_random_bits_u32xN, which random_bits.ll.in defines: the index comes as its low and high halves.
NativeU32 sinter_random_halves(uint32_t seed, uint32_t step, uint32_t stream, NativeU32 index_low, NativeU32 index_high);
uint32_t sinter_random_bits_u32x1(uint32_t seed, uint32_t step, uint32_t stream, int64_t index);
}

}  // namespace sinter::backend::simd
