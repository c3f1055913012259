#include "passes/recognise.h"

#include <algorithm>
#include <map>
#include <set>

#include "passes/cleanup.h"
#include "passes/dce.h"
#include "passes/recognise/forms.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

constexpr int kSweeps = 8;  // a form of forms (silu of a hand-written sigmoid) takes one more each

/// The ops of a graph by which a function of a pattern may be written.
std::vector<std::string_view> spellings(std::string_view name) {
  if (name == "sum" || name == "mean") return {"reduce_sum", "mean"};
  if (name == "max") return {"reduce_max"};
  if (name == "sqrt") return {"sqrt", "rsqrt", "power"};
  if (name == "sigmoid") return {"sigmoid", "exp", "tanh"};
  if (name == "softmax") return {"softmax", "exp"};
  if (name == "log_softmax") return {"log_softmax", "log", "exp"};
  return {name};
}

/// A quick look at a graph that is not in canonical form yet: whether the functions of a pattern stand in it, one near
/// the other. Most models have none, and are done with here.
class Glance {
 public:
  explicit Glance(const Graph& graph) : graph_(graph) {
    for (const Node& node : graph.nodes()) by_op_[node.op->name].push_back(&node);
  }

  bool may_hold(const Form& form) const {
    return std::any_of(form.patterns.begin(), form.patterns.end(), [&](const Pattern& pattern) { return may_hold(pattern); });
  }

 private:
  static constexpr int kNear = 6;

  bool may_hold(const Pattern& pattern) const {
    std::vector<const Pattern*> calls;
    collect_calls(pattern, calls);
    return std::all_of(calls.begin(), calls.end(), [&](const Pattern* call) {
      for (const std::string_view op : spellings(call->name)) {
        const auto nodes = by_op_.find(op);
        if (nodes == by_op_.end()) continue;
        for (const Node* node : nodes->second)
          if (holds_within(*node, *call)) return true;
      }
      return false;
    });
  }

  /// The outermost calls.
  static void collect_calls(const Pattern& pattern, std::vector<const Pattern*>& calls) {
    for (const Pattern& part : pattern.parts) collect_calls_at(part, calls);
    if (pattern.kind == Pattern::Kind::kCall && pattern.name != "columns") calls = {&pattern};
  }
  static void collect_calls_at(const Pattern& pattern, std::vector<const Pattern*>& calls) {
    if (pattern.kind == Pattern::Kind::kCall) {
      if (pattern.name != "columns") calls.push_back(&pattern);
    } else {
      for (const Pattern& part : pattern.parts) collect_calls_at(part, calls);
    }
  }

  bool holds_within(const Node& node, const Pattern& call) const {
    std::vector<const Pattern*> inner;
    for (const Pattern& part : call.parts) collect_calls_at(part, inner);
    return std::all_of(inner.begin(), inner.end(), [&](const Pattern* part) { return reaches(node, *part, kNear); });
  }

  bool reaches(const Node& node, const Pattern& call, int steps) const {
    const auto ops = spellings(call.name);
    for (const Value operand : node.operands) {
      const Node* from = graph_.producer(operand);
      if (from == nullptr || from->op->name == "grad") continue;
      if (std::find(ops.begin(), ops.end(), from->op->name) != ops.end()) return true;
      if (steps > 1 && reaches(*from, call, steps - 1)) return true;
    }
    return false;
  }

  const Graph& graph_;
  std::map<std::string_view, std::vector<const Node*>> by_op_;
};

/// A gradient by a value that nodes make sees which nodes its loss is made by: such a graph stays as it is.
bool differentiates_within(const Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) {
    if (node.op->name != "grad") return !node.regions.empty();
    return std::any_of(node.operands.begin() + 1, node.operands.end(), [&](Value x) { return !graph.is_argument(x); });
  });
}

/// One walk over a graph from its end, so that larger forms come before those within them.
class Sweep {
 public:
  explicit Sweep(const Graph& graph) : graph_(graph), readers_(graph.nodes().size()), is_result_(graph.nodes().size()) {
    std::vector<int32_t> maker(static_cast<size_t>(graph.value_count()), -1);
    for (size_t i = 0; i < graph.nodes().size(); ++i) {
      for (const Value operand : graph.nodes()[i].operands)
        if (const int32_t from = maker[static_cast<size_t>(operand.id)]; from >= 0)
          readers_[static_cast<size_t>(from)].push_back(static_cast<int32_t>(i));
      for (const Value result : graph.nodes()[i].results) maker[static_cast<size_t>(result.id)] = static_cast<int32_t>(i);
    }
    for (const Value result : graph.results())
      if (const int32_t from = maker[static_cast<size_t>(result.id)]; from >= 0) is_result_[static_cast<size_t>(from)] = true;
  }

  bool find() {
    const Glance glance(graph_);
    std::vector<const Form*> possible;
    for (const Form& form : forms())
      if (glance.may_hold(form)) possible.push_back(&form);
    for (size_t i = graph_.nodes().size(); i > 0 && !possible.empty(); --i) find_at(static_cast<int32_t>(i - 1), possible);
    return !found_.empty();
  }

  /// The graph with what was found raised; nothing where no op could say it.
  std::optional<Graph> raise() {
    bool any = false;
    Graph raised = rewrite(graph_, [&](Rewriter& rewriter, const Node& node) -> std::optional<std::vector<Value>> {
      const auto here = found_.find(static_cast<int32_t>(&node - graph_.nodes().data()));
      if (here == found_.end()) return std::nullopt;
      const std::function<Value(Value)> at = [&](Value old) { return rewriter.at(old); };
      const auto value = here->second.first->raise({rewriter.builder(), graph_, here->second.second, node.results[0], at});
      if (!value) return std::nullopt;
      any = true;
      return std::vector<Value>{*value};
    });
    return any ? std::optional(dce(raised)) : std::nullopt;
  }

 private:
  void find_at(int32_t index, const std::vector<const Form*>& possible) {
    const Node& node = graph_.nodes()[static_cast<size_t>(index)];
    if (node.results.size() != 1 || taken_.contains(index) || std::holds_alternative<ir::View>(node.op->lowering)) return;
    const DType dtype = graph_.type(node.results[0]).dtype;
    if (dtype != DType::kF32 && dtype != DType::kF64) return;
    for (const Form* form : possible) {
      for (const Pattern& pattern : form->patterns) {
        std::optional<Match> match = passes::match(graph_, index, pattern);
        if (!match || !(form->shares || is_closed(index, *match))) continue;
        taken_.insert(match->inside.begin(), match->inside.end());
        found_.emplace(index, std::pair(form, std::move(*match)));
        return;
      }
    }
  }

  /// Nobody else reads what is inside, but views, which cost nothing.
  bool is_closed(int32_t root, const Match& match) const {
    return std::all_of(match.inside.begin(), match.inside.end(), [&](int32_t node) {
      if (node == root || std::holds_alternative<ir::View>(graph_.nodes()[static_cast<size_t>(node)].op->lowering)) return true;
      const auto& readers = readers_[static_cast<size_t>(node)];
      return !is_result_[static_cast<size_t>(node)] &&
             std::all_of(readers.begin(), readers.end(), [&](int32_t reader) { return match.inside.contains(reader); });
    });
  }

  const Graph& graph_;
  std::vector<std::vector<int32_t>> readers_;  // per node
  std::vector<bool> is_result_;
  std::map<int32_t, std::pair<const Form*, Match>> found_;  // by root
  std::set<int32_t> taken_;
};

/// The function with all its forms raised, in canonical form; nothing where there are none.
std::optional<ir::Function> raised(const ir::Module& module, const ir::Function& function) {
  const Glance glance(function.graph);
  const bool possible = std::any_of(forms().begin(), forms().end(), [&](const Form& form) { return !form.helps && glance.may_hold(form); });
  if (!possible || differentiates_within(function.graph)) return std::nullopt;
  ir::Module alone{.name = module.name, .variables = module.variables, .functions = {function}};
  ir::Function clean = cleanup(alone).functions[0];
  bool any = false;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    Sweep walk(clean.graph);
    if (!walk.find()) break;
    std::optional<Graph> next = walk.raise();
    if (!next) break;
    clean.graph = std::move(*next);
    any = true;
  }
  return any ? std::optional(std::move(clean)) : std::nullopt;
}

}  // namespace

ir::Module recognise(const ir::Module& module) {
  ir::Module result = module;
  for (ir::Function& function : result.functions) {
    const WorkingOn scope("function " + function.name);
    if (auto better = raised(module, function)) function = std::move(*better);
  }
  return result;
}

}  // namespace sinter::passes
