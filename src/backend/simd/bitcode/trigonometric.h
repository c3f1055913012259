// sin, cos, tan over the whole range of either float type. Polynomials: fit_polynomials.py.
#pragma once

#include "reduction.h"

namespace sinter::backend::simd {

template <class V> struct TrigConstants;

template <> struct TrigConstants<F32> {
  // sin(r) = r + r^3 s(r^2): relative 2^-32.5; cos(r) = 1 + r^2 c(r^2), c(0) = -1/2: 2^-33.0
  static constexpr float kSin[] = {-0x1.555556p-3f, 0x1.111174p-7f, -0x1.a05954p-13f, 0x1.7c2c3ap-19f};
  static constexpr float kCos[] = {-0x1p-1f, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e808p-16f};
  // tan(r) = r + r^3 t(r^2): relative 2^-29.4
  static constexpr float kTan[] = {0x1.555560p-2f, 0x1.110d9ep-3f, 0x1.badaf2p-5f, 0x1.5ca7c2p-6f, 0x1.638858p-7f, 0x1.03a694p-14f,
                                   0x1.1ff612p-8f};
};

template <> struct TrigConstants<F64> {
  // sin: relative 2^-63.2; cos: 2^-63.9; tan: 2^-59.9
  static constexpr double kSin[] = {-0x1.5555555555555p-3, 0x1.1111111111069p-7, -0x1.a01a019ffe526p-13, 0x1.71de3a33a55bdp-19,
                                    -0x1.ae642c50a2673p-26, 0x1.6109bbf0c66dcp-33, -0x1.9ffc1d00454e9p-41};
  static constexpr double kCos[] = {-0x1p-1, 0x1.555555555554bp-5, -0x1.6c16c16c15013p-10, 0x1.a01a019c8ecf7p-16, -0x1.27e4f7f13f35cp-22,
                                    0x1.1ee9db8c0fb45p-29, -0x1.8fa65d035a616p-37};
  static constexpr double kTan[] = {0x1.555555555555dp-2, 0x1.11111111106d9p-3, 0x1.ba1ba1bab222ap-5, 0x1.664f485fdcbbdp-6,
                                    0x1.226e3a2a9cdb8p-7, 0x1.d6d2f5c324b5ep-9, 0x1.7db0c7631f359p-10, 0x1.34c3e0b25f506p-11,
                                    0x1.febfb00d924d8p-13, 0x1.60b06e3a1a74ep-14, 0x1.15eae1d06ddddp-14, -0x1.99b214fce5c5cp-16,
                                    0x1.8f7f3bd82f6ebp-15, -0x1.8ed8fe9eec0dep-16, 0x1.4510ffc69fa5bp-17};
};

template <class V> V select_odd(Int<V> n, V odd, V even) { return select(xsimd::bool_cast((n & 1) == Int<V>(1)), odd, even); }

/// sin(r + n pi/2).
template <class V> V sin_of_quadrant(Quadrant<V> q) {
  using C = TrigConstants<V>;
  const V z = q.r * q.r;
  const V sine = q.r + multiply_add(polynomial<C::kSin>(z) * z, q.r, q.lost);
  const V cosine = V(1) + multiply_add(polynomial<C::kCos>(z), z, -(q.r * q.lost));
  const V value = select_odd(q.n, cosine, sine);
  return as_float<V>(as_int(value) ^ ((q.n & 2) << (8 * sizeof(Scalar<V>) - 2)));
}

template <class V> V sin(V x) { return select(x == V(0), x, sin_of_quadrant(reduce_by_half_pi(x))); }

template <class V> V cos(V x) {
  Quadrant<V> q = reduce_by_half_pi(x);
  q.n = q.n + 1;
  return sin_of_quadrant(q);
}

template <class V> V tan(V x) {
  const Quadrant<V> q = reduce_by_half_pi(x);
  // What is lost counts by the slope of tan, 1 + tan^2(r), for which 1 + z + 0.9 z^2 is near enough.
  const V z = q.r * q.r, kept = multiply_add(q.lost * z, multiply_add(V(Scalar<V>(0.9f)), z, V(1)), q.lost);
  const V rest = multiply_add(polynomial<TrigConstants<V>::kTan>(z) * z, q.r, kept), tangent = q.r + rest;
  // -1 / tan, corrected by what the last sum lost.
  const V inverse = V(-1) / tangent, cotangent = multiply_add(inverse * inverse, rest - (tangent - q.r), inverse);
  return select(x == V(0), x, select_odd(q.n, cotangent, tangent));
}

}  // namespace sinter::backend::simd
