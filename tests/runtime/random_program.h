// Random programs over u32 vectors whose result is known: every kernel mixes its operands, the expected values are computed beside it without any
// reuse of memory. For tests of layout, order and teams.
#pragma once

#include <memory>
#include <vector>

#include "base/random.h"
#include "runtime/executable.h"

namespace sinter::runtime::test {

struct RandomProgram {
  std::shared_ptr<const Executable> executable;  // input x u32[n], outputs out0, out1, ... u32[...]
  /// The outputs for these inputs.
  std::vector<std::vector<uint32_t>> expected(const Tensor& x) const;

  struct Step {
    std::vector<int> operands;  // values; 0 is x
    int64_t scale, offset;      // its size is scale * n + offset
    int output;                 // number of the output it writes, or -1: a temporary
  };
  std::vector<Step> steps;  // step i makes value i + 1
};

/// `independence` is the chance that a kernel takes an operand from anywhere instead of from the last few.
RandomProgram random_program(uint32_t seed, int kernels, double independence);

}  // namespace sinter::runtime::test
