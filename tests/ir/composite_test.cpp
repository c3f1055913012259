// What the contract suite does not ask of composites, index ops and random numbers: extreme arguments, errors at run time, and the
// distribution of random numbers. (That a composite equals its expansion is the suite's CompositeEqualsItsExpansion.)
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "support/close.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

/// A graph on the sample's operands that returns what the op gives, by its own node or by its expansion.
ir::Graph call_of(const ir::OpDef& op, const ir::Sample& sample, bool expand = false) {
  ir::Graph graph;
  std::vector<ir::Value> operands;
  for (const TensorType& type : operand_types(sample)) operands.push_back(graph.add_argument(type));
  ir::Builder builder(graph);
  builder.set_name("the.node");
  graph.set_results(expand ? std::get<ir::Composite>(op.lowering).expand({builder, op, operands, sample.attributes})
                           : builder.apply(op, operands, sample.attributes));
  return graph;
}

std::vector<Tensor> inputs_of(const ir::Sample& sample, const SymbolValues& symbols) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < sample.operands.size(); ++i)
    inputs.push_back(make_input(sample.operands[i], symbols, static_cast<uint32_t>(i) + 1));
  return inputs;
}

/// The op on one row of numbers, directly and by its expansion.
void expect_values(const char* name, const ir::Attributes& attributes, const std::vector<double>& x, const std::vector<double>& expected) {
  SCOPED_TRACE(name);
  const ir::OpDef& op = ir::OpRegistry::instance().get(name);
  const Extents extents{static_cast<int64_t>(x.size())};
  const ir::Sample sample{{{{DType::kF64, Shape::of(extents)}}}, attributes};
  const Tensor wanted = Tensor::of(extents, expected);
  for (const bool expand : {false, true}) {
    expect_close(ir::evaluate(call_of(op, sample, expand), {Tensor::of(extents, x)})[0], wanted, golden_tolerance(op, DType::kF64),
                 expand ? "expansion" : "evaluator");
  }
}

TEST(Composite, ExtremesStayFinite) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  expect_values("relu", {}, {nan, -inf, inf, -0.5, 0}, {nan, 0, inf, 0, 0});
  expect_values("clamp", {{"low", -1.0}, {"high", 1.0}}, {nan, -inf, inf, 0.5}, {nan, -1, 1, 0.5});
  expect_values("softplus", {}, {-1000, 1000, 0}, {0, 1000, std::log(2.0)});
  expect_values("softmax", {{"axis", 0}}, {1000, 1000, -1000}, {0.5, 0.5, 0});
  expect_values("log_softmax", {{"axis", 0}}, {1000, 0}, {0, -1000});
  expect_values("softmax", {{"axis", 0}}, {1, nan}, {nan, nan});
  expect_values("silu", {}, {-1000, 1000}, {0, 1000});
  expect_values("mean", {{"axes", ir::Integers{}}}, {1, -inf, nan}, {1, -inf, nan});
}

std::string error_of(const ir::Graph& graph, std::vector<Tensor> operands) {
  try {
    ir::evaluate(graph, std::move(operands));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheck);
    return error.what();
  }
  return "";
}

TEST(Composite, LabelsOutOfRangeNameNodeLabelAndClasses) {
  const ir::OpDef& op = ir::OpRegistry::instance().get("cross_entropy");
  const ir::Sample sample{{{{DType::kF32, {2, 10}}}, {{DType::kI64, {2}}}}};
  for (const int64_t label : {10, -1}) {
    const std::vector<Tensor> operands{Tensor(DType::kF32, {2, 10}), Tensor::of<int64_t>({2}, {3, label})};
    const std::string number = std::to_string(label);
    const std::string direct = error_of(call_of(op, sample), operands), expanded = error_of(call_of(op, sample, true), operands);
    for (const char* part : {"the.node", number.c_str(), "10 classes"}) EXPECT_NE(direct.find(part), std::string::npos) << direct;
    for (const char* part : {"the.node", number.c_str(), "10 entries"}) EXPECT_NE(expanded.find(part), std::string::npos) << expanded;
  }
}

TEST(Index, OutOfRangeNamesNodeIndexAndSize) {
  struct Case {
    const char* op;
    std::vector<ir::SampleOperand> operands;
  };
  const ir::SampleOperand data{{DType::kF32, {1, 4}}}, row{{DType::kI32, {1}}}, updates{{DType::kF32, {1, 1}}};
  for (const Case& c : {Case{"gather", {data, row}}, Case{"pick", {data, row}}, Case{"scatter_add", {data, row, updates}}}) {
    const ir::Sample sample{c.operands, {{"axis", 1}}};
    for (const int32_t index : {4, -1, INT32_MAX, INT32_MIN}) {
      std::vector<Tensor> operands = inputs_of(sample, {});
      operands[1] = Tensor::of<int32_t>({1}, {index});
      const std::string text = error_of(call_of(ir::OpRegistry::instance().get(c.op), sample), operands);
      const std::string number = std::to_string(index);
      for (const char* part : {"the.node", number.c_str(), "4 entries along axis 1"}) EXPECT_NE(text.find(part), std::string::npos) << text;
    }
  }
}

Tensor draw(const char* name, DType dtype, int64_t count, ir::Attributes attributes, uint32_t seed = 1, uint32_t step = 0) {
  attributes.insert({{"stream", 5}, {"shape", Shape{count}}, {"dtype", dtype}});
  const ir::Sample sample{{{{DType::kU32, {}}}, {{DType::kU32, {}}}}, attributes};
  return ir::evaluate(call_of(ir::OpRegistry::instance().get(name), sample), {Tensor::scalar(seed), Tensor::scalar(step)})[0];
}

TEST(Random, UniformFillsTheHalfOpenRange) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const int64_t count = 100000;
    const Tensor t = draw("random_uniform", dtype, count, {{"low", 1.0}, {"high", 3.0}});
    double sum = 0, lowest = 9, highest = -9;
    for (int64_t i = 0; i < count; ++i) {
      sum += t.get(i);
      lowest = std::min(lowest, t.get(i));
      highest = std::max(highest, t.get(i));
    }
    EXPECT_NEAR(sum / static_cast<double>(count), 2, 0.01);
    EXPECT_GE(lowest, 1);
    EXPECT_LT(lowest, 1.001);
    EXPECT_LT(highest, 3);
    EXPECT_GT(highest, 2.999);
  }
}

TEST(Random, UniformNeverRoundsUpToHigh) {
  const Tensor t = draw("random_uniform", DType::kF32, 20000, {{"low", 1e6}, {"high", 1e6 + 0.125}});  // three numbers wide
  for (const float x : t.span<float>()) ASSERT_TRUE(x >= 1e6f && x < 1e6f + 0.125f) << x;
}

TEST(Random, NormalHasItsMomentsAndIsFinite) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const int64_t count = 200000;
    const Tensor t = draw("random_normal", dtype, count, {{"mean", 0.5}, {"deviation", 2.0}});
    double moments[4] = {0, 0, 0, 0};
    for (int64_t i = 0; i < count; ++i) {
      const double z = (t.get(i) - 0.5) / 2;
      ASSERT_TRUE(std::isfinite(z));
      for (int k = 0; k < 4; ++k) moments[k] += std::pow(z, k + 1) / static_cast<double>(count);
    }
    EXPECT_NEAR(moments[0], 0, 0.01);
    EXPECT_NEAR(moments[1], 1, 0.01);
    EXPECT_NEAR(moments[2], 0, 0.04);
    EXPECT_NEAR(moments[3], 3, 0.1);
  }
}

TEST(Random, SeedAndStepDrawAnew) {
  const Tensor first = draw("random_normal", DType::kF32, 16, {});
  EXPECT_TRUE(same_bits(first, draw("random_normal", DType::kF32, 16, {})));
  EXPECT_FALSE(same_bits(first, draw("random_normal", DType::kF32, 16, {}, 2)));
  EXPECT_FALSE(same_bits(first, draw("random_normal", DType::kF32, 16, {}, 1, 1)));
}

}  // namespace
}  // namespace sinter::test
