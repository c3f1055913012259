#include "passes/rewrite.h"

#include <algorithm>

#include "base/error.h"
#include "ir/op_def.h"

namespace sinter::passes {

using ir::Graph;
using ir::Node;
using ir::Value;

Rewriter::Rewriter(const Graph& from)
    : Rewriter(from, std::vector<bool>(static_cast<size_t>(from.argument_count()), true)) {}

Rewriter::Rewriter(const Graph& from, const std::vector<bool>& keep_argument)
    : from_(from), map_(static_cast<size_t>(from.value_count())) {
  for (int32_t i = 0; i < from.argument_count(); ++i) {
    if (keep_argument[static_cast<size_t>(i)])
      map_[static_cast<size_t>(i)] = to_.add_argument(from.type(from.argument(i)));
  }
}

Value Rewriter::at(Value old) const {
  SINTER_CHECK(old.valid() && old.id < from_.value_count(),
               "rewrite: %" + std::to_string(old.id) + " is no value of the graph");
  const Value value = map_[static_cast<size_t>(old.id)];
  SINTER_CHECK(value.valid(), "rewrite: %" + std::to_string(old.id) + " is used but was not rewritten");
  return value;
}

std::vector<Value> Rewriter::at(const std::vector<Value>& old) const {
  std::vector<Value> values;
  values.reserve(old.size());
  for (const Value value : old) values.push_back(at(value));
  return values;
}

void Rewriter::replace(Value old, Value value) {
  SINTER_CHECK(from_.type(old) == to_.type(value),
               "rewrite: %" + std::to_string(old.id) + ": " + from_.type(old).to_string() +
                   " was replaced by a value of type " + to_.type(value).to_string());
  map_[static_cast<size_t>(old.id)] = value;
}

void Rewriter::replace(const Node& node, const std::vector<Value>& values) {
  SINTER_CHECK(values.size() == node.results.size(),
               "rewrite: " + node.op->name + " was replaced by another number of results");
  for (size_t i = 0; i < values.size(); ++i) replace(node.results[i], values[i]);
}

void Rewriter::copy(const Node& node) {
  Node copied{.op = node.op,
              .operands = at(node.operands),
              .attributes = node.attributes,
              .regions = node.regions,
              .name = node.name};
  std::vector<TensorType> types;
  types.reserve(node.results.size());
  for (const Value result : node.results) types.push_back(from_.type(result));
  const Node& appended = to_.append(std::move(copied), types);
  for (size_t i = 0; i < node.results.size(); ++i) map_[static_cast<size_t>(node.results[i].id)] = appended.results[i];
}

Graph Rewriter::finish() && {
  to_.set_results(at(from_.results()));
  return std::move(to_);
}

Graph rewrite(const Graph& graph, const NodeRule& rule) {
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    rewriter.builder().set_name(node.name);
    if (const auto values = rule(rewriter, node)) {
      rewriter.replace(node, *values);
    } else {
      rewriter.copy(node);
    }
  }
  return std::move(rewriter).finish();
}

namespace {

/// A copy of `graph` whose regions went through `change`, innermost first.
Graph with_changed_regions(const Graph& graph, const GraphChange& change) {
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    if (node.regions.empty()) {
      rewriter.copy(node);
      continue;
    }
    Node changed = node;
    for (Graph& region : changed.regions) region = change(with_changed_regions(region, change));
    rewriter.copy(changed);
  }
  return std::move(rewriter).finish();
}

}  // namespace

ir::Module map_graphs(const ir::Module& module, const GraphChange& change) {
  ir::Module result = module;
  for (ir::Function& function : result.functions) {
    const WorkingOn scope("function " + function.name);
    const auto& nodes = function.graph.nodes();
    const bool has_regions =
        std::any_of(nodes.begin(), nodes.end(), [](const Node& node) { return !node.regions.empty(); });
    function.graph = has_regions ? change(with_changed_regions(function.graph, change)) : change(function.graph);
  }
  return result;
}

}  // namespace sinter::passes
