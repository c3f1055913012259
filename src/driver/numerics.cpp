#include "driver/numerics.h"

#include <cmath>
#include <optional>

#include "base/text.h"
#include "driver/compile.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "passes/grad.h"

namespace sinter::driver {
namespace {

/// The first element that is NaN, or infinite.
std::optional<int64_t> find(const Tensor& tensor, bool nan) {
  if (!is_float(tensor.dtype())) return {};
  for (int64_t i = 0; i < tensor.size(); ++i)
    if (const double value = tensor.get(i); nan ? std::isnan(value) : std::isinf(value)) return i;
  return {};
}

std::string element_text(const Tensor& tensor, int64_t index) {
  std::string place;
  int64_t rest = index;
  for (size_t axis = tensor.rank(); axis-- > 0;) {
    place.insert(0, (axis > 0 ? ", " : "") + std::to_string(rest % tensor.extents()[axis]));
    rest /= tensor.extents()[axis];
  }
  return "[" + place + "] of " + tensor.type_string() + " is " + to_text(tensor.get(index));
}

}  // namespace

std::string first_not_finite(const ir::Module& whole, std::string_view function_name, const runtime::State& state, const std::map<std::string, Tensor>& inputs) {
  const ir::Module module = passes::grad(only(whole, function_name));
  const ir::Function& function = module.functions.at(0);
  std::vector<Tensor> arguments;
  for (const std::string& name : function.arguments) {
    const ir::Variable& variable = module.variable(name);
    if (variable.value) arguments.push_back(*variable.value);
    else if (variable.role == Role::kInput) arguments.push_back(inputs.at(name));
    else arguments.push_back(state.get(name));
  }
  for (size_t i = 0; i < arguments.size(); ++i)
    if (const auto at = find(arguments[i], true)) return function.arguments[i] + " itself holds it: " + element_text(arguments[i], *at);
  ir::Graph graph = function.graph;
  std::vector<ir::Value> all;
  std::vector<const ir::Node*> nodes;
  for (const ir::Node& node : function.graph.nodes()) {
    for (const ir::Value value : node.results) {
      all.push_back(value);
      nodes.push_back(&node);
    }
  }
  graph.set_results(all);
  const std::vector<Tensor> values = ir::evaluate(graph, arguments);
  for (const bool nan : {true, false}) {
    for (size_t i = 0; i < values.size(); ++i) {
      const auto at = find(values[i], nan);
      if (!at) continue;
      return "the first operation that gives " + std::string(nan ? "it" : "infinity") + " is " + nodes[i]->op->name + (nodes[i]->name.empty() ? "" : " of " + quoted(nodes[i]->name)) +
             ", where " + element_text(values[i], *at);
    }
  }
  return "the reference evaluator finds all values of the step finite";
}

}  // namespace sinter::driver
