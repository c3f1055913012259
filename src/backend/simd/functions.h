// The one list of what the vector math library contains: ScalarOps (without their k) and their names in text and symbols. Read by the
// bitcode's exports, by math_symbol, and by the arrays for tests. Whoever adds a function writes it in bitcode/, names it here, and states
// its bound in accuracy.h.
#pragma once

// Functions of one operand in f32 that models use much: inlined where they are called.
#define SINTER_SIMD_INLINE_F32(X) \
  X(Exp, exp)                     \
  X(Log, log)                     \
  X(Tanh, tanh)                   \
  X(Sigmoid, sigmoid)             \
  X(Erf, erf)                     \
  X(Exp2, exp2)                   \
  X(Expm1, expm1)                 \
  X(Log1p, log1p)                 \
  X(Log2, log2)                   \
  X(Sin, sin)                     \
  X(Cos, cos)                     \
  X(Rsqrt, rsqrt)

// Others: called.
#define SINTER_SIMD_CALLED_F32(X) \
  X(Tan, tan)                     \
  X(Asin, asin)                   \
  X(Acos, acos)                   \
  X(Atan, atan)                   \
  X(Sinh, sinh)                   \
  X(Cosh, cosh)

#define SINTER_SIMD_BINARY_F32(X) \
  X(Power, power)                 \
  X(Atan2, atan2)

#define SINTER_SIMD_UNARY_F64(X) \
  X(Exp, exp)                    \
  X(Log, log)                    \
  X(Tanh, tanh)                  \
  X(Sigmoid, sigmoid)            \
  X(Erf, erf)

#define SINTER_SIMD_UNARY_F32(X) SINTER_SIMD_INLINE_F32(X) SINTER_SIMD_CALLED_F32(X)
