// Logarithms: x = 2^n m with m in [2/3, 4/3), log(x) = n ln 2 + log(1 + f), f = m - 1.
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

/// x = 2^n (1 + f), f in [-1/3, 1/3], for positive finite x (garbage for others). f is exact.
struct Split {
  F32 n, f;
};
inline Split split(F32 x) {
  const auto subnormal = x < F32(0x1p-126f);
  const I32 bits = as_int(select(subnormal, x * F32(0x1p+23f), x));
  const I32 n = (bits - 0x3f2aaaab) >> 23;  // 0x3f2aaaab is 2/3
  const F32 m = as_float<F32>(bits - (n << 23));
  return {xsimd::to_float(n) - select(subnormal, F32(23), F32(0)), m - F32(1)};
}

/// What logarithms have in common outside the positive finite numbers: x itself for NaN and infinity, -infinity at 0, NaN below.
inline F32 with_log_specials(F32 x, F32 result) {
  result = select(x < F32(__builtin_inff()), result, x);
  return select(x > F32(0) || x != x, result, select(x == F32(0), F32(-__builtin_inff()), F32(__builtin_nanf(""))));
}

inline F32 log(F32 x) {
  // log(1 + f) = f - f^2/2 + f^3 p(f): error relative 2^-27.6
  constexpr float kP[] = {-0x1p-1f,       0x1.555506p-2f, -0x1.fffefap-3f, 0x1.99d046p-3f, -0x1.559c8cp-3f,
                          0x1.1ed92cp-3f, -0x1.f3300ep-4f, 0x1.1e4cb0p-3f, -0x1.07c40ap-3f};
  const Split s = split(x);
  const F32 low = multiply_add(polynomial(s.f, kP), s.f * s.f, s.n * F32(0x1.7f7d1cp-20f));
  return with_log_specials(x, multiply_add(s.n, F32(0x1.62e400p-1f), s.f + low));
}

}  // namespace sinter::backend::simd
