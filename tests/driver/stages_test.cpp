// Kernels of stages: contractions and rows one after another on a block of rows, natively, against the evaluator; the same bits for any team.
#include <gtest/gtest.h>

#include "driver/native.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/levels.h"

namespace sinter::driver {
namespace {

struct Model {
  const char* name;
  const char* body;  // of x: f32[batch, 20] to y
  int kernels;
};

const Model kModels[] = {
    {"dense", "h = relu(dense(x, 64)) i = relu(dense(h, 64)) y = dense(i, 10)", 1},
    {"rows_between", "h = relu(dense(x, 48)) n = layer_norm(h) g = gelu(dense(n, 36)) + h[:, 0:36] o = dense(g, 7) y = softmax(o)", 1},
    {"wide", "h = relu(dense(x, 150)) y = dense(h, 70) + 1", 1},
    {"three_axes", "h = reshape(x, [batch, 4, 5]) a = relu(dense(h, 33)) b = dense(a, 5) y = softmax(b)", 2},
    {"transposed", "parameter w: f32[20, 20] = uniform(-1, 1) h = tanh(x @ w) y = h @ transpose(w)", 1},
    {"read_by_columns", "h = relu(dense(x, 20)) y = dense(h, 20) - sum(h, axes = [0])", 3},
};

class Stages : public testing::TestWithParam<Model> {};

TEST_P(Stages, ComputeWhatTheEvaluatorDoes) {
  const ir::Module module =
      language::compile_text("sinter 1\nmodel m(x: f32[batch, 20]) -> y {\n" + std::string(GetParam().body) + "\n}\n", "test").module;
  const auto parameters = ir::evaluate(module, "init", {{"seed", Tensor::scalar<uint32_t>(3)}});
  const ir::Module fused = lower(module, "predict", at_level(TargetLevel::kV4)).fused;  // what pays depends on the width of vectors
  EXPECT_EQ(fused.functions[0].graph.nodes().size(), static_cast<size_t>(GetParam().kernels)) << ir::print(fused);
  for (const TargetLevel level : test::levels_here()) {
    SCOPED_TRACE(std::string(name(level)));
    const auto executable = compile(module, "predict", at_level(level));
    for (const int64_t batch : {0, 1, 15, 63, 64, 65, 200}) {
      const SymbolValues symbols{{"batch", batch}};
      Tensors values = drawn_arguments(module, "predict", symbols, static_cast<uint32_t>(7 + batch));
      for (const auto& [name, value] : parameters) values[name] = value;
      expect_natively(executable, values, symbols, ir::evaluate(module, "predict", values, symbols), {0, 2e-5, 2e-5}, "of batch " + std::to_string(batch));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Stages, testing::ValuesIn(kModels), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::driver
