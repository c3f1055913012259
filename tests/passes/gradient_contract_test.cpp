// The contract suite's part on gradients: every record's rule, expanded by the pass grad, against differences of the evaluator in f64;
// and the gradient of the gradient likewise.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "ir/builder.h"
#include "ir/text.h"
#include "passes/gradient_problem.h"
#include "support/close.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

bool all_zero(const Tensor& tensor) {
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (std::fabs(tensor.get(i)) > 1e-9) return false;
  }
  return true;
}

/// Its record says that it is smooth there, and all floats are f64.
bool is_testable(const ir::OpDef& op, const ir::Sample& sample) {
  const std::vector<TensorType> operands = operand_types(sample);
  std::vector<TensorType> types = ir::infer_types(op, operands, sample.attributes, regions_of(sample.region_texts));
  types.insert(types.end(), operands.begin(), operands.end());
  const bool only_f64 =
      std::all_of(types.begin(), types.end(), [](const TensorType& t) { return !is_float(t.dtype) || t.dtype == DType::kF64; });
  return sample.differentiable && only_f64 &&
         std::any_of(operands.begin(), operands.end(), [](const TensorType& t) { return is_float(t.dtype); });
}

/// The record's own rule says that the operand never gets a cotangent: the op is constant between jumps.
bool is_zero_by_rule(const ir::OpDef& op, const ir::Sample& sample, const std::string& operand) {
  const auto* rule = std::get_if<ir::GradientRule>(&op.gradient);
  if (rule == nullptr || !op.regions.empty()) return false;  // of regions only the pass can ask
  ir::Graph graph;
  std::vector<ir::Value> operands, cotangents;
  size_t index = 0;
  for (const TensorType& type : operand_types(sample)) {
    if (operand_name(op, operands.size()) == operand) index = operands.size();
    operands.push_back(graph.add_argument(type));
  }
  ir::Builder builder(graph);
  const std::vector<ir::Value> results = builder.apply(op, operands, sample.attributes, regions_of(sample.region_texts));
  for (const ir::Value result : results) cotangents.push_back(builder.full_like(1, result));
  const auto wanted = std::make_unique<bool[]>(operands.size());
  std::fill_n(wanted.get(), operands.size(), true);
  return !(*rule)({builder, op, operands, results, cotangents, sample.attributes, {}, {wanted.get(), operands.size()}})[index].valid();
}

std::string describe(const ir::Sample& sample) {
  std::string text;
  for (const TensorType& type : operand_types(sample)) text += " " + type.to_string();
  for (const auto& [name, attribute] : sample.attributes) text += " " + name + "=" + ir::print(attribute);
  return text;
}

class GradientContract : public testing::TestWithParam<const ir::OpDef*> {
 protected:
  const ir::OpDef& op() const { return *GetParam(); }

  void check(int order) {
    std::set<std::string> untested;  // float operands whose gradient is zero in every sample, though the rule gives one
    bool any_sample = false;
    for (const ir::Sample& sample : op().samples) {
      for (const std::string& operand : live_operands(sample)) untested.insert(operand);
    }
    for (const ir::Sample& sample : op().samples) {
      if (!is_testable(op(), sample)) continue;
      any_sample = true;
      SCOPED_TRACE("sample" + describe(sample));
      const GradientProblem problem = gradient_problem(op(), sample, order);
      const Inputs results = problem.run(problem.inputs);
      for (const std::string& operand : problem.wrt) {
        const Tensor expected = problem.differences(operand);
        expect_close(results.at("gradient." + operand), expected, {0, kGradientTolerance, kGradientTolerance}, "gradient by " + operand);
        if (!all_zero(expected)) untested.erase(operand);
      }
    }
    EXPECT_TRUE(any_sample || untested.empty()) << "no differentiable sample of f64";
    if (order == 2) return;  // linear ops have no second derivative
    for (const std::string& operand : untested)
      ADD_FAILURE() << "the gradient by " << operand << " is 0 in every sample: nothing is tested";
  }

 private:
  /// The f64 operands that the record's rule gives a cotangent; without a rule of its own, all.
  std::vector<std::string> live_operands(const ir::Sample& sample) const {
    std::vector<std::string> operands;
    for (size_t i = 0; i < sample.operands.size(); ++i) {
      const std::string name = operand_name(op(), i);
      if (sample.operands[i].type.dtype == DType::kF64 && !is_zero_by_rule(op(), sample, name)) operands.push_back(name);
    }
    return operands;
  }
};
INSTANTIATE_TEST_SUITE_P(Ops, GradientContract, testing::ValuesIn(all_ops([](const ir::OpDef& op) {
                           return !std::holds_alternative<ir::NotDifferentiable>(op.gradient);
                         })),
                         OpName());

TEST_P(GradientContract, EqualsDifferences) { check(1); }
TEST_P(GradientContract, OfGradientEqualsDifferences) { check(2); }

}  // namespace
}  // namespace sinter::test
