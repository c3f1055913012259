/* Scalar functions that emitted code calls where it has no vector code of its own: sinter_OP_f32 and sinter_OP_f64, OP as in base/scalar.h. Meaning
   and error bounds: docs/decisions/004-numbers.md. They forward to the C math library; f32 is computed in f64 and rounded once. Plain C, freestanding. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls X(op) for each function of one operand, of two. */
#define SINTER_UNARY_ROUTINES(X) \
  X(rsqrt) X(exp) X(exp2) X(expm1) X(log) X(log1p) X(log2) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) X(cosh) X(tanh) X(sigmoid) X(erf)
#define SINTER_BINARY_ROUTINES(X) X(power) X(remainder) X(atan2)

#define SINTER_DECLARE_UNARY(op)    \
  double sinter_##op##_f64(double); \
  float sinter_##op##_f32(float);
#define SINTER_DECLARE_BINARY(op)           \
  double sinter_##op##_f64(double, double); \
  float sinter_##op##_f32(float, float);
SINTER_UNARY_ROUTINES(SINTER_DECLARE_UNARY)
SINTER_BINARY_ROUTINES(SINTER_DECLARE_BINARY)
#undef SINTER_DECLARE_UNARY
#undef SINTER_DECLARE_BINARY

/* a * b + c, rounded once, on machines without the instruction. */
double sinter_fma_f64(double a, double b, double c);
float sinter_fma_f32(float a, float b, float c);

#ifdef __cplusplus
}
#endif
