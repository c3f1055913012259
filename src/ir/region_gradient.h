// What the gradient rules of ops with regions are asked: those of ops/control_gradient.cpp, by the pass grad, which alone knows reverse mode.
#pragma once

#include <functional>

#include "ir/op_def.h"

namespace sinter::ir {

/// Appends reverse mode over `region` to the builder's graph, where `values` stand for the region's values: from the cotangents of its results
/// (invalid where there is none) to those of its arguments, as far as they are wanted; invalid means zero.
using PullBack = std::function<std::vector<Value>(Builder& builder, const Graph& region, std::span<const Value> values,
                                                  std::span<const Value> cotangents, const std::vector<bool>& wanted)>;

/// The request of every op with regions.
struct RegionGradientRequest : GradientRequest {
  PullBack pull_back;
};

/// The gradient of a loop over rows reads what the loop had in each round: the carried values, and what is dear to compute again. It does where the
/// loop stacks them.
bool remembers(const Node& node);
/// Appends the loop, with `regions` for its own, so that it remembers: its results, then the stacked memories.
std::vector<Value> apply_remembering(Builder& builder, const Node& node, std::vector<Value> operands, std::vector<Graph> regions);

}  // namespace sinter::ir
