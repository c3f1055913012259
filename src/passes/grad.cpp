#include "passes/grad.h"

#include <algorithm>

#include "base/error.h"
#include "ir/op_def.h"
#include "ir/region_gradient.h"
#include "passes/expand.h"
#include "passes/grad/reverse_mode.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Node;
using ir::Value;

constexpr std::string_view kGrad = "grad";

size_t index_of(Value value) { return static_cast<size_t>(value.id); }

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

/// Gradients of the scalar `y`, one per x, as new nodes. The graph under `builder` begins with a copy of the first `nodes` nodes of `from`, so
/// values have the same ids in both.
std::vector<Value> gradients(const Graph& from, Builder& builder, Value y, std::span<const Value> xs, size_t nodes) {
  std::vector<Value> same(static_cast<size_t>(from.value_count()));
  for (size_t i = 0; i < same.size(); ++i) same[i] = Value{static_cast<int32_t>(i)};
  ReverseMode reverse(from, builder, std::move(same));
  if (depends_on(from, xs)[index_of(y)]) {
    builder.set_name(reverse.gradient_name(y));
    reverse.add(y, builder.full(1.0, from.type(y).dtype, from.type(y).shape));
    reverse.run(xs, nodes);
  }
  std::vector<Value> found;
  for (const Value x : xs) {
    const TensorType type = from.type(x);
    builder.set_name(reverse.gradient_name(x));
    found.push_back(reverse.cotangent(x).valid() ? reverse.cotangent(x) : builder.full(0.0, type.dtype, type.shape));
  }
  return found;
}

bool is_expanded_first(const Node& node) { return std::holds_alternative<ir::GradientOfExpansion>(node.op->gradient); }

/// Its gradient cannot be taken yet: composites that are differentiated through their expansion stand in its regions, or loops that do not
/// remember what their gradients read.
bool has_unready_regions(const Node& node) {
  if (node.regions.empty()) return false;
  const auto unready = [](const Node& inside) { return is_expanded_first(inside) || has_unready_regions(inside); };
  return !ir::remembers(node) || std::any_of(node.regions.begin(), node.regions.end(), [&](const Graph& region) {
    return std::any_of(region.nodes().begin(), region.nodes().end(), unready);
  });
}

/// What becomes of a node on the way before its gradient is taken.
std::optional<std::vector<Value>> make_ready(Rewriter& rewriter, const Node& node) {
  if (is_expanded_first(node)) return expand_node(rewriter.builder(), *node.op, rewriter.at(node.operands), node.attributes);
  if (!has_unready_regions(node)) return std::nullopt;
  std::vector<Graph> regions;
  for (const Graph& region : node.regions) regions.push_back(rewrite(region, make_ready));
  std::vector<Value> results = ir::apply_remembering(rewriter.builder(), node, rewriter.at(node.operands), std::move(regions));
  results.resize(node.results.size());
  return results;
}

const Node* first_grad(const Graph& graph) {
  const auto& nodes = graph.nodes();
  const auto found = std::find_if(nodes.begin(), nodes.end(), [](const Node& node) { return node.op->name == kGrad; });
  return found == nodes.end() ? nullptr : &*found;
}

/// The graph with what is on the way of `grad_node` made ready for it; unchanged: nullopt.
std::optional<Graph> ready_on_the_way(const Graph& graph, const Node& grad_node) {
  const std::span<const Value> xs = std::span(grad_node.operands).subspan(1);
  const std::vector<bool> way = on_the_way(graph, grad_node.operands[0], depends_on(graph, xs));
  const Node* first = graph.nodes().data();
  const auto unready = [&](const Node& node) {
    return way[static_cast<size_t>(&node - first)] && (is_expanded_first(node) || has_unready_regions(node));
  };
  if (std::none_of(graph.nodes().begin(), graph.nodes().end(), unready)) return std::nullopt;
  return rewrite(graph, [&](Rewriter& rewriter, const Node& node) { return unready(node) ? make_ready(rewriter, node) : std::nullopt; });
}

Graph expand_gradients(Graph graph) {
  int depth = 0;
  while (const Node* grad_node = first_grad(graph)) {
    if (auto expanded = ready_on_the_way(graph, *grad_node)) {
      SINTER_CHECK(++depth <= kMaximumExpansionDepth,
                   "grad: composites still expand into composites after " + std::to_string(depth) + " levels");
      graph = std::move(*expanded);
      continue;
    }
    depth = 0;
    graph = rewrite(graph, [&](Rewriter& rewriter, const Node& node) -> std::optional<std::vector<Value>> {
      if (&node != grad_node) return std::nullopt;
      const size_t before = static_cast<size_t>(&node - graph.nodes().data());
      return gradients(graph, rewriter.builder(), node.operands[0], std::span(node.operands).subspan(1), before);
    });
  }
  return graph;
}

}  // namespace

ir::Module grad(const ir::Module& module) { return map_graphs(module, expand_gradients); }

}  // namespace sinter::passes
