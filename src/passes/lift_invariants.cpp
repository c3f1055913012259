#include "passes/lift_invariants.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/control_form.h"
#include "ir/op_def.h"
#include "passes/fuse/node_facts.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::ControlForm;
using ir::Graph;
using ir::Node;
using ir::Value;

const Tensor* constant_of(const Node& node) {
  const auto* index = std::get_if<ir::Index>(&node.op->lowering);
  if (index == nullptr || index->kind != ir::Index::Kind::kConstant) return nullptr;
  return &ir::get_attribute<Tensor>(*node.op, node.attributes, "value");
}

/// Computes the same whenever its operands are the same, and cannot fail.
bool is_settled(const Node& node) {
  if (node.results.size() != 1 || !node.regions.empty()) return false;
  const ir::Lowering& lowering = node.op->lowering;
  if (const auto* index = std::get_if<ir::Index>(&lowering))
    return index->kind == ir::Index::Kind::kGenerate || index->kind == ir::Index::Kind::kConstant;
  return std::holds_alternative<ir::Elementwise>(lowering) || std::holds_alternative<ir::View>(lowering) ||
         std::holds_alternative<ir::Reduce>(lowering) || std::holds_alternative<ir::Contract>(lowering);
}

/// What of one region leaves it.
class Leaving {
 public:
  Leaving(const Node& node, const ControlForm& form, const Graph& region) : region_(region), settled_(static_cast<size_t>(region.value_count())), made_(settled_.size()) {
    for (size_t i = 0; i < form.carried; ++i) settled_[i] = made_[i] = is_invariant(node, form, i);
    const bool repeats = form.kind != ControlForm::Kind::kChoice;
    for (const Node& inside : region.nodes()) {
      const Tensor* constant = constant_of(inside);
      if (constant && constant->size() != 1) values_.insert(inside.results[0]);
      if (!repeats || !is_settled(inside)) continue;
      bool settled = true, made = false;
      for (const Value operand : inside.operands) {
        settled = settled && settled_[static_cast<size_t>(operand.id)];
        made = made || made_[static_cast<size_t>(operand.id)];
      }
      settled_[static_cast<size_t>(inside.results[0].id)] = settled;
      made_[static_cast<size_t>(inside.results[0].id)] = settled && made;
    }
    for (const Node& inside : region.nodes())
      if (!is_computed(inside))
        for (const Value operand : inside.operands) want(operand, inside);
  }

  /// In order.
  const std::set<Value>& values() const { return values_; }

  /// Copies what `value` is made of to the graph around, whose values `map` gives the region's arguments.
  Value copy_out(ir::Builder& builder, Value value, std::map<Value, Value>& map) const {
    if (const auto known = map.find(value); known != map.end()) return known->second;
    const Node& node = *region_.producer(value);
    std::vector<Value> operands;
    for (const Value operand : node.operands) operands.push_back(copy_out(builder, operand, map));
    builder.set_name(node.name);
    return map[value] = builder.apply(*node.op, std::move(operands), node.attributes)[0];
  }

 private:
  bool is_computed(const Node& node) const { return node.results.size() == 1 && made_[static_cast<size_t>(node.results[0].id)]; }

  void want(Value value, const Node& reader) {
    const Node* node = region_.producer(value);
    if (node == nullptr || !is_computed(*node)) return;
    if (is_worth_it(*node, reader)) {
      values_.insert(value);
    } else {
      for (const Value operand : node->operands) want(operand, *node);
    }
  }

  /// Views that cost nothing where they are read stay.
  bool is_worth_it(const Node& node, const Node& reader) const {
    if (!std::holds_alternative<ir::View>(node.op->lowering)) return true;
    const NodeFacts facts = node_facts(region_, node);
    if (std::holds_alternative<ir::Contract>(reader.op->lowering)) return !facts.spreads;
    return facts.guarded || !(facts.contiguous || facts.spreads);
  }

  const Graph& region_;
  std::vector<bool> settled_, made_;  // per value: the same in every round; and of something that comes in
  std::set<Value> values_;
};

/// The region with arguments in place of what left it. `from` is the first of the new arguments; each stands for a value, or is not read here.
Graph with_arguments(const Graph& region, size_t from, const std::vector<std::pair<const Graph*, Value>>& left, const Graph* original, bool returns) {
  Graph result;
  std::map<Value, Value> map;
  std::vector<Value> given;
  for (size_t i = 0; i <= static_cast<size_t>(region.argument_count()); ++i) {
    if (i == from)
      for (const auto& [graph, value] : left) {
        given.push_back(result.add_argument(graph->type(value)));
        if (graph == original) map[value] = given.back();
      }
    if (i < static_cast<size_t>(region.argument_count())) map[region.argument(static_cast<int32_t>(i))] = result.add_argument(region.type(region.argument(static_cast<int32_t>(i))));
  }
  for (const Node& node : region.nodes()) {
    if (node.results.size() == 1 && map.contains(node.results[0])) continue;
    Node copy{.op = node.op, .operands = {}, .attributes = node.attributes, .regions = node.regions, .name = node.name};
    for (const Value operand : node.operands) copy.operands.push_back(map.at(operand));
    std::vector<TensorType> types;
    for (const Value value : node.results) types.push_back(region.type(value));
    const std::vector<Value> made = result.append(std::move(copy), types).results;
    for (size_t i = 0; i < made.size(); ++i) map[node.results[i]] = made[i];
  }
  std::vector<Value> results;
  for (size_t i = 0; i <= region.results().size(); ++i) {
    if (returns && i == from) results.insert(results.end(), given.begin(), given.end());
    if (i < region.results().size()) results.push_back(map.at(region.results()[i]));
  }
  result.set_results(std::move(results));
  return result;
}

/// Nothing when nothing leaves the node's regions.
std::optional<std::vector<Value>> lift(Rewriter& rewriter, const Node& node) {
  const std::optional<ControlForm> form = ir::control_form(node);
  if (!form) return std::nullopt;
  std::vector<std::pair<const Graph*, Value>> left;
  std::vector<Value> operands = rewriter.at(node.operands), added;
  for (const Graph& region : node.regions) {
    const Leaving leaving(node, *form, region);
    std::map<Value, Value> map;
    for (int32_t i = 0; i < region.argument_count(); ++i)
      if (form->first + static_cast<size_t>(i) < operands.size()) map[region.argument(i)] = operands[form->first + static_cast<size_t>(i)];
    for (const Value value : leaving.values()) {
      left.push_back({&region, value});
      added.push_back(leaving.copy_out(rewriter.builder(), value, map));
    }
  }
  if (left.empty()) return std::nullopt;
  // Of a loop they go round unchanged, after what goes round already; of a choice they are given last.
  const bool loop = form->kind != ControlForm::Kind::kChoice;
  const size_t from = loop ? form->carried : node.operands.size() - form->first;
  std::vector<Graph> regions;
  for (size_t i = 0; i < node.regions.size(); ++i)
    regions.push_back(with_arguments(node.regions[i], from, left, &node.regions[i], loop && i == form->body()));
  operands.insert(operands.begin() + static_cast<std::ptrdiff_t>(form->first + from), added.begin(), added.end());
  ir::Attributes attributes = node.attributes;
  if (form->kind == ControlForm::Kind::kRows) attributes["carried"] = static_cast<int64_t>(form->carried + left.size());
  rewriter.builder().set_name(node.name);
  std::vector<Value> results = rewriter.builder().apply(*node.op, std::move(operands), std::move(attributes), std::move(regions));
  if (loop) results.erase(results.begin() + static_cast<std::ptrdiff_t>(from), results.begin() + static_cast<std::ptrdiff_t>(from + left.size()));
  return results;
}

}  // namespace

ir::Module lift_invariants(const ir::Module& module) {
  return map_graphs(module, [](const Graph& graph) { return ir::has_control(graph) ? rewrite(graph, lift) : graph; });
}

}  // namespace sinter::passes
