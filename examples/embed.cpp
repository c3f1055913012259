// Sinter in a C++ program: a model is compiled, trained for some steps and run, all on the program's own buffers. docs/embedding.md tells more.
#include <sinter/sinter.hpp>

#include <cstdio>
#include <vector>

int main() try {
  // A text of one's own; sinter::Model("classifier.sinter") would read a file.
  const sinter::Model model = sinter::Model::parse(R"(sinter 1
    model gate(x: f32[batch, 2]) -> y {
        hidden = tanh(dense(x, 8))
        y = sigmoid(dense(hidden, 1))
    }
    train gate { loss = mean_squared_error(y, label)   optimizer = adam(learning_rate = 0.05) })");
  sinter::Session session(model, /*threads=*/1);
  session.initialise(/*seed=*/1);

  const std::vector<float> x = {0, 0, 0, 1, 1, 0, 1, 1}, label = {0, 1, 1, 0};
  sinter::Function step = session.function("step"), predict = session.function("predict");
  step.bind("x", x, {4, 2}).bind("label", label, {4, 1});
  for (int i = 0; i < 500; ++i) step.run();

  std::vector<float> y(4);
  predict.bind("x", x, {4, 2}).bind("y", y, {4, 1}).run();
  for (size_t i = 0; i < 4; ++i) std::printf("%.0f xor %.0f = %.2f\n", x[2 * i], x[2 * i + 1], y[i]);
  return step.scalar("loss") < 0.01f ? 0 : 1;
} catch (const sinter::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
