// The checks of module.h: what every pass may rely on.
#include <cctype>
#include <map>
#include <set>

#include "base/error.h"
#include "ir/module.h"
#include "ir/op_def.h"

namespace sinter::ir {

namespace {

std::string describe(const Node& node) {
  std::string text = node.op == nullptr ? "node without op" : "node " + node.op->name;
  if (!node.results.empty()) text = "%" + std::to_string(node.results.front().id) + ", " + text;
  if (!node.name.empty()) text += " \"" + node.name + "\"";
  return text;
}

std::string list(const std::vector<TensorType>& types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : ", ") + type.to_string();
  return "(" + text + ")";
}

bool has_negative_dim(const TensorType& type) {
  for (const Dim& dim : type.shape) {
    if (dim.as_constant().value_or(0) < 0) return true;
  }
  return false;
}

std::vector<TensorType> infer(const Node& node, const std::vector<TensorType>& operands) {
  try {
    return infer_types(*node.op, operands, node.attributes, node.regions);
  } catch (const Error& error) {
    throw InternalError(std::string("a node breaks its op's rule: ") + error.what(), __FILE__, __LINE__);
  }
}

/// `next_id` is the value that this node must define first; returns the one after its last.
int32_t verify_node(const Graph& graph, const Node& node, int32_t next_id) {
  SINTER_CHECK(node.op != nullptr, "a node has no op");
  SINTER_CHECK(OpRegistry::instance().find(node.op->name) == node.op, "op " + node.op->name + " is not the registry's");
  std::vector<TensorType> operands, results;
  for (const Value operand : node.operands) {
    SINTER_CHECK(operand.valid() && operand.id < next_id, "operand %" + std::to_string(operand.id) + " does not precede its use");
    operands.push_back(graph.type(operand));
  }
  for (const Value result : node.results) {
    SINTER_CHECK(result.id == next_id && next_id < graph.value_count(), "results are not numbered in order");
    results.push_back(graph.type(result));
    SINTER_CHECK(!has_negative_dim(results.back()), "a negative dim in " + results.back().to_string());
    ++next_id;
  }
  for (const Graph& region : node.regions) verify(region);
  const std::vector<TensorType> inferred = infer(node, operands);
  SINTER_CHECK(inferred == results, "results have types " + list(results) + ", the rule infers " + list(inferred));
  return next_id;
}

bool is_path(std::string_view text) {
  bool at_start = true;
  for (const char c : text) {
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_';
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (c == '.' ? at_start : !(letter || digit)) return false;
    at_start = c == '.';
  }
  return !text.empty() && !at_start && std::isdigit(static_cast<unsigned char>(text[0])) == 0;
}

bool is_word(std::string_view text) { return is_path(text) && text.find('.') == std::string_view::npos; }

void verify_variable(const Variable& variable) {
  const std::string what = "variable " + variable.name;
  SINTER_CHECK(is_path(variable.name), what + ": the name is not a path of words");
  SINTER_CHECK(!has_negative_dim(variable.type), what + " has a negative dim");
  const bool kept = variable.role == Role::kParameter || variable.role == Role::kState || variable.role == Role::kConstant ||
                    variable.role == Role::kPrepared;
  SINTER_CHECK(!kept || variable.type.shape.is_constant(), what + " is a " + std::string(name(variable.role)) + " of symbolic shape");
  SINTER_CHECK(variable.value.has_value() == (variable.role == Role::kConstant), what + ": a constant has a value, nothing else has");
  if (variable.value) {
    SINTER_CHECK(variable.value->dtype() == variable.type.dtype && Shape::of(variable.value->extents()) == variable.type.shape,
                 what + " of type " + variable.type.to_string() + " has a value of type " + variable.value->type_string());
  }
}

using VariableIndex = std::map<std::string_view, const Variable*>;

/// The variables of one side of a function, against the types and roles that fit there.
void verify_bindings(const VariableIndex& variables, const std::string& side, const std::vector<std::string>& names,
                     const std::vector<TensorType>& types, const std::set<Role>& roles) {
  SINTER_CHECK(names.size() == types.size(),
               std::to_string(types.size()) + " " + side + "s are bound to " + std::to_string(names.size()) + " variables");
  std::set<std::string_view> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = variables.find(names[i]);
    SINTER_CHECK(found != variables.end(), side + " is bound to the unknown variable " + names[i]);
    const Variable* variable = found->second;
    SINTER_CHECK(seen.insert(variable->name).second, side + " " + names[i] + " is bound twice");
    SINTER_CHECK(variable->type == types[i], side + " " + names[i] + " has type " + types[i].to_string() + ", the variable has type " +
                                                 variable->type.to_string());
    SINTER_CHECK(roles.contains(variable->role), side + " " + names[i] + " is a variable of role " + std::string(name(variable->role)));
  }
}

}  // namespace

void verify(const Graph& graph) {
  for (const TensorType& type : graph.argument_types()) SINTER_CHECK(!has_negative_dim(type), "a negative dim in " + type.to_string());
  int32_t next_id = graph.argument_count();
  for (const Node& node : graph.nodes()) {
    const WorkingOn scope(describe(node));
    next_id = verify_node(graph, node, next_id);
  }
  SINTER_CHECK(next_id == graph.value_count(), "a graph has values that no node defines");
  for (const Value result : graph.results()) {
    SINTER_CHECK(result.valid() && result.id < graph.value_count(), "result %" + std::to_string(result.id) + " does not exist");
  }
}

void verify(const Module& module) {
  SINTER_CHECK(is_word(module.name), "the module's name \"" + module.name + "\" is not a word");
  VariableIndex variables;
  std::set<std::string_view> function_names, prepared;
  for (const Variable& variable : module.variables) {
    verify_variable(variable);
    SINTER_CHECK(variables.emplace(variable.name, &variable).second, "two variables are named " + variable.name);
  }
  for (const Function& function : module.functions) {
    const WorkingOn scope("function " + function.name);
    SINTER_CHECK(is_word(function.name), "the function's name \"" + function.name + "\" is not a word");
    SINTER_CHECK(function_names.insert(function.name).second, "two functions are named " + function.name);
    verify(function.graph);
    verify_bindings(variables, "argument", function.arguments, function.graph.argument_types(),
                    {Role::kInput, Role::kParameter, Role::kState, Role::kConstant, Role::kPrepared});
    verify_bindings(variables, "result", function.results, function.graph.result_types(),
                    {Role::kParameter, Role::kState, Role::kOutput, Role::kPrepared});
    for (const std::string& result : function.results)
      SINTER_CHECK(variables.at(result)->role != Role::kPrepared || prepared.insert(result).second, result + " is prepared by two functions");
  }
}

}  // namespace sinter::ir
