// erf(x) = x + x p(x^2) up to |x| = 0.93, 1 - exp(-g(|x|)) beyond, with g fitted to -log erfc.
#pragma once

#include "exponential.h"

namespace sinter::backend::simd {

inline F32 erf(F32 x) {
  // p: error of erf relative 2^-29.4; g: error of erfc relative to erf 2^-32.3
  constexpr float kP[] = {0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2ce6p-4f, -0x1.b7f71ap-6f, 0x1.53f224p-8f, -0x1.a3515cp-11f, 0x1.4771ecp-14f};
  constexpr float kG[] = {-0x1.5adde6p-13f, 0x1.212454p+0f, 0x1.4457ecp-1f, 0x1.babb24p-4f, -0x1.98dce4p-6f,
                          0x1.0b8f68p-8f, -0x1.a91538p-12f, 0x1.08403cp-16f, 0x1.c415f8p-22f};
  const F32 a = at_most(abs(x), 4.f);  // erf rounds to 1 from 3.92
  const Reduced<F32> e = reduce_by_ln2(-polynomial(a, kG));
  const F32 tail = F32(1) - exp_of_reduced(e.r) * power_of_two<F32>(e.n.integer);
  const F32 small = multiply_add(polynomial(x * x, kP), x, x);
  return with_sign_of(select(a < F32(0.93f), small, tail), x);
}

}  // namespace sinter::backend::simd
