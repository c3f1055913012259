#include "passes/grad.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "ir/op_def.h"
#include "passes/expand.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Node;
using ir::Value;

constexpr std::string_view kGrad = "grad";

size_t index_of(Value value) { return static_cast<size_t>(value.id); }

/// Per value: a float that depends on one of `xs` through floats. Everything else carries no derivative.
std::vector<bool> depends_on(const Graph& graph, std::span<const Value> xs) {
  std::vector<bool> depends(static_cast<size_t>(graph.value_count()));
  const auto carries = [&](Value v) { return depends[index_of(v)]; };
  for (const Value x : xs) depends[index_of(x)] = is_float(graph.type(x).dtype);
  for (const Node& node : graph.nodes()) {
    if (!std::any_of(node.operands.begin(), node.operands.end(), carries)) continue;
    for (const Value result : node.results) {
      if (is_float(graph.type(result).dtype)) depends[index_of(result)] = true;
    }
  }
  return depends;
}

/// Per node: it stands on a way from one of `xs` to `y`.
std::vector<bool> on_the_way(const Graph& graph, Value y, const std::vector<bool>& depends) {
  std::vector<bool> needed(static_cast<size_t>(graph.value_count())), way(graph.nodes().size());
  needed[index_of(y)] = true;
  for (size_t i = graph.nodes().size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    way[i] = std::any_of(node.results.begin(), node.results.end(),
                         [&](Value v) { return needed[index_of(v)] && depends[index_of(v)]; }) &&
             std::any_of(node.operands.begin(), node.operands.end(), [&](Value v) { return depends[index_of(v)]; });
    if (!way[i]) continue;
    for (const Value operand : node.operands) needed[index_of(operand)] = true;
  }
  return way;
}

/// Reverse mode over the nodes of one graph. `from` is the graph that holds the grad node; the graph under `builder`
/// begins with a copy of the nodes before it, so values have the same ids in both.
class ReverseMode {
 public:
  ReverseMode(const Graph& from, Builder& builder)
      : from_(from), builder_(builder), cotangents_(static_cast<size_t>(from.value_count())) {}

  /// Gradients of `y`, one per x, as new nodes.
  std::vector<Value> run(Value y, std::span<const Value> xs, size_t node_count) {
    const std::vector<bool> depends = depends_on(from_, xs);
    const std::vector<bool> way = on_the_way(from_, y, depends);
    if (depends[index_of(y)]) {
      builder_.set_name(gradient_name(y));
      cotangents_[index_of(y)] = builder_.full(1.0, from_.type(y).dtype, from_.type(y).shape);
    }
    for (size_t i = node_count; i-- > 0;) {
      if (way[i]) propagate(from_.nodes()[i], depends);
    }
    std::vector<Value> gradients;
    for (const Value x : xs) {
      const TensorType type = from_.type(x);
      builder_.set_name(gradient_name(x));
      gradients.push_back(cotangent(x).valid() ? cotangent(x) : builder_.full(0.0, type.dtype, type.shape));
    }
    return gradients;
  }

 private:
  Value cotangent(Value value) const { return cotangents_[index_of(value)]; }

  std::string gradient_name(Value value) const {
    const Node* node = from_.producer(value);
    return node && !node->name.empty() ? node->name + ".gradient" : "";
  }

  /// From the cotangents of a node's results to those of its operands.
  void propagate(const Node& node, const std::vector<bool>& depends) {
    std::vector<Value> of_results;
    for (const Value result : node.results) of_results.push_back(cotangent(result));
    if (std::none_of(of_results.begin(), of_results.end(), [](Value v) { return v.valid(); })) return;

    const auto wanted = std::make_unique<bool[]>(node.operands.size());  // std::vector<bool> gives no span
    for (size_t i = 0; i < node.operands.size(); ++i) wanted[i] = depends[index_of(node.operands[i])];

    builder_.set_name(node.name.empty() ? "" : node.name + ".gradient");
    const std::vector<Value> of_operands = rule_of(node)({.builder = builder_,
                                                          .op = *node.op,
                                                          .operands = node.operands,
                                                          .results = node.results,
                                                          .cotangents = of_results,
                                                          .attributes = node.attributes,
                                                          .regions = node.regions,
                                                          .wanted = {wanted.get(), node.operands.size()}});
    SINTER_CHECK(of_operands.size() == node.operands.size(),
                 "grad: the rule of " + node.op->name + " gives another number of cotangents");
    for (size_t i = 0; i < of_operands.size(); ++i) {
      if (wanted[i] && of_operands[i].valid()) accumulate(node, node.operands[i], of_operands[i]);
    }
  }

  const ir::GradientRule& rule_of(const Node& node) const {
    if (const auto* reason = std::get_if<ir::NotDifferentiable>(&node.op->gradient)) {
      throw Error(ErrorCode::kUnsupported, node.op->name + " has no gradient: " + reason->reason)
          .at({.node = node.name})
          .hint("stop_gradient on its operand ends differentiation there");
    }
    const auto* rule = std::get_if<ir::GradientRule>(&node.op->gradient);
    SINTER_CHECK(rule != nullptr, "grad: composite " + node.op->name + " was not expanded");
    return *rule;
  }

  /// Contributions are added in the order in which they come: from the last use to the first.
  void accumulate(const Node& node, Value operand, Value contribution) {
    SINTER_CHECK(builder_.type(contribution) == from_.type(operand),
                 "grad: the rule of " + node.op->name + " gives a cotangent of type " +
                     builder_.type(contribution).to_string() + " for an operand of type " +
                     from_.type(operand).to_string());
    Value& sum = cotangents_[index_of(operand)];
    sum = sum.valid() ? builder_.call("add", {sum, contribution}) : contribution;
  }

  const Graph& from_;
  Builder& builder_;
  std::vector<Value> cotangents_;  // in the new graph, by value of the old
};

const Node* first_grad(const Graph& graph) {
  const auto& nodes = graph.nodes();
  const auto found = std::find_if(nodes.begin(), nodes.end(), [](const Node& node) { return node.op->name == kGrad; });
  return found == nodes.end() ? nullptr : &*found;
}

/// The graph with the composites on the way of `grad_node` that are differentiated through their expansion expanded;
/// unchanged: nullopt.
std::optional<Graph> expand_on_the_way(const Graph& graph, const Node& grad_node) {
  const std::span<const Value> xs = std::span(grad_node.operands).subspan(1);
  const std::vector<bool> way = on_the_way(graph, grad_node.operands[0], depends_on(graph, xs));
  const Node* first = graph.nodes().data();
  const auto to_expand = [&](const Node& node) {
    return way[static_cast<size_t>(&node - first)] &&
           std::holds_alternative<ir::GradientOfExpansion>(node.op->gradient);
  };
  if (std::none_of(graph.nodes().begin(), graph.nodes().end(), to_expand)) return std::nullopt;
  return rewrite(graph, [&](Rewriter& rewriter, const Node& node) -> std::optional<std::vector<Value>> {
    if (!to_expand(node)) return std::nullopt;
    return expand_node(rewriter.builder(), *node.op, rewriter.at(node.operands), node.attributes);
  });
}

Graph expand_gradients(Graph graph) {
  int depth = 0;
  while (const Node* grad_node = first_grad(graph)) {
    if (auto expanded = expand_on_the_way(graph, *grad_node)) {
      SINTER_CHECK(++depth <= kMaximumExpansionDepth,
                   "grad: composites still expand into composites after " + std::to_string(depth) + " levels");
      graph = std::move(*expanded);
      continue;
    }
    depth = 0;
    graph = rewrite(graph, [&](Rewriter& rewriter, const Node& node) -> std::optional<std::vector<Value>> {
      if (&node != grad_node) return std::nullopt;
      const size_t before = static_cast<size_t>(&node - graph.nodes().data());
      return ReverseMode(graph, rewriter.builder()).run(node.operands[0], std::span(node.operands).subspan(1), before);
    });
  }
  return graph;
}

}  // namespace

ir::Module grad(const ir::Module& module) { return map_graphs(module, expand_gradients); }

}  // namespace sinter::passes
