// pow of either float type. f32 has not enough digits for y log2(x), and computes in binary64; f64 computes it as a sum of two.
// Polynomials: fit_polynomials.py.
#pragma once

#include "exact.h"
#include "logarithm.h"

namespace sinter::backend::simd {

/// 2^(y log2(a)) for a >= 0, before rounding to float.
inline F64 power_before_rounding(F64 a, F64 y) {
  // log2((1 + s) / (1 - s)) = 2 log2(e) s + s^3 p(s^2): relative 2^-42.8; 2^r = 1 + r q(r): 2^-40.2
  static constexpr double kP[] = {0x1.ec709dc4c9347p-1, 0x1.2776c2e57806ep-1, 0x1.a619ffb2919e4p-2, 0x1.479b2bff503cdp-2,
                                  0x1.2172b61ac4cbep-2};
  static constexpr double kQ[] = {0x1.62e42fef89d27p-1, 0x1.ebfbdff8edc24p-3, 0x1.c6b08dced0861p-5, 0x1.3b2ab5edb4b9ep-7,
                                  0x1.5d874d09fae2ep-10, 0x1.430aa81143f6ep-13, 0x1.00d85210a069cp-16, 0x1.61c551a72a1edp-20};
  const Split<F64> e = split(a);
  const F64 s = e.f / (F64(2) + e.f), z = s * s;
  const F64 log2_of_mantissa = multiply_add(polynomial<kP>(z) * z, s, s * F64(0x1.71547652b82fep+1));
  const F64 log2 = with_log_specials(a, e.n + log2_of_mantissa);
  const F64 t = at_least(at_most(y * log2, 200.), -200.);
  const Rounded<F64> n = round_product(t, 1);
  const F64 r = t - n.value;
  return multiply_add(polynomial<kQ>(r), r, F64(1)) * power_of_two<F64>(n.integer);
}

inline F32 power_of_positive(F32 a, F32 y) {
  const Wide wide_a = widen(a), wide_y = widen(y);
  return narrow({power_before_rounding(wide_a.low, wide_y.low), power_before_rounding(wide_a.high, wide_y.high)});
}

/// log2(a) to 2^-69 of it, for positive finite a.
inline Sum log2_in_two(F64 a) {
  // log2((1 + s) / (1 - s)) = s (k0 + z (k1 + z p(z))) with z = s^2; k0 = 2 log2(e) and k1 = k0 / 3 in two parts: relative 2^-73.2
  static constexpr double kP[] = {0x1.2776c50ef9bfbp-1, 0x1.a61762a7af260p-2, 0x1.484b13d66da06p-2, 0x1.0c9a85577f998p-2,
                                  0x1.c68edae27cb4bp-3, 0x1.8a0bcf2b33fb5p-3, 0x1.58d3c83b4ed97p-3, 0x1.633c66ac8ca3bp-3};
  const F64 k0(0x1.71547652b82fep+1), k0_low(0x1.777d0ffda0d24p-55), k1(0x1.ec709dc3a03fdp-1), k1_low(0x1.d27f05548af0cp-55);
  const Split<F64> e = split(a);
  // s = f / (2 + f), corrected by the remainder of the quotient and by what the sum lost
  const F64 divisor = F64(2) + e.f, lost = e.f - (divisor - F64(2)), inverse = F64(1) / divisor, s = e.f * inverse;
  const Sum back = exact_product(s, divisor);
  const F64 s_low = (((e.f - back.high) - back.low) - s * lost) * inverse;
  Sum z = exact_product(s, s);
  z.low = multiply_add(s + s, s_low, z.low);
  const Sum third = exact_sum(F64(kP[0]), polynomial<kP, 1>(z.high) * z.high);
  Sum square = exact_product(z.high, third.high);
  square.low = square.low + multiply_add(z.high, third.low, z.low * third.high);
  Sum inner = exact_sum(k1, square.high);
  inner.low = inner.low + (square.low + k1_low);
  Sum outer = exact_product(z.high, inner.high);
  outer.low = outer.low + multiply_add(z.high, inner.low, z.low * inner.high);
  Sum slope = exact_sum(k0, outer.high);
  slope.low = slope.low + (outer.low + k0_low);
  Sum log2 = exact_product(s, slope.high);
  log2.low = log2.low + multiply_add(s, slope.low, s_low * slope.high);
  const Sum result = exact_sum(e.n, log2.high);
  return {result.high, result.low + log2.low};
}

/// 2^(t.high + t.low); infinity or 0 beyond the range of results.
inline F64 exp2_of_sum(Sum t) {
  // 2^r = 1 + r ln 2 + r^2 q(r), ln 2 in two parts: relative 2^-63.3
  static constexpr double kQ[] = {0x1.ebfbdff82c58fp-3, 0x1.c6b08d704a0c3p-5, 0x1.3b2ab6fba4d82p-7, 0x1.5d87fe78a4869p-10,
                                  0x1.430912f8aa38dp-13, 0x1.ffcbfc6b77c62p-17, 0x1.62c0215767192p-20, 0x1.b524ef86d7dc1p-24,
                                  0x1.e4d2496975560p-28, 0x1.e9e795d73208ap-32, 0x1.c05ef37164ff4p-36};
  const F64 ln2(0x1.62e42fefa39efp-1), ln2_low(0x1.abc9e3b39803fp-56);
  const Rounded<F64> n = round_product(t.high, 1);
  const F64 r = t.high - n.value, curved = polynomial<kQ>(r) * (r * r);
  const Sum linear = exact_product(r, ln2), sum = exact_sum(F64(1), linear.high);
  const F64 low = sum.low + multiply_add(r, ln2_low, linear.low);
  return scale(sum.high + (curved + multiply_add(t.low * ln2, sum.high + curved, low)), n);
}

inline F64 power_of_positive(F64 a, F64 y) {
  const Sum log2 = log2_in_two(a);
  const F64 high = with_log_specials(a, log2.high);
  // No number but 1 has a logarithm so small that a larger exponent would make a difference.
  y = at_least(at_most(y, 0x1p+66), -0x1p+66);
  const Sum product = exact_product(y, high);
  const F64 low = select(abs(product.high) < F64(1100), multiply_add(y, log2.low, product.low), F64(0));
  return exp2_of_sum({at_least(at_most(product.high, 1100.), -1100.), low});
}

template <class V> V power(V x, V y) {
  using T = Scalar<V>;
  const V zero(0), one(1), infinity(std::numeric_limits<T>::infinity()), a = abs(x);
  V result = power_of_positive(a, y);
  // A negative base: the sign of the result by the parity of y, and NaN for a broken y.
  const V half = y * V(T(0.5)), sign = with_sign_of(one, x);
  const auto whole = xsimd::nearbyint(y) == y, odd = whole && xsimd::nearbyint(half) != half;
  result = select(odd, with_sign_of(result, sign), result);
  result = select(x < zero && a < infinity && y == y && !whole, V(std::numeric_limits<T>::quiet_NaN()), result);
  // 1 whatever the other is: x^0, 1^y, and (-1)^infinity.
  const auto is_one = y == zero || x == one || (a == one && abs(y) == infinity);
  return select(is_one, one, result);
}

}  // namespace sinter::backend::simd
