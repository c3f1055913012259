// What a model text becomes: variables by path, the four functions, and their values on the reference evaluator.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/random.h"
#include "frontend/support.h"
#include "ir/structural_hash.h"

namespace sinter::language {
namespace {

using Names = std::vector<std::string>;

Names names_of(const ir::Module& module, Role role) {
  Names names;
  for (const ir::Variable& variable : module.variables) {
    if (variable.role == role) names.push_back(variable.name);
  }
  return names;
}

TEST(Compile, classifier_has_the_variables_of_its_text) {
  const Compiled compiled = compile_text(example("classifier"), "classifier.sinter");
  ir::verify(compiled.module);
  EXPECT_EQ(compiled.module.name, "classifier");
  EXPECT_EQ(names_of(compiled.module, Role::kParameter),
            (Names{"h1.weight", "h1.bias", "h2.weight", "h2.bias", "logits.weight", "logits.bias"}));
  EXPECT_EQ(compiled.module.variable("h1.weight").type.to_string(), "f32[32, 64]");
  EXPECT_EQ(compiled.module.variable("x").type.to_string(), "f32[batch, 32]");
  EXPECT_EQ(compiled.module.variable("label").type.to_string(), "i64[batch]");
  EXPECT_EQ(names_of(compiled.module, Role::kOutput), (Names{"logits", "loss", "accuracy"}));
  EXPECT_EQ(names_of(compiled.module, Role::kState).size(), 2 + 2 * 6U);
  EXPECT_EQ(compiled.module.variable("optimizer.h1.weight.m").type.to_string(), "f32[32, 64]");

  EXPECT_EQ(compiled.module.function("predict").arguments,
            (Names{"x", "h1.weight", "h1.bias", "h2.weight", "h2.bias", "logits.weight", "logits.bias"}));
  EXPECT_EQ(compiled.module.function("predict").results, (Names{"logits"}));
  EXPECT_EQ(compiled.module.function("init").arguments, (Names{"seed"}));
  EXPECT_EQ(compiled.module.function("evaluate").results, (Names{"loss", "accuracy"}));
  const Names& written = compiled.module.function("step").results;
  for (const char* name : {"h1.weight", "train.step", "optimizer.logits.bias.v", "loss", "accuracy"}) {
    EXPECT_NE(std::find(written.begin(), written.end(), name), written.end()) << name;
  }
}

TEST(Compile, classifier_has_the_settings_of_its_train_block) {
  const Compiled compiled = compile_text(example("classifier"), "classifier.sinter");
  ASSERT_TRUE(compiled.train.has_value());
  const TrainSpec& train = *compiled.train;
  EXPECT_EQ(train.model, "classifier");
  EXPECT_EQ(train.epochs, 10);
  EXPECT_EQ(train.batch, 32);
  EXPECT_EQ(train.metrics, (Names{"accuracy"}));
  EXPECT_EQ(train.feature, "x");
  EXPECT_EQ(train.batch_symbol, "batch");
  EXPECT_TRUE(train.label_is_classes);
  EXPECT_EQ(train.classes, 10);
  EXPECT_EQ(train.normalise, Normalise::kNone);
  ASSERT_TRUE(train.data.has_value());
  EXPECT_EQ(train.data->source, "clusters");
  EXPECT_EQ(std::get<int64_t>(train.data->arguments.at("samples")), 12500);
  EXPECT_EQ(std::get<double>(train.data->arguments.at("split")), 0.8);
  EXPECT_EQ(train.data->place.line, 8);
}

TEST(Compile, options_override_the_train_block) {
  Options options;
  options.epochs = 3;
  options.batch = 8;
  options.seed = 7;
  options.learning_rate = 0.5;
  options.data = "folder/points.csv";
  const Compiled compiled = compile_text(example("digits"), "digits.sinter", options);
  EXPECT_EQ(compiled.train->epochs, 3);
  EXPECT_EQ(compiled.train->batch, 8);
  EXPECT_EQ(compiled.train->seed, 7U);
  EXPECT_EQ(compiled.train->data->source, "csv");
  EXPECT_EQ(std::get<std::string>(compiled.train->data->arguments.at("path")), "folder/points.csv");
  EXPECT_EQ(std::get<double>(compiled.train->data->arguments.at("split")), 0.8);
  EXPECT_EQ(compiled.train->normalise, Normalise::kStandard);
  options.learning_rate = 0.25;
  const Compiled other = compile_text(example("digits"), "digits.sinter", options);
  EXPECT_NE(ir::structural_hash(compiled.module), ir::structural_hash(other.module));
}

TEST(Compile, specialised_symbols_are_constants) {
  Options options;
  options.dims["batch"] = 32;
  const Compiled compiled = compile_text(example("classifier"), "classifier.sinter", options);
  EXPECT_EQ(compiled.module.variable("x").type.to_string(), "f32[32, 32]");
  EXPECT_EQ(compiled.module.variable("label").type.to_string(), "i64[32]");
}

TEST(Compile, paths_of_data_are_relative_to_the_text) {
  const std::string text =
      "sinter 1\nmodel m(x: f32[batch, 2]) -> y { y = dense(x, 1) }\n"
      "train m { data = csv(\"points.csv\", split = 0.5) loss = mean_squared_error(y, label) optimizer = sgd() }";
  const Compiled compiled = compile_text(text, "models/m.sinter");
  EXPECT_EQ(std::get<std::string>(compiled.train->data->arguments.at("path")), "models/points.csv");
  EXPECT_FALSE(compiled.train->label_is_classes);
  EXPECT_EQ(compiled.module.variable("label").type.to_string(), "f32[batch, 1]");
}

TEST(Compile, a_users_dense_shadows_the_librarys_and_gives_the_same_graph) {
  const std::string own = R"(
layer dense(x: f32[batch, width], count: int) -> result {
    bound = 1 / sqrt(width)
    parameter weight: f32[width, count] = uniform(-bound, bound)
    parameter bias: f32[count] = uniform(-bound, bound)
    result = x @ weight + bias
})";
  const std::string text = example("classifier");
  const Compiled library = compile_text(text, "classifier.sinter");
  const Compiled user = compile_text(text + own, "classifier.sinter");
  EXPECT_EQ(ir::structural_hash(library.module, true), ir::structural_hash(user.module, true));
  const std::string other = own.substr(0, own.rfind("+ bias")) + "- bias\n}";
  EXPECT_NE(ir::structural_hash(library.module), ir::structural_hash(compile_text(text + other, "classifier.sinter").module));
}

TEST(Compile, all_examples_compile_and_verify) {
  for (const std::string& name : kExamples) {
    SCOPED_TRACE(name);
    const Compiled compiled = compile_text(example(name), name + ".sinter");
    ir::verify(compiled.module);
    EXPECT_EQ(compiled.module.functions.size(), 4U);
  }
}

TEST(Compile, init_draws_what_the_initialisers_say) {
  Machine machine(compile_text(example("classifier"), "classifier.sinter"), 5);
  const Tensor& weight = machine.variables.at("h1.weight");
  double sum = 0, highest = 0;
  for (int64_t i = 0; i < weight.size(); ++i) {
    sum += weight.get(i);
    highest = std::max(highest, std::abs(weight.get(i)));
  }
  const double bound = 1 / std::sqrt(32.0);
  EXPECT_LT(highest, bound);
  EXPECT_GT(highest, 0.98 * bound);
  EXPECT_NEAR(sum / static_cast<double>(weight.size()), 0, 0.01);
  EXPECT_EQ(machine.variables.at("train.seed").get_integer(0), 5);
  EXPECT_EQ(machine.variables.at("train.step").get_integer(0), 0);
  EXPECT_EQ(machine.number("optimizer.h2.weight.v"), 0);

  const Machine again(compile_text(example("classifier"), "x"), 5), other(compile_text(example("classifier"), "x"), 6);
  EXPECT_TRUE(same_bits(weight, again.variables.at("h1.weight")));
  EXPECT_FALSE(same_bits(weight, other.variables.at("h1.weight")));
  EXPECT_NE(machine.number("h1.bias"), machine.number("h2.bias"));
}

TEST(Compile, the_initial_values_of_a_layer_do_not_depend_on_others) {
  const Machine one(compile("model m(x: f32[batch, 4]) -> y { y = dense(x, 3) }"));
  const Machine two(compile("model m(x: f32[batch, 4]) -> y { h = dense(x, 4)  y = dense(h, 3) }"));
  EXPECT_TRUE(same_bits(one.variables.at("y.weight"), two.variables.at("y.weight")));
}

TEST(Compile, predict_of_the_neuron_is_its_formula) {
  Machine machine(compile_text(example("neuron"), "neuron.sinter"));
  machine.variables["x"] = Tensor::of<float>({3, 2}, {0.5F, -1, 2, 0, -3, 4});
  machine.variables["w"] = Tensor::of<float>({2}, {0.3F, -0.7F});
  machine.variables["b"] = Tensor::scalar(0.1F);
  run(machine.module, "predict", machine.variables);
  const Tensor& y = machine.variables.at("y");
  ASSERT_EQ(y.extents(), (Extents{3}));
  const double z[] = {0.5 * 0.3 + 0.7 + 0.1, 2 * 0.3 + 0.1, -3 * 0.3 - 4 * 0.7 + 0.1};
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(y.get(i), 1 / (1 + std::exp(-z[i])), 1e-6);
}

/// One step on y = w with loss mean((y - label)^2): the gradient is 2 (w - label).
Machine one_weight(const std::string& optimizer) {
  return Machine(
      compile("model m(x: f32[batch]) -> y { parameter w: f32[] = 3  y = x * w }\n"
              "train m { loss = mean((y - label) ^ 2) optimizer = " +
              optimizer + " }"));
}

TEST(Compile, sgd_with_momentum_is_pytorchs) {
  Machine machine = one_weight("sgd(learning_rate = 0.1, momentum = 0.9, weight_decay = 0.01)");
  machine.variables["x"] = Tensor::of<float>({2}, {1, 1});
  machine.variables["label"] = Tensor::of<float>({2}, {1, 1});
  double w = 3, velocity = 0;
  for (int step = 1; step <= 5; ++step) {
    run(machine.module, "step", machine.variables);
    EXPECT_NEAR(machine.number("loss"), (w - 1) * (w - 1), 1e-5);
    velocity = 0.9 * velocity + 2 * (w - 1) + 0.01 * w;
    w -= 0.1 * velocity;
    EXPECT_NEAR(machine.number("w"), w, 1e-5);
    EXPECT_NEAR(machine.number("optimizer.w.velocity"), velocity, 1e-5);
    EXPECT_EQ(machine.variables.at("train.step").get_integer(0), step);
  }
}

TEST(Compile, adam_is_its_paper) {
  Machine machine = one_weight("adam(learning_rate = 0.1)");
  machine.variables["x"] = Tensor::of<float>({2}, {1, 1});
  machine.variables["label"] = Tensor::of<float>({2}, {1, 1});
  double w = 3, m = 0, v = 0;
  for (int step = 1; step <= 20; ++step) {
    run(machine.module, "step", machine.variables);
    const double g = 2 * (w - 1);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w -= 0.1 * (m / (1 - std::pow(0.9, step))) / (std::sqrt(v / (1 - std::pow(0.999, step))) + 1e-8);
    EXPECT_NEAR(machine.number("w"), w, 2e-6 * step);
  }
}

TEST(Compile, two_three_one_learns_exclusive_or) {
  Machine machine(compile_text(example("two_three_one"), "two_three_one.sinter"), 3);
  RandomSequence random(1, 1);
  double first = 0, last = 0;
  for (int step = 0; step < 600; ++step) {
    std::vector<float> x, label;
    for (int i = 0; i < 16; ++i) {
      const bool a = random.below(2) != 0, b = random.below(2) != 0;
      x.push_back(static_cast<float>(a + 0.1 * random.normal()));
      x.push_back(static_cast<float>(b + 0.1 * random.normal()));
      label.push_back(a != b ? 1.0F : 0.0F);
    }
    machine.variables["x"] = Tensor::of({16, 2}, x);
    machine.variables["label"] = Tensor::of({16, 1}, label);
    run(machine.module, "step", machine.variables);
    (step < 10 ? first : last) += step < 10 || step >= 590 ? machine.number("loss") / 10 : 0;
  }
  EXPECT_NEAR(first, 0.125, 0.02);  // half the variance of the label
  EXPECT_LT(last, 0.02);
}

TEST(Compile, the_neuron_finds_the_line_between_two_clouds) {
  Machine machine(compile_text(example("neuron"), "neuron.sinter"), 3);
  RandomSequence random(2, 1);
  for (int step = 0; step < 200; ++step) {
    std::vector<float> x, label;
    for (int i = 0; i < 20; ++i) {
      const bool one = random.below(2) != 0;
      x.push_back(static_cast<float>((one ? 2 : -1) + 0.5 * random.normal()));
      x.push_back(static_cast<float>((one ? 0 : 1) + 0.5 * random.normal()));
      label.push_back(one ? 1.0F : 0.0F);
    }
    machine.variables["x"] = Tensor::of({20, 2}, x);
    machine.variables["label"] = Tensor::of({20}, label);
    run(machine.module, step < 199 ? "step" : "evaluate", machine.variables);
  }
  EXPECT_LT(machine.number("loss"), 0.03);
  EXPECT_GE(machine.number("binary_accuracy"), 0.95F);
}

TEST(Compile, the_classifier_learns_clusters) {
  Machine machine(compile_text(example("classifier"), "classifier.sinter"), 3);
  RandomSequence centres(4, 1), random(4, 2);
  std::vector<double> centre(10 * 32);
  for (double& c : centre) c = centres.normal();
  for (int step = 0; step < 60; ++step) {
    std::vector<float> x;
    std::vector<int64_t> label;
    for (int i = 0; i < 32; ++i) {
      label.push_back(random.below(10));
      for (size_t k = 0; k < 32; ++k) x.push_back(static_cast<float>(centre[static_cast<size_t>(label.back()) * 32 + k] + 0.5 * random.normal()));
    }
    machine.variables["x"] = Tensor::of({32, 32}, x);
    machine.variables["label"] = Tensor::of({32}, label);
    run(machine.module, step < 59 ? "step" : "evaluate", machine.variables);
    if (step == 0) EXPECT_NEAR(machine.number("loss"), std::log(10.0), 0.6);
  }
  EXPECT_LT(machine.number("loss"), 0.2);
  EXPECT_GE(machine.number("accuracy"), 0.9F);
}

TEST(Compile, normalised_inputs_use_the_state_that_the_data_fill) {
  const std::string model =
      "model m(x: f32[batch, 2]) -> y { y = x * 2 }\ntrain m { data = csv(\"a.csv\", normalise = \"standard\") loss = mean(y)"
      " optimizer = sgd() }";
  EXPECT_NE(error_of("sinter 1\n" + model).find("no parameters"), std::string::npos);
  Machine machine(
      compile("model m(x: f32[batch, 2]) -> y { parameter w: f32[] = 2  y = x * w }\n"
              "train m { data = csv(\"a.csv\", normalise = \"standard\") loss = mean(y) optimizer = sgd() }"));
  EXPECT_EQ(machine.variables.at("data.scale").get(1), 1);
  machine.variables["data.mean"] = Tensor::of<float>({2}, {1, 2});
  machine.variables["data.scale"] = Tensor::of<float>({2}, {10, 100});
  machine.variables["x"] = Tensor::of<float>({1, 2}, {3, 4});
  run(machine.module, "predict", machine.variables);
  EXPECT_EQ(machine.variables.at("y").get(0), 40);
  EXPECT_EQ(machine.variables.at("y").get(1), 400);
}

TEST(Compile, lowering_the_classifier_takes_well_under_two_milliseconds) {
  const std::string text = example("classifier");
  double best = 1e9;
  for (int i = 0; i < 50; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const Compiled compiled = compile_text(text, "classifier.sinter");
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  RecordProperty("milliseconds", std::to_string(best));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(best, 2);
#endif
}

}  // namespace
}  // namespace sinter::language
