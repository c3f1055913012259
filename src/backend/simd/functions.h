// The one list of what the vector math library contains, in f32 and f64: ScalarOps (without their k) and their names in text and symbols.
// Read by the bitcode's exports, by math_symbol, and by the arrays for tests. Whoever adds a function writes it in bitcode/, names it here,
// and states its bound in accuracy.h.
#pragma once

// Functions of one operand that models use much: in f32 inlined where they are called.
#define SINTER_SIMD_INLINE(X) \
  X(Exp, exp)                 \
  X(Log, log)                 \
  X(Tanh, tanh)               \
  X(Sigmoid, sigmoid)         \
  X(Erf, erf)                 \
  X(Exp2, exp2)               \
  X(Expm1, expm1)             \
  X(Log1p, log1p)             \
  X(Log2, log2)               \
  X(Sin, sin)                 \
  X(Cos, cos)                 \
  X(Rsqrt, rsqrt)

// Others, and all of f64: called.
#define SINTER_SIMD_CALLED(X) \
  X(Tan, tan)                 \
  X(Asin, asin)               \
  X(Acos, acos)               \
  X(Atan, atan)               \
  X(Sinh, sinh)               \
  X(Cosh, cosh)

#define SINTER_SIMD_UNARY(X) SINTER_SIMD_INLINE(X) SINTER_SIMD_CALLED(X)

#define SINTER_SIMD_BINARY(X) \
  X(Power, power)             \
  X(Atan2, atan2)
