#include "passes/bind_results.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/builder.h"
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

class Binder {
 public:
  explicit Binder(ir::Function& function) : function_(function), graph_(function.graph) {
    for (size_t i = 0; i < function.arguments.size(); ++i) arguments_[function.arguments[i]] = Value{static_cast<int32_t>(i)};
    written_.insert(function.results.begin(), function.results.end());
  }

  /// What becomes of one result.
  enum class Way { kDirect, kCopyFirst, kCopyLast, kCopyTwice };

  Graph bind() {
    std::vector<Way> ways;
    for (size_t i = 0; i < graph_.results().size(); ++i) ways.push_back(way_of(i));
    if (std::all_of(ways.begin(), ways.end(), [](Way way) { return way == Way::kDirect; })) return graph_;

    Rewriter rewriter(graph_);
    std::vector<Value> results(ways.size());
    const auto copy_of = [&](size_t i, Value value) { return add_copy(rewriter.builder(), value, function_.results[i]); };
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
    const auto old = arguments_.find(function_.results[result]);
    if (graph_.is_argument(value)) {
      const std::string& source = function_.arguments[static_cast<size_t>(value.id)];
      if (source == function_.results[result]) return Way::kDirect;
      if (!written_.contains(source)) return Way::kCopyLast;
      return old == arguments_.end() ? Way::kCopyFirst : Way::kCopyTwice;
    }
    const bool first = bound_.insert(value.id).second;
    return first && (old == arguments_.end() || can_replace(graph_, value, old->second)) ? Way::kDirect : Way::kCopyLast;
  }

  const ir::Function& function_;
  const Graph& graph_;
  std::map<std::string, Value> arguments_;
  std::set<std::string> written_;
  std::set<int32_t> bound_;  // values that a variable has already
};

}  // namespace

ir::Module bind_results(const ir::Module& module) {
  ir::Module result = module;
  for (ir::Function& function : result.functions) function.graph = Binder(function).bind();
  return result;
}

}  // namespace sinter::passes
