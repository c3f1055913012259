// The one list of what the vector math library contains: ScalarOps (without their k) and their names in text and symbols. Read by the bitcode's
// exports, by math_symbol, and by the arrays for tests. Whoever adds a function writes it in bitcode/ and names it here.
#pragma once

#define SINTER_SIMD_UNARY_F32(X) \
  X(Exp, exp)                    \
  X(Log, log)                    \
  X(Tanh, tanh)                  \
  X(Sigmoid, sigmoid)            \
  X(Erf, erf)
