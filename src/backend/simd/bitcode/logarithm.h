// Logarithms: x = 2^n m with m around 1, log(x) = n ln 2 + log(1 + f), f = m - 1. Polynomials: fit_polynomials.py.
#pragma once

#include <limits>

#include "exact.h"

namespace sinter::backend::simd {

/// x = 2^n (1 + f) for positive finite x (garbage for others); f is exact.
template <class V> struct Split {
  V n, f;
};

/// f in [-1/3, 1/3].
inline Split<F32> split(F32 x) {
  const auto subnormal = x < F32(0x1p-126f);
  const I32 bits = as_int(select(subnormal, x * F32(0x1p+23f), x));
  const I32 n = (bits - 0x3f2aaaab) >> 23;  // 0x3f2aaaab is 2/3
  const F32 m = as_float<F32>(bits - (n << 23));
  return {xsimd::to_float(n) - select(subnormal, F32(23), F32(0)), m - F32(1)};
}

/// f in [sqrt(1/2) - 1, sqrt(2) - 1].
inline Split<F64> split(F64 x) {
  using U64 = xsimd::batch<uint64_t, Arch>;
  const auto subnormal = x < F64(0x1p-1022);
  const I64 bits = as_int(select(subnormal, x * F64(0x1p+52), x));
  // The exponent is kept positive over the shift, because not every level can shift signed 64-bit integers.
  const I64 biased = bits - I64(0x3fe6a09e667f3bcd - 0x3ff0000000000000);
  const I64 exponent = xsimd::bitwise_cast<I64>(xsimd::bitwise_cast<U64>(biased) >> 52);
  const F64 m = as_float<F64>(bits - ((exponent - I64(1023)) << 52));
  return {small_to_float(exponent) - select(subnormal, F64(1023 + 52), F64(1023)), m - F64(1)};
}

/// What logarithms have in common outside the positive finite numbers: x itself for NaN and infinity, -infinity at 0, NaN below.
template <class V> V with_log_specials(V x, V result) {
  const V infinity(std::numeric_limits<Scalar<V>>::infinity()), nan(std::numeric_limits<Scalar<V>>::quiet_NaN());
  result = select(x < infinity, result, x);
  return select(x <= V(0), select(x == V(0), -infinity, nan), result);
}

/// n ln 2 + log(1 + f).
inline F32 log_of_split(Split<F32> s) {
  // log(1 + f) = f + f^2 p(f), p(0) = -1/2: relative 2^-27.6
  static constexpr float kP[] = {-0x1p-1f, 0x1.555506p-2f, -0x1.fffefap-3f, 0x1.99d046p-3f, -0x1.559c8cp-3f, 0x1.1ed92cp-3f,
                                 -0x1.f3300ep-4f, 0x1.1e4cb0p-3f, -0x1.07c40ap-3f};
  const F32 low = multiply_add(polynomial<kP>(s.f), s.f * s.f, s.n * F32(0x1.7f7d1cp-20f));
  return multiply_add(s.n, F32(0x1.62e400p-1f), s.f + low);
}

/// f - log(1 + f), plus `also`. With s = f / (2 + f), log(1 + f) = 2 s + s^3 p(s^2) = f - s (f - s^2 p(s^2)): relative 2^-59.4
inline F64 lost_by_log(F64 f, F64 also) {
  static constexpr double kP[] = {0x1.5555555555595p-1, 0x1.999999997ee49p-2, 0x1.24924942dd048p-2, 0x1.c71c513ba6e1dp-3,
                                  0x1.74666bef39785p-3, 0x1.399cea530ec58p-3, 0x1.2f3892d6700b1p-3};
  const F64 s = f / (F64(2) + f), z = s * s, half_square = F64(0.5) * f * f;
  // f - s (f - z p) = f - (f^2 / 2 - s (f^2 / 2 + z p)), whose parts are smaller
  return half_square - multiply_add(s, multiply_add(polynomial<kP>(z), z, half_square), also);
}

inline F64 log_of_split(Split<F64> e) {
  return multiply_add(e.n, F64(0x1.62e42fefa0000p-1), e.f - lost_by_log(e.f, e.n * F64(0x1.cf79abc9e3b3ap-40)));
}

template <class V> V log(V x) { return with_log_specials(x, log_of_split(split(x))); }

template <class V> V log1p(V x) {
  // 1 + x is rounded; what it lost (Knuth's two-sum) goes into f.
  const V u = V(1) + x, part = u - V(1), lost = (V(1) - (u - part)) + (x - part);
  Split<V> s = split(u);
  s.f = s.f + scale(lost, {-s.n, to_integer(-s.n)});
  return with_sign_of(with_log_specials(u, log_of_split(s)), x);
}

/// log2(1 + f).
inline F32 log2_near_one(F32 f) {
  // f (log2(e) + f p(f)): relative 2^-27.1; log2(e) in two parts
  static constexpr float kP[] = {-0x1.715476p-1f, 0x1.ec7030p-2f, -0x1.7153e0p-2f, 0x1.279d6cp-2f, -0x1.ecd0d8p-3f, 0x1.9de64cp-3f,
                                 -0x1.684fecp-3f, 0x1.9cdb56p-3f, -0x1.7bd8a2p-3f};
  const F32 low = multiply_add(polynomial<kP>(f), f * f, f * F32(0x1.4ae0c0p-26f));
  return multiply_add(f, F32(0x1.715476p+0f), low);
}
inline F64 log2_near_one(F64 f) {
  // f log2(e) in parts of which the first is exact, less what the logarithm loses
  const F64 log2e(0x1.71547652b82fep+0), log2e_upper(0x1.715476p+0), log2e_rest(0x1.4ae0bf85ddf44p-26), upper = upper_half(f);
  const F64 low = multiply_add(f - upper, log2e_upper, multiply_add(f, log2e_rest, -log2e * lost_by_log(f, F64(0))));
  return upper * log2e_upper + low;
}

template <class V> V log2(V x) {
  const Split<V> s = split(x);
  return with_log_specials(x, s.n + log2_near_one(s.f));
}

}  // namespace sinter::backend::simd
