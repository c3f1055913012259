// erf. f64: x + x p(x^2) up to |x| = 0.93, 1 - exp(-g(|x|)) beyond, with g fitted to -log erfc. f32: a table of short polynomials, half the
// work. Constants: fit_polynomials.py.
#pragma once

#include "exponential.h"

namespace sinter::backend::simd {

struct ErfConstants {
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

inline F64 erf(F64 x) {
  using C = ErfConstants;
  const F64 a = at_most(abs(x), C::kOne);
  const Reduced<F64> e = reduce_by_ln2(-polynomial<C::kG>(a));
  const F64 tail = F64(1) - exp_of_reduced(e.r) * power_of_two<F64>(e.n.integer);
  const F64 small = multiply_add(polynomial<C::kP>(x * x), x, x);
  return with_sign_of(select(a < F64(0.93), small, tail), x);
}

/// f32: 16 intervals around the multiples of a width, with a polynomial each, whose coefficients are picked by permuting registers.
struct ErfTable {
  static constexpr float kOne = 4, kWidth = 0x1.10724p-2f;  // erf rounds to 1 from kOne; the last interval reaches beyond it
  // The width w is one of which erf(i w) and its slope are almost floats for i up to 3, where their rounding would show.
  // erf(i w + t) = v + t (c1 + t (c2 + ...)) with v = c0, but t at i = 0, where that keeps the relative accuracy: error 2^-30
  static constexpr float kC[7][16] = {
      {0x0.0p+0f, 0x1.2c51fap-2f, 0x1.18b6d2p-1f, 0x1.7b66b6p-1f, 0x1.bc424ap-1f, 0x1.e15152p-1f, 0x1.f3ba22p-1f, 0x1.fbad84p-1f,
       0x1.fea9bap-1f, 0x1.ffa32ep-1f, 0x1.ffe9f8p-1f, 0x1.fffb6ep-1f, 0x1.ffff2cp-1f, 0x1.ffffdep-1f, 0x1.fffffcp-1f, 0x1.000000p+0f},
      {0x1.06eba8p-3f, 0x1.0d1faep+0f, 0x1.b343a8p-1f, 0x1.3184d6p-1f, 0x1.74471ap-2f, 0x1.89bd92p-3f, 0x1.69773ap-4f, 0x1.2007c0p-5f,
       0x1.8e6e5ap-7f, 0x1.de63e6p-9f, 0x1.f291bep-11f, 0x1.c301b8p-13f, 0x1.621fa2p-15f, 0x1.e2b176p-18f, 0x1.1d8b26p-20f,
       0x1.253ca6p-23f},
      {-0x1.4b9248p-25f, -0x1.1e69c4p-2f, -0x1.cf3a24p-2f, -0x1.e7b83ap-2f, -0x1.8c31b2p-2f, -0x1.05e5b6p-2f, -0x1.208400p-3f,
       -0x1.0c37b0p-4f, -0x1.a80712p-6f, -0x1.1e61ccp-7f, -0x1.4b9fd0p-9f, -0x1.49fc88p-11f, -0x1.1aa78cp-13f, -0x1.a161b2p-16f,
       -0x1.09e646p-18f, -0x1.249102p-21f},
      {-0x1.812664p-2f, -0x1.34067ap-2f, -0x1.f765fep-4f, 0x1.bebba8p-5f, 0x1.3a00f6p-3f, 0x1.4d4a5cp-3f, 0x1.ed9eaap-4f, 0x1.1d062ep-4f,
       0x1.0ba5b2p-5f, 0x1.a14d74p-7f, 0x1.11524ep-8f, 0x1.2f1836p-10f, 0x1.1dff4ap-12f, 0x1.ccefaap-15f, 0x1.3e12e8p-17f,
       0x1.78aefcp-20f},
      {-0x1.c86754p-14f, 0x1.10e41cp-3f, 0x1.77c76cp-3f, 0x1.1891eep-3f, 0x1.84299cp-5f, -0x1.78b43ep-6f, -0x1.934c06p-5f,
       -0x1.600462p-5f, -0x1.ac56a4p-6f, -0x1.942bf6p-7f, -0x1.34589ap-8f, -0x1.849214p-10f, -0x1.998434p-12f, -0x1.6be21ep-14f,
       -0x1.1223b2p-16f, -0x1.5fa1b2p-19f},
      {0x1.d4a998p-4f, 0x1.35aaa0p-4f, -0x1.fd59e8p-10f, -0x1.e78c92p-5f, -0x1.0d723ep-4f, -0x1.2ba796p-5f, -0x1.4145b4p-8f,
       0x1.67c79cp-7f, 0x1.9652c8p-7f, 0x1.062284p-7f, 0x1.ef1394p-9f, 0x1.6fc9a8p-10f, 0x1.bc1008p-12f, 0x1.bb8a62p-14f,
       0x1.7292f6p-16f, 0x1.04ead0p-18f},
      {-0x1.5bee5ap-7f, -0x1.57cfb4p-5f, -0x1.8b4baep-5f, -0x1.503ef0p-6f, 0x1.5d70c6p-7f, 0x1.6bcefcp-6f, 0x1.ff7670p-7f,
       0x1.2cac9ap-8f, -0x1.de2c7ap-10f, -0x1.92f8dcp-9f, -0x1.1032e4p-9f, -0x1.f923a2p-11f, -0x1.672d46p-12f, -0x1.98f662p-14f,
       -0x1.7d6e1ap-16f, -0x1.276f14p-18f},
  };
};

/// sum of row k, entry `index`, times t^(k - first) for k = first on.
template <int first> F32 erf_polynomial(F32 t, I32 index) {
  const F32 c = lookup<ErfTable::kC[first]>(index);
  if constexpr (first == 6)
    return c;
  else
    return multiply_add(erf_polynomial<first + 1>(t, index), t, c);
}

inline F32 erf(F32 x) {
  using C = ErfTable;
  const F32 a = at_most(abs(x), C::kOne), magic(kMagic<F32>);
  const F32 shifted = multiply_add(a, F32(1 / C::kWidth), magic), n = shifted - magic;
  const I32 index = as_int(shifted);  // its low bits are n
  const F32 t = multiply_add(n, F32(-C::kWidth), a);
  const F32 start = select(n == F32(0), t, lookup<C::kC[0]>(index));
  return with_sign_of(multiply_add(erf_polynomial<1>(t, index), t, start), x);
}

}  // namespace sinter::backend::simd
