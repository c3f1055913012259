#include "passes/fuse/pieces.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/control_form.h"
#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

/// Costs next to nothing where it is read: what is made of nothing, and views. Each piece that reads it has a copy.
bool is_copied(const Graph& graph, const Node& node, const std::vector<bool>& of_nothing) {
  const ir::Lowering& lowering = node.op->lowering;
  if (node.results.size() != 1) return false;
  if (std::holds_alternative<ir::View>(lowering)) return node.operands.size() == 1;
  const auto* index = std::get_if<ir::Index>(&lowering);
  const bool plain = std::holds_alternative<ir::Elementwise>(lowering) ||
                     (index && (index->kind == ir::Index::Kind::kGenerate || index->kind == ir::Index::Kind::kConstant));
  return plain && std::all_of(node.operands.begin(), node.operands.end(), [&](Value v) { return !graph.is_argument(v) && of_nothing[static_cast<size_t>(v.id)]; });
}

/// Values of one graph as variables: those that are none in the module are "%12".
std::string name_of(Value value) { return "%" + std::to_string(value.id); }

class Pieces {
 public:
  Pieces(const ir::Module& module, const ir::Function& function, const FuseFunction& fuse)
      : module_(module), function_(function), graph_(function.graph), fuse_(fuse), rewriter_(graph_) {
    const size_t values = static_cast<size_t>(graph_.value_count());
    node_of_.assign(values, -1);
    since_.assign(values, 0);
    std::vector<bool> of_nothing(values);
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Node& node = graph_.nodes()[n];
      const bool copied = !control_form(node) && is_copied(graph_, node, of_nothing);
      copied_.push_back(copied);
      int32_t piece = 0;
      bool nothing = copied;
      for (const Value operand : node.operands) {
        piece = std::max(piece, since_[static_cast<size_t>(operand.id)]);
        nothing = nothing && of_nothing[static_cast<size_t>(operand.id)];
      }
      piece_of_.push_back(piece);
      last_ = std::max(last_, piece);
      for (const Value result : node.results) {
        node_of_[static_cast<size_t>(result.id)] = static_cast<int32_t>(n);
        since_[static_cast<size_t>(result.id)] = piece + (control_form(node) ? 1 : 0);
        of_nothing[static_cast<size_t>(result.id)] = nothing;
      }
    }
    for (const Value result : graph_.results()) last_ = std::max(last_, since_[static_cast<size_t>(result.id)]);
  }

  Graph run() {
    find_what_crosses();
    for (int32_t piece = 0; piece <= last_; ++piece) {
      write_piece(piece);
      for (size_t n = 0; n < graph_.nodes().size(); ++n)
        if (control_form(graph_.nodes()[n]) && piece_of_[n] == piece) write_control(graph_.nodes()[n]);
    }
    return std::move(rewriter_).finish();
  }

 private:
  const Node* producer(Value value) const {
    const int32_t node = node_of_[static_cast<size_t>(value.id)];
    return node < 0 ? nullptr : &graph_.nodes()[static_cast<size_t>(node)];
  }
  bool is_copied_value(Value value) const {
    const int32_t node = node_of_[static_cast<size_t>(value.id)];
    return node >= 0 && copied_[static_cast<size_t>(node)];
  }

  /// What `value` is read from, seen through copies.
  void sources(Value value, std::set<Value>& found) const {
    if (!is_copied_value(value)) {
      found.insert(value);
      return;
    }
    for (const Value operand : producer(value)->operands) sources(operand, found);
  }

  void find_what_crosses() {
    const auto cross = [&](Value value) { crossing_.insert(value); };
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Node& node = graph_.nodes()[n];
      if (copied_[n]) continue;
      if (control_form(node)) {
        std::for_each(node.operands.begin(), node.operands.end(), cross);
        continue;
      }
      for (const Value operand : node.operands) {
        std::set<Value> read;
        sources(operand, read);
        for (const Value value : read)
          if (since_[static_cast<size_t>(value.id)] != piece_of_[n]) cross(value);
      }
    }
    std::for_each(graph_.results().begin(), graph_.results().end(), cross);
    // A copied value that a control node reads, or that is a result, is made in its piece, from what may be of an earlier one.
    const std::set<Value> wanted = crossing_;
    for (const Value value : wanted) {
      if (!is_copied_value(value)) continue;
      std::set<Value> read;
      sources(value, read);
      for (const Value source : read)
        if (since_[static_cast<size_t>(source.id)] != since_[static_cast<size_t>(value.id)]) cross(source);
    }
  }

  /// The name of the first variable that `value` is written to.
  std::string result_name(Value value) const {
    const auto found = std::find(graph_.results().begin(), graph_.results().end(), value);
    return found == graph_.results().end() ? name_of(value) : function_.results[static_cast<size_t>(found - graph_.results().begin())];
  }

  void write_piece(int32_t piece) {
    // Its nodes: those of this piece, and copies of what they read.
    std::set<int32_t> nodes;
    std::vector<Value> results;
    const std::function<void(Value)> want = [&](Value value) {
      const int32_t n = node_of_[static_cast<size_t>(value.id)];
      if (n < 0 || !nodes.insert(n).second) return;
      for (const Value operand : graph_.nodes()[static_cast<size_t>(n)].operands)
        if (is_copied_value(operand)) want(operand);
    };
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Node& node = graph_.nodes()[n];
      if (control_form(node) || piece_of_[n] != piece) continue;
      if (!copied_[n] || crossing_.contains(node.results[0])) want(node.results[0]);
      if (crossing_.contains(node.results[0])) results.push_back(node.results[0]);
    }
    if (results.empty()) return;

    ir::Module around;
    around.name = module_.name;
    ir::Function part{function_.name, {}, {}, {}};
    std::map<Value, Value> map;
    std::vector<Value> given;
    for (const int32_t n : nodes) {
      for (const Value operand : graph_.nodes()[static_cast<size_t>(n)].operands) {
        const int32_t from = node_of_[static_cast<size_t>(operand.id)];
        if ((from >= 0 && nodes.contains(from)) || map.contains(operand)) continue;
        map[operand] = part.graph.add_argument(graph_.type(operand));
        given.push_back(operand);
        part.arguments.push_back(graph_.is_argument(operand) ? function_.arguments[static_cast<size_t>(operand.id)] : name_of(operand));
      }
    }
    for (const int32_t n : nodes) {
      const Node& node = graph_.nodes()[static_cast<size_t>(n)];
      Node copy{.op = node.op, .operands = {}, .attributes = node.attributes, .regions = {}, .name = node.name};
      for (const Value operand : node.operands) copy.operands.push_back(map.at(operand));
      map[node.results[0]] = part.graph.append(std::move(copy), {graph_.type(node.results[0])}).results[0];
    }
    std::vector<Value> inner;
    for (const Value value : results) {
      inner.push_back(map.at(value));
      part.results.push_back(result_name(value));
    }
    part.graph.set_results(std::move(inner));
    add_variables(around, part);
    write_fused(fuse_(around, part), given, results);
  }

  void add_variables(ir::Module& around, const ir::Function& part) const {
    const auto add = [&](const std::string& name, const TensorType& type, Role role) {
      if (around.find_variable(name) != nullptr) return;
      if (const ir::Variable* known = module_.find_variable(name)) {
        around.variables.push_back(*known);
      } else {
        around.variables.push_back({name, role, type, {}});
      }
    };
    for (size_t i = 0; i < part.arguments.size(); ++i) add(part.arguments[i], part.graph.type(part.graph.argument(static_cast<int32_t>(i))), Role::kInput);
    for (size_t i = 0; i < part.results.size(); ++i) add(part.results[i], part.graph.type(part.graph.results()[i]), Role::kOutput);
  }

  void write_fused(const Graph& fused, const std::vector<Value>& given, const std::vector<Value>& results) {
    std::map<Value, Value> map;
    for (size_t i = 0; i < given.size(); ++i) map[fused.argument(static_cast<int32_t>(i))] = rewriter_.at(given[i]);
    for (const Node& node : fused.nodes()) {
      std::vector<Value> operands;
      for (const Value operand : node.operands) operands.push_back(map.at(operand));
      rewriter_.builder().set_name(node.name);
      const std::vector<Value> made = rewriter_.builder().apply(*node.op, std::move(operands), node.attributes, node.regions);
      for (size_t i = 0; i < made.size(); ++i) map[node.results[i]] = made[i];
    }
    for (size_t i = 0; i < results.size(); ++i) rewriter_.replace(results[i], map.at(fused.results()[i]));
  }

  /// A region as a function whose arguments come in and whose results go out.
  Graph fuse_region(const Graph& region) const {
    if (region.nodes().empty()) return region;
    ir::Function function{function_.name, region, {}, {}};
    for (int32_t i = 0; i < region.argument_count(); ++i) function.arguments.push_back("%argument" + std::to_string(i));
    for (size_t i = 0; i < region.results().size(); ++i) function.results.push_back("%result" + std::to_string(i));
    ir::Module around;
    around.name = module_.name;
    add_variables(around, function);
    return fuse_(around, function);
  }

  void write_control(const Node& node) {
    std::vector<Graph> regions;
    for (const Graph& region : node.regions) regions.push_back(fuse_region(region));
    rewriter_.builder().set_name(node.name);
    rewriter_.replace(node, rewriter_.builder().apply(*node.op, rewriter_.at(node.operands), node.attributes, std::move(regions)));
  }

  const ir::Module& module_;
  const ir::Function& function_;
  const Graph& graph_;
  const FuseFunction& fuse_;
  Rewriter rewriter_;
  std::vector<int32_t> node_of_, since_;  // per value: its node; the first piece that can read it
  std::vector<int32_t> piece_of_;         // per node: the first piece that it can run in, or before whose successors
  std::vector<bool> copied_;              // per node
  std::set<Value> crossing_;              // made in one piece, read elsewhere
  int32_t last_ = 0;
};

}  // namespace

Graph fuse_pieces(const ir::Module& module, const ir::Function& function, const FuseFunction& fuse) { return Pieces(module, function, fuse).run(); }

}  // namespace sinter::passes
