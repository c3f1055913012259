// Recurrent layers natively: training steps as the evaluator takes them, the same bits for any team, and something learned.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "driver/native.h"
#include "frontend/language/language.h"
#include "ir/control_form.h"
#include "ir/evaluate.h"
#include "passes/grad.h"
#include "support/close.h"
#include "support/levels.h"

namespace sinter::driver {
namespace {

ir::Module model(const std::string& body) {
  return language::compile_text("sinter 1\nmodel m(x: f32[batch, time, 3]) -> y {\n" + body +
                                    "\n}\ntrain m { loss = mean_squared_error(y, label) optimizer = adam(learning_rate = 0.02) }",
                                "text")
      .module;
}

const std::string kBodies[] = {
    "h = rnn(x, 5)\ny = dense(h[1], 1)",
    "h = lstm(x, 7)\ny = dense(mean(h[0], axes = [1]) + h[2], 1)",
    "h = gru(x, 6, reverse = true)\ny = dense(h[1], 1)",
    "h = bidirectional(x, 4, gru)\ny = dense(h[1], 1)",
};

/// Sequences, and their running sums with decay in the end as labels.
Tensors batch_of(int64_t batch, int64_t time, uint32_t seed) {
  RandomSequence random(seed, 1);
  Tensor x(DType::kF32, {batch, time, 3}), label(DType::kF32, {batch, 1});
  for (int64_t i = 0; i < x.size(); ++i) x.set(i, random.normal());
  for (int64_t b = 0; b < batch; ++b) {
    double sum = 0;
    for (int64_t t = 0; t < time; ++t) sum = 0.7 * sum + 0.5 * x.get((b * time + t) * 3);
    label.set(b, std::tanh(sum));
  }
  return {{"x", x}, {"label", label}};
}

class Training {
 public:
  Training(const ir::Module& module, TargetLevel level, std::unique_ptr<runtime::Team> team) : team_(std::move(team)) {
    for (const ir::Variable& variable : module.variables)
      if (variable.role == Role::kParameter || variable.role == Role::kState) state.declare(variable.name, variable.role, variable.type);
    runtime::Run init(compile(module, "init", at_level(level)), state, *team_);
    init.bind("seed", Tensor::scalar<uint32_t>(3));
    init.execute();
    step_ = std::make_unique<runtime::Run>(compile(module, "step", at_level(level)), state, *team_);
  }
  double step(const Tensors& batch) {
    for (const auto& [name, tensor] : batch) step_->bind(name, tensor);
    step_->execute();
    return step_->output("loss").get(0);
  }
  runtime::State state;

 private:
  std::unique_ptr<runtime::Team> team_;
  std::unique_ptr<runtime::Run> step_;
};

TEST(Recurrent, StepsAsTheEvaluatorDoes) {
  for (const std::string& body : kBodies) {
    const ir::Module module = model(body), reference = passes::grad(module);
    for (const TargetLevel level : test::levels_here()) {
      SCOPED_TRACE(body + " on " + std::string(name(level)));
      Training training(module, level, runtime::serial_team());
      Tensors variables;
      for (const auto& entry : training.state.entries()) variables[entry.name] = entry.value.clone();
      for (uint32_t step = 0; step < 3; ++step) {
        const Tensors batch = batch_of(step == 1 ? 1 : 9, step == 2 ? 1 : 5, step);
        for (const auto& [name, tensor] : batch) variables[name] = tensor;
        const double loss = training.step(batch);
        for (auto& [name, tensor] : ir::evaluate(reference, "step", variables)) variables[name] = tensor;
        EXPECT_NEAR(loss, variables.at("loss").get(0), 2e-4);
      }
      for (const auto& entry : training.state.entries()) test::expect_close(entry.value, variables.at(entry.name), {0, 2e-3, 2e-4}, entry.name);
    }
  }
}

TEST(Recurrent, HasTheSameBitsForAnyTeam) {
  for (const std::string& body : kBodies) {
    const ir::Module module = model(body);
    const auto train = [&](std::unique_ptr<runtime::Team> team) {
      Training training(module, default_target_level(), std::move(team));
      for (uint32_t step = 0; step < 3; ++step) training.step(batch_of(500, 7, step));
      Tensors state;
      for (const auto& entry : training.state.entries()) state[entry.name] = entry.value.clone();
      return state;
    };
    const Tensors expected = train(runtime::serial_team());
    for (const int participants : {2, 3}) {
      const Tensors actual = train(runtime::thread_team(participants));
      for (const auto& [name, tensor] : expected) EXPECT_TRUE(same_bits(actual.at(name), tensor)) << body << ": " << name << " with " << participants;
    }
  }
}

TEST(Recurrent, Learns) {
  for (const std::string& body : kBodies) {
    const ir::Module module = model(body);
    Training training(module, default_target_level(), runtime::serial_team());
    double first = 0, last = 0;
    for (uint32_t step = 0; step < 200; ++step) {
      const double loss = training.step(batch_of(32, 8, step));
      if (step < 10) first += loss / 10;
      if (step >= 190) last += loss / 10;
    }
    EXPECT_LT(last, first / 5) << body;
  }
}

}  // namespace
}  // namespace sinter::driver
