// x86-64: the processors that stand for our instruction-set levels. One of the two places that name x86 features.
#pragma once

#include <string>

#include "base/machine.h"

namespace sinter::backend {

struct TargetDescription {
  std::string triple, cpu, features;
  int preferred_vector_width = 128;
};
TargetDescription describe_target(TargetLevel level);

/// The intrinsic that orders non-temporal stores before everything that comes after.
inline constexpr const char* kStreamFence = "llvm.x86.sse.sfence";

/// From v4 on, the larger or smaller of two floats, -0 below +0, a number before a NaN; the dtype and the bits of the vector follow the name.
/// Operands: both vectors, one of the choices, what masked lanes have, the mask, and of 512 bits the rounding.
inline constexpr const char* kRange = "llvm.x86.avx512.mask.range.";
inline constexpr int kRangeMinimum = 4, kRangeMaximum = 5;  // with the sign of the chosen one
inline constexpr int kCurrentRounding = 4;

}  // namespace sinter::backend
