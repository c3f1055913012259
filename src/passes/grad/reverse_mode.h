// Reverse mode over the nodes of one graph, for the pass grad: asks the records' rules for cotangents, from results back to what they depend on.
#pragma once

#include <span>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"

namespace sinter::passes {

/// Per value: a float that depends on one of `xs` through floats. Everything else carries no derivative.
std::vector<bool> depends_on(const ir::Graph& graph, std::span<const ir::Value> xs);

class ReverseMode {
 public:
  /// `values` are those of `from` in the graph under `builder`.
  ReverseMode(const ir::Graph& from, ir::Builder& builder, std::vector<ir::Value> values);

  /// Adds to the cotangent of a value of `from`.
  void add(ir::Value value, ir::Value cotangent);
  /// Asks all of the first `nodes` nodes on a way from `xs` to what has a cotangent, last to first, as new nodes.
  void run(std::span<const ir::Value> xs, size_t nodes);
  /// Of a value of `from`; invalid: zero.
  ir::Value cotangent(ir::Value value) const { return cotangents_[static_cast<size_t>(value.id)]; }
  /// What nodes that belong to the gradient of a value are called.
  std::string gradient_name(ir::Value value) const;

 private:
  void propagate(const ir::Node& node, const std::vector<bool>& depends);
  void accumulate(const ir::Node& node, ir::Value operand, ir::Value contribution);
  std::vector<ir::Value> in_builder(const std::vector<ir::Value>& values) const;

  const ir::Graph& from_;
  ir::Builder& builder_;
  std::vector<ir::Value> values_;      // in the new graph, by value of the old
  std::vector<ir::Value> cotangents_;  // likewise
};

}  // namespace sinter::passes
