// The instruction sets that tests run native code for.
#pragma once

#include <vector>

#include "base/machine.h"

namespace sinter::test {

/// The levels that this machine runs, lowest first.
inline std::vector<TargetLevel> levels_here() {
  std::vector<TargetLevel> levels;
  for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4, TargetLevel::kV4Bf16})
    if (level <= this_machine().best_level) levels.push_back(level);
  return levels;
}

}  // namespace sinter::test
