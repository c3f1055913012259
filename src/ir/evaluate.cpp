#include "ir/evaluate.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/binding.h"
#include "base/error.h"
#include "ir/op_def.h"

namespace sinter::ir {

namespace {

/// What an argument is called in errors.
using ArgumentName = std::function<std::string(size_t index)>;

/// Checks arguments against their types and binds the symbols that they determine.
void bind_arguments(const Graph& graph, const std::vector<Tensor>& arguments, const ArgumentName& name, SymbolValues& symbols) {
  const std::vector<TensorType> types = graph.argument_types();
  if (arguments.size() != types.size()) {
    throw Error(ErrorCode::kUsage, "the graph takes " + std::to_string(types.size()) + " arguments, is given " + std::to_string(arguments.size()));
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (arguments[i].dtype() != types[i].dtype) {
      throw Error(ErrorCode::kCheck, name(i) + " is " + arguments[i].type_string() + ", its type is " + types[i].to_string());
    }
    bind_symbols(name(i), types[i].shape, arguments[i].extents(), symbols);
  }
  for (size_t i = 0; i < types.size(); ++i) check_extents(name(i), types[i].shape, arguments[i].extents(), symbols);
}

/// The name of the function that computes a prepared variable.
const std::string& preparing(const Module& module, const std::string& variable) {
  for (const Function& function : module.functions)
    if (std::find(function.results.begin(), function.results.end(), variable) != function.results.end()) return function.name;
  throw Error(ErrorCode::kUsage, "no function prepares " + variable);
}

std::string argument_name(size_t index) { return "argument " + std::to_string(index); }

Tensor cast_float(const Tensor& tensor, DType dtype) {
  Tensor result = Tensor::uninitialized(dtype, tensor.extents());
  for (int64_t i = 0; i < tensor.size(); ++i) result.set(i, tensor.get(i));
  return result;
}

/// The op's reference, in f32 where it is computed so.
std::vector<Tensor> evaluate_wide(const EvaluateRequest& request) {
  std::vector<TensorType> operands;
  for (const Tensor& tensor : request.operands) operands.push_back({tensor.dtype(), {}});
  if (!is_widened(request.op, operands, request.attributes)) return request.op.evaluate(request);
  const Attributes attributes = widened(request.attributes);
  EvaluateRequest wide{request.op, request.operands, attributes, request.result_types, request.symbols, request.regions, request.run_region, request.node_name};
  for (Tensor& operand : wide.operands)
    if (is_narrow(operand.dtype())) operand = cast_float(operand, DType::kF32);
  for (TensorType& type : wide.result_types) type.dtype = widened(type.dtype);
  std::vector<Tensor> results = request.op.evaluate(wide);
  for (size_t i = 0; i < results.size(); ++i)
    if (is_narrow(request.result_types[i].dtype)) results[i] = cast_float(results[i], request.result_types[i].dtype);
  return results;
}

/// One run of a graph, under the symbols of the function that it belongs to.
class Run {
 public:
  Run(const Graph& graph, const SymbolValues& symbols) : graph_(graph), symbols_(symbols), values_(static_cast<size_t>(graph.value_count())) {}

  std::vector<Tensor> operator()(std::vector<Tensor> arguments) {
    uses_left_ = graph_.use_counts();
    for (size_t i = 0; i < arguments.size(); ++i) values_[i] = std::move(arguments[i]);
    for (const Node& node : graph_.nodes()) run_node(node);
    std::vector<Tensor> results;
    for (const Value result : graph_.results()) results.push_back(take(result));
    return results;
  }

 private:
  void run_node(const Node& node) {
    const WorkingOn scope("%" + std::to_string(node.results.empty() ? -1 : node.results[0].id) + " = " + node.op->name);
    EvaluateRequest request{.op = *node.op,
                            .operands = {},
                            .attributes = node.attributes,
                            .result_types = {},
                            .symbols = symbols_,
                            .regions = node.regions,
                            .run_region = [this](const Graph& region, std::vector<Tensor> arguments) { return run_region(region, std::move(arguments)); },
                            .node_name = node.name};
    for (const Value operand : node.operands) request.operands.push_back(take(operand));
    for (const Value result : node.results) request.result_types.push_back(graph_.type(result));
    std::vector<Tensor> results = call(node, request);
    check_results(node, results);
    for (size_t i = 0; i < results.size(); ++i) {
      const size_t id = static_cast<size_t>(node.results[i].id);
      if (uses_left_[id] > 0) values_[id] = std::move(results[i]);
    }
  }

  /// Errors of ops that know no place get the model's name of the node.
  static std::vector<Tensor> call(const Node& node, const EvaluateRequest& request) {
    try {
      return evaluate_wide(request);
    } catch (Error& error) {
      if (!error.place().known() && !node.name.empty()) error.at({.node = node.name});
      throw;
    }
  }

  void check_results(const Node& node, const std::vector<Tensor>& results) const {
    SINTER_CHECK(results.size() == node.results.size(), "the evaluator gives " + std::to_string(results.size()) + " results");
    for (size_t i = 0; i < results.size(); ++i) {
      const TensorType& type = graph_.type(node.results[i]);
      SINTER_CHECK(results[i].dtype() == type.dtype && results[i].extents() == type.shape.evaluate(symbols_),
                   "the evaluator gives " + results[i].type_string() + " for type " + type.to_string());
    }
  }

  std::vector<Tensor> run_region(const Graph& region, std::vector<Tensor> arguments) const {
    SymbolValues symbols = symbols_;
    bind_arguments(region, arguments, argument_name, symbols);
    return Run(region, symbols)(std::move(arguments));
  }

  /// The value; its memory is given up with its last use.
  Tensor take(Value value) {
    const size_t id = static_cast<size_t>(value.id);
    return --uses_left_[id] > 0 ? values_[id] : std::exchange(values_[id], Tensor());
  }

  const Graph& graph_;
  const SymbolValues& symbols_;
  std::vector<Tensor> values_;
  std::vector<int32_t> uses_left_;
};

}  // namespace

std::vector<Tensor> evaluate(const Graph& graph, std::vector<Tensor> arguments, SymbolValues extra) {
  bind_arguments(graph, arguments, argument_name, extra);
  return Run(graph, extra)(std::move(arguments));
}

std::map<std::string, Tensor> evaluate(const Module& module, std::string_view function_name, const std::map<std::string, Tensor>& given_variables,
                                       SymbolValues extra) {
  const Function& function = module.function(function_name);
  const WorkingOn scope("function " + function.name);
  std::map<std::string, Tensor> variables = given_variables;
  std::vector<Tensor> arguments;
  for (const std::string& variable : function.arguments) {
    const Variable& declared = module.variable(variable);
    if (declared.role == Role::kPrepared && !variables.contains(variable)) variables.merge(evaluate(module, preparing(module, variable), given_variables, {}));
    const auto given = variables.find(variable);
    if (!declared.value && given == variables.end()) {
      throw Error(ErrorCode::kUsage, "function " + function.name + " needs a value of the " + std::string(name(declared.role)) + " " + variable);
    }
    arguments.push_back(declared.value ? *declared.value : given->second);
  }
  bind_arguments(function.graph, arguments, [&](size_t i) { return "variable " + function.arguments[i]; }, extra);
  const std::vector<Tensor> results = Run(function.graph, extra)(std::move(arguments));
  std::map<std::string, Tensor> by_name;
  for (size_t i = 0; i < results.size(); ++i) by_name.emplace(function.results[i], results[i]);
  return by_name;
}

}  // namespace sinter::ir
