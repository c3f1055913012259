// pow, in binary64: f32 has not enough digits for y log2(x). Polynomials: fit_polynomials.py.
#pragma once

#include "logarithm.h"

namespace sinter::backend::simd {

/// 2^(y log2(a)) for a >= 0, before rounding to float.
inline F64 power_of_positive(F64 a, F64 y) {
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

inline F32 power(F32 x, F32 y) {
  const F32 zero(0), one(1), a = abs(x);
  const Wide wide_a = widen(a), wide_y = widen(y);
  F32 result = narrow({power_of_positive(wide_a.low, wide_y.low), power_of_positive(wide_a.high, wide_y.high)});
  // A negative base: the sign of the result by the parity of y, and NaN for a broken y.
  const F32 half = y * F32(0.5f), sign = with_sign_of(one, x);
  const auto whole = xsimd::nearbyint(y) == y, odd = whole && xsimd::nearbyint(half) != half;
  result = select(odd, with_sign_of(result, sign), result);
  result = select(x < zero && a < F32(__builtin_inff()) && y == y && !whole, F32(__builtin_nanf("")), result);
  // 1 whatever the other is: x^0, 1^y, and (-1)^infinity.
  const auto is_one = y == zero || x == one || (a == one && abs(y) == F32(__builtin_inff()));
  return select(is_one, one, result);
}

}  // namespace sinter::backend::simd
