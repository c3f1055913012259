// asin, acos, atan, atan2 of either float type. Polynomials: fit_polynomials.py.
#pragma once

#include <limits>

#include "batch.h"

namespace sinter::backend::simd {

/// pi as a sum of two, and polynomials.
template <class V> struct ArcConstants;

template <> struct ArcConstants<F32> {
  static constexpr float kPi = 0x1.921fb6p+1f, kPiLow = -0x1.777a5cp-24f;
  // atan(t) = t + t^3 p(t^2) for t in [0, 1]: relative 2^-28.5
  static constexpr float kAtan[] = {-0x1.55553ep-2f, 0x1.9991e4p-3f, -0x1.242086p-3f, 0x1.c08c4ep-4f, -0x1.580946p-4f, 0x1.da2c18p-5f,
                                    -0x1.fd8744p-6f, 0x1.6436a0p-7f, -0x1.d38c5cp-10f};
  // asin(s) = s + s^3 p(s^2) for s in [0, 0.6]: relative 2^-30.9
  static constexpr float kAsin[] = {0x1.555564p-3f, 0x1.332b56p-4f, 0x1.6f2062p-5f, 0x1.d36a2ap-6f, 0x1.0c8d80p-5f, -0x1.b4b992p-7f,
                                    0x1.c6b36ep-5f};
};

template <> struct ArcConstants<F64> {
  static constexpr double kPi = 0x1.921fb54442d18p+1, kPiLow = 0x1.1a62633145c07p-53;
  // atan: relative 2^-56.9; asin: 2^-60.9
  static constexpr double kAtan[] = {-0x1.5555555555526p-2, 0x1.99999999955b1p-3, -0x1.249249237d890p-3, 0x1.c71c717efa45bp-4,
                                     -0x1.745d1199298d8p-4, 0x1.3b13655ec2edap-4, -0x1.110e45350a52bp-4, 0x1.e1bb044a2f8a5p-5,
                                     -0x1.ae5b5017746a5p-5, 0x1.82cf36c51e313p-5, -0x1.598323606022dp-5, 0x1.2be6ee735d24fp-5,
                                     -0x1.e90a4d69bd8fep-6, 0x1.670703a32b7e6p-6, -0x1.c52d6c23319d5p-7, 0x1.d435377e30580p-8,
                                     -0x1.7678cb1b5ab9dp-9, 0x1.ae80465491d71p-11, -0x1.3a52960c28ee1p-13, 0x1.b3e174e5bb7d3p-17};
  static constexpr double kAsin[] = {0x1.5555555555546p-3, 0x1.333333333594fp-4, 0x1.6db6db6ba5267p-5, 0x1.f1c71d5b68923p-6,
                                     0x1.6e8b842538f00p-6, 0x1.1c516a437f53bp-6, 0x1.c94930be9d32bp-7, 0x1.7df0cbfea6d2ep-7,
                                     0x1.24d13a15d6405p-7, 0x1.b14be5379da70p-7, -0x1.bdb54368518d4p-7, 0x1.29f9cd5879cd3p-4,
                                     -0x1.285fd1680d6c5p-3, 0x1.e89ffd43084fcp-3, -0x1.c453d7cc18152p-3, 0x1.c7bdebcf328e2p-4};
};

/// atan(t) for t in [0, 1].
template <class V> V atan_of_fraction(V t) {
  const V z = t * t;
  return multiply_add(polynomial<ArcConstants<V>::kAtan>(z) * z, t, t);
}

template <class V> V atan(V x) {
  using C = ArcConstants<V>;
  const V a = abs(x), one(1);
  const auto steep = a > one;
  const V angle = atan_of_fraction(select(steep, one, a) / select(steep, a, one));
  return with_sign_of(select(steep, (V(C::kPi / 2) - angle) + V(C::kPiLow / 2), angle), x);
}

template <class V> V atan2(V y, V x) {
  using C = ArcConstants<V>;
  const V a = abs(x), b = abs(y), zero(0), infinity(std::numeric_limits<Scalar<V>>::infinity());
  const auto steep = b > a;
  const V small = select(steep, a, b), large = select(steep, b, a);
  // 0 / 0 counts as 0, infinity / infinity as 1
  V t = select(large == zero, zero, small / large);
  t = select(small == infinity, V(1), t);
  V angle = atan_of_fraction(t);
  angle = select(steep, (V(C::kPi / 2) - angle) + V(C::kPiLow / 2), angle);
  const auto left = as_float<V>(as_int(with_sign_of(V(1), x))) < zero;
  angle = select(left, (V(C::kPi) - angle) + V(C::kPiLow), angle);
  return select(x == x && y == y, with_sign_of(angle, y), x + y);
}

/// asin(s) for s in [0, 0.6], z = s^2.
template <class V> V asin_of_small(V s, V z) { return multiply_add(polynomial<ArcConstants<V>::kAsin>(z) * z, s, s); }

/// |x| <= 0.6 directly; beyond asin(|x|) = pi/2 - 2 asin(sqrt((1 - |x|) / 2)), where sqrt gives the NaN outside [-1, 1].
template <class V> struct Arc {
  xsimd::batch_bool<Scalar<V>, Arch> direct;
  V angle;
};
template <class V> Arc<V> arc(V x) {
  const V a = abs(x);
  const auto direct = a <= V(Scalar<V>(0.6f));
  const V z = select(direct, a * a, (V(1) - a) * V(Scalar<V>(0.5))), s = select(direct, a, xsimd::sqrt(z));
  return {direct, asin_of_small(s, z)};
}

template <class V> V asin(V x) {
  using C = ArcConstants<V>;
  const Arc<V> part = arc(x);
  return with_sign_of(select(part.direct, part.angle, V(C::kPi / 2) - (part.angle + part.angle) + V(C::kPiLow / 2)), x);
}

template <class V> V acos(V x) {
  using C = ArcConstants<V>;
  const Arc<V> part = arc(x);
  const V twice = part.angle + part.angle;
  const auto negative = x < V(0);
  const V middle = V(C::kPi / 2) - with_sign_of(part.angle, x) + V(C::kPiLow / 2);
  return select(part.direct, middle, select(negative, V(C::kPi) - twice + V(C::kPiLow), twice));
}

}  // namespace sinter::backend::simd
