// exp and the functions that are made of it, on batches of either float type.
//
// exp(x) = 2^n exp(r), with n = round(x / ln 2) and r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2] (Cody and Waite: ln 2 in two parts,
// the first so short that n times it is exact). exp(r) = 1 + r + r^2 q(r).
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

template <class V> struct ExpConstants;

template <> struct ExpConstants<F32> {
  static constexpr float kLog2e = 0x1.715476p+0f, kLn2 = 0x1.62e430p-1f, kLn2High = 0x1.62e400p-1f, kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kOverflow = 89, kUnderflow = -104;  // exp is infinity above, 0 below
  // q: error of exp(r) - 1 relative 2^-26.1
  static constexpr float kQ[] = {0x1.fffffep-2f, 0x1.5554b4p-3f, 0x1.5556f2p-5f, 0x1.12255cp-7f, 0x1.6b9c9cp-10f};
};

template <> struct ExpConstants<F64> {
  static constexpr double kLog2e = 0x1.71547652b82fep+0, kLn2 = 0x1.62e42fefa39efp-1;
  static constexpr double kLn2High = 0x1.62e42fefa0000p-1, kLn2Low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double kOverflow = 710, kUnderflow = -746;
  // q: error of exp(r) - 1 relative 2^-61.6
  static constexpr double kQ[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.5555555555559p-5,  0x1.111111110f71bp-7,
                                  0x1.6c16c16c164cap-10, 0x1.a01a01af926c1p-13, 0x1.a01a019fb771ep-16, 0x1.71ddf95470b1ep-19,
                                  0x1.27e4f59cdaef9p-22, 0x1.af5cd6f18b6dep-26, 0x1.1f3d8078e87cbp-29};
};

/// x = n ln 2 + r.
template <class V> struct Reduced {
  Rounded<V> n;
  V r;
};

template <class V> Reduced<V> reduce_by_ln2(V x) {
  using C = ExpConstants<V>;
  const Rounded<V> n = round_product(x, C::kLog2e);
  const V r = multiply_add(n.value, V(-C::kLn2High), x);
  return {n, multiply_add(n.value, V(-C::kLn2Low), r)};
}

/// exp(r) - 1 and exp(r) for a reduced r; the first keeps its relative accuracy near 0.
template <class V> V expm1_of_reduced(V r) { return multiply_add(polynomial(r, ExpConstants<V>::kQ) * r, r, r); }
template <class V> V exp_of_reduced(V r) { return V(1) + expm1_of_reduced(r); }

template <class V> V exp(V x) {
  using C = ExpConstants<V>;
  const Reduced<V> e = reduce_by_ln2(at_least(at_most(x, C::kOverflow), C::kUnderflow));
  return scale(exp_of_reduced(e.r), e.n);
}

/// A sum of two numbers, rounded, and what the rounding lost (Dekker; exact if |a| >= |b| or a is 0).
template <class V> struct Sum {
  V value, lost;
};
template <class V> Sum<V> sum_of(V a, V b) {
  const V value = a + b;
  return {value, b - (value - a)};
}

/// a / b for b in [1, 2], corrected by the remainder, which counts in what a and b lost. For a factor that size, 1 / b is near
/// enough to 24/17 - 8/17 b.
template <class V> V quotient_of(Sum<V> a, Sum<V> b) {
  const V quotient = a.value / b.value;
  V remainder = multiply_add(-quotient, b.lost, a.lost);
#if defined(__FMA__)
  remainder = remainder + multiply_add(-quotient, b.value, a.value);
#endif
  return multiply_add(remainder, multiply_add(b.value, V(Scalar<V>(-8.0 / 17)), V(Scalar<V>(24.0 / 17))), quotient);
}

/// exp(-|x|) / (1 + exp(-|x|)) for negative x, 1 / (1 + exp(-|x|)) for others: nothing overflows, and small results keep all their bits.
template <class V> V sigmoid(V x) {
  const Reduced<V> e = reduce_by_ln2(at_least(minus_abs(x), ExpConstants<V>::kUnderflow));
  const V t = scale(exp_of_reduced(e.r), e.n);
  return quotient_of({select(x < V(0), t, V(1)), V(0)}, sum_of(V(1), t));
}

/// x + x^3 p(x^2) up to |x| = 0.6, 1 - 2 / (1 + exp(2 |x|)) beyond.
inline F32 tanh(F32 x) {
  constexpr float kP[] = {-0x1.555552p-2f, 0x1.110fe8p-3f, -0x1.b9d632p-5f, 0x1.62873ep-6f, -0x1.071318p-7f, 0x1.078af6p-9f};
  const F32 a = abs(x), z = x * x;
  const F32 clamped = at_most(a, 10.f);
  const Reduced<F32> e = reduce_by_ln2(clamped + clamped);
  const F32 large = F32(1) - F32(2) / multiply_add(exp_of_reduced(e.r), power_of_two<F32>(e.n.integer), F32(1));
  const F32 small = multiply_add(polynomial(z, kP) * z, x, x);
  return with_sign_of(select(a < F32(0.6f), small, large), x);
}

}  // namespace sinter::backend::simd
