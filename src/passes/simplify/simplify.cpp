#include "passes/simplify.h"

#include <bit>
#include <cmath>
#include <map>

#include "base/error.h"
#include "ir/structural_hash.h"
#include "passes/dce.h"
#include "passes/rewrite.h"
#include "passes/simplify/rule.h"

namespace sinter::passes {

using ir::Graph;
using ir::Node;
using ir::Value;

bool same_number(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

bool is_identity(const ir::Integers& axes, size_t rank) {
  if (axes.size() != rank) return false;
  for (size_t i = 0; i < rank; ++i) {
    if (axes[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

std::optional<Origin> RuleContext::made_by(Value value, std::string_view op) const {
  const Node* node = graph().producer(value);
  if (!node || node->op->name != op) return std::nullopt;
  return Origin{node->op, node->operands, node->attributes};
}

std::optional<double> RuleContext::number(Value value) const {
  const Node* node = graph().producer(value);
  if (node && node->op->name == "broadcast") node = graph().producer(node->operands[0]);
  if (!node || node->op->name != "constant") return std::nullopt;
  const Tensor& tensor = ir::get_attribute<Tensor>(*node->op, node->attributes, "value");
  if (tensor.size() != 1) return std::nullopt;
  const double number = tensor.get(0);
  if (is_integer(tensor.dtype()) && std::abs(number) > 0x1p53) return std::nullopt;
  return number;
}

Value RuleContext::full(double number, const TensorType& type) {
  const TensorType wanted = type;  // a copy: it may be the graph's own, which grows
  return broadcast(builder().scalar(number, wanted.dtype), wanted.shape, {});
}

Value RuleContext::reshape(Value value, const Shape& shape) { return emit("reshape", {value}, {{"shape", shape}}); }

Value RuleContext::broadcast(Value value, const Shape& shape, const ir::Integers& axes) {
  return emit("broadcast", {value}, {{"shape", shape}, {"axes", axes}});
}

namespace {

// A rule makes a graph smaller or moves one step towards the canonical form, so a few applications per node are enough.
// More means two rules that undo each other, a fault of ours.
constexpr int64_t kRulesPerNode = 64;
constexpr int kDepth = 100;  // of rules within rules, long before the stack ends
constexpr int kSweeps = 64;

class RuleTable {
 public:
  static const RuleTable& instance() {
    static const RuleTable table;
    return table;
  }
  const std::vector<Rule>& of(const ir::OpDef* op) const {
    const auto found = by_op_.find(op);
    return found == by_op_.end() ? general_ : found->second;
  }

 private:
  RuleTable() {
    std::vector<Rule> all;
    for (const auto family :
         {arithmetic_rules, cast_rules, view_rules, broadcast_rules, reduce_rules, contract_rules}) {
      for (Rule& rule : family()) all.push_back(std::move(rule));
    }
    for (const Rule& rule : all) {
      if (rule.ops.empty()) general_.push_back(rule);
      for (const std::string_view op : rule.ops) by_op_[&ir::OpRegistry::instance().get(op)].push_back(rule);
    }
    for (auto& [op, rules] : by_op_) rules.insert(rules.end(), general_.begin(), general_.end());
  }

  std::map<const ir::OpDef*, std::vector<Rule>> by_op_;
  std::vector<Rule> general_;
};

/// One walk over a graph. Uses are those of the old graph: a value made on the way counts as used more than once until
/// the next walk.
class Sweep final : public RuleContext {
 public:
  Sweep(const Graph& from, bool before_grad)
      : rewriter_(from),
        before_grad_(before_grad),
        uses_(from.use_counts()),
        budget_(kRulesPerNode * (static_cast<int64_t>(from.nodes().size()) + 1)) {}

  Graph run() && {
    for (const Node& node : rewriter_.from().nodes()) {
      rewriter_.builder().set_name(node.name);
      if (node.results.size() != 1 || !node.regions.empty()) {
        rewriter_.copy(node);
        for (const Value result : node.results) note_uses(result);
        continue;
      }
      const Candidate candidate{node.op, rewriter_.at(node.operands), node.attributes,
                                rewriter_.from().type(node.results[0])};
      if (const auto value = simplified(candidate)) {
        rewriter_.replace(node.results[0], *value);
      } else {
        rewriter_.copy(node);
      }
      note_uses(node.results[0]);
    }
    return std::move(rewriter_).finish();
  }

  const Graph& graph() const override { return rewriter_.to(); }
  ir::Builder& builder() override { return rewriter_.builder(); }
  bool before_grad() const override { return before_grad_; }
  bool used_once(Value value) const override {
    const auto found = new_uses_.find(value);
    return found != new_uses_.end() && found->second == 1;
  }

  Value emit(std::string_view op, std::vector<Value> operands, ir::Attributes attributes) override {
    const ir::OpDef& record = ir::OpRegistry::instance().get(op);
    std::vector<TensorType> types;
    for (const Value operand : operands) types.push_back(type(operand));
    Candidate candidate{&record, std::move(operands), std::move(attributes), {}};
    candidate.type = ir::infer_types(record, types, candidate.attributes).at(0);
    if (const auto value = simplified(candidate)) return *value;
    return builder().apply(record, std::move(candidate.operands), std::move(candidate.attributes)).at(0);
  }

 private:
  std::optional<Value> simplified(const Candidate& candidate) {
    for (const Rule& rule : RuleTable::instance().of(candidate.op)) {
      SINTER_CHECK(++depth_ < kDepth && budget_ > 0,
                   "simplify: no end of rules; the last is '" + std::string(rule.name) + "' on " + candidate.op->name);
      const auto value = rule.apply(*this, candidate);
      --depth_;
      if (!value) continue;
      --budget_;
      SINTER_CHECK(type(*value) == candidate.type, "simplify: rule '" + std::string(rule.name) + "' on " +
                                                       candidate.op->name + " changes " + candidate.type.to_string() +
                                                       " to " + type(*value).to_string());
      return value;
    }
    return std::nullopt;
  }

  void note_uses(Value old) { new_uses_[rewriter_.at(old)] += uses_[static_cast<size_t>(old.id)]; }

  Rewriter rewriter_;
  bool before_grad_;
  std::vector<int32_t> uses_;          // of old values
  std::map<Value, int32_t> new_uses_;  // of new values that stand for old ones
  int64_t budget_;
  int depth_ = 0;
};

bool has_grad(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (node.op->name == "grad") return true;
    for (const Graph& region : node.regions) {
      if (has_grad(region)) return true;
    }
  }
  return false;
}

}  // namespace

ir::Module simplify(const ir::Module& module) {
  bool before_grad = false;
  for (const ir::Function& function : module.functions) before_grad = before_grad || has_grad(function.graph);
  return map_graphs(module, [&](Graph graph) {
    Hash128 hash = ir::structural_hash(graph);
    for (int sweep = 0;; ++sweep) {
      SINTER_CHECK(sweep < kSweeps, "simplify: the graph still changes after " + std::to_string(sweep) + " sweeps");
      graph = dce(Sweep(graph, before_grad).run());
      const Hash128 now = ir::structural_hash(graph);
      if (now == hash) return graph;
      hash = now;
    }
  });
}

}  // namespace sinter::passes
