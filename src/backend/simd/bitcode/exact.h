// Sums and products of doubles without rounding error, as an unevaluated sum of two: for what one double is not precise enough for.
#pragma once

#include "batch.h"

namespace sinter::backend::simd {

/// high + low, |low| far below |high|.
struct Sum {
  F64 high, low;
};

/// a + b exactly, for |a| >= |b|, a = 0, or a that is a multiple of b's last place (Dekker).
inline Sum exact_sum(F64 a, F64 b) {
  const F64 sum = a + b;
  return {sum, b - (sum - a)};
}

/// The first 26 bits of x; the others are x less them, exactly.
inline F64 upper_half(F64 x) { return as_float<F64>(as_int(x) & I64(-1LL << 27)); }

/// a * b, exactly where the level fuses; else but for 2^-106 of it (Dekker, halves of 26 and 27 bits by masking, so that none overflows).
inline Sum exact_product(F64 a, F64 b) {
  const F64 product = a * b;
#if defined(__FMA__)
  return {product, multiply_add(a, b, -product)};
#else
  const F64 a_upper = upper_half(a), a_lower = a - a_upper, b_upper = upper_half(b), b_lower = b - b_upper;
  return {product, ((a_upper * b_upper - product) + a_upper * b_lower + a_lower * b_upper) + a_lower * b_lower};
#endif
}

}  // namespace sinter::backend::simd
