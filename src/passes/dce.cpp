#include "passes/dce.h"

#include <algorithm>
#include <set>
#include <string>

#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

/// Per value: a result of the graph depends on it.
std::vector<bool> live_values(const Graph& graph) {
  std::vector<bool> live(static_cast<size_t>(graph.value_count()));
  const auto mark = [&](Value value) { live[static_cast<size_t>(value.id)] = true; };
  for (const Value value : graph.results()) mark(value);
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    const bool used = std::any_of(node->results.begin(), node->results.end(),
                                  [&](Value v) { return live[static_cast<size_t>(v.id)]; });
    if (used) std::for_each(node->operands.begin(), node->operands.end(), mark);
  }
  return live;
}

Graph copy_live(const Graph& graph, const std::vector<bool>& live, const std::vector<bool>& keep_argument) {
  Rewriter rewriter(graph, keep_argument);
  for (const Node& node : graph.nodes()) {
    const bool used =
        std::any_of(node.results.begin(), node.results.end(), [&](Value v) { return live[static_cast<size_t>(v.id)]; });
    if (used) rewriter.copy(node);
  }
  return std::move(rewriter).finish();
}

}  // namespace

Graph dce(const Graph& graph) {
  return copy_live(graph, live_values(graph), std::vector<bool>(static_cast<size_t>(graph.argument_count()), true));
}

ir::Module dce(const ir::Module& module) {
  ir::Module result = map_graphs(module, [](const Graph& graph) { return dce(graph); });
  std::set<std::string, std::less<>> bound;
  for (ir::Function& function : result.functions) {
    const std::vector<bool> live = live_values(function.graph);
    std::vector<bool> keep(function.arguments.size());
    std::vector<std::string> arguments;
    for (size_t i = 0; i < keep.size(); ++i) {
      keep[i] = live[i] || module.variable(function.arguments[i]).role != ir::Role::kConstant;
      if (keep[i]) arguments.push_back(function.arguments[i]);
    }
    if (arguments.size() < function.arguments.size()) {
      function.graph = copy_live(function.graph, live, keep);
      function.arguments = std::move(arguments);
    }
    bound.insert(function.arguments.begin(), function.arguments.end());
  }
  std::erase_if(result.variables,
                [&](const ir::Variable& v) { return v.role == ir::Role::kConstant && !bound.contains(v.name); });
  return result;
}

}  // namespace sinter::passes
