#include "frontend/language/emission.h"

#include <algorithm>

namespace sinter::language {
namespace {

/// Stands for the value of a variable until `finish`; never leaves this file.
const ir::OpDef& placeholder_op() {
  static const ir::OpDef op{.name = "variable"};
  return op;
}

/// Which nodes the results need.
std::vector<bool> live_nodes(const ir::Graph& graph, const std::map<std::string, ir::Value, std::less<>>& results) {
  std::vector<bool> wanted(static_cast<size_t>(graph.value_count()));
  for (const auto& [name, value] : results) wanted[static_cast<size_t>(value.id)] = true;
  std::vector<bool> live(graph.nodes().size());
  for (size_t i = live.size(); i-- > 0;) {
    const ir::Node& node = graph.nodes()[i];
    live[i] = std::any_of(node.results.begin(), node.results.end(), [&](ir::Value v) { return wanted[static_cast<size_t>(v.id)]; });
    if (!live[i]) continue;
    for (const ir::Value operand : node.operands) wanted[static_cast<size_t>(operand.id)] = true;
  }
  return live;
}

}  // namespace

DeclaredVariable* VariableTable::find(std::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<const DeclaredVariable*> VariableTable::by_role() const {
  std::vector<const DeclaredVariable*> ordered;
  for (const DeclaredVariable& declared : variables_) ordered.push_back(&declared);
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) { return a->variable.role < b->variable.role; });
  return ordered;
}

DeclaredVariable& VariableTable::declare(DeclaredVariable declared) {
  DeclaredVariable* known = find(declared.variable.name);
  if (known == nullptr) {
    DeclaredVariable& added = variables_.emplace_back(std::move(declared));
    by_name_.emplace(added.variable.name, &added);
    return added;
  }
  const ir::Variable &old = known->variable, &now = declared.variable;
  if (old.role != now.role) {
    throw Error(ErrorCode::kName,
                "'" + now.name + "' is the name of an " + std::string(name(old.role)) + " and of an " + std::string(name(now.role)))
        .hint("give one of them another name");
  }
  if (old.type != now.type) {
    throw Error(ErrorCode::kType,
                "'" + now.name + "' has type " + old.type.to_string() + " and, in another function, " + now.type.to_string());
  }
  return *known;
}

ir::Value Emission::read(std::string_view variable) {
  if (const auto written = written_.find(variable); written != written_.end()) return written->second;
  if (const auto known = placeholders_.find(variable); known != placeholders_.end()) return known->second;
  const DeclaredVariable* declared = table_.find(variable);
  SINTER_CHECK(declared != nullptr, "the variable " + std::string(variable) + " is not declared");
  ir::Node node;
  node.op = &placeholder_op();
  node.name = std::string(variable);
  const ir::Value value = graph_.append(std::move(node), {declared->variable.type}).results.front();
  placeholders_.emplace(variable, value);
  return value;
}

ir::Value Emission::read_input(std::string_view variable) {
  inputs_.emplace_back(variable);
  return read(variable);
}

void Emission::write(std::string_view variable, ir::Value value) { written_.insert_or_assign(std::string(variable), value); }

ir::Function Emission::finish_with_used_inputs(std::string name) {
  inputs_.clear();
  return finish(std::move(name));
}

ir::Function Emission::finish(std::string name) {
  ir::Function function;
  function.name = std::move(name);
  function.arguments = inputs_;
  const std::vector<bool> live = live_nodes(graph_, written_);
  const std::vector<const DeclaredVariable*> ordered = table_.by_role();
  for (const DeclaredVariable* declared : ordered) {
    const std::string& variable = declared->variable.name;
    const auto placeholder = placeholders_.find(variable);
    if (placeholder == placeholders_.end() || std::find(inputs_.begin(), inputs_.end(), variable) != inputs_.end()) continue;
    const ir::Node* node = graph_.producer(placeholder->second);
    if (live[static_cast<size_t>(node - graph_.nodes().data())]) function.arguments.push_back(variable);
  }

  std::vector<ir::Value> moved(static_cast<size_t>(graph_.value_count()));
  for (const std::string& argument : function.arguments) {
    moved[static_cast<size_t>(placeholders_.at(argument).id)] = function.graph.add_argument(table_.find(argument)->variable.type);
  }
  for (size_t i = 0; i < live.size(); ++i) {
    const ir::Node& node = graph_.nodes()[i];
    if (!live[i] || node.op == &placeholder_op()) continue;
    ir::Node copy = node;
    for (ir::Value& operand : copy.operands) operand = moved[static_cast<size_t>(operand.id)];
    std::vector<TensorType> types;
    for (const ir::Value result : node.results) types.push_back(graph_.type(result));
    const ir::Node& placed = function.graph.append(std::move(copy), types);
    for (size_t k = 0; k < node.results.size(); ++k) moved[static_cast<size_t>(node.results[k].id)] = placed.results[k];
  }

  std::vector<ir::Value> results;
  for (const DeclaredVariable* declared : ordered) {
    const auto written = written_.find(declared->variable.name);
    if (written == written_.end()) continue;
    function.results.push_back(declared->variable.name);
    results.push_back(moved[static_cast<size_t>(written->second.id)]);
  }
  function.graph.set_results(std::move(results));
  return function;
}

ir::Value Emission::stand_in(const TensorType& type) {
  ir::Node node;
  node.op = &placeholder_op();
  return graph_.append(std::move(node), {type}).results.front();
}

bool Emission::is_variable(ir::Value value) const {
  const ir::Node* node = graph_.producer(value);
  return node != nullptr && node->op == &placeholder_op() && !node->name.empty();
}

/// A number, a table, and what is computed of them alone.
bool Emission::is_of_nothing(ir::Value value) const {
  const ir::Node* node = graph_.producer(value);
  if (node == nullptr || node->op == &placeholder_op() || !node->regions.empty() || node->results.size() != 1) return false;
  const auto* index = std::get_if<ir::Index>(&node->op->lowering);
  if (index != nullptr && (index->kind == ir::Index::Kind::kConstant || index->kind == ir::Index::Kind::kGenerate)) return true;
  const bool plain = std::holds_alternative<ir::Elementwise>(node->op->lowering) || std::holds_alternative<ir::View>(node->op->lowering);
  return plain && std::all_of(node->operands.begin(), node->operands.end(), [&](ir::Value v) { return is_of_nothing(v); });
}

std::vector<ir::Value> Emission::captured(size_t first, const std::vector<ir::Value>& arguments, const std::vector<ir::Value>& results) const {
  std::vector<ir::Value> found;
  std::vector<bool> seen(static_cast<size_t>(graph_.value_count()));
  for (const ir::Value argument : arguments) seen[static_cast<size_t>(argument.id)] = true;
  std::vector<ir::Value> open(results.rbegin(), results.rend());
  while (!open.empty()) {
    const ir::Value value = open.back();
    open.pop_back();
    if (seen[static_cast<size_t>(value.id)]) continue;
    seen[static_cast<size_t>(value.id)] = true;
    const ir::Node* node = graph_.producer(value);
    const bool inside = static_cast<size_t>(node - graph_.nodes().data()) >= first && node->op != &placeholder_op();
    if (!inside && !is_of_nothing(value)) {
      found.push_back(value);
      continue;
    }
    open.insert(open.end(), node->operands.rbegin(), node->operands.rend());
  }
  return found;
}

ir::Graph Emission::region(const std::vector<ir::Value>& arguments, const std::vector<ir::Value>& results) const {
  ir::Graph region;
  std::vector<ir::Value> moved(static_cast<size_t>(graph_.value_count()));
  for (const ir::Value argument : arguments) moved[static_cast<size_t>(argument.id)] = region.add_argument(graph_.type(argument));
  std::vector<bool> wanted(static_cast<size_t>(graph_.value_count()));
  for (const ir::Value result : results) wanted[static_cast<size_t>(result.id)] = true;
  std::vector<const ir::Node*> nodes;
  for (auto node = graph_.nodes().rbegin(); node != graph_.nodes().rend(); ++node) {
    const bool needed = std::any_of(node->results.begin(), node->results.end(), [&](ir::Value v) {
      return wanted[static_cast<size_t>(v.id)] && !moved[static_cast<size_t>(v.id)].valid();
    });
    if (!needed) continue;
    nodes.push_back(&*node);
    for (const ir::Value operand : node->operands) wanted[static_cast<size_t>(operand.id)] = true;
  }
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    SINTER_CHECK((*node)->op != &placeholder_op(), "a region reads a variable that it is not given");
    ir::Node copy = **node;
    for (ir::Value& operand : copy.operands) operand = moved[static_cast<size_t>(operand.id)];
    std::vector<TensorType> types;
    for (const ir::Value result : copy.results) types.push_back(graph_.type(result));
    const std::vector<ir::Value> made = region.append(std::move(copy), types).results;
    for (size_t i = 0; i < made.size(); ++i) moved[static_cast<size_t>((*node)->results[i].id)] = made[i];
  }
  std::vector<ir::Value> returned;
  for (const ir::Value result : results) returned.push_back(moved[static_cast<size_t>(result.id)]);
  region.set_results(std::move(returned));
  return region;
}

}  // namespace sinter::language
