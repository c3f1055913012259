// One loop kernel as native code, called on tensors as the loop evaluator is: tests hold hand-written kernels to it.
#pragma once

#include <memory>
#include <vector>

#include "backend/llvm/codegen.h"
#include "backend/loop/loop_ir.h"
#include "base/machine.h"
#include "base/tensor.h"

namespace sinter::test {

/// Verifies the kernel and compiles it.
std::shared_ptr<const backend::LoadedCode> load_native(const loop::Kernel& kernel, TargetLevel level);

/// Runs all tiles in order; results are written into `buffers`. Kernels that can fail are not for it.
void run_native(const loop::Kernel& kernel, const backend::LoadedCode& code, std::vector<Tensor>& buffers, const SymbolValues& dims);

}  // namespace sinter::test
