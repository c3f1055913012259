// The library as a program meets it: sinter.h through sinter.hpp, linked with libsinter.so.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "sinter/sinter.hpp"
#include "support/temporary_folder.h"

namespace {

using sinter::test::TemporaryFolder;

constexpr const char* kModel = R"(sinter 1
model line(x: f32[batch, 3]) -> y {
    h = tanh(dense(x, 5, name = "first"))
    y = dense(h, 2, name = "second")
}
train line { loss = mean_squared_error(y, label)   optimizer = sgd(learning_rate = 0.1) }
)";

const std::vector<float> kX = {0.1f, -0.4f, 0.9f, 1.2f, 0.3f, -0.7f, 0.5f, 0.5f, -1.5f, -0.2f, 0.8f, 0.4f}, kLabel = {1, 0, 0, 1, -1, 0.5f, 0.25f, 2};

sinter::Model model_with_gradient() {
  sinter::ModelOptions options;
  options.gradient = true;
  return sinter::Model::parse(kModel, options);
}

/// What a call that fails raises; an empty message when it does not.
template <class Call> std::pair<std::string, std::string> failure_of(const Call& call) {
  try {
    call();
  } catch (const sinter::Error& error) {
    return {error.kind(), error.what()};
  }
  return {};
}

TEST(Api, MistakesAreErrorsWithAKindAndAMessage) {
  const auto expect = [](const std::string& kind, const std::string& part, const auto& call) {
    const auto [actual, message] = failure_of(call);
    EXPECT_EQ(actual, kind) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect("io", "/none/such.sinter", [] { sinter::Model("/none/such.sinter"); });
  expect("syntax", "text:1", [] { sinter::Model::parse("no model"); });
  expect("usage", "batch=x", [] {
    sinter::ModelOptions options;
    options.specialize = "batch=x";
    sinter::Model::parse(kModel, options);
  });
  const sinter::Model model = sinter::Model::parse(kModel);
  expect("usage", "threads", [&] { sinter::Session(model, -1); });
  sinter::Session session(model, 1);
  expect("name", "predict", [&] { session.function("predcit"); });
  expect("name", "first.weight", [&] { session.variable<float>("first.wieght"); });
  expect("usage", "elements of that type", [&] { session.variable<double>("first.weight"); });
  expect("io", "nothing.safetensors", [&] { session.load("/none/nothing.safetensors"); });
  sinter::Function predict = session.function("predict");
  std::vector<float> few(5);
  expect("usage", "5 elements", [&] { predict.bind("x", few, {2, 3}); });
  expect("name", "x", [&] { predict.bind("z", few, {5}); });
  std::vector<double> wide(6);
  expect("type", "f32", [&] { predict.bind("x", wide, {2, 3}); });
  expect("check", "x", [&] { predict.bind("x", few, {5, 1}).run(); });
  expect("usage", "null", [&] { predict.bind("x", static_cast<float*>(nullptr), {2, 3}); });
  expect("usage", "64 bits", [&] { predict.bind("x", few.data(), {std::numeric_limits<int64_t>::max(), 3}); });
}

TEST(Api, NullPointersAndOptionsOfAnotherSizeAreMistakes) {
  sinter_model* model = nullptr;
  EXPECT_EQ(sinter_model_parse(nullptr, nullptr, nullptr, &model), SINTER_MISTAKE);
  EXPECT_EQ(sinter_model_parse(kModel, nullptr, nullptr, nullptr), SINTER_MISTAKE);
  sinter_model_options options{};
  EXPECT_EQ(sinter_model_parse(kModel, nullptr, &options, &model), SINTER_MISTAKE);
  EXPECT_NE(std::string(sinter_error_message()).find("size"), std::string::npos);
  sinter_session* session = nullptr;
  EXPECT_EQ(sinter_session_open(nullptr, 1, &session), SINTER_MISTAKE);
  sinter_model_close(nullptr);
  sinter_session_close(nullptr);
  sinter_function_close(nullptr);
  EXPECT_EQ(sinter_function_port(nullptr, 0, nullptr, nullptr), nullptr);
  EXPECT_EQ(sinter_session_variable_name(nullptr, 0, nullptr), nullptr);
}

TEST(Api, ThingsMayBeClosedInAnyOrder) {
  sinter_model* model = nullptr;
  ASSERT_EQ(sinter_model_parse(kModel, "line", nullptr, &model), SINTER_FINE);
  sinter_session* session = nullptr;
  ASSERT_EQ(sinter_session_open(model, 1, &session), SINTER_FINE);
  sinter_model_close(model);
  ASSERT_EQ(sinter_session_initialise(session, 3), SINTER_FINE);
  sinter_function* predict = nullptr;
  ASSERT_EQ(sinter_function_open(session, "predict", &predict), SINTER_FINE);
  sinter_session_close(session);
  sinter::Function function(predict);
  EXPECT_EQ(function.bind("x", kX, {4, 3}).ports().size(), 2u);
  function.run();
  EXPECT_EQ(function.output<float>("y").dims(), (sinter::Dims{4, 2}));
}

TEST(Api, GradientsAreSlopesOfTheLoss) {
  const sinter::Model model = model_with_gradient();
  sinter::Session session(model, 1);
  session.initialise(7);
  sinter::Function gradient = session.function("gradient"), evaluate = session.function("evaluate");
  for (sinter::Function* function : {&gradient, &evaluate}) function->bind("x", kX, {4, 3}).bind("label", kLabel, {4, 2});
  gradient.run();
  for (const std::string& name : session.parameters()) {
    const std::vector<float> slopes(gradient.output<float>("d_" + name).begin(), gradient.output<float>("d_" + name).end());
    for (size_t i = 0; i < slopes.size(); ++i) {
      const auto loss_at = [&](float change) {
        const auto variable = session.variable<float>(name);
        const float kept = variable[i];
        variable[i] += change;
        evaluate.run();
        session.variable<float>(name)[i] = kept;
        return static_cast<double>(evaluate.scalar("loss"));
      };
      EXPECT_NEAR(slopes[i], (loss_at(0.01f) - loss_at(-0.01f)) / 0.02, 2e-3) << name << " " << i;
    }
  }
}

/// A step of one's own by the gradients is the step of the text.
TEST(Api, AStepByHandIsTheStep) {
  const sinter::Model model = model_with_gradient();
  sinter::Session by_hand(model, 1), by_step(model, 2);
  by_hand.initialise(7);
  by_step.initialise(7);
  sinter::Function gradient = by_hand.function("gradient"), step = by_step.function("step");
  for (sinter::Function* function : {&gradient, &step}) function->bind("x", kX, {4, 3}).bind("label", kLabel, {4, 2});
  for (int i = 0; i < 3; ++i) {
    gradient.run();
    step.run();
    EXPECT_EQ(gradient.scalar("loss"), step.scalar("loss"));
    for (const std::string& name : by_hand.parameters()) {
      const auto parameter = by_hand.variable<float>(name), slopes = gradient.output<float>("d_" + name);
      for (size_t k = 0; k < slopes.size(); ++k) parameter[k] -= 0.1f * slopes[k];
    }
  }
  for (const std::string& name : by_hand.parameters()) {
    const auto mine = by_hand.variable<float>(name), theirs = by_step.variable<float>(name);
    for (size_t k = 0; k < mine.size(); ++k) EXPECT_NEAR(mine[k], theirs[k], 1e-6) << name;
  }
}

/// A host's loop that begins at the end.
void backwards(void* calls, int64_t count, void (*body)(void* data, int64_t i), void* data) {
  ++*static_cast<int*>(calls);
  for (int64_t i = count; i-- > 0;) body(data, i);
}

TEST(Api, AHostsOwnLoopGivesTheSameBits) {
  const sinter::Model model = sinter::Model::parse("sinter 1\nmodel wide(x: f32[batch, 300]) -> y { h = relu(dense(x, 400)) y = softmax(dense(h, 500)) }\n");
  std::vector<float> x(200 * 300), first, y(200 * 500);
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i));
  int calls = 0;
  for (const int threads : {1, 3, 0}) {
    sinter::Session session = threads > 0 ? sinter::Session(model, threads) : sinter::Session(model, 2, backwards, &calls);
    session.initialise(1);
    session.function("predict").bind("x", x, {200, 300}).bind("y", y, {200, 500}).run();
    if (first.empty()) first = y;
    EXPECT_EQ(y, first) << threads;
  }
  EXPECT_GT(calls, 0);
}

TEST(Api, WeightsAreSavedAndLoaded) {
  const TemporaryFolder folder;
  const std::string file = folder.file("w.safetensors");
  const sinter::Model model = sinter::Model::parse(kModel);
  sinter::Session a(model, 1), b(model, 1);
  a.initialise(1);
  a.save(file);
  b.load(file);
  for (const std::string& name : a.parameters()) {
    const auto one = a.variable<float>(name), two = b.variable<float>(name);
    EXPECT_TRUE(std::equal(one.begin(), one.end(), two.begin())) << name;
  }
  const sinter::Model other = sinter::Model::parse("sinter 1\nmodel line(x: f32[batch, 3]) -> y { y = dense(x, 2) }\n");
  sinter::Session c(other, 1);
  EXPECT_NE(failure_of([&] { c.load(file); }).second, "");
}

TEST(Api, AnOnnxModelBringsItsWeights) {
  const std::string folder = "/usr/share/libonnx-testdata/data/pytorch-converted/test_Linear";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "Debian's package libonnx-testdata is not installed";
  const sinter::Model model(folder + "/model.onnx");
  sinter::Session session(model, 1);
  ASSERT_FALSE(session.parameters().empty());
  float most = 0;
  for (const float value : session.variable<float>(session.parameters()[0])) most = std::max(most, std::fabs(value));
  EXPECT_GT(most, 0);
  session.variable<float>(session.parameters()[0])[0] = 77;
  session.initialise(0);
  EXPECT_NE(session.variable<float>(session.parameters()[0])[0], 77);
  session.function("predict");
}

}  // namespace
