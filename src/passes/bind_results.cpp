#include "passes/bind_results.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/builder.h"
#include "ir/control_form.h"
#include "passes/in_place.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

Value add_copy(ir::Builder& builder, Value value, const std::string& name) {
  Graph body;
  ir::Builder inside(body);
  inside.set_name(name);
  const TensorType type = builder.type(value);
  const Value argument = body.add_argument(type);
  body.set_results({inside.call("cast", {argument}, {{"dtype", type.dtype}})});
  builder.set_name(name);
  return builder.call("fusion", {value}, {{"kind", std::string("loops")}, {"reason", std::string("a value of its own for " + name)}},
                      {std::move(body)});
}

using Names = std::vector<std::string>;

/// Of a function, or of a region whose arguments and results are named by the memory that control flow gives them.
class Binder {
 public:
  Binder(const Graph& graph, const Names& arguments, const Names& results) : graph_(graph), argument_names_(arguments), result_names_(results) {
    for (size_t i = 0; i < arguments.size(); ++i) arguments_[arguments[i]] = Value{static_cast<int32_t>(i)};
    written_.insert(results.begin(), results.end());
  }

  /// What becomes of one result.
  enum class Way { kDirect, kCopyFirst, kCopyLast, kCopyTwice };

  Graph bind() {
    std::vector<Way> ways;
    for (size_t i = 0; i < graph_.results().size(); ++i) ways.push_back(way_of(i));
    if (std::all_of(ways.begin(), ways.end(), [](Way way) { return way == Way::kDirect; })) return graph_;

    Rewriter rewriter(graph_);
    std::vector<Value> results(ways.size());
    const auto copy_of = [&](size_t i, Value value) { return add_copy(rewriter.builder(), value, result_names_[i]); };
    for (size_t i = 0; i < ways.size(); ++i)
      if (ways[i] == Way::kCopyFirst || ways[i] == Way::kCopyTwice) results[i] = copy_of(i, rewriter.at(graph_.results()[i]));
    for (const Node& node : graph_.nodes()) rewriter.copy(node);
    for (size_t i = 0; i < ways.size(); ++i) {
      if (ways[i] == Way::kDirect) results[i] = rewriter.at(graph_.results()[i]);
      if (ways[i] == Way::kCopyLast) results[i] = copy_of(i, rewriter.at(graph_.results()[i]));
      if (ways[i] == Way::kCopyTwice) results[i] = copy_of(i, results[i]);
    }
    Graph bound = std::move(rewriter).finish();
    bound.set_results(std::move(results));
    return bound;
  }

 private:
  Way way_of(size_t result) {
    const Value value = graph_.results()[result];
    const auto old = arguments_.find(result_names_[result]);
    if (graph_.is_argument(value)) {
      const std::string& source = argument_names_[static_cast<size_t>(value.id)];
      if (source == result_names_[result]) return Way::kDirect;
      if (!written_.contains(source)) return Way::kCopyLast;
      return old == arguments_.end() ? Way::kCopyFirst : Way::kCopyTwice;
    }
    const bool first = bound_.insert(value.id).second;
    return first && !goes_round(value) && (old == arguments_.end() || can_replace(graph_, value, old->second)) ? Way::kDirect : Way::kCopyLast;
  }

  /// What comes out of a loop has the memory of what went in.
  bool goes_round(Value value) const {
    const Node& node = *graph_.producer(value);
    const std::optional<ir::ControlForm> form = ir::control_form(node);
    return form && static_cast<size_t>(value.id - node.results[0].id) < form->carried;
  }

  const Graph& graph_;
  const Names &argument_names_, &result_names_;
  std::map<std::string, Value> arguments_;
  std::set<std::string> written_;
  std::set<int32_t> bound_;  // values that a variable has already
};

Names numbered(const char* stem, size_t count) {
  Names names;
  for (size_t i = 0; i < count; ++i) names.push_back(stem + std::to_string(i));
  return names;
}

Names joined(Names first, const Names& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Graph bind_regions(const Graph& graph);

/// A region returns each result by a kernel that may write it where control flow wants it.
Graph bind_region(const Node& node, const ir::ControlForm& form, const Graph& region) {
  const size_t given = node.operands.size() - form.first, returned = node.results.size();
  const Names round = numbered("carried", form.carried);
  const Names arguments = joined(round, numbered("given", given - form.carried)), results = joined(round, numbered("result", returned - form.carried));
  const Graph inside = bind_regions(region);
  const bool decides = form.kind == ir::ControlForm::Kind::kWhile && &region == &node.regions[0];
  return decides ? inside : Binder(inside, arguments, results).bind();
}

/// What goes round needs memory that nobody else reads.
bool has_own_memory(const Graph& graph, const std::vector<int32_t>& uses, Value value) {
  const Node* producer = graph.producer(value);
  return producer != nullptr && !ir::control_form(*producer) && uses[static_cast<size_t>(value.id)] == 1;
}

/// The regions of `graph` bound, and what goes round in them in memory of its own.
Graph bind_regions(const Graph& graph) {
  if (!ir::has_control(graph)) return graph;
  const std::vector<int32_t> uses = graph.use_counts();
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes()) {
    const std::optional<ir::ControlForm> form = ir::control_form(node);
    if (!form) {
      rewriter.copy(node);
      continue;
    }
    Node changed = node;
    std::vector<Value> operands = rewriter.at(node.operands);
    for (size_t i = 0; i < changed.regions.size(); ++i) changed.regions[i] = bind_region(node, *form, node.regions[i]);
    for (size_t i = 0; i < form->carried; ++i) {
      const Value value = node.operands[form->first + i];
      if (is_invariant(changed, *form, i) || has_own_memory(graph, uses, value)) continue;
      operands[form->first + i] = add_copy(rewriter.builder(), operands[form->first + i], node.name.empty() ? "start" : node.name + ".start");
    }
    rewriter.builder().set_name(node.name);
    const std::vector<Value> given = operands;
    std::vector<Value> results = rewriter.builder().apply(*node.op, std::move(operands), node.attributes, changed.regions);
    for (size_t i = 0; i < form->carried; ++i)  // whoever reads it reads what went in, and is seen to
      if (is_invariant(changed, *form, i)) results[i] = given[form->first + i];
    rewriter.replace(node, results);
  }
  return std::move(rewriter).finish();
}

}  // namespace

ir::Module bind_results(const ir::Module& module) {
  ir::Module result = module;
  for (ir::Function& function : result.functions)
    function.graph = Binder(bind_regions(function.graph), function.arguments, function.results).bind();
  return result;
}

}  // namespace sinter::passes
