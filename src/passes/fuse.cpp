#include "passes/fuse.h"

#include <algorithm>
#include <set>

#include "ir/control_form.h"
#include "passes/dce.h"
#include "passes/fuse/block_sums.h"
#include "passes/fuse/cost.h"
#include "passes/fuse/emit.h"
#include "passes/fuse/pieces.h"
#include "passes/fuse/stages.h"
#include "passes/prepare_values.h"
#include "passes/rewrite.h"
#include "passes/split_reductions.h"

namespace sinter::passes {
namespace {

/// Spread numbers that are several results (the zeros that an optimizer begins with) are made once for each: cheaper
/// than copying one to another.
ir::Graph with_own_numbers(const ir::Graph& graph) {
  Rewriter rewriter(graph);
  for (const ir::Node& node : graph.nodes()) rewriter.copy(node);
  std::vector<ir::Value> results = rewriter.at(graph.results());
  std::set<ir::Value> seen;
  for (size_t i = 0; i < results.size(); ++i) {
    if (seen.insert(results[i]).second) continue;
    const ir::Node* node = graph.producer(graph.results()[i]);
    if (node == nullptr || node->operands.size() != 1 || graph.type(node->operands[0]).shape.rank() != 0) continue;
    rewriter.builder().set_name(node->name);
    results[i] = rewriter.builder().apply(*node->op, rewriter.at(node->operands), node->attributes)[0];
  }
  ir::Graph changed = std::move(rewriter).finish();
  changed.set_results(std::move(results));
  return changed;
}

/// Texts may have been through here before. Kernels that were cut once stay as they are: nodes outside of them would be cut without a look
/// at what stands inside.
bool is_fused(const ir::Graph& graph) {
  const auto fusion = [](const ir::Node& node) { return node.op->name == "fusion"; };
  if (std::none_of(graph.nodes().begin(), graph.nodes().end(), fusion)) return false;
  const auto outside = std::find_if_not(graph.nodes().begin(), graph.nodes().end(), [&](const ir::Node& node) { return fusion(node) || ir::control_form(node); });
  if (outside != graph.nodes().end()) {
    Error error(ErrorCode::kUnsupported, "some nodes are in fusions already, one node is not: " + outside->op->name);
    throw error.rule("fuse").at({.node = outside->name}).hint("give the module as it was before fuse, or put every node into a fusion");
  }
  return true;
}

void fuse_function(const ir::Module& module, ir::Function& function, const FuseOptions& options, FusionReport* report) {
  if (is_fused(function.graph)) return;
  if (ir::has_control(function.graph)) {
    function.graph = dce(function.graph);
    function.graph = fuse_pieces(module, function, [&](const ir::Module& around, const ir::Function& part) {
      ir::Function fused = part;
      fuse_function(around, fused, options, report);
      return std::move(fused.graph);
    });
    return;
  }
  const WorkingOn scope("function " + function.name);
  std::vector<Decision> decisions;
  function.graph = split_reductions(split_into_blocks(with_own_numbers(dce(function.graph)), options, report == nullptr ? nullptr : &decisions));
  Groups groups(function.graph);
  Merger merger(groups, find_updates(module, function, groups), options);
  merger.run();
  std::vector<bool> updates(static_cast<size_t>(groups.count()));
  for (int32_t group = 0; group < groups.count(); ++group)
    updates[static_cast<size_t>(group)] = groups.alive(group) && merger.is_update(group);
  const Precedence precedence(function, groups);
  if (report != nullptr) {
    const std::vector<Decision> merges = merger.decisions();
    decisions.insert(decisions.end(), merges.begin(), merges.end());
  }
  const std::vector<Kernel> kernels =
      put_side_by_side(groups, precedence, order_groups(groups, precedence, updates), updates, options, decisions);
  function.graph = emit(groups, join_stages(function, groups, kernels, options, decisions), options);
  if (report == nullptr) return;
  for (Decision& decision : decisions) {
    decision.function = function.name;
    report->decisions.push_back(std::move(decision));
  }
}

bool is_variable(const ir::Module& module, const std::string& name) {
  const Role role = module.variable(name).role;
  return role == Role::kParameter || role == Role::kState;
}

/// What prepares values, and what sets variables without reading any: it runs once, so that compiling it costs more than running it. More of them than one
/// kernel takes: some are alike.
bool code_matters_most(const ir::Module& module, const ir::Function& function, const FuseOptions& options) {
  if (function.results.size() <= static_cast<size_t>(options.most_parts)) return false;
  const auto variable = [&](const std::string& name) { return is_variable(module, name); };
  if (std::any_of(module.functions.begin(), module.functions.end(), [&](const ir::Function& other) { return preparation_of(module, other) == &function; }))
    return true;
  return std::all_of(function.results.begin(), function.results.end(), variable) && std::none_of(function.arguments.begin(), function.arguments.end(), variable);
}

/// Kernels that are alike share their code as long as each is one of its own.
FuseOptions with_little_code(FuseOptions options) {
  options.most_parts = 1;
  return options;
}

}  // namespace

ir::Module fuse(const ir::Module& module, const FuseOptions& options, FusionReport* report) {
  ir::Module result = module;
  for (size_t i = 0; i < result.functions.size(); ++i)
    fuse_function(module, result.functions[i], code_matters_most(module, module.functions[i], options) ? with_little_code(options) : options, report);
  return result;
}

std::string to_text(const FusionReport& report) {
  std::string text;
  for (const Decision& decision : report.decisions)
    text += decision.function + ": " + decision.producer + " -> " + decision.consumer + ": " +
            (decision.fused ? "one kernel" : "two kernels") + ", together " + microseconds(decision.together) + ", apart " +
            microseconds(decision.apart) + ": " + decision.reason + "\n";
  return text;
}

}  // namespace sinter::passes
