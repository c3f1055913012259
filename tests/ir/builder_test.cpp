// The builder: what it appends, what it leaves out, what it refuses.
#include "ir/builder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ir/evaluate.h"
#include "ir/module.h"
#include "ir/text.h"

namespace sinter::ir {
namespace {

class BuilderTest : public testing::Test {
 protected:
  const Dim n = Dim::symbol("n");
  Graph graph;
  const Value x = graph.add_argument({DType::kF32, {n, 3}});
  const Value row = graph.add_argument({DType::kF32, {3}});
  const Value column = graph.add_argument({DType::kF32, {n, 1}});
  const Value scalar = graph.add_argument({DType::kF32, {}});
  Builder builder{graph};

  std::string lines() {
    const std::string text = print(graph);
    size_t at = 0;
    for (int i = 0; i < graph.argument_count(); ++i) at = text.find('\n', at) + 1;
    return text.substr(at, text.rfind("return") - at);
  }
};

TEST_F(BuilderTest, SharesScalars) {
  const Value half = builder.scalar(0.5, DType::kF32);
  EXPECT_EQ(builder.scalar(0.5, DType::kF32), half);
  EXPECT_NE(builder.scalar(0.5, DType::kF64), half);
  EXPECT_NE(builder.scalar(0.0, DType::kF32), builder.scalar(-0.0, DType::kF32));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(builder.scalar(nan, DType::kF32), builder.scalar(nan, DType::kF32));
}

TEST_F(BuilderTest, AddsNoNodeWhenNothingChanges) {
  EXPECT_EQ(builder.broadcast_to(x, {n, 3}), x);
  EXPECT_EQ(builder.broadcast(x, {n, 3}, {0, 1}), x);
  EXPECT_EQ(builder.reshape(x, {n, 3}), x);
  EXPECT_EQ(builder.cast(x, DType::kF32), x);
  EXPECT_TRUE(graph.nodes().empty());
}

TEST_F(BuilderTest, SpreadsLikeNumPy) {
  builder.broadcast_to(row, {n, 3});
  builder.broadcast_to(column, {2, n, 3});
  builder.broadcast_to(scalar, {n, 3});
  EXPECT_EQ(lines(), R"(%4: f32[n, 3] = broadcast %1 {axes = [1], shape = shape[n, 3]}
%5: f32[2, n, 3] = broadcast %2 {axes = [1, 2], shape = shape[2, n, 3]}
%6: f32[n, 3] = broadcast %3 {axes = [], shape = shape[n, 3]}
)");
  EXPECT_THROW(builder.broadcast_to(row, {3, n}), Error);     // a symbol is never spread, nor assumed to be 3
  EXPECT_THROW(builder.broadcast_to(x, {3}), Error);          // rank falls
  EXPECT_THROW(builder.broadcast_to(x, {2 * n, 3}), Error);
}

TEST_F(BuilderTest, FillsShapesWithNumbers) {
  const Value filled = builder.full_like(2, x);
  EXPECT_EQ(builder.type(filled), builder.type(x));
  graph.set_results({filled});
  const Tensor result = evaluate(graph, {Tensor(DType::kF32, {2, 3}), Tensor(DType::kF32, {3}), Tensor(DType::kF32, {2, 1}), Tensor()})[0];
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(result.get(i), 2);
}

TEST_F(BuilderTest, MakesDimsIntoValues) {
  builder.dim(2 * n, DType::kF32);
  builder.dim(7, DType::kI64);
  builder.dim((int64_t{1} << 60) + 1, DType::kI64);
  EXPECT_EQ(lines(), R"(%4: f32[] = dim_size {dtype = f32, value = dim(2*n)}
%5: i64[] = constant {value = i64[]{7}}
%6: i64[] = constant {value = i64[]{1152921504606846977}}
)");
}

TEST_F(BuilderTest, NamesNodes) {
  builder.set_name("h1");
  builder.call("exp", {x});
  builder.set_name("");
  builder.call("exp", {x});
  EXPECT_EQ(lines(), "%4: f32[n, 3] = exp %0 \"h1\"\n%5: f32[n, 3] = exp %0\n");
}

TEST_F(BuilderTest, WritesFormulas) {
  const Expression a(builder, x), b(builder, scalar);
  const Expression formula = -a * (1.0 - a) / b + 0.5;
  const Expression clipped = select(apply("less", formula, b), formula, b);
  graph.set_results({clipped});
  verify(graph);
  const Tensor values = Tensor::of<float>({1, 3}, {1, 2, 3});
  const Tensor result = evaluate(graph, {values, Tensor(DType::kF32, {3}), Tensor(DType::kF32, {1, 1}), Tensor::scalar(2.0f)})[0];
  for (int64_t i = 0; i < 3; ++i) {
    const float v = static_cast<float>(values.get(i));
    EXPECT_EQ(result.get(i), std::min(-v * (1.0f - v) / 2.0f + 0.5f, 2.0f));
  }
}

TEST_F(BuilderTest, RefusesWhatDoesNotFit) {
  const auto code_of = [&](auto body) {
    try {
      body();
    } catch (const Error& error) {
      return std::string(name(error.code())) + ": " + error.what();
    }
    return std::string("no error");
  };
  EXPECT_NE(code_of([&] { builder.call("exb", {x}); }).find("did you mean exp?"), std::string::npos);
  EXPECT_NE(code_of([&] { builder.call("add", {x, row}); }).find("lhs f32[n, 3], rhs f32[3]"), std::string::npos);
  EXPECT_NE(code_of([&] { builder.call("add", {x}); }).find("takes 2 operands, is given 1"), std::string::npos);
  EXPECT_NE(code_of([&] { builder.call("exp", {x}, {{"axis", int64_t{1}}}); }).find("has no attribute axis"), std::string::npos);
  EXPECT_NE(code_of([&] { builder.call("cast", {x}, {{"dtype", int64_t{1}}}); }).find("must be of kind dtype, is of kind integer"), std::string::npos);
  EXPECT_THROW(builder.call("exp", {Value{}}), InternalError);
  EXPECT_THROW(builder.call("exp", {Value{99}}), InternalError);
  EXPECT_TRUE(graph.nodes().empty());
}

}  // namespace
}  // namespace sinter::ir
