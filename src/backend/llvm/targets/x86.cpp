#include "backend/llvm/targets/x86.h"

namespace sinter::backend {

TargetDescription describe_target(TargetLevel level) {
  TargetDescription target;
  target.triple = "x86_64-pc-linux-gnu";
  switch (level) {
    case TargetLevel::kV2: target.cpu = "x86-64-v2"; break;
    case TargetLevel::kV3: target.cpu = "x86-64-v3"; break;
    case TargetLevel::kV4: target.cpu = "x86-64-v4"; break;
    case TargetLevel::kV4Bf16:
      target.cpu = "x86-64-v4";
      target.features = "+avx512vnni,+avx512bf16";
      break;
  }
  target.preferred_vector_width = target_of(level).vector_bits;
  return target;
}

}  // namespace sinter::backend
