// sin, cos, tan over the whole range of f32, and their inverses. Polynomials: fit_polynomials.py.
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

/// x = n pi/2 + r + lost with |r| <= pi/4 (a rounding more), and a number with n mod 4 in its lowest two bits.
struct Quadrant {
  I32 n;
  F32 r, lost;
};

/// Arguments up to here are reduced in f32. n times each part of pi/2 is known exactly, by an fma or by the shortness of the parts; what
/// the subtractions lose is kept. The first of them is exact, and the last part is so small that it only adds to what is lost.
#if defined(__FMA__)
constexpr float kReduceLimit = 0x1p+17f;
constexpr float kHalfPi[] = {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
#else
constexpr float kReduceLimit = 0x1p+13f;
constexpr float kHalfPi[] = {0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f, 0x1.68cp-39f, 0x1.1a6262p-54f};
#endif

/// x 2/pi mod 4 for any finite x, as a sum of two (infinities give NaN). After Payne and Hanek, in binary64: 2/pi in parts of 29 bits,
/// whose products with a float are exact, and so are their remainders mod 4; the parts cover 203 bits, the largest float needs 190.
inline F64 sum_of_turns(F64 x, F64& lost) {
  static constexpr double kTwoOverPi[] = {0x1.45f306dp-1, 0x1.9391054p-30, 0x1.4fe13abp-59, 0x1.d1f534dp-88, 0x1.b81b6c5p-117,
                                          0x1.5993c4p-148, 0x1.c820ff2p-175};
  F64 sum(0);
  lost = F64(0);
  for (const double part : kTwoOverPi) {
    const F64 product = x * F64(part), term = product - F64(4) * xsimd::nearbyint(product * F64(0.25));
    const F64 total = sum + term, added = total - sum;
    lost = lost + ((sum - (total - added)) + (term - added));
    sum = total;
  }
  return sum;
}

/// The reduction beyond kReduceLimit: rare, so not inlined. Gives r, what it lost, and n with kMagic added.
struct HugeReduction {
  Native<float> shifted, r, lost;
};
[[gnu::noinline]] static void reduce_huge(Native<float> x, HugeReduction* result) {
  const auto reduce = [](F64 x, F64& turns) {
    F64 lost;
    const F64 sum = sum_of_turns(x, lost);
    turns = xsimd::nearbyint(sum);
    return ((sum - turns) + lost) * F64(0x1.921fb54442d18p+0);
  };
  const Wide wide = widen(F32(F32::register_type(x)));
  Wide turns, r = {reduce(wide.low, turns.low), reduce(wide.high, turns.high)};
  const F32 rounded = narrow(r);
  const Wide kept = widen(rounded);
  result->shifted = (narrow(turns) + F32(kMagic<F32>)).data;
  result->r = rounded.data;
  result->lost = narrow({r.low - kept.low, r.high - kept.high}).data;
}

inline Quadrant reduce_by_half_pi(F32 x) {
  const F32 magic(kMagic<F32>);
  F32 shifted = multiply_add(x, F32(0x1.45f306p-1f), magic);
  const F32 n = shifted - magic;
  F32 r = multiply_add(n, F32(-kHalfPi[0]), x), lost;
  constexpr int kLast = sizeof(kHalfPi) / sizeof(kHalfPi[0]) - 1;
#pragma clang loop unroll(full)
  for (int k = 1; k < kLast; ++k) {
    const F32 part(kHalfPi[k]), product = n * part, next = r - product;
    F32 error = (r - next) - product;
#if defined(__FMA__)
    error = error - multiply_add(n, part, -product);
#endif
    lost = k == 1 ? error : lost + error;
    r = next;
  }
  lost = multiply_add(n, F32(-kHalfPi[kLast]), lost);
  const auto huge = abs(x) > F32(kReduceLimit);
  if (__builtin_expect(xsimd::any(huge), 0)) {
    HugeReduction other;
    reduce_huge(x.data, &other);
    shifted = select(huge, F32(F32::register_type(other.shifted)), shifted);
    r = select(huge, F32(F32::register_type(other.r)), r);
    lost = select(huge, F32(F32::register_type(other.lost)), lost);
  }
  return {as_int(shifted), r, lost};
}

inline F32 select_odd(I32 n, F32 odd, F32 even) { return select(xsimd::bool_cast((n & 1) == I32(1)), odd, even); }

/// sin(r + n pi/2).
inline F32 sin_of_quadrant(Quadrant q) {
  // sin(r) = r + r^3 s(r^2): relative 2^-32.5; cos(r) = 1 + r^2 c(r^2), c(0) = -1/2: 2^-33.0
  static constexpr float kS[] = {-0x1.555556p-3f, 0x1.111174p-7f, -0x1.a05954p-13f, 0x1.7c2c3ap-19f};
  static constexpr float kC[] = {-0x1p-1f, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e808p-16f};
  const F32 z = q.r * q.r;
  const F32 sine = q.r + multiply_add(polynomial<kS>(z) * z, q.r, q.lost), cosine = multiply_add(polynomial<kC>(z), z, F32(1));
  const F32 value = select_odd(q.n, cosine, sine);
  return as_float<F32>(as_int(value) ^ ((q.n & 2) << 30));
}

inline F32 sin(F32 x) { return select(x == F32(0), x, sin_of_quadrant(reduce_by_half_pi(x))); }

inline F32 cos(F32 x) {
  Quadrant q = reduce_by_half_pi(x);
  q.n = q.n + 1;
  return sin_of_quadrant(q);
}

inline F32 tan(F32 x) {
  // tan(r) = r + r^3 t(r^2): relative 2^-29.4
  static constexpr float kT[] = {0x1.555560p-2f, 0x1.110d9ep-3f, 0x1.badaf2p-5f, 0x1.5ca7c2p-6f, 0x1.638858p-7f, 0x1.03a694p-14f,
                                 0x1.1ff612p-8f};
  const Quadrant q = reduce_by_half_pi(x);
  // What is lost counts by the slope of tan, 1 + tan^2(r), for which 1 + z + 0.9 z^2 is near enough.
  const F32 z = q.r * q.r, kept = multiply_add(q.lost * z, multiply_add(F32(0.9f), z, F32(1)), q.lost);
  const F32 rest = multiply_add(polynomial<kT>(z) * z, q.r, kept), tangent = q.r + rest;
  // -1 / tan, corrected by what the last sum lost.
  const F32 inverse = F32(-1) / tangent, cotangent = multiply_add(inverse * inverse, rest - (tangent - q.r), inverse);
  return select(x == F32(0), x, select_odd(q.n, cotangent, tangent));
}

constexpr float kPi = 0x1.921fb6p+1f, kPiLow = -0x1.777a5cp-24f;  // pi as a sum

/// atan(t) for t in [0, 1].
inline F32 atan_of_fraction(F32 t) {
  // t + t^3 p(t^2): relative 2^-28.5
  static constexpr float kP[] = {-0x1.55553ep-2f, 0x1.9991e4p-3f, -0x1.242086p-3f, 0x1.c08c4ep-4f, -0x1.580946p-4f, 0x1.da2c18p-5f,
                                 -0x1.fd8744p-6f, 0x1.6436a0p-7f, -0x1.d38c5cp-10f};
  const F32 z = t * t;
  return multiply_add(polynomial<kP>(z) * z, t, t);
}

inline F32 atan(F32 x) {
  const F32 a = abs(x), one(1);
  const auto steep = a > one;
  const F32 angle = atan_of_fraction(select(steep, one, a) / select(steep, a, one));
  return with_sign_of(select(steep, (F32(kPi / 2) - angle) + F32(kPiLow / 2), angle), x);
}

inline F32 atan2(F32 y, F32 x) {
  const F32 a = abs(x), b = abs(y), zero(0), infinity(__builtin_inff());
  const auto steep = b > a;
  const F32 small = select(steep, a, b), large = select(steep, b, a);
  // 0 / 0 counts as 0, infinity / infinity as 1
  F32 t = select(large == zero, zero, small / large);
  t = select(small == infinity, F32(1), t);
  F32 angle = atan_of_fraction(t);
  angle = select(steep, (F32(kPi / 2) - angle) + F32(kPiLow / 2), angle);
  const auto left = as_float<F32>(as_int(with_sign_of(F32(1), x))) < zero;
  angle = select(left, (F32(kPi) - angle) + F32(kPiLow), angle);
  return select(x == x && y == y, with_sign_of(angle, y), x + y);
}

/// asin(s) for s in [0, 0.6], z = s^2.
inline F32 asin_of_small(F32 s, F32 z) {
  // s + s^3 p(z): relative 2^-30.9
  static constexpr float kP[] = {0x1.555564p-3f, 0x1.332b56p-4f, 0x1.6f2062p-5f, 0x1.d36a2ap-6f, 0x1.0c8d80p-5f, -0x1.b4b992p-7f,
                                 0x1.c6b36ep-5f};
  return multiply_add(polynomial<kP>(z) * z, s, s);
}

/// |x| <= 0.6 directly; beyond asin(|x|) = pi/2 - 2 asin(sqrt((1 - |x|) / 2)), where sqrt gives the NaN outside [-1, 1].
struct Arc {
  xsimd::batch_bool<float, Arch> direct;
  F32 angle;
};
inline Arc arc(F32 x) {
  const F32 a = abs(x);
  const auto direct = a <= F32(0.6f);
  const F32 z = select(direct, a * a, (F32(1) - a) * F32(0.5f)), s = select(direct, a, xsimd::sqrt(z));
  return {direct, asin_of_small(s, z)};
}

inline F32 asin(F32 x) {
  const Arc part = arc(x);
  return with_sign_of(select(part.direct, part.angle, F32(kPi / 2) - (part.angle + part.angle) + F32(kPiLow / 2)), x);
}

inline F32 acos(F32 x) {
  const Arc part = arc(x);
  const F32 twice = part.angle + part.angle;
  const auto negative = x < F32(0);
  const F32 middle = F32(kPi / 2) - with_sign_of(part.angle, x) + F32(kPiLow / 2);
  return select(part.direct, middle, select(negative, F32(kPi) - twice + F32(kPiLow), twice));
}

}  // namespace sinter::backend::simd
