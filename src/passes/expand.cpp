#include "passes/expand.h"

#include <algorithm>

#include "base/error.h"
#include "passes/rewrite.h"

namespace sinter::passes {

bool is_composite(const ir::OpDef& op) { return std::holds_alternative<ir::Composite>(op.lowering); }

std::vector<ir::Value> expand_node(ir::Builder& builder, const ir::OpDef& op, const std::vector<ir::Value>& operands,
                                   const ir::Attributes& attributes) {
  return std::get<ir::Composite>(op.lowering)
      .expand({.builder = builder, .op = op, .operands = operands, .attributes = attributes});
}

ir::Module expand(const ir::Module& module, const ExpandOptions& options) {
  const auto to_expand = [&](const ir::Node& node) {
    return is_composite(*node.op) && !options.keep.contains(node.op->name);
  };
  return map_graphs(module, [&](ir::Graph graph) {
    for (int depth = 0; std::any_of(graph.nodes().begin(), graph.nodes().end(), to_expand); ++depth) {
      SINTER_CHECK(depth < kMaximumExpansionDepth,
                   "expand: composites still expand into composites after " + std::to_string(depth) + " levels");
      graph = rewrite(graph, [&](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<ir::Value>> {
        if (!to_expand(node)) return std::nullopt;
        return expand_node(rewriter.builder(), *node.op, rewriter.at(node.operands), node.attributes);
      });
    }
    return graph;
  });
}

}  // namespace sinter::passes
