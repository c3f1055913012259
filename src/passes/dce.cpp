#include "passes/dce.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "ir/control_form.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::ControlForm;
using ir::Graph;
using ir::Node;
using ir::Value;

using Flags = std::vector<bool>;

Flags live_values(const Graph& graph, const Flags& wanted);

/// What stays of a node with control flow when `wanted` of its results are wanted.
struct Kept {
  Flags results, operands;
};

Kept kept_of(const Node& node, const ControlForm& form, const Flags& wanted) {
  Kept kept{wanted, Flags(node.operands.size())};
  const auto need = [&](const Graph& region, const Flags& results) {
    const Flags live = live_values(region, results);
    for (size_t i = form.first; i < node.operands.size(); ++i)
      if (live[i - form.first]) kept.operands[i] = true;
  };
  for (size_t i = 0; i < form.first; ++i) kept.operands[i] = true;
  if (form.kind == ControlForm::Kind::kWhile) need(node.regions[0], Flags(1, true));
  // What goes round is wanted when it is in the end, or by what is wanted in the next round.
  for (bool changed = true; changed;) {
    for (size_t i = 0; i < form.carried; ++i) {
      const bool either = kept.results[i] || kept.operands[form.first + i];
      kept.results[i] = kept.operands[form.first + i] = either;
    }
    const Flags before = kept.operands;
    for (size_t i = form.body(); i < node.regions.size(); ++i) need(node.regions[i], kept.results);
    changed = kept.operands != before;
  }
  return kept;
}

Flags wanted_results(const Node& node, const Flags& live) {
  Flags wanted;
  for (const Value result : node.results) wanted.push_back(live[static_cast<size_t>(result.id)]);
  return wanted;
}

/// Per value: one of the wanted results of the graph depends on it.
Flags live_values(const Graph& graph, const Flags& wanted) {
  Flags live(static_cast<size_t>(graph.value_count()));
  const auto mark = [&](Value value) { live[static_cast<size_t>(value.id)] = true; };
  for (size_t i = 0; i < graph.results().size(); ++i)
    if (wanted[i]) mark(graph.results()[i]);
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    const Flags results = wanted_results(*node, live);
    if (std::find(results.begin(), results.end(), true) == results.end()) continue;
    const std::optional<ControlForm> form = ir::control_form(*node);
    const Flags operands = form ? kept_of(*node, *form, results).operands : Flags(node->operands.size(), true);
    for (size_t i = 0; i < operands.size(); ++i)
      if (operands[i]) mark(node->operands[i]);
  }
  return live;
}

Flags live_values(const Graph& graph) { return live_values(graph, Flags(graph.results().size(), true)); }

Graph copy_live(const Graph& graph, const Flags& keep_argument, const Flags& wanted);

/// Replaces a node with control flow by one without what nobody wants.
void copy_control(Rewriter& rewriter, const Node& node, const ControlForm& form, const Flags& wanted) {
  const Kept kept = kept_of(node, form, wanted);
  const auto all = [](const Flags& flags) { return std::find(flags.begin(), flags.end(), false) == flags.end(); };
  if (all(kept.results) && all(kept.operands)) return rewriter.copy(node);
  const Flags arguments(kept.operands.begin() + static_cast<std::ptrdiff_t>(form.first), kept.operands.end());
  std::vector<Value> operands;
  for (size_t i = 0; i < node.operands.size(); ++i)
    if (kept.operands[i]) operands.push_back(rewriter.at(node.operands[i]));
  std::vector<Graph> regions;
  for (size_t i = 0; i < node.regions.size(); ++i)
    regions.push_back(copy_live(node.regions[i], arguments, i < form.body() ? Flags(1, true) : kept.results));
  ir::Attributes attributes = node.attributes;
  if (form.kind == ControlForm::Kind::kRows)
    attributes["carried"] = static_cast<int64_t>(std::count(kept.results.begin(), kept.results.begin() + static_cast<std::ptrdiff_t>(form.carried), true));
  rewriter.builder().set_name(node.name);
  const std::vector<Value> made = rewriter.builder().apply(*node.op, std::move(operands), std::move(attributes), std::move(regions));
  for (size_t i = 0, next = 0; i < kept.results.size(); ++i)
    if (kept.results[i]) rewriter.replace(node.results[i], made[next++]);
}

Graph copy_live(const Graph& graph, const Flags& keep_argument, const Flags& wanted) {
  const Flags live = live_values(graph, wanted);
  Rewriter rewriter(graph, keep_argument);
  for (const Node& node : graph.nodes()) {
    const Flags results = wanted_results(node, live);
    if (std::find(results.begin(), results.end(), true) == results.end()) continue;
    if (const std::optional<ControlForm> form = ir::control_form(node)) {
      copy_control(rewriter, node, *form, results);
    } else {
      rewriter.copy(node);
    }
  }
  std::vector<Value> kept;
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i]) kept.push_back(rewriter.at(graph.results()[i]));
  Graph copied = std::move(rewriter.builder().graph());
  copied.set_results(std::move(kept));
  return copied;
}

}  // namespace

Graph dce(const Graph& graph) {
  return copy_live(graph, Flags(static_cast<size_t>(graph.argument_count()), true), Flags(graph.results().size(), true));
}

ir::Module dce(const ir::Module& module) {
  ir::Module result = map_graphs(module, [](const Graph& graph) { return dce(graph); });
  std::set<std::string, std::less<>> bound;
  for (ir::Function& function : result.functions) {
    const Flags live = live_values(function.graph);
    Flags keep(function.arguments.size());
    std::vector<std::string> arguments;
    for (size_t i = 0; i < keep.size(); ++i) {
      keep[i] = live[i] || module.variable(function.arguments[i]).role != ir::Role::kConstant;
      if (keep[i]) arguments.push_back(function.arguments[i]);
    }
    if (arguments.size() < function.arguments.size()) {
      function.graph = copy_live(function.graph, keep, Flags(function.results.size(), true));
      function.arguments = std::move(arguments);
    }
    bound.insert(function.arguments.begin(), function.arguments.end());
  }
  std::erase_if(result.variables,
                [&](const ir::Variable& v) { return v.role == ir::Role::kConstant && !bound.contains(v.name); });
  return result;
}

}  // namespace sinter::passes
