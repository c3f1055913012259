// A training loop of one's own: the loss is computed here, gradients come back by name, some parameters stay as they are, the update is written
// out. It learns the 90 % quantile of noisy data: the curve that nine in ten points lie under.
#include <sinter/sinter.hpp>

#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

constexpr const char* kModel = R"(sinter 1
model quantile(x: f32[batch, 1]) -> y {
    features = tanh(dense(x, 64, initial_weight = normal(0, 3), initial_bias = normal(0, 3), name = "random"))
    y = dense(features, 1, name = "output")
}
)";

int main() try {
  sinter::ModelOptions options;
  options.gradient = true;  // there is no train block: the gradient for any loss, from inputs d_y to outputs d_PARAMETER
  const sinter::Model model = sinter::Model::parse(kModel, options);
  sinter::Session session(model, /*threads=*/1);
  session.initialise(/*seed=*/3);

  // Frozen: the random features. All other parameters have a velocity.
  std::map<std::string, std::vector<float>> velocities;
  for (const std::string& name : session.parameters())
    if (name.rfind("random.", 0) != 0) velocities[name].resize(session.variable<float>(name).size());

  constexpr int64_t kBatch = 256;
  std::vector<float> x(kBatch), y(kBatch), slope(kBatch), truth(kBatch);
  sinter::Function predict = session.function("predict"), gradient = session.function("gradient");
  predict.bind("x", x, {kBatch, 1}).bind("y", y, {kBatch, 1});
  gradient.bind("x", x, {kBatch, 1}).bind("d_y", slope, {kBatch, 1});

  std::mt19937 random(1);
  std::uniform_real_distribution<float> place(-2, 2), noise(0, 1);
  double under = 0, last_loss = 0;
  constexpr int kSteps = 4000, kMeasured = 500;
  for (int step = 0; step < kSteps; ++step) {
    for (int64_t i = 0; i < kBatch; ++i) {
      x[i] = place(random);
      truth[i] = std::sin(2 * x[i]) + noise(random);  // the quantile is sin(2 x) + 0.9
    }
    predict.run();
    // The quantile loss, max(0.9 (truth - y), 0.1 (y - truth)), and its derivative.
    double loss = 0;
    for (int64_t i = 0; i < kBatch; ++i) {
      const float error = truth[i] - y[i];
      loss += (error > 0 ? 0.9f * error : -0.1f * error) / kBatch;
      slope[i] = (error > 0 ? -0.9f : 0.1f) / kBatch;
      if (step >= kSteps - kMeasured) under += error < 0;
    }
    last_loss = loss;
    gradient.run();
    const float rate = 0.02f * static_cast<float>(kSteps - step) / kSteps;
    for (auto& [name, velocity] : velocities) {
      const auto parameter = session.variable<float>(name), slopes = gradient.output<float>("d_" + name);
      for (size_t i = 0; i < velocity.size(); ++i) {
        velocity[i] = 0.9f * velocity[i] + slopes[i];
        parameter[i] -= rate * velocity[i];
      }
    }
  }
  under /= static_cast<double>(kBatch) * kMeasured;
  std::printf("loss %.4f; %.1f %% of the points lie under the curve\n", last_loss, 100 * under);
  return under > 0.88 && under < 0.92 ? 0 : 1;
} catch (const sinter::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
