// The structure of a program's steps: choices and loops that nest, read from jumps alone. Used by the checks of programs and plans; whoever runs
// a program just follows the steps.
#pragma once

#include <vector>

#include "runtime/program.h"

namespace sinter::runtime {

/// Steps [first, end) that may run again, and the kernels of their segments.
struct Repeat {
  int32_t first_step = 0, end_step = 0;
  int32_t first_kernel = 0, end_kernel = 0;
  int32_t loop = -1;  // over rows; -1: as long as a value holds
};

/// All loops of a program, inner ones before those around them. Raises Error kData, saying which step is wrong, unless every jump belongs to a
/// choice or loop, these nest, every loop over rows stands once, and segments run in their order.
std::vector<Repeat> find_repeats(const Program& program);

/// What a buffer is a row of, through all rows of rows; itself when it is none.
int32_t whole_of(const Program& program, int32_t buffer);

}  // namespace sinter::runtime
