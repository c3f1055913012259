// Runs a fused function the way a compiled program does, kernel by kernel in memory that its plan gives out, but on the
// evaluator: what a wrong lifetime or a wrong place overwrites is lost, and seen in the results.
#pragma once

#include "base/memory_plan.h"
#include "support.h"

namespace sinter::passes::test {

/// The variables that `function` writes, after a run. A buffer of the arena takes the memory of any buffer whose life
/// is over. Fails the test when a kernel touches a buffer outside its life.
Tensors run_planned(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Tensors& inputs,
                    const SymbolValues& symbols);

/// Each kernel that writes a result over an operand reads that operand at the place which it writes, or in the row:
/// changes one element of the operand after another and sees which elements of the results change. Fails the test
/// otherwise.
void expect_safe_in_place(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Tensors& inputs,
                          const SymbolValues& symbols);

/// Both for every function of a module that went through fuse and bind_results; results are those of its evaluation
/// without a plan, to the bit. Inputs are drawn for `before`, whose functions have the same.
void expect_planned_runs(const ir::Module& before, const ir::Module& fused, const SymbolValues& sizes = {}, const Ranges& ranges = {});

}  // namespace sinter::passes::test
