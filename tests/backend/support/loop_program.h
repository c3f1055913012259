// A lowered function run on the loop evaluator: kernel by kernel, in order, each value in memory of its own or where the memory plan puts
// it. Tests hold lowering to the graph's evaluator with it, and native code to it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "backend/loop/evaluate.h"
#include "backend/lower_function.h"

namespace sinter::test {

/// Called after each kernel with its number and its buffers, in the order of the program; may change what they hold.
using AfterKernel = std::function<void(size_t, std::vector<Tensor>&)>;

/// The written ports by name. Inputs, and what the program reads and keeps, come from `inputs`. Raises Error kCheck when a kernel fails.
std::map<std::string, Tensor> run_loops(const backend::LoweredFunction& lowered, const std::map<std::string, Tensor>& inputs,
                                        const SymbolValues& symbols, const loop::EvaluateOptions& options, const AfterKernel& after = {});

/// All arithmetic of the kernel has one right answer, bit for bit.
bool is_exact(const loop::Kernel& kernel);

/// The same dtype, extents and bits, NaNs counting as one.
bool same_values(const Tensor& a, const Tensor& b);

}  // namespace sinter::test
