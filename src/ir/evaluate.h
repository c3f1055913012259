// The reference evaluator: runs a graph node by node with the records' evaluate rules. Slow, readable, below all passes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "ir/module.h"

namespace sinter::ir {

/// Runs `graph` on its arguments. Symbols are bound from the arguments' extents (base/binding.h); `extra` gives those that are not.
/// Raises Error kCheck when extents do not fit the types, and what the ops raise.
std::vector<Tensor> evaluate(const Graph& graph, std::vector<Tensor> arguments, SymbolValues extra = {});

/// Runs a function: reads its arguments from `variables` (constants from the module), returns the results by variable name.
/// Prepared variables that are not given are computed by the function of the module that has them as results.
std::map<std::string, Tensor> evaluate(const Module& module, std::string_view function, const std::map<std::string, Tensor>& variables,
                                       SymbolValues extra = {});

}  // namespace sinter::ir
