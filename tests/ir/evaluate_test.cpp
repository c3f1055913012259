// The reference evaluator: symbols, checks at entry, regions, errors. What each op computes is tested with the records.
#include "ir/evaluate.h"

#include <gtest/gtest.h>

#include "ir/op_def.h"
#include "ir/text.h"

namespace sinter::ir {
namespace {

Tensor row(std::vector<float> values) { return Tensor::of<float>({static_cast<int64_t>(values.size())}, values); }

void expect_equal(const Tensor& actual, const Tensor& expected) {
  EXPECT_TRUE(same_bits(actual, expected)) << print(Attribute(actual)) << " instead of " << print(Attribute(expected));
}

template <class Body> std::string message_of(ErrorCode code, const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST(Evaluate, RunsOneGraphAtManySizes) {
  const Graph graph = parse_graph("%0: f32[n] = argument 0\n%1: f32[n] = argument 1\n%2: f32[n] = add %0, %1\n%3: f32[n] = multiply %2, %2\nreturn %3, %0\n");
  for (const int64_t n : {0, 1, 7, 1000}) {
    Tensor a(DType::kF32, {n}), b(DType::kF32, {n}), expected(DType::kF32, {n});
    for (int64_t i = 0; i < n; ++i) {
      a.set(i, static_cast<double>(i));
      b.set(i, 1);
      expected.set(i, static_cast<double>((i + 1) * (i + 1)));
    }
    const std::vector<Tensor> results = evaluate(graph, {a, b});
    ASSERT_EQ(results.size(), 2u);
    expect_equal(results[0], expected);
    expect_equal(results[1], a);
  }
}

TEST(Evaluate, ChecksArguments) {
  const Graph graph = parse_graph("%0: f32[n] = argument 0\n%1: f32[n, 2] = argument 1\n%2: f32[2*n + 1] = argument 2\nreturn %0\n");
  const auto run = [&](const Extents& a, const Extents& b, const Extents& c) {
    return evaluate(graph, {Tensor(DType::kF32, a), Tensor(DType::kF32, b), Tensor(DType::kF32, c)});
  };
  run({3}, {3, 2}, {7});
  EXPECT_NE(message_of(ErrorCode::kCheck, [&] { run({3}, {4, 2}, {7}); }).find("argument 1"), std::string::npos);
  EXPECT_NE(message_of(ErrorCode::kCheck, [&] { run({3}, {3, 3}, {7}); }).find("axis 1 is 3 instead of 2"), std::string::npos);
  EXPECT_NE(message_of(ErrorCode::kCheck, [&] { run({3}, {3, 2}, {8}); }).find("axis 0 is 8 instead of 2*n + 1 = 7"), std::string::npos);
  EXPECT_NE(message_of(ErrorCode::kCheck, [&] { run({3}, {3}, {7}); }).find("ranks differ"), std::string::npos);
  message_of(ErrorCode::kUsage, [&] { evaluate(graph, {}); });
  message_of(ErrorCode::kCheck, [&] { evaluate(graph, {Tensor(DType::kF64, {3}), Tensor(DType::kF32, {3, 2}), Tensor(DType::kF32, {7})}); });
}

TEST(Evaluate, TakesSymbolsThatNoArgumentGives) {
  const Graph graph = parse_graph("%0: f32[2*n] = argument 0\n%1: i64[] = dim_size {dtype = i64, value = dim(n)}\nreturn %1\n");
  expect_equal(evaluate(graph, {row({1, 2, 3, 4})}, {{"n", 2}})[0], Tensor::scalar<int64_t>(2));
  message_of(ErrorCode::kCheck, [&] { evaluate(graph, {row({1, 2, 3, 4})}); });
  message_of(ErrorCode::kCheck, [&] { evaluate(graph, {row({1, 2, 3, 4})}, {{"n", 3}}); });
}

TEST(Evaluate, RegionsShareTheSymbolsOfTheirFunction) {
  const Graph graph = parse_graph(R"(%0: bool[] = argument 0
%1: f32[n] = argument 1
%2: i64[] = if %0 then {
    %0: i64[] = dim_size {dtype = i64, value = dim(3*n)}
    return %0
} otherwise {
    %0: i64[] = dim_size {dtype = i64, value = dim(n)}
    return %0
}
return %2
)");
  expect_equal(evaluate(graph, {Tensor::scalar(true), row({1, 2})})[0], Tensor::scalar<int64_t>(6));
  expect_equal(evaluate(graph, {Tensor::scalar(false), row({1, 2})})[0], Tensor::scalar<int64_t>(2));
}

TEST(Evaluate, RunsWhileLoops) {
  const Graph graph = parse_graph(R"(%0: i32[] = argument 0
%1: f32[n] = argument 1
%2: i32[], %3: f32[n] = while %0, %1 condition {
    %0: i32[] = argument 0
    %1: f32[n] = argument 1
    %2: i32[] = constant {value = i32[]{3}}
    %3: bool[] = less %0, %2
    return %3
} body {
    %0: i32[] = argument 0
    %1: f32[n] = argument 1
    %2: i32[] = constant {value = i32[]{1}}
    %3: i32[] = add %0, %2
    %4: f32[n] = add %1, %1
    return %3, %4
}
return %2, %3
)");
  for (const auto& [start, end, factor] : {std::tuple{0, 3, 8.0f}, std::tuple{2, 3, 2.0f}, std::tuple{5, 5, 1.0f}}) {
    const std::vector<Tensor> results = evaluate(graph, {Tensor::scalar<int32_t>(start), row({1, 5})});
    expect_equal(results[0], Tensor::scalar<int32_t>(end));
    expect_equal(results[1], row({factor, 5 * factor}));
  }
}

TEST(Evaluate, RunsScans) {
  const Graph graph = parse_graph(R"(%0: f32[2] = argument 0
%1: f32[n, 2] = argument 1
%2: f32[n] = argument 2
%3: f32[2], %4: f32[n, 2], %5: f32[n] = scan %0, %1, %2 {carried = 1, length = dim(n)} body {
    %0: f32[2] = argument 0
    %1: f32[2] = argument 1
    %2: f32[] = argument 2
    %3: f32[2] = add %0, %1
    %4: f32[] = negate %2
    return %3, %0, %4
}
return %3, %4, %5
)");
  const std::vector<Tensor> results = evaluate(graph, {row({1, 2}), Tensor::of<float>({3, 2}, {1, 10, 2, 20, 3, 30}), row({7, 8, 9})});
  expect_equal(results[0], row({7, 62}));
  expect_equal(results[1], Tensor::of<float>({3, 2}, {1, 2, 2, 12, 4, 32}));
  expect_equal(results[2], row({-7, -8, -9}));
  const std::vector<Tensor> none = evaluate(graph, {row({1, 2}), Tensor(DType::kF32, {0, 2}), row({})});
  expect_equal(none[0], row({1, 2}));
  expect_equal(none[1], Tensor(DType::kF32, {0, 2}));
}

TEST(Evaluate, RunsFusions) {
  const Graph graph = parse_graph(R"(%0: f32[n] = argument 0
%1: f32[n], %2: f32[n] = fusion %0 {kind = "loops"} body {
    %0: f32[n] = argument 0
    %1: f32[n] = negate %0
    return %1, %0
}
return %2, %1
)");
  const std::vector<Tensor> results = evaluate(graph, {row({1, 2})});
  expect_equal(results[0], row({1, 2}));
  expect_equal(results[1], row({-1, -2}));
}

TEST(Evaluate, RefusesGrad) {
  const Graph graph = parse_graph("%0: f32[] = argument 0\n%1: f32[] = grad %0, %0\nreturn %1\n");
  EXPECT_NE(message_of(ErrorCode::kUnsupported, [&] { evaluate(graph, {Tensor()}); }).find("pass grad"), std::string::npos);
}

TEST(Evaluate, ErrorsNameTheNode) {
  const Graph graph = parse_graph("%0: f32[] = argument 0\n%1: f32[] = grad %0, %0 \"loss.gradient\"\nreturn %1\n");
  EXPECT_NE(message_of(ErrorCode::kUnsupported, [&] { evaluate(graph, {Tensor()}); }).find("loss.gradient"), std::string::npos);
}

TEST(Evaluate, FindsLyingEvaluators) {
  OpDef liar = OpRegistry::instance().get("stop_gradient");
  for (const auto& lie : {Tensor(DType::kF32, {3}), Tensor(DType::kF64, {2}), Tensor(DType::kF32, {2, 1})}) {
    liar.evaluate = [&](const EvaluateRequest&) { return std::vector<Tensor>{lie}; };
    Graph graph;
    const TensorType type{DType::kF32, {2}};
    graph.add_argument(type);
    graph.append({.op = &liar, .operands = {{0}}}, {type});
    graph.set_results({{1}});
    EXPECT_THROW(evaluate(graph, {row({1, 2})}), InternalError);
  }
  liar.evaluate = [](const EvaluateRequest&) { return std::vector<Tensor>{}; };
  Graph graph;
  graph.add_argument({DType::kF32, {2}});
  graph.append({.op = &liar, .operands = {{0}}}, {{DType::kF32, {2}}});
  EXPECT_THROW(evaluate(graph, {row({1, 2})}), InternalError);
}

TEST(Evaluate, RunsFunctionsOfModules) {
  const Module module = parse_module(R"(sir 1
module m
variable x: f32[n] input
variable steps: i64[] state
variable one: i64[] constant {1}
variable y: f32[n] output
function step {
    %0: f32[n] = argument @x
    %1: i64[] = argument @steps
    %2: i64[] = argument @one
    %3: i64[] = add %1, %2
    %4: f32[n] = negate %0
    return @steps = %3, @y = %4
}
)");
  const auto results = evaluate(module, "step", {{"x", row({1, 2})}, {"steps", Tensor::scalar<int64_t>(4)}, {"unused", Tensor()}});
  ASSERT_EQ(results.size(), 2u);
  expect_equal(results.at("steps"), Tensor::scalar<int64_t>(5));
  expect_equal(results.at("y"), row({-1, -2}));
  EXPECT_NE(message_of(ErrorCode::kUsage, [&] { evaluate(module, "step", {{"x", row({1})}}); }).find("state steps"), std::string::npos);
  message_of(ErrorCode::kName, [&] { evaluate(module, "stepp", {}); });
  EXPECT_NE(message_of(ErrorCode::kCheck, [&] { evaluate(module, "step", {{"x", Tensor()}, {"steps", Tensor::scalar<int64_t>(4)}}); }).find("variable x"),
            std::string::npos);
}

}  // namespace
}  // namespace sinter::ir
