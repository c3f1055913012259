// Whether a kernel may write a result into the memory of one of its operands: it must read that operand element by
// element, each at the place that it then writes, and nowhere else. Used by bind_results and plan_memory; knows the
// fusion kinds, nothing of variables and buffers.
#pragma once

#include "ir/graph.h"

namespace sinter::passes {

/// Result `result` of `fusion` may take the memory of operand `operand`, as far as this kernel is concerned: both have
/// equal shapes and elements of equal size, and everything that is computed from the operand is computed at one place
/// at a time.
bool can_write_over(const ir::Node& fusion, size_t result, size_t operand);

/// `value` may be written into the memory of the argument `old` of a fused graph: all readers of `old` come before its
/// kernel, and that kernel, if it reads `old`, may write over it.
bool can_replace(const ir::Graph& graph, ir::Value value, ir::Value old);

}  // namespace sinter::passes
