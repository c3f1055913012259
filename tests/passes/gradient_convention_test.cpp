// Gradients at kinks, ties and zeros are PyTorch's. The numbers were recorded from PyTorch 1.13.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "passes/gradient_problem.h"
#include "support/close.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

using Numbers = std::vector<double>;

struct Convention {
  std::string name, op;
  std::vector<Numbers> operands;   // of rank 1
  std::vector<Numbers> gradients;  // of the sum of the result
  ir::Attributes attributes = {};
};
void PrintTo(const Convention& convention, std::ostream* out) { *out << convention.name; }

std::vector<Convention> conventions() {
  constexpr double kInf = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();
  const ir::Attributes axis_0 = {{"axes", ir::Integers{0}}};
  return {
      {"abs", "abs", {{-2, 0, -0.0, 3}}, {{-1, 0, 0, 1}}},
      {"sign", "sign", {{-2, 0, 3}}, {{0, 0, 0}}},
      {"floor", "floor", {{-2, 0.5, 3}}, {{0, 0, 0}}},
      {"sqrt", "sqrt", {{0, 4}}, {{kInf, 0.25}}},
      {"maximum", "maximum", {{1, 2, 3, 0.0}, {2, 2, 2, -0.0}}, {{0, 0.5, 1, 0.5}, {1, 0.5, 0, 0.5}}},
      {"minimum", "minimum", {{1, 2, 3, 0.0}, {2, 2, 2, -0.0}}, {{1, 0.5, 0, 0.5}, {0, 0.5, 1, 0.5}}},
      {"maximum_of_nan", "maximum", {{kNan, 1}, {2, kNan}}, {{1, 1}, {1, 1}}},
      {"reduce_max_ties", "reduce_max", {{1, 3, 3, 2, 3, 3}}, {{0, 0.25, 0.25, 0, 0.25, 0.25}}, axis_0},
      {"reduce_min_ties", "reduce_min", {{1, 3, 1, 2}}, {{0.5, 0, 0.5, 0}}, axis_0},
      {"product", "reduce_product", {{2, -3, 4}}, {{-12, 8, -6}}, axis_0},
      {"product_with_a_zero", "reduce_product", {{2, 0, 4}}, {{0, 8, 0}}, axis_0},
      {"product_with_two_zeros", "reduce_product", {{2, 0, 0}}, {{0, 0, 0}}, axis_0},
      {"power", "power", {{0, 0, 0, 2, 0}, {0, 1, 2, 3, 0.5}}, {{0, 1, 0, 12, kInf}, {0, 0, 0, 8 * std::log(2.0), 0}}},
      {"power_of_negative_base", "power", {{-2, -2}, {2, 3}}, {{-4, 12}, {kNan, kNan}}},
      {"remainder", "remainder", {{7, -7, 5.5}, {3, 3, -2}}, {{1, 1, 1}, {-2, 2, 2}}},
  };
}

Tensor tensor_of(const Numbers& numbers) { return Tensor::of<double>({static_cast<int64_t>(numbers.size())}, numbers); }

class GradientConvention : public testing::TestWithParam<Convention> {};
INSTANTIATE_TEST_SUITE_P(AtKinks, GradientConvention, testing::ValuesIn(conventions()), [](const auto& info) { return info.param.name; });

TEST_P(GradientConvention, IsPyTorchs) {
  const Convention& convention = GetParam();
  const ir::OpDef& op = ir::OpRegistry::instance().get(convention.op);
  ir::Sample sample;
  sample.attributes = convention.attributes;
  for (const Numbers& numbers : convention.operands) sample.operands.push_back({{DType::kF64, {static_cast<int64_t>(numbers.size())}}});
  const GradientProblem problem = gradient_problem(op, sample, 1);
  Inputs inputs = problem.inputs;
  for (int64_t i = 0; i < inputs.at("weight.0").size(); ++i) inputs.at("weight.0").set(i, 1);
  for (size_t i = 0; i < convention.operands.size(); ++i) inputs[operand_name(op, i)] = tensor_of(convention.operands[i]);
  const Inputs results = problem.run(inputs);
  for (size_t i = 0; i < convention.gradients.size(); ++i) {
    expect_close(results.at("gradient." + operand_name(op, i)), tensor_of(convention.gradients[i]), {1, 0, 0}, "by " + operand_name(op, i));
  }
}

}  // namespace
}  // namespace sinter::test
