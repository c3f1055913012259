// The functions over arrays, for tests and sinter_ulp: not part of the module.
#include "backend/simd/arrays.h"

#include <cstring>

#include "exports.h"

namespace sinter::backend::simd {

/// sinter_random_bits_u32xN of a vector of indices in memory (random_array.ll.in).
extern "C" void sinter_random_at(uint32_t seed, uint32_t step, uint32_t stream, const int64_t* index, uint32_t* result);

namespace {

template <class T> Native<T> load(const T* from) {
  Native<T> lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}
template <class T> void store(T* to, Native<T> lanes) { std::memcpy(to, &lanes, sizeof(lanes)); }

template <auto function, class T> void vectors(const T* x, T* result, int64_t n) {
  for (int64_t i = 0; i < n; i += sizeof(Native<T>) / sizeof(T)) store<T>(result + i, function(load(x + i)));
}
template <auto function, class T> void scalars(const T* x, T* result, int64_t n) {
  for (int64_t i = 0; i < n; ++i) result[i] = function(x[i]);
}

template <auto function, class T> void vectors(const T* x, const T* y, T* result, int64_t n) {
  for (int64_t i = 0; i < n; i += sizeof(Native<T>) / sizeof(T)) store<T>(result + i, function(load(x + i), load(y + i)));
}
template <auto function, class T> void scalars(const T* x, const T* y, T* result, int64_t n) {
  for (int64_t i = 0; i < n; ++i) result[i] = function(x[i], y[i]);
}

void random_vectors(uint32_t seed, uint32_t step, uint32_t stream, const int64_t* index, uint32_t* result, int64_t n) {
  for (int64_t i = 0; i < n; i += sizeof(NativeU32) / sizeof(uint32_t)) sinter_random_at(seed, step, stream, index + i, result + i);
}
void random_scalars(uint32_t seed, uint32_t step, uint32_t stream, const int64_t* index, uint32_t* result, int64_t n) {
  for (int64_t i = 0; i < n; ++i) result[i] = sinter_random_bits_u32x1(seed, step, stream, index[i]);
}

#define SINTER_SIMD_ENTRY(op, name) {#name, vectors<SINTER_SIMD_F32(name), float>, scalars<SINTER_SIMD_F32_SCALAR(name), float>},
constexpr UnaryArrays<float> kUnaryF32[] = {SINTER_SIMD_UNARY(SINTER_SIMD_ENTRY){}};
constexpr BinaryArrays<float> kBinaryF32[] = {SINTER_SIMD_BINARY(SINTER_SIMD_ENTRY){}};
#undef SINTER_SIMD_ENTRY
#define SINTER_SIMD_ENTRY(op, name) {#name, vectors<SINTER_SIMD_F64(name), double>, scalars<SINTER_SIMD_F64_SCALAR(name), double>},
constexpr UnaryArrays<double> kUnaryF64[] = {SINTER_SIMD_UNARY(SINTER_SIMD_ENTRY){}};
constexpr BinaryArrays<double> kBinaryF64[] = {SINTER_SIMD_BINARY(SINTER_SIMD_ENTRY){}};
#undef SINTER_SIMD_ENTRY

}  // namespace

#define SINTER_SIMD_PASTE(a, b) a##b
#define SINTER_SIMD_TABLE(level) SINTER_SIMD_PASTE(sinter_simd_arrays_, level)
extern "C" const MathArrays SINTER_SIMD_TABLE(SINTER_LEVEL) = {kUnaryF32,  kBinaryF32,     kUnaryF64,
                                                                kBinaryF64, random_vectors, random_scalars};

}  // namespace sinter::backend::simd
