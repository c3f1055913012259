// Plan memory: the buffer of every value of a fused function, who lives when, and who takes over whose memory in place.
// Offsets are laid out later, for concrete sizes (runtime/kernel). Runs after bind_results; lowering and the runtime
// read the plan.
#pragma once

#include "base/memory_plan.h"
#include "ir/module.h"

namespace sinter::passes {

/// Kernels are the fusions of `function` in order (ir::for_each_kernel), each running strictly after the one before; around those of regions
/// stand steps that choose and repeat. Ports and constants are
/// numbered as ir::port_names and ir::constant_names say. InternalError when a result cannot be written into the memory
/// of its variable (bind_results sees to that).
MemoryPlan plan_memory(const ir::Module& module, const ir::Function& function);

}  // namespace sinter::passes
