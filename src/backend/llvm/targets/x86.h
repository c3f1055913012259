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

}  // namespace sinter::backend
