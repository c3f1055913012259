// Which kernels, and which microkernels, are compiled together. Modules are compiled on all cores at once, so they should be several and their work alike; but
// each costs something by itself. Knows loop kernels, nothing of LLVM.
#pragma once

#include <cstddef>
#include <vector>

#include "backend/loop/loop_ir.h"

namespace sinter::backend {

/// Work by number, a list per module, the most expensive module first; `costs` in milliseconds of one core. Depends on the costs alone.
std::vector<std::vector<size_t>> cut_into_modules(const std::vector<double>& costs);

/// What the code of a kernel costs, without the microkernels that it calls, and that of a microkernel whose step of the depth is so many multiply-adds: about.
double kernel_cost(const loop::Kernel& kernel);
double microkernel_cost(int multiply_adds);

}  // namespace sinter::backend
