// Which kernels are compiled together. Modules are compiled on all cores at once, so their work should be alike; but microkernels
// are shared within a module only and take most of its time, so kernels that call the same ones belong together. Knows loop kernels, nothing of LLVM.
#pragma once

#include <cstddef>
#include <vector>

#include "backend/loop/loop_ir.h"

namespace sinter::backend {

/// Kernels by number, a list per module, the most expensive module first. Depends on the kernels alone.
std::vector<std::vector<size_t>> cut_into_modules(const std::vector<loop::Kernel>& kernels);

}  // namespace sinter::backend
