// The library in the language against numbers recorded from PyTorch, on the reference evaluator, forward and gradients; and what its
// definitions say to wrong arguments.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "frontend/support.h"
#include "ir/evaluate.h"
#include "passes/grad.h"
#include "support/close.h"
#include "support/recorded.h"

namespace sinter::language {
namespace {

using Values = std::map<std::string, Tensor>;
const test::Tolerance kClose{0, 1e-10, 1e-11};  // f64; the files hold 13 digits

class Recorded : public testing::TestWithParam<const char*> {};

TEST_P(Recorded, calls_give_what_pytorch_gives) {
  for (const test::RecordedCase& recorded : test::recorded_cases(GetParam())) {
    SCOPED_TRACE(recorded.text);
    CompiledExpression compiled;
    ASSERT_NO_THROW(try { compiled = compile_expression(recorded.text, {}, true); } catch (const Error& error) {
      ADD_FAILURE() << error.what();
      throw;
    });
    const ir::Module module = passes::grad(compiled.module);
    Values variables = recorded.values;
    run(module, "predict", variables);
    run(module, "gradient", variables);
    for (const auto& [name, expected] : recorded.values) {
      ASSERT_TRUE(variables.contains(name)) << name;
      test::expect_close(variables.at(name), expected, kClose, name);
    }
    // Nothing was left out: each parameter has a recorded value and, with the gradient, a recorded one of that too.
    for (const ir::Variable& variable : module.variables) {
      if (variable.role != Role::kParameter) continue;
      EXPECT_TRUE(recorded.values.contains(variable.name)) << variable.name;
      const bool constant = std::count(compiled.constants.begin(), compiled.constants.end(), variable.name) > 0;
      EXPECT_TRUE(constant || recorded.values.contains("d_" + variable.name)) << variable.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Library, Recorded, testing::Values("activations", "losses", "attention", "images", "recurrent"),
                         [](const auto& info) { return std::string(info.param); });

/// A model with one parameter of that type, whose gradient is the input.
std::string trained_by(const std::string& optimizer, const std::string& type) {
  return "model m(x: " + type + ") -> y { parameter w: " + type + " = 0  y = w * x }\ntrain m { loss = sum(y) optimizer = " + optimizer + " }";
}

Tensor row(const Tensor& table, int64_t index) {
  const Extents extents(table.extents().begin() + 1, table.extents().end());
  Tensor result(table.dtype(), extents);
  for (int64_t i = 0; i < result.size(); ++i) result.set(i, table.get(index * result.size() + i));
  return result;
}

TEST(Library, optimizers_step_as_pytorch_does) {
  const auto cases = test::recorded_cases("optimizers");
  const Tensor &start = cases[0].values.at("value"), &gradients = cases[0].values.at("gradient");
  for (size_t i = 1; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].text);
    Machine machine(compile(trained_by(cases[i].text, start.type_string())));
    machine.variables["w"] = start;
    machine.variables["label"] = start;
    for (int64_t step = 0; step < gradients.extents()[0]; ++step) {
      machine.variables["x"] = row(gradients, step);
      run(machine.module, "step", machine.variables);
      test::expect_close(machine.variables.at("w"), row(cases[i].values.at("result"), step), kClose, "step " + std::to_string(step));
    }
  }
}

/// The JSON of a file of the data folder; none without the folder.
std::optional<nlohmann::json> shared_json(const std::string& path) {
  const char* shared = std::getenv("SINTER_SHARED");
  std::ifstream in(std::string(shared == nullptr ? "" : shared) + "/data/optimizers/" + path);
  if (shared == nullptr || !in.good()) return std::nullopt;
  return nlohmann::json::parse(in);
}

/// Parameters, gradients and states over ten steps that another framework's tests hold; `states` are its names of ours.
void follow_steps(const nlohmann::json& recorded, const std::string& optimizer, const std::map<std::string, std::string>& states,
                  const test::Tolerance& tolerance) {
  for (const auto& [parameter, values] : recorded.at("Parameters").items()) {
    SCOPED_TRACE(parameter);
    const auto tensor = [](const nlohmann::json& numbers) {
      const auto all = numbers.get<std::vector<float>>();
      return Tensor::of<float>({static_cast<int64_t>(all.size())}, all);
    };
    const Tensor start = tensor(values.at(0));
    Machine machine(compile(trained_by(optimizer, start.type_string())));
    machine.variables["w"] = start;
    machine.variables["label"] = start;
    const auto& gradients = recorded.at("Gradients").at(parameter);
    ASSERT_EQ(gradients.size() + 1, values.size());
    for (size_t step = 0; step < gradients.size(); ++step) {
      machine.variables["x"] = tensor(gradients.at(step));
      run(machine.module, "step", machine.variables);
      test::expect_close(machine.variables.at("w"), tensor(values.at(step + 1)), tolerance, "step " + std::to_string(step));
      for (const auto& [theirs, ours] : states)
        test::expect_close(machine.variables.at("optimizer.w." + ours), tensor(recorded.at(theirs).at(parameter).at(step + 1)), tolerance, theirs);
    }
  }
}

TEST(Library, adamw_follows_recorded_steps) {
  for (const char* file : {"adamw/adamw_test_single_weight_mode_0.json", "adamw/adamw_test_multiple_weights_mode_0.json"}) {
    const auto recorded = shared_json(file);
    if (!recorded) GTEST_SKIP() << "no data folder: set SINTER_SHARED";
    follow_steps(*recorded, "adamw(learning_rate = 0.001)", {{"Momentum1s", "m"}, {"Momentum2s", "v"}}, {0, 2e-5, 1e-6});
  }
}

TEST(Library, sgd_follows_recorded_steps) {
  for (const char* file : {"sgd/sgd_test_single_weight.json", "sgd/sgd_test_multiple_weights.json"}) {
    const auto recorded = shared_json(file);
    if (!recorded) GTEST_SKIP() << "no data folder: set SINTER_SHARED";
    follow_steps(*recorded, "sgd(learning_rate = 0.001)", {}, {0, 2e-6, 1e-7});
  }
}

// ---- schedules ----

/// A training of which a schedule sees the places; its optimizer shows the rate.
struct Course {
  Machine machine;
  int64_t step = 0;
  Course(const std::string& schedule, double epochs, double epoch_steps)
      : machine(compile("optimizer show(learning_rate: schedule) { parameter = learning_rate * gradient }\n" +
                        trained_by("show(" + schedule + ")", "f64[1]"))) {
    machine.variables["x"] = Tensor::of<double>({1}, {1});
    machine.variables["label"] = Tensor::of<double>({1}, {0});
    tell("epochs", epochs);
    tell("epoch_steps", epoch_steps);
  }
  void tell(const std::string& place, double value) {
    const auto found = machine.variables.find("train." + place);
    if (found == machine.variables.end()) return;
    found->second = found->second.clone();  // copies share their elements
    found->second.set(0, value);
  }
  double rate() {
    run(machine.module, "step", machine.variables);
    ++step;
    return machine.variables.at("w").get(0);
  }
};

TEST(Library, schedules_go_as_pytorchs_do) {
  constexpr int64_t kEpochs = 6, kEpochSteps = 5;
  for (const test::RecordedCase& recorded : test::recorded_cases("schedules")) {
    SCOPED_TRACE(recorded.text);
    Course course(recorded.text, kEpochs, kEpochSteps);
    const auto monitored = recorded.values.find("monitored");
    for (int64_t step = 0; step < kEpochs * kEpochSteps; ++step) {
      const int64_t epoch = step / kEpochSteps;
      course.tell("epoch", static_cast<double>(epoch));
      if (monitored != recorded.values.end() && epoch > 0) course.tell("monitored.loss", monitored->second.get(epoch - 1));
      EXPECT_NEAR(course.rate(), recorded.values.at("result").get(step), 1e-13) << "step " << step;
    }
  }
}

TEST(Library, warmup_follows_recorded_tables) {
  for (const char* name : {"0", "30", "70", "200", "0_restored", "30_restored", "70_restored", "200_restored"}) {
    const auto recorded = shared_json(std::string("lr_schedule/warmup_linear_scheduler_warmupstep-") + name + ".json");
    if (!recorded) GTEST_SKIP() << "no data folder: set SINTER_SHARED";
    SCOPED_TRACE(name);
    Course course("warmup(linear(0.001), steps = " + std::to_string(std::atoi(name)) + ")", 1, 100);
    const auto first = recorded->at(0).at(0).get<uint32_t>();
    course.machine.variables["train.step"] = Tensor::scalar(first);  // a training that goes on
    for (const auto& row : *recorded) EXPECT_NEAR(course.rate(), row.at(1).at(0).get<double>(), 1e-15) << row.at(0);
  }
}

TEST(Library, schedules_hold_their_end_and_their_states_are_f64) {
  for (const char* schedule : {"linear(0.1, final = 0.01)", "cosine(0.1, final = 0.01)", "polynomial(0.1, final = 0.01)"}) {
    Course course(schedule, 1, 4);
    for (int i = 0; i < 4; ++i) course.rate();
    EXPECT_NEAR(course.rate(), 0.01, 1e-15) << schedule;
    EXPECT_NEAR(course.rate(), 0.01, 1e-15) << schedule;
  }
  Course course("plateau(0.1)", 1, 4);
  EXPECT_EQ(course.machine.variables.at("train.learning_rate.best").type_string(), "f64[]");
  EXPECT_EQ(course.machine.variables.at("train.learning_rate.best").get(0), INFINITY);
}

TEST(Library, one_schedule_for_many_parameters_is_one_computation) {
  const std::string text = "model m(x: f32[batch, 4]) -> y { h = dense(x, 4)  y = dense(h, 4) }\ntrain m { loss = mean(y) optimizer = adam(plateau(0.1)) }";
  const Compiled compiled = compile(text);
  int states = 0;
  for (const ir::Variable& variable : compiled.module.variables) states += variable.name.find(".best") != std::string::npos ? 1 : 0;
  EXPECT_EQ(states, 1);
}

// ---- what becomes of gradients, groups ----

/// Three parameters a.w, a.b and c of two elements with the gradients that `x` holds, and what a step of rate 1 makes of zeros.
Values stepped(const std::string& settings, const std::vector<float>& gradients, const Options& options = {}) {
  Machine machine(compile("layer both(x: f32[4]) -> y { parameter w: f32[2] = 0  parameter b: f32[2] = 0  y = sum(w * x[0:2] + b * x[2:4]) }\n"
                          "model m(x: f32[6]) -> y { parameter c: f32[2] = 0  a = both(x[0:4])  y = a + sum(c * x[4:6]) }\n"
                          "train m { loss = y\n" + settings + " }", options));
  machine.variables["x"] = Tensor::of<float>({6}, gradients);
  machine.variables["label"] = Tensor::of<float>({}, {0});
  run(machine.module, "step", machine.variables);
  return machine.variables;
}

void expect_values(const Values& variables, const std::string& name, float first, float second) {
  EXPECT_FLOAT_EQ(static_cast<float>(variables.at(name).get(0)), first) << name;
  EXPECT_FLOAT_EQ(static_cast<float>(variables.at(name).get(1)), second) << name;
}

TEST(Library, gradients_are_clipped) {
  const std::vector<float> gradients = {3, 0, 0, 4, 12, 0};  // of length 13
  Values after = stepped("optimizer = sgd(1) gradients = clip_norm(gradients, 6.5)", gradients);
  expect_values(after, "a.w", -1.5F, 0);
  expect_values(after, "a.b", 0, -2);
  expect_values(after, "c", -6, 0);
  after = stepped("optimizer = sgd(1) gradients = clip_norm(gradients, 20)", gradients);
  expect_values(after, "c", -12, 0);
  after = stepped("optimizer = sgd(1) gradients = clip_value(gradients, 3.5)", gradients);
  expect_values(after, "a.w", -3, 0);
  expect_values(after, "a.b", 0, -3.5F);
  after = stepped("optimizer = sgd(1) gradients = clip_value(clip_norm(gradients, 6.5), 1)", gradients);
  expect_values(after, "a.w", -1, 0);
  after = stepped("optimizer = sgd(1) gradients = clip_norm(gradients, 6.5)", {NAN, 0, 0, 4, 12, 0});
  EXPECT_TRUE(std::isnan(after.at("c").get(0)));
}

TEST(Library, groups_have_arguments_of_their_own) {
  const std::vector<float> gradients = {1, 2, 3, 4, 5, 6};
  Values after = stepped("optimizer = sgd(1) groups = [group(\"*.b\", learning_rate = 0.5), group(\"a.*\", learning_rate = learning_rate * 3)]", gradients);
  expect_values(after, "a.b", -1.5F, -2);
  expect_values(after, "a.w", -3, -6);
  expect_values(after, "c", -5, -6);
  // an optimizer of its own; what a group does not say is the optimizer's
  after = stepped("optimizer = sgd(1, momentum = 0.9) groups = [group([\"a.b\", \"c\"], optimizer = lion(0.25)), group(\"a.w\", learning_rate = 2)]", gradients);
  expect_values(after, "a.b", -0.25F, -0.25F);
  expect_values(after, "c", -0.25F, -0.25F);
  expect_values(after, "a.w", -2, -4);
  EXPECT_TRUE(after.contains("optimizer.a.w.velocity") && after.contains("optimizer.c.m") && !after.contains("optimizer.c.velocity"));
  // a schedule of the optimizer is the groups' too
  after = stepped("optimizer = sgd(warmup(2, steps = 4, start = 0.5)) groups = [group(\"c\", learning_rate = scaled(learning_rate, 0.1))]", gradients);
  expect_values(after, "a.w", -1, -2);
  expect_values(after, "c", -0.5F, -0.6F);
}

TEST(Library, frozen_parameters_stay_and_have_no_state) {
  const Compiled compiled = compile("model m(x: f32[batch, 4]) -> y { body = dense(x, 4)  y = dense(body, 1) }\n"
                                    "train m { loss = mean_squared_error(y, label) optimizer = adam() frozen = \"body.*\" }");
  EXPECT_EQ(compiled.module.find_variable("optimizer.body.weight.m"), nullptr);
  EXPECT_NE(compiled.module.find_variable("optimizer.y.weight.m"), nullptr);
  const ir::Function& step = compiled.module.function("step");
  EXPECT_EQ(std::count(step.results.begin(), step.results.end(), "body.weight"), 0);
  const Values after = stepped("optimizer = sgd(1) frozen = [\"a.w\", \"c\"] groups = [group(\"a.*\", learning_rate = 2)]", {1, 2, 3, 4, 5, 6});
  expect_values(after, "a.w", 0, 0);
  expect_values(after, "a.b", -6, -8);
  expect_values(after, "c", 0, 0);
}

TEST(Library, a_learning_rate_from_outside_keeps_the_course) {
  Options options;
  options.learning_rate = 4;
  Values after = stepped("optimizer = sgd(warmup(linear(2, steps = 10), steps = 4, start = 0.5))", {1, 2, 3, 4, 5, 6}, options);
  expect_values(after, "a.w", -2, -4);
  after = stepped("optimizer = sgd(1) groups = [group(\"c\", learning_rate = learning_rate / 2)]", {1, 2, 3, 4, 5, 6}, options);
  expect_values(after, "a.w", -4, -8);
  expect_values(after, "c", -10, -12);
}

// ---- metrics ----

/// What a metric is over samples that come in uneven batches: sums are added up, means weighted by samples, as the fit loop does.
Tensor measured(const std::string& metric, const Tensor& x, const Tensor& label, const std::vector<int64_t>& batches) {
  const std::string dims = "batch, " + std::to_string(x.extents()[1]);
  const bool classes = is_integer(label.dtype());
  const Compiled compiled = compile("model m(x: f64[" + dims + "]) -> y { parameter w: f64[] = 1  y = x * w }\ntrain m { loss = " +
                                    (classes ? "cross_entropy(y, label)" : "mean_squared_error(y, label)") + " optimizer = sgd() metrics = [it = " + metric + "] }");
  Machine machine(compiled);
  Values totals;
  double mean = 0;
  int64_t begin = 0;
  for (const int64_t batch : batches) {
    const auto part = [&](const Tensor& all) {
      Extents extents = all.extents();
      extents[0] = batch;
      Tensor rows(all.dtype(), extents);
      const int64_t width = rows.size() / batch;
      for (int64_t i = 0; i < rows.size(); ++i) rows.set(i, all.get(begin * width + i));
      return rows;
    };
    machine.variables["x"] = part(x);
    machine.variables["label"] = part(label);
    begin += batch;
    run(machine.module, "evaluate", machine.variables);
    if (compiled.train->totalled.empty()) mean += machine.number("it") * static_cast<double>(batch);
    for (const std::string& sum : compiled.train->sums) {
      const Tensor& value = machine.variables.at(sum);
      Tensor& total = totals.try_emplace("total" + sum.substr(3), value.dtype(), value.extents()).first->second;
      for (int64_t i = 0; i < value.size(); ++i) total.set(i, total.get(i) + value.get(i));
    }
  }
  EXPECT_EQ(begin, x.extents()[0]);
  if (compiled.train->totalled.empty()) return Tensor::scalar(mean / static_cast<double>(begin));
  run(machine.module, "measure", totals);
  return totals.at("it");
}

TEST(Library, metrics_over_batches_are_those_of_scikit_learn_over_all_samples) {
  for (const test::RecordedCase& recorded : test::recorded_cases("metrics")) {
    SCOPED_TRACE(recorded.text);
    const Tensor &x = recorded.values.at("x"), &t = recorded.values.at("t");
    const int64_t all = x.extents()[0];
    const bool made_of_sums = recorded.text.find("accuracy") == std::string::npos && recorded.text.find("mean_") != 0;
    for (const std::vector<int64_t>& batches : {std::vector<int64_t>{all}, {4, all - 4}, {1, 2, all - 3}})
      test::expect_close(measured(recorded.text, x, t, batches), recorded.values.at("result"), {0, made_of_sums ? 1e-10 : 1e-6, 1e-11});
  }
}

TEST(Library, metrics_of_sums_may_stand_in_expressions) {
  const Tensor x = Tensor::of<double>({3, 2}, {1, 0, 1, 0, 0, 1}), t = Tensor::of<int64_t>({3}, {0, 1, 1});
  const double f1 = measured("f1(y, label)", x, t, {1, 2}).get(0);
  EXPECT_NEAR(measured("100 * f1(y, label)", x, t, {2, 1}).get(0), 100 * f1, 1e-10);
  EXPECT_NEAR(measured("f1(y, label) + precision(y, label)", x, t, {2, 1}).get(0), f1 + measured("precision(y, label)", x, t, {3}).get(0), 1e-12);
}

TEST(Library, metrics_made_of_sums_are_a_function_of_totals) {
  const Compiled compiled = compile("model m(x: f32[batch, 4]) -> y { y = dense(x, 3) }\n"
                                    "train m { loss = cross_entropy(y, label) optimizer = sgd() metrics = [accuracy(y, label), f1(y, label), confusion_matrix(y, label)] }");
  EXPECT_EQ(compiled.train->metrics, (std::vector<std::string>{"accuracy", "f1", "confusion_matrix"}));
  EXPECT_EQ(compiled.train->totalled, (std::vector<std::string>{"f1", "confusion_matrix"}));
  EXPECT_EQ(compiled.train->sums, (std::vector<std::string>{"sum.f1.hits", "sum.f1.guessed", "sum.f1.truth", "sum.confusion_matrix.counts"}));
  EXPECT_EQ(compiled.module.variable("sum.confusion_matrix.counts").type.to_string(), "f64[3, 3]");
  EXPECT_EQ(compiled.module.function("measure").arguments,
            (std::vector<std::string>{"total.f1.hits", "total.f1.guessed", "total.f1.truth", "total.confusion_matrix.counts"}));
  for (const char* function : {"step", "evaluate"}) {
    const auto& results = compiled.module.function(function).results;
    EXPECT_EQ(std::count(results.begin(), results.end(), "f1"), 0);
    EXPECT_EQ(std::count(results.begin(), results.end(), "sum.f1.hits"), 1);
  }
  // without such metrics there is no such function
  EXPECT_EQ(compile("model m(x: f32[batch, 4]) -> y { y = dense(x, 3) }\ntrain m { loss = mean(y) optimizer = sgd() }").module.find_function("measure"), nullptr);
}

TEST(Library, wrong_metrics_are_told) {
  const auto metric_error = [](const std::string& metric, const std::string& before = "", const std::string& loss = "mean(y)") -> std::string {
    try {
      compile(before + "model m(x: f32[batch, 4]) -> y { y = dense(x, 3) }\ntrain m { loss = " + loss + " optimizer = sgd() metrics = [" + metric + "] }");
    } catch (const Error& error) {
      EXPECT_TRUE(error.place().known()) << metric;
      return error.message();
    }
    return "no error";
  };
  EXPECT_EQ(metric_error("f1(y, label, average = \"micro\")"), "in averaged: an average of classes is \"macro\", \"weighted\" or \"none\"");
  EXPECT_EQ(metric_error("", "", "perplexity(y, label)"),
            "in perplexity: the metric 'perplexity' is made of sums over an epoch: it stands among the metrics of a train block alone");
  EXPECT_EQ(metric_error("all(y)", "metric all(y: T[..]) -> z { sum rows = y  z = sum(rows) }\n"),
            "what is added up over an epoch has a constant shape, not f64[batch, 3]");
  EXPECT_EQ(metric_error("all(y)", "metric all(y: T[..]) -> z { sum rows = sum(y)  z = rows / cast(max(y), f64) }\n"),
            "a metric that is made of sums reads 'x' beside them");
  EXPECT_EQ(metric_error("all(y)", "function all(y: T[..]) -> z { sum rows = sum(y)  z = rows }\n"), "sums are for metrics");
  EXPECT_EQ(metric_error("y = f1(y, label)"), "'y' is the name of a result of the model and of a metric or loss");
  EXPECT_EQ(metric_error("f1(y, label), f1(y, label)"), "two values are named 'f1'");
  EXPECT_EQ(metric_error("c = confusion_matrix(y, label)"), "no error");
  try {
    compile("model m(x: f32[batch, 4]) -> y { y = dense(x, 3) }\n"
            "train m { loss = mean(y) optimizer = sgd(plateau(0.1, monitor = \"c\")) metrics = [c = confusion_matrix(y, label)] }");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "a schedule monitors the metric 'c', which is no number but f64[3, 3]");
  }
}

// ---- initialisers ----

std::vector<double> initialised(const std::string& type, const std::string& initialiser) {
  const Machine machine(compile("model m(x: f32[batch, 1]) -> y { parameter w: " + type + " = " + initialiser + "  y = x }\n"));
  const Tensor& w = machine.variables.at("w");
  std::vector<double> values;
  for (int64_t i = 0; i < w.size(); ++i) values.push_back(w.get(i));
  return values;
}

double deviation_of(const std::vector<double>& values, double mean) {
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

TEST(Library, initialisers_by_fan_have_their_spread) {
  const auto deviation = [](const std::string& initialiser) { return deviation_of(initialised("f32[64, 256]", initialiser), 0); };
  EXPECT_NEAR(deviation("lecun_uniform()"), std::sqrt(1.0 / 64), 0.004);
  EXPECT_NEAR(deviation("lecun_normal()"), std::sqrt(1.0 / 64), 0.004);
  EXPECT_NEAR(deviation("he_uniform(mode = \"out\")"), std::sqrt(2.0 / 256), 0.003);
  EXPECT_NEAR(deviation("he_normal(mode = \"mean\")"), std::sqrt(2.0 / 160), 0.004);
}

TEST(Library, truncated_normal_is_the_normal_distribution_between_its_ends) {
  for (const char* dtype : {"f32", "f64"}) {
    const std::vector<double> values = initialised(std::string(dtype) + "[20000]", "truncated_normal(mean = 1, deviation = 0.5, low = 0.5, high = 3)");
    EXPECT_GE(*std::min_element(values.begin(), values.end()), 0.5);
    EXPECT_LE(*std::max_element(values.begin(), values.end()), 3.0);
    // The share below each point, against the distribution's: two thousandths are three deviations of the sample's.
    const auto below = [](double x) { return 0.5 * (1 + std::erf((x - 1) / (0.5 * std::sqrt(2)))); };
    for (double x = 0.6; x < 3; x += 0.2) {
      const double share = static_cast<double>(std::count_if(values.begin(), values.end(), [&](double v) { return v < x; })) / 20000;
      EXPECT_NEAR(share, (below(x) - below(0.5)) / (below(3) - below(0.5)), 0.012) << x;
    }
  }
}

TEST(Library, erf_inverse_inverts) {
  const CompiledExpression compiled = compile_expression("erf_inverse(x: f64[9])", {}, false);
  Values variables;
  variables["x"] = Tensor::of<double>({9}, {-0.9999999, -0.99, -0.5, -1e-3, 1e-9, 0.1, 0.7, 0.999, 0.9999999});
  run(compiled.module, "predict", variables);
  for (int64_t i = 0; i < 9; ++i) {
    const double share = variables.at("x").get(i);
    EXPECT_NEAR(std::erf(variables.at("result").get(i)), share, 1e-14) << share;
    EXPECT_NEAR(variables.at("result").get(i) / share, share < 1e-2 && share > -1e-2 ? std::sqrt(M_PI) / 2 : variables.at("result").get(i) / share, 1e-6);
  }
}

TEST(Library, orthogonal_columns_or_rows_stand_at_right_angles) {
  for (const auto& [rows, columns] : {std::pair{24, 24}, std::pair{7, 40}, std::pair{40, 7}, std::pair{1, 5}, std::pair{1, 1}}) {
    const std::string shape = "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
    for (const auto& [dtype, close] : {std::pair{"f32", 2e-6}, std::pair{"f64", 1e-12}}) {
      const std::vector<double> w = initialised(dtype + shape, "orthogonal(gain = 2)");
      const bool wide = rows < columns;
      const int count = std::min(rows, columns), depth = std::max(rows, columns);
      for (int i = 0; i < count; ++i) {
        for (int j = 0; j < count; ++j) {
          double dot = 0;
          for (int k = 0; k < depth; ++k) dot += wide ? w[i * columns + k] * w[j * columns + k] : w[k * columns + i] * w[k * columns + j];
          EXPECT_NEAR(dot, i == j ? 4 : 0, 4 * close) << dtype << shape;
        }
      }
    }
  }
}

TEST(Library, orthogonal_folds_leading_dims_and_takes_empty_ones) {
  const std::vector<double> w = initialised("f32[3, 2, 4]", "orthogonal()");
  for (int i = 0; i < 4; ++i) {
    double squares = 0;
    for (int k = 0; k < 6; ++k) squares += w[k * 4 + i] * w[k * 4 + i];
    EXPECT_NEAR(squares, 1, 2e-6);
  }
  EXPECT_TRUE(initialised("f32[0, 4]", "orthogonal()").empty());
}

// ---- wrong arguments ----

TEST(Library, wrong_arguments_are_told_at_the_call) {
  const auto expression_error = [](const std::string& text) -> std::string {
    try {
      compile_expression(text, {}, false);
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  };
  const auto training_error = [](const std::string& optimizer) -> std::string {
    try {
      compile(trained_by(optimizer, "f32[4]"));
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  };
  const auto initial_error = [&](const std::string& type, const std::string& initialiser) -> std::string {
    try {
      initialised(type, initialiser);
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  };
  EXPECT_EQ(expression_error("hard_tanh(f32[3], low = 2)"), "in hard_tanh: the lower end of hard_tanh is below the upper");
  EXPECT_EQ(expression_error("celu(f32[3], alpha = 0)"), "in celu: alpha of celu is above 0");
  EXPECT_EQ(expression_error("glu(f32[2, 3])"), "in glu: glu halves the last axis, which has an odd size");
  EXPECT_EQ(expression_error("swiglu(f32[2, 3], f32[2, 4])"),
            "argument 'x' of swiglu has type f32[2, 4], wanted T[..]: the dims of 'dims..' differ from what it stood for before");
  EXPECT_EQ(expression_error("cross_entropy(f32[2, 3], i64[2], smoothing = 1.5)"), "in cross_entropy: smoothing is a number from 0 to 1");
  EXPECT_EQ(expression_error("cross_entropy(f32[2, 3], i64[2], weight = [1, 2])"), "in class_weights: there is one weight for each class");
  EXPECT_EQ(expression_error("cross_entropy(f32[2, 3], f32[2, 3], ignore = 1)"),
            "in cross_entropy: with probabilities as label, no class can be ignored");
  EXPECT_EQ(expression_error("cross_entropy(f32[2, 3], i64[2], reduction = \"all\")"),
            "in reduced: a reduction is \"mean\", \"sum\" or \"none\"");
  EXPECT_EQ(expression_error("huber(f32[3], f32[3], delta = 0)"), "in huber: delta of huber is above 0");
  EXPECT_EQ(expression_error("smooth_l1(f32[3], f32[3], beta = -1)"), "in smooth_l1: beta of smooth_l1 is a number from 0");
  EXPECT_EQ(expression_error("top_k_accuracy(f32[2, 3], i64[2], k = 0)"), "in top_k_accuracy: k is a whole number from 1");
  EXPECT_EQ(expression_error("rotary(f32[4, 3])"), "in rotary: rotary turns pairs: the last axis has an even size");
  EXPECT_EQ(expression_error("attention(f32[3, 4, 5], f32[2, 4, 5], f32[2, 4, 5])"),
            "in attention: the heads of the query are a multiple of those of the key");
  EXPECT_EQ(expression_error("attention(f32[3, 4, 5], f32[4, 5], f32[4, 5])"), "in attention: query and key have the same rank");
  EXPECT_EQ(expression_error("attention(f32[4, 5], f32[4, 5], f32[4, 5], dropout = 1)"),
            "in attention: the rate of dropout is a number from 0, below 1");
  EXPECT_EQ(expression_error("multi_head_attention(f32[2, 4, 5], 2)"), "in multi_head_attention: the width of x is a multiple of heads");
  EXPECT_EQ(expression_error("multi_head_attention(f32[2, 4, 6], 3, key_heads = 2)"),
            "in multi_head_attention: heads is a multiple of key_heads");
  EXPECT_EQ(expression_error("multi_head_attention(f32[2, 4, 6], 0)").substr(0, 24), "in multi_head_attention:");
  EXPECT_EQ(expression_error("embedding(i64[3], 0, 4)"), "in embedding: an embedding has one row and one column or more");
  EXPECT_EQ(training_error("sgd(0.1, momentum = -1)"), "in sgd: momentum is a number from 0");
  EXPECT_EQ(training_error("sgd(0.1, nesterov = true)"), "in sgd: nesterov goes with a momentum above 0 and no dampening");
  EXPECT_EQ(training_error("adam(beta1 = 1)"), "in unbias: a beta is a number from 0, below 1");
  EXPECT_EQ(training_error("rmsprop(decay = 1)"), "in rmsprop: the decay of rmsprop is a number from 0, below 1");
  EXPECT_EQ(training_error("rmsprop(momentum = -1)"), "in rmsprop: momentum is a number from 0");
  EXPECT_EQ(training_error("adagrad(rate_decay = -1)"), "in adagrad: rate_decay is a number from 0");
  EXPECT_EQ(training_error("adagrad(initial_sum = -1)"), "in adagrad: initial_sum is a number from 0");
  EXPECT_EQ(training_error("adadelta(decay = -1)"), "in adadelta: the decay of adadelta is a number from 0, below 1");
  EXPECT_EQ(training_error("lion(beta2 = 1)"), "in lion: a beta is a number from 0, below 1");
  for (const auto& [settings, message] : std::vector<std::pair<std::string, std::string>>{
           {"optimizer = sgd(-1)", "the learning rate is a finite number from 0, not -1.0"},
           {"optimizer = sgd(cosine)", "argument 'learning_rate' of sgd is the schedule cosine, not of type schedule"},
           {"optimizer = sgd(0.1, momentum = cosine(0.1))", "argument 'momentum' of sgd is the schedule cosine, not of type number"},
           {"optimizer = cosine(0.1)", "this is the schedule cosine, not a call of an optimizer"},
           {"optimizer = sgd(cosine(-0.1))", "in cosine: a learning rate is a number from 0"},
           {"optimizer = sgd(linear(0.1, final = -1))", "in linear: a learning rate is a number from 0"},
           {"optimizer = sgd(step_decay(0.1, every = 0))", "in step_decay: step_decay lowers the rate after a number of epochs or steps above 0"},
           {"optimizer = sgd(exponential(0.1, factor = 0.9, by = \"batch\"))", "in exponential: a schedule goes by \"step\" or by \"epoch\""},
           {"optimizer = sgd(multi_step(0.1, at = 3))", "argument 'at' of multi_step is 3, not of type list"},
           {"optimizer = sgd(cosine_restarts(0.1, every = 0))", "in cosine_restarts: cosine_restarts begins anew after a number of epochs or steps above 0"},
           {"optimizer = sgd(polynomial(0.1, power = 0))", "in polynomial: the power of polynomial is above 0"},
           {"optimizer = sgd(warmup(0.1, steps = -1))", "in warmup: the steps of warmup are a number from 0"},
           {"optimizer = sgd(one_cycle(0.1, warm = 1))", "in one_cycle: the share of one_cycle that warms up is a number between 0 and 1"},
           {"optimizer = sgd(one_cycle(0.1, form = \"sine\"))", "in one_cycle: the form of one_cycle is \"cosine\" or \"linear\""},
           {"optimizer = sgd(plateau(0.1, factor = 1))", "in plateau: the factor of plateau is a number from 0, below 1"},
           {"optimizer = sgd(plateau(0.1, monitor = \"accuracy\"))", "in plateau: nothing measured is named 'accuracy'"},
           {"optimizer = sgd(scaled(0.1, -1))", "in scaled: the factor of scaled is a number from 0"},
           {"optimizer = sgd(1) frozen = \"b.*\"", "no parameter is named \"b.*\""},
           {"optimizer = sgd(1) frozen = 3", "parameters are chosen by a string or a list of strings, not 3"},
           {"optimizer = sgd(1) frozen = \"*\"", "all parameters are frozen: none is left to train"},
           {"optimizer = sgd(1) groups = group(\"c\")", "groups are a list"},
           {"optimizer = sgd(1) groups = [sgd(2)]", "this is no call of group"},
           {"optimizer = sgd(1) groups = [group(learning_rate = 2)]", "this group names no parameters"},
           {"optimizer = sgd(1) groups = [group(\"d\", learning_rate = 2)]", "no parameter is named \"d\""},
           {"optimizer = sgd(1) groups = [group(\"c\", rate = 2)]", "sgd has no argument 'rate'"},
           {"optimizer = sgd(1) groups = [group(\"c\", learning_rate = -2)]", "the learning rate is a finite number from 0, not -2.0"},
           {"optimizer = sgd(1) groups = [group(\"c\", optimizer = 2)]", "the optimizer of this group is 2"},
           {"optimizer = sgd(1) gradients = sum(gradients[0])", "the gradients are a list of 3 tensors, this is a tensor f32[]"},
           {"optimizer = sgd(1) gradients = clip_norm(gradients, 0)", "in clip_norm: the limit of clip_norm is above 0"},
           {"optimizer = sgd(1) gradients = clip_value(gradients, -1)", "in clip_value: the limit of clip_value is above 0"},
           {"optimizer = sgd(1) gradients = [1, 2, 3]", "the gradient of 'c' has become a tensor f32[], it was a tensor f32[2]"}}) {
    std::string actual = "no error";
    try {
      stepped(settings, {1, 2, 3, 4, 5, 6});
    } catch (const Error& error) {
      actual = error.message();
      EXPECT_TRUE(error.place().known()) << settings;
    }
    EXPECT_EQ(actual, message) << settings;
  }
  EXPECT_EQ(initial_error("f32[3]", "orthogonal()"), "in orthogonal: orthogonal initialises variables of rank 2 or more");
  EXPECT_EQ(initial_error("f32[3]", "truncated_normal(low = 3)"), "in truncated_normal: the lower end of truncated_normal is below the upper");
  EXPECT_EQ(initial_error("f32[3]", "truncated_normal(deviation = 0)"), "in truncated_normal: the deviation of truncated_normal is above 0");
  EXPECT_EQ(initial_error("f32[3]", "truncated_normal(low = 20, high = 30)"),
            "in truncated_normal: truncated_normal: next to nothing of the normal distribution lies between low and high");
  EXPECT_EQ(initial_error("f32[3, 3]", "he_normal(mode = \"both\")"), "in fan: the mode of a fan is \"in\", \"out\" or \"mean\"");
}

}  // namespace
}  // namespace sinter::language
