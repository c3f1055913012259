// exp and the functions that are made of it, on batches of either float type.
//
// exp(x) = 2^n exp(r), with n = round(x / ln 2) and r = x - n ln 2 in [-ln 2 / 2, ln 2 / 2] (Cody and Waite: ln 2 in two parts,
// the first so short that n times it is exact). exp(r) = 1 + r + r^2 q(r). Polynomials: fit_polynomials.py.
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

template <class V> struct ExpConstants;

template <> struct ExpConstants<F32> {
  static constexpr float kLog2e = 0x1.715476p+0f, kLn2 = 0x1.62e430p-1f, kLn2High = 0x1.62e400p-1f, kLn2Low = 0x1.7f7d1cp-20f;
  static constexpr float kOverflow = 89, kUnderflow = -104;   // exp is infinity above, 0 below
  static constexpr float kOverflow2 = 129, kUnderflow2 = -151;  // of exp2
  static constexpr float kMinusOne = -20;                       // expm1 rounds to -1 below
  // q: error of exp(r) - 1 relative 2^-26.1
  static constexpr float kQ[] = {0x1.fffffep-2f, 0x1.5554b4p-3f, 0x1.5556f2p-5f, 0x1.12255cp-7f, 0x1.6b9c9cp-10f};
  // tanh(x) = x + x^3 p(x^2) for |x| <= 0.65: relative 2^-31.4. tanh rounds to 1 from kTanhOne.
  static constexpr float kTanh[] = {-0x1.555552p-2f, 0x1.110fe8p-3f, -0x1.b9d632p-5f, 0x1.62873ep-6f, -0x1.071318p-7f, 0x1.078af6p-9f};
  static constexpr float kTanhOne = 10;
  // sinh(x) = x + x^3 p(x^2) for |x| <= 1: relative 2^-31.6
  static constexpr float kSinh[] = {0x1.555556p-3f, 0x1.1110e0p-7f, 0x1.a022bcp-13f, 0x1.756c22p-19f};
};

template <> struct ExpConstants<F64> {
  static constexpr double kLog2e = 0x1.71547652b82fep+0, kLn2 = 0x1.62e42fefa39efp-1;
  static constexpr double kLn2High = 0x1.62e42fefa0000p-1, kLn2Low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double kOverflow = 710, kUnderflow = -746, kOverflow2 = 1025, kUnderflow2 = -1076, kMinusOne = -40;
  // q: relative 2^-61.6
  static constexpr double kQ[] = {0x1.0000000000000p-1, 0x1.5555555555559p-3, 0x1.5555555555559p-5, 0x1.111111110f71bp-7,
                                  0x1.6c16c16c164cap-10, 0x1.a01a01af926c1p-13, 0x1.a01a019fb771ep-16, 0x1.71ddf95470b1ep-19,
                                  0x1.27e4f59cdaef9p-22, 0x1.af5cd6f18b6dep-26, 0x1.1f3d8078e87cbp-29};
  // tanh: relative 2^-57.5 for |x| <= 0.601
  static constexpr double kTanh[] = {-0x1.5555555555554p-2, 0x1.1111111110ef9p-3, -0x1.ba1ba1b9f7fe7p-5, 0x1.664f487959719p-6,
                                     -0x1.226e33d2e65c6p-7, 0x1.d6d37bfc9e46ep-9, -0x1.7d9d61e78438bp-10, 0x1.350fc263886b1p-11,
                                     -0x1.f0f3177f52985p-13, 0x1.7e64d2e197b93p-14, -0x1.ee12b0c8a4809p-16, 0x1.74607ae3abb49p-18};
  static constexpr double kTanhOne = 20;
  // sinh: relative 2^-62.6
  static constexpr double kSinh[] = {0x1.5555555555555p-3, 0x1.111111111119bp-7, 0x1.a01a01a00735fp-13, 0x1.71de3a68bdfb4p-19,
                                     0x1.ae64415a61b77p-26, 0x1.613110596ac53p-33, 0x1.a69df5d4238a1p-41, 0x1.c91b5c54c275dp-48};
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
template <class V> V expm1_of_reduced(V r) { return multiply_add(polynomial<ExpConstants<V>::kQ>(r) * r, r, r); }
template <class V> V exp_of_reduced(V r) { return V(1) + expm1_of_reduced(r); }

template <class V> V exp(V x) {
  using C = ExpConstants<V>;
  const Reduced<V> e = reduce_by_ln2(at_least(at_most(x, C::kOverflow), C::kUnderflow));
  return scale(exp_of_reduced(e.r), e.n);
}

template <class V> V exp2(V x) {
  using C = ExpConstants<V>;
  x = at_least(at_most(x, C::kOverflow2), C::kUnderflow2);
  const Rounded<V> n = round_product(x, 1);
  return scale(exp_of_reduced((x - n.value) * V(C::kLn2)), n);
}

template <class V> V expm1(V x) {
  const Reduced<V> e = reduce_by_ln2(at_least(at_most(x, ExpConstants<V>::kOverflow), ExpConstants<V>::kMinusOne));
  const V curved = polynomial<ExpConstants<V>::kQ>(e.r) * (e.r * e.r), p = e.r + curved, lost = curved - (p - e.r);
  // 2^n p + (2^n - 1), halved and doubled because 2^n may be just out of range; at n = 0 p itself, because halving a subnormal loses a bit.
  // What p lost counts double at n = 1, where the sum is less than p and exact.
  const V half_power = power_of_two<V>(e.n.integer - 1);
  const V half = multiply_add(lost, half_power, multiply_add(p, half_power, half_power - V(Scalar<V>(0.5))));
  return with_sign_of(select(e.n.value == V(0), p, half + half), x);
}

/// exp(|x|) / 2, which does not overflow before sinh and cosh do.
template <class V> V half_exp_of_abs(V x) {
  const Reduced<V> e = reduce_by_ln2(at_most(abs(x), ExpConstants<V>::kOverflow + 1));
  return scale(exp_of_reduced(e.r), {e.n.value - V(1), e.n.integer - 1});
}

template <class V> V cosh(V x) {
  const V half = half_exp_of_abs(x);
  return half + V(Scalar<V>(0.25)) / half;
}

template <class V> V sinh(V x) {
  const V half = half_exp_of_abs(x), z = x * x;
  const V small = multiply_add(polynomial<ExpConstants<V>::kSinh>(z) * z, x, x);
  return with_sign_of(select(abs(x) < V(1), small, half - V(Scalar<V>(0.25)) / half), x);
}

/// a / (1 + t) for t in [0, 1], corrected by the remainder and by what the sum loses (Dekker). In a correction 24/17 - 8/17 b is
/// near enough to 1 / b.
template <class V> V quotient_by_sum(V a, V t) {
  const V b = V(1) + t, lost = t - (b - V(1)), quotient = a / b;
  V remainder = quotient * lost;
#if defined(__FMA__)
  remainder = remainder - multiply_add(-quotient, b, a);
#endif
  return multiply_add(remainder, multiply_add(b, V(Scalar<V>(8.0 / 17)), V(Scalar<V>(-24.0 / 17))), quotient);
}

/// t / (1 + t) for negative x, 1 / (1 + t) for others, with t = exp(-|x|): nothing overflows, and small results keep all their bits.
template <class V> V sigmoid(V x) {
  const Reduced<V> e = reduce_by_ln2(at_least(minus_abs(x), ExpConstants<V>::kUnderflow));
  const V t = scale(exp_of_reduced(e.r), e.n);
  return quotient_by_sum(select(x < V(0), t, V(1)), t);
}

/// x + x^3 p(x^2) up to |x| = 0.6, 1 - 2 / (1 + exp(2 |x|)) beyond.
template <class V> V tanh(V x) {
  using C = ExpConstants<V>;
  const V a = abs(x), z = x * x, clamped = at_most(a, C::kTanhOne);
  const Reduced<V> e = reduce_by_ln2(clamped + clamped);
  const V large = V(1) - V(2) / multiply_add(exp_of_reduced(e.r), power_of_two<V>(e.n.integer), V(1));
  const V small = multiply_add(polynomial<C::kTanh>(z) * z, x, x);
  return with_sign_of(select(a < V(Scalar<V>(0.6)), small, large), x);
}

}  // namespace sinter::backend::simd
