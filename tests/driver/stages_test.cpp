// Kernels of stages: contractions and rows one after another on a block of rows, natively, against the evaluator; the same bits for any team.
#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "driver/compile.h"
#include "driver/training.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"
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
  CompileOptions options;
  options.use_cache = false;
  options.level = TargetLevel::kV4;  // what pays depends on the width of vectors
  const ir::Module fused = lower(module, "predict", options).fused;
  EXPECT_EQ(fused.functions[0].graph.nodes().size(), static_cast<size_t>(GetParam().kernels)) << ir::print(fused);
  for (const TargetLevel level : test::levels_here()) {
    SCOPED_TRACE(std::string(name(level)));
    options.level = level;
    const auto executable = compile(module, "predict", options);
    for (const int64_t batch : {0, 1, 15, 63, 64, 65, 200}) {
      RandomSequence random(7, static_cast<uint32_t>(batch));
      Tensor x(DType::kF32, {batch, 20});
      for (int64_t i = 0; i < x.size(); ++i) x.set(i, random.normal());
      std::map<std::string, Tensor> all = parameters;
      all["x"] = x;
      const Tensor expected = ir::evaluate(module, "predict", all, {{"batch", batch}}).at("y");
      std::optional<Tensor> first;
      for (const int threads : {1, 2, 3}) {
        runtime::State state;
        declare_variables(module, state);
        for (const auto& [name, value] : parameters) std::memcpy(state.get(name).raw(), value.raw(), value.bytes());
        const auto team = threads == 1 ? runtime::serial_team() : runtime::thread_team(threads);
        runtime::Run run(executable, state, *team);
        run.bind("x", x);
        run.execute();
        const Tensor actual = run.output("y").clone();
        test::expect_close(actual, expected, {0, 2e-5, 2e-5}, "batch " + std::to_string(batch));
        if (first) EXPECT_TRUE(same_bits(*first, actual)) << threads << " threads";
        first = actual;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Stages, testing::ValuesIn(kModels), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::driver
