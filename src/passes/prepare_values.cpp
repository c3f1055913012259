#include "passes/prepare_values.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/op_def.h"
#include "passes/fuse/node_facts.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

/// A prepared value may be this many times larger than what it is made of; small ones stay in the caches whatever they are.
constexpr int64_t kMostGrowth = 2, kSmall = 64 << 10;

bool names_a_symbol(const ir::Attribute& attribute) {
  if (const Dim* dim = std::get_if<Dim>(&attribute)) return !dim->is_constant();
  if (const Shape* shape = std::get_if<Shape>(&attribute)) return !shape->is_constant();
  return false;
}

/// The node computes the same at every call when its operands do, and cannot fail.
bool is_settled_by_operands(const Graph& graph, const Node& node) {
  if (node.results.size() != 1 || !node.regions.empty() || !graph.type(node.results[0]).shape.is_constant()) return false;
  for (const auto& [name, attribute] : node.attributes)
    if (names_a_symbol(attribute)) return false;
  const ir::Lowering& lowering = node.op->lowering;
  if (const auto* index = std::get_if<ir::Index>(&lowering))
    return index->kind == ir::Index::Kind::kGenerate || index->kind == ir::Index::Kind::kConstant;
  return std::holds_alternative<ir::Elementwise>(lowering) || std::holds_alternative<ir::View>(lowering) ||
         std::holds_alternative<ir::Reduce>(lowering) || std::holds_alternative<ir::Contract>(lowering);
}

/// What a value is made of.
struct Origin {
  bool settled = false;         // the same at every call
  std::set<int32_t> variables;  // arguments that it is computed from
};

class Preparer {
 public:
  Preparer(const ir::Module& module, const ir::Function& function)
      : module_(module), function_(function), graph_(function.graph), origins_(static_cast<size_t>(graph_.value_count())) {
    find_origins();
    choose();
  }

  bool is_ahead(Value value) const { return origin(value).settled && !origin(value).variables.empty(); }

  bool finds_any() const { return !prepared_.empty(); }

  /// Adds the variables and the function that computes them, and returns the one that reads them.
  ir::Function split(ir::Module& result) const {
    ir::Function preparation = write_preparation(result);
    ir::Function main = write_main(preparation);
    result.functions.push_back(std::move(preparation));
    return main;
  }

 private:
  const Origin& origin(Value value) const { return origins_[static_cast<size_t>(value.id)]; }

  bool keeps(size_t argument) const {
    const std::string& name = function_.arguments[argument];
    const Role role = module_.variable(name).role;
    if (role != Role::kParameter && role != Role::kState && role != Role::kConstant) return false;
    return std::find(function_.results.begin(), function_.results.end(), name) == function_.results.end();
  }

  void find_origins() {
    for (size_t i = 0; i < function_.arguments.size(); ++i)
      if (keeps(i)) origins_[i] = {true, {static_cast<int32_t>(i)}};
    for (const Node& node : graph_.nodes()) {
      if (!is_settled_by_operands(graph_, node)) continue;
      Origin all{true, {}};
      for (const Value operand : node.operands) {
        all.settled = all.settled && origin(operand).settled;
        all.variables.insert(origin(operand).variables.begin(), origin(operand).variables.end());
      }
      if (all.settled) origins_[static_cast<size_t>(node.results[0].id)] = std::move(all);
    }
  }

  /// Looks at every value that a node reads which is not computed ahead itself.
  void choose() {
    for (const Node& node : graph_.nodes()) {
      if (node.results.size() == 1 && is_ahead(node.results[0])) continue;
      for (const Value operand : node.operands) want(operand, node);
    }
  }

  void want(Value value, const Node& reader) {
    const Node* node = graph_.producer(value);
    if (node == nullptr || !is_ahead(value)) return;
    if (is_worth_keeping(value, *node, reader)) {
      prepared_.insert(value.id);
    } else {
      for (const Value operand : node->operands) want(operand, *node);
    }
  }

  bool is_worth_keeping(Value value, const Node& node, const Node& reader) const {
    int64_t sources = 0;
    for (const int32_t argument : origin(value).variables) sources += byte_count(graph_.type(Value{argument})).constant();
    const int64_t bytes = byte_count(graph_.type(value)).constant();
    const bool small = bytes <= std::max(kMostGrowth * sources, kSmall);
    if (bytes == 0 || !std::holds_alternative<ir::View>(node.op->lowering)) return bytes > 0 && small;
    const NodeFacts facts = node_facts(graph_, node);
    if (std::holds_alternative<ir::Contract>(reader.op->lowering) || std::holds_alternative<ir::Window>(reader.op->lowering)) return small || !facts.spreads;
    return small && (facts.guarded || !(facts.contiguous || facts.spreads));
  }

  /// "prepared.F.h1.weight": after the variable it is made of, where that is one.
  std::string name_of(const ir::Module& module, int32_t value) const {
    const std::set<int32_t>& variables = origins_[static_cast<size_t>(value)].variables;
    const std::string stem = "prepared." + function_.name + "." +
                             (variables.size() == 1 ? function_.arguments[static_cast<size_t>(*variables.begin())] : std::string("value"));
    std::string name = stem;
    for (int number = 2; module.find_variable(name) != nullptr; ++number) name = stem + "_" + std::to_string(number);
    return name;
  }

  ir::Function write_preparation(ir::Module& result) const {
    ir::Function preparation;
    preparation.name = function_.name + "_prepare";
    while (result.find_function(preparation.name) != nullptr) preparation.name += "_";
    std::vector<bool> needed(static_cast<size_t>(graph_.value_count()));
    for (const int32_t value : prepared_) needed[static_cast<size_t>(value)] = true;
    for (auto node = graph_.nodes().rbegin(); node != graph_.nodes().rend(); ++node) {
      if (node->results.size() != 1 || !needed[static_cast<size_t>(node->results[0].id)]) continue;
      for (const Value operand : node->operands) needed[static_cast<size_t>(operand.id)] = true;
    }
    std::vector<bool> arguments(needed.begin(), needed.begin() + graph_.argument_count());
    for (size_t i = 0; i < arguments.size(); ++i)
      if (arguments[i]) preparation.arguments.push_back(function_.arguments[i]);
    Rewriter rewriter(graph_, arguments);
    for (const Node& node : graph_.nodes())
      if (node.results.size() == 1 && needed[static_cast<size_t>(node.results[0].id)]) rewriter.copy(node);
    std::vector<Value> values;
    for (const int32_t value : prepared_) {
      values.push_back(rewriter.at(Value{value}));
      preparation.results.push_back(name_of(result, value));
      result.variables.push_back({preparation.results.back(), Role::kPrepared, graph_.type(Value{value}), {}});
    }
    preparation.graph = std::move(rewriter.builder().graph());
    preparation.graph.set_results(std::move(values));
    return preparation;
  }

  /// The function with prepared values for arguments, without the variables that it needs no more.
  ir::Function write_main(const ir::Function& preparation) const {
    std::vector<bool> read(static_cast<size_t>(graph_.value_count()));
    for (const Value value : graph_.results()) read[static_cast<size_t>(value.id)] = true;
    for (auto node = graph_.nodes().rbegin(); node != graph_.nodes().rend(); ++node) {
      const bool used = std::any_of(node->results.begin(), node->results.end(), [&](Value v) { return read[static_cast<size_t>(v.id)]; });
      if (!used || (node->results.size() == 1 && prepared_.contains(node->results[0].id))) continue;
      for (const Value operand : node->operands) read[static_cast<size_t>(operand.id)] = true;
    }
    ir::Function main{function_.name, {}, {}, function_.results};
    std::vector<bool> keep(function_.arguments.size());
    for (size_t i = 0; i < keep.size(); ++i) {
      const bool moved = std::find(preparation.arguments.begin(), preparation.arguments.end(), function_.arguments[i]) != preparation.arguments.end();
      keep[i] = read[i] || !moved;
      if (keep[i]) main.arguments.push_back(function_.arguments[i]);
    }
    Rewriter rewriter(graph_, keep);
    size_t next = 0;
    for (const int32_t value : prepared_) {
      rewriter.replace(Value{value}, rewriter.builder().graph().add_argument(graph_.type(Value{value})));
      main.arguments.push_back(preparation.results[next++]);
    }
    for (const Node& node : graph_.nodes()) {
      const bool used = std::any_of(node.results.begin(), node.results.end(), [&](Value v) { return read[static_cast<size_t>(v.id)]; });
      if (used && !(node.results.size() == 1 && prepared_.contains(node.results[0].id))) rewriter.copy(node);
    }
    main.graph = std::move(rewriter).finish();
    return main;
  }

  const ir::Module& module_;
  const ir::Function& function_;
  const Graph& graph_;
  std::vector<Origin> origins_;  // per value
  std::set<int32_t> prepared_;   // values, in their order
};

}  // namespace

std::vector<bool> computed_ahead(const ir::Module& module, const ir::Function& function) {
  const Preparer preparer(module, function);
  std::vector<bool> ahead(static_cast<size_t>(function.graph.value_count()));
  for (size_t i = 0; i < ahead.size(); ++i) ahead[i] = preparer.is_ahead(Value{static_cast<int32_t>(i)});
  return ahead;
}

ir::Module prepare_values(const ir::Module& module) {
  ir::Module result = module;
  const size_t count = result.functions.size();
  for (size_t i = 0; i < count; ++i) {
    const ir::Function& function = module.functions[i];
    if (std::any_of(function.results.begin(), function.results.end(),
                    [&](const std::string& name) { return module.variable(name).role == Role::kPrepared; }))
      continue;
    const WorkingOn scope("function " + function.name);
    const Preparer preparer(module, function);
    if (!preparer.finds_any()) continue;
    ir::Function main = preparer.split(result);
    result.functions[i] = std::move(main);
  }
  return result;
}

const ir::Function* preparation_of(const ir::Module& module, const ir::Function& function) {
  for (const std::string& argument : function.arguments) {
    if (module.variable(argument).role != Role::kPrepared) continue;
    for (const ir::Function& other : module.functions)
      if (std::find(other.results.begin(), other.results.end(), argument) != other.results.end()) return &other;
  }
  return nullptr;
}

}  // namespace sinter::passes
