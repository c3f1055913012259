#include "passes/grad/reverse_mode.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "ir/op_def.h"
#include "ir/region_gradient.h"

namespace sinter::passes {
namespace {

using ir::Builder;
using ir::Graph;
using ir::Node;
using ir::Value;

size_t index_of(Value value) { return static_cast<size_t>(value.id); }

const ir::GradientRule& rule_of(const Node& node) {
  if (const auto* reason = std::get_if<ir::NotDifferentiable>(&node.op->gradient)) {
    throw Error(ErrorCode::kUnsupported, node.op->name + " has no gradient: " + reason->reason)
        .at({.node = node.name})
        .hint("stop_gradient on its operand ends differentiation there");
  }
  const auto* rule = std::get_if<ir::GradientRule>(&node.op->gradient);
  SINTER_CHECK(rule != nullptr, "grad: composite " + node.op->name + " was not expanded");
  return *rule;
}

/// Reverse mode over a region, for the rule of the node that it belongs to.
std::vector<Value> pull_back(Builder& builder, const Graph& region, std::span<const Value> values, std::span<const Value> cotangents,
                             const std::vector<bool>& wanted) {
  ReverseMode reverse(region, builder, {values.begin(), values.end()});
  for (size_t i = 0; i < cotangents.size(); ++i)
    if (cotangents[i].valid()) reverse.add(region.results()[i], cotangents[i]);
  std::vector<Value> xs, found;
  for (int32_t i = 0; i < region.argument_count(); ++i)
    if (wanted[static_cast<size_t>(i)]) xs.push_back(region.argument(i));
  reverse.run(xs, region.nodes().size());
  for (int32_t i = 0; i < region.argument_count(); ++i)
    found.push_back(wanted[static_cast<size_t>(i)] ? reverse.cotangent(region.argument(i)) : Value());
  return found;
}

}  // namespace

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

ReverseMode::ReverseMode(const Graph& from, Builder& builder, std::vector<Value> values)
    : from_(from), builder_(builder), values_(std::move(values)), cotangents_(static_cast<size_t>(from.value_count())) {}

void ReverseMode::add(Value value, Value cotangent) {
  Value& sum = cotangents_[index_of(value)];
  sum = sum.valid() ? builder_.call("add", {sum, cotangent}) : cotangent;
}

void ReverseMode::run(std::span<const Value> xs, size_t nodes) {
  const std::vector<bool> depends = depends_on(from_, xs);
  for (size_t i = nodes; i-- > 0;) {
    const Node& node = from_.nodes()[i];
    const auto carries = [&](Value v) { return depends[index_of(v)]; };
    const bool asked = std::any_of(node.results.begin(), node.results.end(), [&](Value v) { return carries(v) && cotangent(v).valid(); });
    if (asked && std::any_of(node.operands.begin(), node.operands.end(), carries)) propagate(node, depends);
  }
}

std::string ReverseMode::gradient_name(Value value) const {
  const Node* node = from_.producer(value);
  return node && !node->name.empty() ? node->name + ".gradient" : "";
}

std::vector<Value> ReverseMode::in_builder(const std::vector<Value>& values) const {
  std::vector<Value> mapped;
  for (const Value value : values) mapped.push_back(values_[index_of(value)]);
  return mapped;
}

/// From the cotangents of a node's results to those of its operands.
void ReverseMode::propagate(const Node& node, const std::vector<bool>& depends) {
  std::vector<Value> of_results;
  for (const Value result : node.results) of_results.push_back(cotangent(result));

  const auto wanted = std::make_unique<bool[]>(node.operands.size());  // std::vector<bool> gives no span
  for (size_t i = 0; i < node.operands.size(); ++i) wanted[i] = depends[index_of(node.operands[i])];

  builder_.set_name(node.name.empty() ? "" : node.name + ".gradient");
  const std::vector<Value> operands = in_builder(node.operands), results = in_builder(node.results);
  const ir::RegionGradientRequest request{{.builder = builder_,
                                           .op = *node.op,
                                           .operands = operands,
                                           .results = results,
                                           .cotangents = of_results,
                                           .attributes = node.attributes,
                                           .regions = node.regions,
                                           .wanted = {wanted.get(), node.operands.size()}},
                                          pull_back};
  const std::vector<Value> of_operands = rule_of(node)(request);
  SINTER_CHECK(of_operands.size() == node.operands.size(),
               "grad: the rule of " + node.op->name + " gives another number of cotangents");
  for (size_t i = 0; i < of_operands.size(); ++i) {
    if (wanted[i] && of_operands[i].valid()) accumulate(node, node.operands[i], of_operands[i]);
  }
}

/// Contributions are added in the order in which they come: from the last use to the first.
void ReverseMode::accumulate(const Node& node, Value operand, Value contribution) {
  SINTER_CHECK(builder_.type(contribution) == from_.type(operand),
               "grad: the rule of " + node.op->name + " gives a cotangent of type " +
                   builder_.type(contribution).to_string() + " for an operand of type " +
                   from_.type(operand).to_string());
  add(operand, contribution);
}

}  // namespace sinter::passes
