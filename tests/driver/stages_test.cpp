// Kernels of stages: contractions and rows one after another on a block of rows, natively, against the evaluator; the same bits for any team.
#include <gtest/gtest.h>

#include "base/random.h"
#include "driver/compile.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"

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
  for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4, TargetLevel::kV4Bf16}) {
    if (level > this_machine().best_level) continue;
    SCOPED_TRACE(std::string(name(level)));
    CompileOptions options;
    options.use_cache = false;
    options.level = level;
    if (level == this_machine().best_level) {  // what pays depends on the width of vectors
      const ir::Module fused = lower(module, "predict", options).fused;
      EXPECT_EQ(fused.functions[0].graph.nodes().size(), static_cast<size_t>(GetParam().kernels)) << ir::print(fused);
    }
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
        for (const ir::Variable& variable : module.variables)
          if (variable.role == Role::kParameter) {
            state.declare(variable.name, variable.role, variable.type);
            Tensor& value = state.get(variable.name);
            for (int64_t i = 0; i < value.size(); ++i) value.set(i, parameters.at(variable.name).get(i));
          }
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
