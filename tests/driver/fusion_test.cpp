// What a kernel takes in beside its main work: structure (kinds and counts), and native code against the evaluator at edge sizes on each instruction set, with
// the same bits for any team.
#include <gtest/gtest.h>

#include <algorithm>

#include "driver/native.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/check_fusions.h"
#include "support/levels.h"

namespace sinter::driver {
namespace {

using Kinds = std::map<std::string, int>;

struct Model {
  const char* name;
  const char* head;  // parameters and results of the model
  const char* body;
  Kinds kinds;  // of all fusions, inner ones too
  std::vector<int64_t> batches = {0, 1, 7, 64, 131};
};

const Model kModels[] = {
    // Sums of the second operand in the kernel of the contraction, as a bias gradient beside its weight's.
    {"sum_of_rhs", "x: f32[batch, 20], g: f32[batch, 33]) -> w, b", "w = transpose(x) @ g b = sum(g, axes = [0])", {{"contract", 1}}, {0, 1, 3, 4, 5, 64, 131, 1500}},
    {"sum_of_rhs_many_columns", "x: f32[batch, 9], g: f32[batch, 130]) -> w, b", "w = relu(transpose(x) @ g) b = sum(g, axes = [0])", {{"contract", 1}}},
    {"sum_of_rhs_many_rows", "x: f32[batch, 1100], g: f32[batch, 16]) -> w, b", "w = transpose(x) @ g b = sum(g, axes = [0])", {{"contract", 1}}, {0, 5, 64}},
    {"sum_of_rhs_three_axes", "x: f32[batch, 3, 20], g: f32[batch, 3, 50]) -> w, b",
     "w = op.dot_general(x, g, lhs_batch = [], rhs_batch = [], lhs_contract = [0, 1], rhs_contract = [0, 1]) b = sum(g, axes = [0, 1])", {{"contract", 1}}},
    {"largest_of_rhs", "x: f32[batch, 20], g: f32[batch, 33]) -> w, b", "w = transpose(x) @ g b = max(g, axes = [0])", {{"contract", 1}}, {1, 5, 64}},
    {"sum_of_lhs_stays", "x: f32[batch, 20], g: f32[batch, 33]) -> w, b", "w = transpose(g) @ x b = sum(g, axes = [0])", {{"contract", 1}, {"columns", 1}, {"parallel", 1}}},
    {"sum_along_columns_stays", "x: f32[20, 33], g: f32[33, batch]) -> w, b", "w = x @ g b = sum(g, axes = [1])", {{"contract", 1}, {"rows", 1}, {"parallel", 1}}, {1, 5, 64}},
    // Products of one array are one kernel, however large.
    {"queries_keys_values", "x: f32[batch, 500]) -> q, k, v", "q = dense(x, 256) k = relu(dense(x, 200)) v = dense(x, 256)", {{"contract", 3}, {"parallel", 1}}, {0, 1, 64, 131}},
    {"products_of_two_arrays", "x: f32[batch, 500], z: f32[batch, 500]) -> q, k", "q = dense(x, 256) k = dense(z, 256)", {{"contract", 2}}, {1, 64}},
    // What reads a product place by place is done on the hot tile.
    {"bias", "x: f32[batch, 20]) -> y", "y = dense(x, 33)", {{"contract", 1}}},
    {"activation", "x: f32[batch, 20]) -> y", "y = gelu(dense(x, 33))", {{"contract", 1}}},
    {"residual", "x: f32[batch, 33]) -> y", "y = x + dense(x, 33)", {{"contract", 1}}},
    {"scale", "x: f32[batch, 20], s: f32[33]) -> y", "y = 0.125 * dense(x, 33) * s", {{"contract", 1}}},
    {"casts", "x: f32[batch, 20]) -> y", "y = cast(tanh(dense(x, 33)), f64)", {{"contract", 1}}},
    {"several_results", "x: f32[batch, 20]) -> y, share", "h = dense(x, 33) y = relu(h) share = sigmoid(h)", {{"contract", 1}}},
    {"softmax_of_the_result", "x: f32[batch, 20]) -> y", "y = softmax(dense(x, 33))", {{"contract", 1}, {"rows", 1}, {"stages", 1}}},
    {"normalised_result", "x: f32[batch, 20]) -> y", "h = relu(dense(x, 33)) o = dense(h, 20) y = layer_norm(x + o)", {{"contract", 2}, {"rows", 1}, {"stages", 1}}},
};

void count_kinds(const ir::Graph& graph, Kinds& kinds) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.op->name != "fusion") continue;
    ++kinds[ir::get_attribute<std::string>(*node.op, node.attributes, "kind")];
    count_kinds(node.regions[0], kinds);
  }
}

class Fusion : public testing::TestWithParam<Model> {};

TEST_P(Fusion, HasTheKernelsAndTheNumbers) {
  const ir::Module module =
      language::compile_text("sinter 1\nmodel m(" + std::string(GetParam().head) + " {\n" + std::string(GetParam().body) + "\n}\n", "test").module;
  const auto parameters = ir::evaluate(module, "init", {{"seed", Tensor::scalar<uint32_t>(3)}});
  const ir::Module fused = lower(module, "predict", at_level(TargetLevel::kV4)).fused;  // what pays depends on the width of vectors
  Kinds kinds;
  count_kinds(fused.functions[0].graph, kinds);
  EXPECT_EQ(kinds, GetParam().kinds) << ir::print(fused);
  EXPECT_EQ(ir::print(ir::parse_module(ir::print(fused), "fused.sir")), ir::print(fused));
  for (const TargetLevel level : test::levels_here()) {
    SCOPED_TRACE(std::string(name(level)));
    const auto executable = compile(module, "predict", at_level(level));
    for (const int64_t batch : GetParam().batches) {
      const SymbolValues symbols{{"batch", batch}};
      Tensors values = drawn_arguments(module, "predict", symbols, static_cast<uint32_t>(7 + batch));
      for (const auto& [name, value] : parameters) values[name] = value;
      const double bound = 3e-5 * std::max(1.0, static_cast<double>(batch) / 256);
      expect_natively(executable, values, symbols, ir::evaluate(module, "predict", values, symbols), {0, 3e-5, bound}, "of batch " + std::to_string(batch));
    }
  }
}

/// All fusions of these bodies that draw random words, by kind.
void count_draws(const ir::Graph& graph, Kinds& kinds) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.op->name != "fusion") continue;
    count_draws(node.regions[0], kinds);
    for (const ir::Node& inner : node.regions[0].nodes())
      if (inner.op->name == "random_bits") ++kinds[ir::get_attribute<std::string>(*node.op, node.attributes, "kind")];
  }
}

TEST(FusedDropout, IsDrawnOnTheHotTileAndKeptForTheGradient) {
  const ir::Module module = language::compile_text(R"(sinter 1
model m(x: f32[batch, 100]) -> y {
    h = dropout(relu(dense(x, 256)), rate = 0.2)
    y = dropout(dense(h, 256), rate = 0.5) + h
}
train m { loss = mean_squared_error(y, label)   optimizer = sgd(learning_rate = 0.1) }
)", "test").module;
  Kinds kinds;
  count_draws(lower(module, "step", at_level(TargetLevel::kV4)).fused.functions[0].graph, kinds);
  EXPECT_EQ(kinds, (Kinds{{"contract", 2}}));
}

INSTANTIATE_TEST_SUITE_P(Models, Fusion, testing::ValuesIn(kModels), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::driver
