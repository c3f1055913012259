#include "passes/widen.h"

#include <algorithm>

#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Value;

bool is_widened(const ir::Graph& graph, const ir::Node& node) {
  std::vector<TensorType> types;
  for (const Value operand : node.operands) types.push_back(graph.type(operand));
  return ir::is_widened(*node.op, types, node.attributes);
}

std::optional<std::vector<Value>> widened_node(Rewriter& rewriter, const ir::Node& node) {
  if (!is_widened(rewriter.from(), node)) return std::nullopt;
  ir::Builder& builder = rewriter.builder();
  std::vector<Value> operands;
  for (const Value operand : node.operands) {
    const Value value = rewriter.at(operand);
    operands.push_back(builder.cast(value, ir::widened(builder.dtype(value))));
  }
  std::vector<Value> results = builder.apply(*node.op, std::move(operands), ir::widened(node.attributes), node.regions);
  for (size_t i = 0; i < results.size(); ++i) results[i] = builder.cast(results[i], rewriter.from().type(node.results[i]).dtype);
  return results;
}

}  // namespace

ir::Module widen(const ir::Module& module) {
  return map_graphs(module, [](const ir::Graph& graph) {
    const bool any = std::any_of(graph.nodes().begin(), graph.nodes().end(), [&](const ir::Node& node) { return is_widened(graph, node); });
    return any ? rewrite(graph, widened_node) : graph;
  });
}

}  // namespace sinter::passes
