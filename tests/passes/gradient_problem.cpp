#include "passes/gradient_problem.h"

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "passes/grad.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

const char* const kObjective = "objective.value";  // a path, so that no operand has its name

/// Builds main. Its arguments, operands and weights, are variables of role input and come before the first node.
class ProblemBuilder {
 public:
  ProblemBuilder(const ir::OpDef& op, const ir::Sample& sample) : op_(op), sample_(sample), regions_(regions_of(sample.region_texts)) {
    main_.name = "main";
    problem_.module.name = op.name + "_gradient";
    problem_.symbols = small_symbols(sample);
    problem_.inputs = make_inputs(op, sample, problem_.symbols, 3);
  }

  GradientProblem build(int order) && {
    std::vector<ir::Value> operands, xs;
    for (size_t i = 0; i < sample_.operands.size(); ++i) {
      const TensorType& type = sample_.operands[i].type;
      operands.push_back(add_input(operand_name(op_, i), type));
      if (!is_float(type.dtype)) continue;
      xs.push_back(operands.back());
      problem_.wrt.push_back(operand_name(op_, i));
    }
    // Without weights, a sum would hide the gradient of a softmax, whose results sum to 1.
    const std::vector<ir::Value> weights = add_weights(ir::infer_types(op_, operand_types(sample_), sample_.attributes, regions_));
    std::vector<TensorType> gradient_types;
    if (order == 2) {
      for (const ir::Value x : xs) gradient_types.push_back(main_.graph.type(x));
    }
    const std::vector<ir::Value> gradient_weights = add_weights(gradient_types);

    ir::Builder builder(main_.graph);
    ir::Value value = weighted_sum(builder, builder.apply(op_, operands, sample_.attributes, regions_), weights);
    std::vector<ir::Value> gradients = differentiate(builder, value, xs);
    if (order == 2) {
      value = weighted_sum(builder, gradients, gradient_weights);
      gradients = differentiate(builder, value, xs);
    }
    std::vector<ir::Value> results = {value};
    results.insert(results.end(), gradients.begin(), gradients.end());
    for (size_t i = 0; i < results.size(); ++i) {
      main_.results.push_back(i == 0 ? kObjective : "gradient." + problem_.wrt[i - 1]);
      problem_.module.variables.push_back({main_.results.back(), Role::kOutput, main_.graph.type(results[i]), {}});
    }
    main_.graph.set_results(results);
    problem_.module.functions.push_back(std::move(main_));
    ir::verify(problem_.module);
    problem_.module = passes::grad(problem_.module);
    ir::verify(problem_.module);
    return std::move(problem_);
  }

 private:
  ir::Value add_input(const std::string& name, const TensorType& type) {
    main_.arguments.push_back(name);
    problem_.module.variables.push_back({name, Role::kInput, type, {}});
    return main_.graph.add_argument(type);
  }

  /// One per float type; the others get no value.
  std::vector<ir::Value> add_weights(const std::vector<TensorType>& types) {
    std::vector<ir::Value> weights(types.size());
    for (size_t i = 0; i < types.size(); ++i) {
      if (!is_float(types[i].dtype)) continue;
      const std::string name = "weight." + std::to_string(weight_count_++);
      problem_.inputs.emplace(name, make_input({types[i], ir::Fill::kAwayFromZero}, problem_.symbols, 100 + weight_count_));
      weights[i] = add_input(name, types[i]);
    }
    return weights;
  }

  static ir::Value weighted_sum(ir::Builder& builder, const std::vector<ir::Value>& values, const std::vector<ir::Value>& weights) {
    ir::Value sum = builder.scalar(0, DType::kF64);
    for (size_t i = 0; i < values.size(); ++i) {
      if (!weights[i].valid()) continue;
      ir::Integers axes;
      for (size_t axis = 0; axis < builder.shape(values[i]).rank(); ++axis) axes.push_back(static_cast<int64_t>(axis));
      sum = builder.call("add", {sum, builder.reduce("reduce_sum", builder.call("multiply", {values[i], weights[i]}), axes)});
    }
    return sum;
  }

  static std::vector<ir::Value> differentiate(ir::Builder& builder, ir::Value value, const std::vector<ir::Value>& xs) {
    std::vector<ir::Value> operands = {value};
    operands.insert(operands.end(), xs.begin(), xs.end());
    return builder.apply("grad", operands);
  }

  const ir::OpDef& op_;
  const ir::Sample& sample_;
  std::vector<ir::Graph> regions_;
  GradientProblem problem_;
  ir::Function main_;
  uint32_t weight_count_ = 0;
};

}  // namespace

Inputs GradientProblem::run(const Inputs& at) const { return ir::evaluate(module, "main", at, symbols); }

double GradientProblem::value(const Inputs& at) const { return run(at).at(kObjective).data<double>()[0]; }

Tensor GradientProblem::differences(const std::string& operand) const {
  constexpr double kStep = 2e-4;
  Inputs at = inputs;
  at[operand] = inputs.at(operand).clone();
  Tensor& x = at[operand];
  Tensor result(DType::kF64, x.extents());
  for (int64_t i = 0; i < x.size(); ++i) {
    double& element = x.data<double>()[i];
    const double middle = element;
    const auto value_at = [&](double offset) {
      element = middle + offset;
      return value(at);
    };
    result.data<double>()[i] = (8 * (value_at(kStep) - value_at(-kStep)) - (value_at(2 * kStep) - value_at(-2 * kStep))) / (12 * kStep);
    element = middle;
  }
  return result;
}

GradientProblem gradient_problem(const ir::OpDef& op, const ir::Sample& sample, int order) {
  return ProblemBuilder(op, sample).build(order);
}

}  // namespace sinter::test
