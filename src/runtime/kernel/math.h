/* Scalar functions that emitted code calls where neither the instruction set nor the vector math library has the operation: sinter_OP_f32 and
   sinter_OP_f64, OP as in base/scalar.h. Both are exact (docs/decisions/004-numbers.md). They forward to the C math library. Plain C, freestanding. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

double sinter_remainder_f64(double, double);
float sinter_remainder_f32(float, float);

/* a * b + c, rounded once, on machines without the instruction. */
double sinter_fma_f64(double a, double b, double c);
float sinter_fma_f32(float a, float b, float c);

#ifdef __cplusplus
}
#endif
