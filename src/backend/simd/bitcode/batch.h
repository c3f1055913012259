// The batches that the math functions compute on: xsimd's, of the register width of the level that is being compiled.
// Used only by the files of this folder, which clang compiles to bitcode. Of xsimd only basic operations are used (arithmetic, comparison,
// select, bits, sqrt, rounding). What Debian's xsimd 8.1 lacks stands here: its multiply-add does not fuse on AVX-512, and it cannot scale
// by powers of two. What it gets wrong is avoided: != is false for NaN on AVX, ^ of masks is wrong on AVX-512.
#pragma once

#include <cstdint>
#include <iterator>
#include <utility>
#include <xsimd/xsimd.hpp>

namespace sinter::backend::simd {

#if defined(__AVX512F__)
using Arch = xsimd::avx512bw;
#elif defined(__AVX2__)
using Arch = xsimd::fma3<xsimd::avx2>;
#else
using Arch = xsimd::sse4_2;
#endif

using F32 = xsimd::batch<float, Arch>;
using F64 = xsimd::batch<double, Arch>;
using I32 = xsimd::batch<int32_t, Arch>;
using I64 = xsimd::batch<int64_t, Arch>;

// The same registers as clang's own vectors: the types of the exported functions, and of operations that xsimd lacks.
template <class T> using Native __attribute__((vector_size(F32::size * sizeof(float)))) = T;

/// The facts about a float type that the algorithms need, and its integers of the same size.
template <class V> struct Float;
template <> struct Float<F32> {
  using Scalar = float;
  using Int = I32;
  static constexpr int kMantissaBits = 23, kBias = 127;
};
template <> struct Float<F64> {
  using Scalar = double;
  using Int = I64;
  static constexpr int kMantissaBits = 52, kBias = 1023;
};
template <class V> using Int = typename Float<V>::Int;
template <class V> using Scalar = typename Float<V>::Scalar;

template <class V> Int<V> as_int(V x) { return xsimd::bitwise_cast<Int<V>>(x); }
template <class V> V as_float(Int<V> x) { return xsimd::bitwise_cast<V>(x); }

/// a * b + c: rounded once where the level has such an instruction, twice on v2.
template <class V> V multiply_add(V a, V b, V c) {
#if defined(__FMA__)
  using Vector = Native<Scalar<V>>;
  return typename V::register_type(__builtin_elementwise_fma(Vector(a.data), Vector(b.data), Vector(c.data)));
#else
  return a * b + c;
#endif
}

/// sum of coefficients[k] x^k from k = first on, by Horner's rule. (The coefficients are a template argument so that they become constants
/// of the code, never a table to load from.)
template <const auto& coefficients, int first = 0, class V> V polynomial(V x) {
  constexpr Scalar<V> kCoefficient = coefficients[first];
  if constexpr (first == std::size(coefficients) - 1)
    return V(kCoefficient);
  else
    return multiply_add(polynomial<coefficients, first + 1>(x), x, V(kCoefficient));
}

/// table[low 4 bits of index] per lane.
template <const float (&table)[16]> F32 lookup(I32 index) {
#if defined(__AVX512F__)
  return F32(_mm512_permutexvar_ps(index.data, _mm512_loadu_ps(table)));
#elif defined(__AVX2__)
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), index.data);
  const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), index.data);
  return F32(_mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(index.data, 28))));
#else
  const auto at = Native<int32_t>((index & 15).data);
  return F32(F32::register_type(Native<float>{table[at[0]], table[at[1]], table[at[2]], table[at[3]]}));
#endif
}

/// x, but at most (at least) limit; a NaN stays a NaN.
template <class V> V at_most(V x, Scalar<V> limit) { return select(V(limit) < x, V(limit), x); }
template <class V> V at_least(V x, Scalar<V> limit) { return select(x < V(limit), V(limit), x); }

template <class V> V minus_abs(V x) { return as_float<V>(as_int(x) | as_int(V(Scalar<V>(-0.0)))); }
template <class V> V with_sign_of(V x, V sign) {
  const Int<V> bit = as_int(V(Scalar<V>(-0.0)));
  return as_float<V>((as_int(x) & ~bit) | (as_int(sign) & bit));
}

/// Adding it to a number of less than a quarter of it rounds that to an integer, which then stands in the low bits.
template <class V> constexpr Scalar<V> kMagic = Scalar<V>(3LL << (Float<V>::kMantissaBits - 1));

/// An integer, both as float and as integer.
template <class V> struct Rounded {
  V value;
  Int<V> integer;
};

/// a * b rounded to the nearest integer, if that is below 2^(mantissa bits - 2).
template <class V> Rounded<V> round_product(V a, Scalar<V> b) {
  const V magic(kMagic<V>), shifted = multiply_add(a, V(b), magic);
  return {shifted - magic, as_int(shifted) - as_int(magic)};
}

/// n, of less than 2^50, as float: no level below v4 can convert 64-bit integers.
inline F64 small_to_float(I64 n) { return as_float<F64>(as_int(F64(kMagic<F64>)) + n) - F64(kMagic<F64>); }

/// An integer that is given as float, as integer.
inline I32 to_integer(F32 n) { return xsimd::to_int(n); }
inline I64 to_integer(F64 n) { return as_int(n + F64(kMagic<F64>)) - as_int(F64(kMagic<F64>)); }

/// 2^n for n in the range of normal numbers.
template <class V> V power_of_two(Int<V> n) { return as_float<V>((n + Float<V>::kBias) << Float<V>::kMantissaBits); }

/// x * 2^n rounded once, for x near 1 and n up to twice the range of exponents: overflow gives infinity, and a subnormal
/// result is rounded to nearest.
template <class V> V scale(V x, Rounded<V> n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Scalar<V>) == 4)
    return V(_mm512_scalef_ps(x, n.value));
  else
    return V(_mm512_scalef_pd(x, n.value));
#else
  // In two steps, because 2^n itself may be out of range; the first is exact. By multiplication, so that a NaN stays one.
  const Int<V> half = round_product(n.value, Scalar<V>(0.5)).integer;
  return x * power_of_two<V>(half) * power_of_two<V>(n.integer - half);
#endif
}

/// A batch of floats as two of doubles, for functions that f32 is not precise enough for.
struct Wide {
  F64 low, high;
};

template <int first, int... lane> F64 widen_lanes(Native<float> x, std::integer_sequence<int, lane...>) {
  return F64::register_type(__builtin_convertvector(__builtin_shufflevector(x, x, (first + lane)...), Native<double>));
}
inline Wide widen(F32 x) {
  constexpr std::make_integer_sequence<int, F64::size> kLanes;
  return {widen_lanes<0>(x.data, kLanes), widen_lanes<F64::size>(x.data, kLanes)};
}

template <int... lane> F32 narrow_lanes(Native<double> low, Native<double> high, std::integer_sequence<int, lane...>) {
  using Half __attribute__((vector_size(sizeof(low) / 2))) = float;
  return F32::register_type(__builtin_shufflevector(__builtin_convertvector(low, Half), __builtin_convertvector(high, Half), lane...));
}
/// Each double rounded to float.
inline F32 narrow(Wide x) { return narrow_lanes(x.low.data, x.high.data, std::make_integer_sequence<int, F32::size>()); }

}  // namespace sinter::backend::simd
