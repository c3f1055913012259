// The vector math library over arrays, natively compiled from the same bitcode: what the tests and sinter_ulp measure. No product code
// may use it. Shared between the host compiler and clang, so no C++ library here.
#pragma once

#include <cstdint>

namespace sinter::backend::simd {

/// One function of one operand: over n elements by vectors and element by element. n is a multiple of 16.
template <class T> struct UnaryArrays {
  const char* name;
  void (*vectors)(const T* x, T* result, int64_t n);
  void (*scalars)(const T* x, T* result, int64_t n);
};

/// One function of two operands.
template <class T> struct BinaryArrays {
  const char* name;
  void (*vectors)(const T* x, const T* y, T* result, int64_t n);
  void (*scalars)(const T* x, const T* y, T* result, int64_t n);
};

/// All functions of one level; lists end with an entry without name.
struct MathArrays {
  const UnaryArrays<float>* unary_f32;
  const BinaryArrays<float>* binary_f32;
  const UnaryArrays<double>* unary_f64;
  const BinaryArrays<double>* binary_f64;
  void (*random_vectors)(uint32_t seed, uint32_t step, uint32_t stream, const int64_t* index, uint32_t* result, int64_t n);
  void (*random_scalars)(uint32_t seed, uint32_t step, uint32_t stream, const int64_t* index, uint32_t* result, int64_t n);
};

extern "C" const MathArrays sinter_simd_arrays_v2, sinter_simd_arrays_v3, sinter_simd_arrays_v4;

}  // namespace sinter::backend::simd
