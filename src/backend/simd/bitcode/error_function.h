// erf(x) = x + x p(x^2) up to |x| = 0.93, 1 - exp(-g(|x|)) beyond, with g fitted to -log erfc. Polynomials: fit_polynomials.py.
#pragma once

#include "exponential.h"

namespace sinter::backend::simd {

template <class V> struct ErfConstants;

template <> struct ErfConstants<F32> {
  static constexpr float kOne = 4;  // erf rounds to 1 from there
  // p: relative 2^-29.4; g: error of erfc relative to erf 2^-32.3
  static constexpr float kP[] = {0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2ce6p-4f, -0x1.b7f71ap-6f, 0x1.53f224p-8f, -0x1.a3515cp-11f,
                                 0x1.4771ecp-14f};
  static constexpr float kG[] = {-0x1.5adde6p-13f, 0x1.212454p+0f, 0x1.4457ecp-1f, 0x1.babb24p-4f, -0x1.98dce4p-6f, 0x1.0b8f68p-8f,
                                 -0x1.a91538p-12f, 0x1.08403cp-16f, 0x1.c415f8p-22f};
};

template <> struct ErfConstants<F64> {
  static constexpr double kOne = 6;
  // p: 2^-55.2; g: 2^-54.6
  static constexpr double kP[] = {0x1.06eba8214db68p-3, -0x1.812746b03799dp-2, 0x1.ce2f21a03f6dcp-4, -0x1.b82ce311982d9p-6,
                                  0x1.565bcceb1ec8dp-8, -0x1.c02dadeaf0d59p-11, 0x1.f9a27df90ac25p-14, -0x1.f4c65e6a5f395p-17,
                                  0x1.b95649e9a9f6ap-20, -0x1.5af8f6f75100fp-23, 0x1.cf667e2b4e19dp-27, -0x1.9389447010793p-31};
  static constexpr double kG[] = {0x1.309444d255bf3p-22, 0x1.20dd42cfdb645p+0, 0x1.45f4f25616771p-1, 0x1.a4c6a545f837dp-4,
                                  -0x1.37e81a1bee9a7p-6, -0x1.6aa3a9d6d058ep-12, 0x1.e489bf8f71802p-10, -0x1.776ce18e68317p-11,
                                  0x1.a58bcb25d3c1dp-14, 0x1.3a95f38b5c9f2p-15, -0x1.f09665b683192p-16, 0x1.68dfb9b3d02a5p-17,
                                  -0x1.61759ccb9b066p-19, 0x1.f1664e901f798p-22, -0x1.f4e684e7e3127p-25, 0x1.58d6ce0508d30p-28,
                                  -0x1.23b9e0d7148e6p-32, 0x1.ca30fdd43bb73p-38};
};

template <class V> V erf(V x) {
  using C = ErfConstants<V>;
  const V a = at_most(abs(x), C::kOne);
  const Reduced<V> e = reduce_by_ln2(-polynomial<C::kG>(a));
  const V tail = V(1) - exp_of_reduced(e.r) * power_of_two<V>(e.n.integer);
  const V small = multiply_add(polynomial<C::kP>(x * x), x, x);
  return with_sign_of(select(a < V(Scalar<V>(0.93)), small, tail), x);
}

}  // namespace sinter::backend::simd
