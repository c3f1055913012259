// From a fused and planned function to a program and its loop kernels: the backend without LLVM.
#pragma once

#include <vector>

#include "backend/loop/loop_ir.h"
#include "base/machine.h"
#include "base/memory_plan.h"
#include "ir/module.h"
#include "runtime/program.h"

namespace sinter::backend {

struct LoweredFunction {
  runtime::Program program;
  std::vector<loop::Kernel> kernels;   // distinct ones; their names are the symbols of the code
  std::vector<int32_t> code_of_kernel; // per kernel of the program: index into `kernels`
};

/// Every node of `function` is a fusion (docs/fusion_kinds.md), or control flow around fusions; `plan` gives each of its values a buffer. The kernels' `after` is left to
/// runtime::order_kernels.
LoweredFunction lower_function(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Target& target,
                               TargetLevel level);

}  // namespace sinter::backend
