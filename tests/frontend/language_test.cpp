// The meaning of the language, construct by construct, on the reference evaluator.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "frontend/support.h"
#include "ir/op_def.h"

namespace sinter::language {
namespace {

using Variables = std::map<std::string, Tensor>;

/// The output `y` of predict of `model m(x: f32[batch, 4]) -> y { BODY }` on x = [[1, 2, 3, 4], [5, 6, 7, 8]].
Tensor result_of(const std::string& body, const std::string& before = "", const Options& options = {}) {
  Machine machine(compile(before + "model m(x: f32[batch, 4]) -> y {\n" + body + "\n}", options));
  machine.variables["x"] = Tensor::of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  run(machine.module, "predict", machine.variables);
  return machine.variables.at("y");
}

/// The same with the batch compiled in, so that rows can be taken.
Tensor fixed_result_of(const std::string& body, const std::string& before = "") {
  Options options;
  options.dims["batch"] = 2;
  return result_of(body, before, options);
}

/// The number that a scalar expression gives, whether computed while compiling or by ops.
double number_of(const std::string& expression) { return result_of("y = full([], " + expression + ", f64)").get(0); }

std::vector<double> values(const Tensor& tensor) {
  std::vector<double> result;
  for (int64_t i = 0; i < tensor.size(); ++i) result.push_back(tensor.get(i));
  return result;
}
using Numbers = std::vector<double>;

TEST(Language, arithmetic_of_numbers) {
  EXPECT_EQ(number_of("1 + 2 * 3 - 4"), 3);
  EXPECT_EQ(number_of("2 ^ 3 ^ 2"), 512);
  EXPECT_EQ(number_of("-2 ^ 2"), -4);
  EXPECT_EQ(number_of("2 ^ -1"), 0.5);
  EXPECT_EQ(number_of("7 / 2"), 3.5);
  EXPECT_EQ(number_of("7 // 2 + 7 % 4"), 6);
  EXPECT_EQ(number_of("-7 // 2"), -4);
  EXPECT_EQ(number_of("-7 % 4"), 1);
  EXPECT_EQ(number_of("7.5 // 2"), 3);
  EXPECT_EQ(number_of("(1 + 2) * -(3)"), -9);
  EXPECT_EQ(number_of("1e-3 * 1000"), 1);
  EXPECT_DOUBLE_EQ(number_of("sqrt(2) * log(10) + exp(1) + cos(pi)"), std::sqrt(2.0) * std::log(10.0) + std::exp(1.0) - 1);
  EXPECT_EQ(number_of("maximum(3, 4) + minimum(2.5, 9)"), 6.5);
  EXPECT_EQ(number_of("floor(2.7) + ceil(2.1) + abs(-3)"), 8);
  EXPECT_EQ(number_of("if 3 > 2 and not (1 == 2) or false then 10 else 20"), 10);
  EXPECT_EQ(number_of("if \"a\" != \"b\" and f32 == f32 and none == none then 1 else 0"), 1);
  EXPECT_EQ(number_of("inf"), INFINITY);
}

TEST(Language, lists_and_shapes) {
  EXPECT_EQ(number_of("[1, 2, 3][1]"), 2);
  EXPECT_EQ(number_of("([1, 2] + [3, 4])[-1]"), 4);
  EXPECT_EQ(number_of("product([1, 2, 3, 4][1:3])"), 6);
  EXPECT_EQ(number_of("length([1, 2, 3][0:-1])"), 2);
  EXPECT_EQ(number_of("shape(x)[1] * rank(x)"), 8);
  EXPECT_EQ(result_of("y = cast(full([], size(x)), f32)").get(0), 8);
  EXPECT_EQ(result_of("a, b = [x, x * 2]\n y = a + b").get(0), 3);
  EXPECT_EQ(values(result_of("y = table([[1, 2], [3, 4]]) * 2")), (Numbers{2, 4, 6, 8}));
  EXPECT_EQ(result_of("y = table([1, 2], i64)").type_string(), "i64[2]");
  EXPECT_EQ(result_of("y = table([true, false], bool)").type_string(), "bool[2]");
}

TEST(Language, dims_are_numbers_of_expressions) {
  EXPECT_EQ(result_of("y = reshape(x, [batch * 2, 4 // 2])").extents(), (Extents{4, 2}));
  EXPECT_EQ(result_of("y = reshape(x, [(2 * batch - batch) * 2, 2])").extents(), (Extents{4, 2}));
  EXPECT_EQ(values(result_of("y = sum(x) / (2 * batch)")), (Numbers{9}));
  EXPECT_EQ(values(result_of("y = 0.5 * batch * sum(x, axes = -1)")), (Numbers{10, 26}));
  EXPECT_EQ(values(result_of("y = sum(x) * (1 / batch)")), (Numbers{18}));
}

TEST(Language, operators_spread_constant_ones_and_missing_axes) {
  EXPECT_EQ(values(result_of("y = x + table([10, 20, 30, 40])")), (Numbers{11, 22, 33, 44, 15, 26, 37, 48}));
  EXPECT_EQ(values(result_of("y = x - sum(x, axes = 1, keep = true)")), (Numbers{-9, -8, -7, -6, -21, -20, -19, -18}));
  EXPECT_EQ(values(result_of("y = maximum(x, 3)")), (Numbers{3, 3, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(values(result_of("y = select(x > 2 and not (x == 4), x, 0)")), (Numbers{0, 0, 3, 0, 5, 6, 7, 8}));
  EXPECT_EQ(values(result_of("y = 1 / 2 ^ x")), (Numbers{0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625}));
  EXPECT_EQ(values(result_of("y = x ^ 2 - x * x + x ^ 0.5 * 0")), Numbers(8, 0));
}

TEST(Language, matrix_products) {
  EXPECT_EQ(values(result_of("y = x @ table([[1], [10], [100], [1000]])")), (Numbers{4321, 8765}));
  EXPECT_EQ(values(result_of("y = reshape(x, [batch, 2, 2]) @ full([batch, 2, 1], 1)")), (Numbers{3, 7, 11, 15}));
  EXPECT_EQ(values(result_of("y = reshape(x, [batch, 2, 2]) @ table([[1], [1]])")), (Numbers{3, 7, 11, 15}));
}

TEST(Language, indices_and_slices) {
  EXPECT_EQ(values(fixed_result_of("y = x[1]")), (Numbers{5, 6, 7, 8}));
  EXPECT_EQ(values(fixed_result_of("y = x[.., -1]")), (Numbers{4, 8}));
  EXPECT_EQ(values(fixed_result_of("y = x[0, 1:3]")), (Numbers{2, 3}));
  EXPECT_EQ(values(fixed_result_of("y = x[:, :2]")), (Numbers{1, 2, 5, 6}));
  EXPECT_EQ(values(fixed_result_of("y = x[.., -3:-1]")), (Numbers{2, 3, 6, 7}));
  EXPECT_EQ(values(fixed_result_of("y = x[.., table([3, 0, 3], i64)]")), (Numbers{4, 1, 4, 8, 5, 8}));
  EXPECT_EQ(fixed_result_of("y = x[.., 0:4]").extents(), (Extents{2, 4}));
}

TEST(Language, branches_and_turns_are_unrolled) {
  EXPECT_EQ(values(fixed_result_of("if rank(x) == 2 { y = x[0] } else { y = nonsense }")), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(values(fixed_result_of("y = x[0]\n repeat r[3] { y = y * 2 }")), (Numbers{8, 16, 24, 32}));
  EXPECT_EQ(values(fixed_result_of("y = x[0] * 0\n repeat r[i in 4] { y = y + i }")), (Numbers{6, 6, 6, 6}));
  EXPECT_EQ(values(fixed_result_of("y = x[0]\n repeat r[0] { y = nonsense }")), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(values(fixed_result_of("if false { y = x } else if training { y = x } else { y = x[1] }")), (Numbers{5, 6, 7, 8}));
}

TEST(Language, functions_bind_dims_and_defaults) {
  const std::string functions =
      "function scaled(x: T[lead.., n], by: number = 1 / n, axes: any = none) = x * by\n"
      "function flat(x: T[lead.., a, b]) -> y { y = reshape(x, lead + [a * b]) }\n"
      "function both(x: f32[batch, 2 * n]) -> left, right { left = x[.., 0:n]  right = x[.., n:2 * n] }\n"
      "function apply(f: function, x) = f(x)\n"
      "function square(n) = n * n\n";
  EXPECT_EQ(values(fixed_result_of("y = scaled(x)[0]", functions)), (Numbers{0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(values(fixed_result_of("y = scaled(x, by = 2)[0]", functions)), (Numbers{2, 4, 6, 8}));
  EXPECT_EQ(fixed_result_of("y = flat(reshape(x, [batch, 2, 2, 1]))", functions).extents(), (Extents{2, 2, 2}));
  EXPECT_EQ(values(fixed_result_of("n = 2\n a, b = both(x)\n y = (a - b)[0]",
                                   "function both(x: f32[batch, 4]) -> left, right { left = x[.., 0:2]  right = x[.., 2:4] }\n")),
            (Numbers{-2, -2}));
  EXPECT_EQ(values(fixed_result_of("y = apply(square, x)[0] + apply(relu, x)[0]", functions)), (Numbers{2, 6, 12, 20}));
  EXPECT_EQ(values(fixed_result_of("mean = mean(x)\n y = x[0] - mean")), (Numbers{-3.5, -2.5, -1.5, -0.5}));
}

TEST(Language, types_can_be_stated_and_bind) { EXPECT_EQ(result_of("h: f32[batch, n] = x\n y = full([n], 1)").extents(), (Extents{4})); }

TEST(Language, paths_follow_the_structure) {
  const Compiled compiled = compile(R"(
layer attention(x: f32[batch, seq, width], heads: int) -> y {
    q = dense(x, width)
    k = dense(x, width, bias = false)
    v = dense(x, width)
    scores = softmax(q @ transpose(k, permutation = [0, 2, 1]) / sqrt(width // heads))
    y = dense(scores @ v, width, name = "out")
}
layer block(x: f32[batch, seq, width]) -> y {
    attention = attention(layer_norm(x, name = "norm1"), heads = 4)
    x = x + attention
    up = gelu(dense(layer_norm(x, name = "norm2"), 4 * width))
    y = x + dense(up, width, name = "down")
}
model gpt(token: i64[batch, seq]) -> logits {
    x = embedding(token, 65, 32)
    repeat blocks[12] {
        x = block(x, name = "block")
    }
    logits = dense(x, 65)
}
)");
  EXPECT_NO_THROW(compiled.module.variable("blocks.3.block.attention.q.weight"));
  EXPECT_EQ(compiled.module.variable("blocks.11.block.down.weight").type.to_string(), "f32[128, 32]");
  EXPECT_EQ(compiled.module.find_variable("blocks.0.block.attention.k.bias"), nullptr);
  EXPECT_NO_THROW(compiled.module.variable("x.weight"));
  EXPECT_EQ(compiled.module.variable("logits").type.to_string(), "f32[batch, seq, 65]");
}

TEST(Language, layers_take_the_name_of_what_is_assigned_or_their_own) {
  const Compiled compiled = compile(
      "layer wrap(x: T[.., n]) = dense(x, n)\n"
      "layer pair(x: T[.., n]) -> a, b { a = dense(x, n)  b = dense(a, n) }\n"
      "model m(x: f32[batch, 4]) -> y, z { h = wrap(x)  y, z = pair(relu(h)) }");
  for (const char* name : {"h.dense.weight", "y.a.weight", "y.b.bias"}) EXPECT_NE(compiled.module.find_variable(name), nullptr) << name;
}

TEST(Language, a_model_is_a_layer_of_another) {
  Options options;
  options.model = "both";
  const std::string text =
      "model encoder(x: f32[batch, 4]) -> code { code = dense(x, 2) }\n"
      "model both(x: f32[batch, 4]) -> y { code = encoder(x)  y = dense(code, 4) }\n"
      "train encoder { loss = mean(code) optimizer = sgd() }";
  const Compiled both = compile(text, options);
  EXPECT_NE(both.module.find_variable("code.code.weight"), nullptr);
  EXPECT_FALSE(both.train.has_value());
  EXPECT_EQ(both.models, (std::vector<std::string>{"encoder", "both"}));
  EXPECT_EQ(compile(text).module.name, "encoder");  // the one that is trained
}

TEST(Language, states_are_written_while_training) {
  const std::string text = R"(
layer running_mean(x: f32[batch, n], momentum: number = 0.5) -> y {
    state mean: f32[n] = 0
    if training {
        mean = momentum * mean + (1 - momentum) * mean(x, axes = 0)
    }
    y = x - mean
}
model m(x: f32[batch, 2]) -> y { h = running_mean(x)  y = dense(h, 1) }
train m { loss = mean(y) optimizer = sgd(0.1) }
)";
  Machine machine(compile(text));
  machine.variables["x"] = Tensor::of<float>({2, 2}, {2, 20, 4, 40});
  machine.variables["label"] = Tensor(DType::kF32, {2, 1});
  run(machine.module, "predict", machine.variables);
  EXPECT_EQ(values(machine.variables.at("h.mean")), (Numbers{0, 0}));
  run(machine.module, "step", machine.variables);
  EXPECT_EQ(values(machine.variables.at("h.mean")), (Numbers{1.5, 15}));
  run(machine.module, "step", machine.variables);
  EXPECT_EQ(values(machine.variables.at("h.mean")), (Numbers{2.25, 22.5}));
  const ir::Function& predict = machine.module.function("predict");
  EXPECT_EQ(std::count(predict.results.begin(), predict.results.end(), "h.mean"), 0);
}

TEST(Language, dropout_acts_while_training_anew_in_each_step) {
  const std::string text =
      "model m(x: f32[batch, 1000]) -> y { parameter w: f32[] = 1  h = dropout(x * w, 0.25)  y = h }\n"
      "train m { loss = mean(y) optimizer = sgd(0) metrics = [kept = mean(cast(y > 0, f32))] }";
  Machine machine(compile(text), 3);
  machine.variables["x"] = Tensor::of<float>({1, 1000}, std::vector<float>(1000, 1));
  machine.variables["label"] = Tensor(DType::kF32, {1, 1000});
  run(machine.module, "predict", machine.variables);
  EXPECT_EQ(values(machine.variables.at("y")), Numbers(1000, 1));
  run(machine.module, "step", machine.variables);
  const float first = machine.number("kept");
  EXPECT_NEAR(first, 0.75, 0.05);
  EXPECT_NEAR(machine.number("loss"), first / 0.75, 1e-5);
  run(machine.module, "step", machine.variables);
  EXPECT_NE(machine.number("kept"), first);
}

TEST(Language, other_dtypes_flow_through_the_library) {
  const Compiled compiled = compile(
      "model m(x: f64[batch, 3]) -> y { y = dense(x, 2) }\n"
      "train m { loss = mean_squared_error(y, label) optimizer = adam() }");
  EXPECT_EQ(compiled.module.variable("y.weight").type.to_string(), "f64[3, 2]");
  EXPECT_EQ(compiled.module.variable("label").type.to_string(), "f64[batch, 2]");
  EXPECT_EQ(compiled.module.variable("optimizer.y.weight.m").type.to_string(), "f64[3, 2]");
  EXPECT_EQ(compiled.module.variable("loss").type.to_string(), "f32[]");
}

TEST(Language, losses_and_metrics_are_their_formulas) {
  const auto measure = [](const std::string& expression, const std::string& shape, const Tensor& x, const Tensor& label) {
    Machine machine(compile("model m(x: f32[" + shape + "]) -> y { parameter w: f32[] = 1  y = x * w }\ntrain m { loss = " + expression +
                            " optimizer = sgd() }"));
    machine.variables["x"] = x;
    machine.variables["label"] = label;
    run(machine.module, "evaluate", machine.variables);
    return static_cast<double>(machine.number("loss"));
  };
  const Tensor p = Tensor::of<float>({2, 1}, {0.25F, 0.875F}), t = Tensor::of<float>({2, 1}, {0, 1});
  EXPECT_NEAR(measure("mean_squared_error(y, label)", "batch, 1", p, t), (0.25 * 0.25 + 0.125 * 0.125) / 2, 1e-7);
  EXPECT_NEAR(measure("mean_absolute_error(y, label)", "batch, 1", p, t), (0.25 + 0.125) / 2, 1e-7);
  EXPECT_NEAR(measure("binary_cross_entropy(y, label)", "batch, 1", p, t), -(std::log(0.75) + std::log(0.875)) / 2, 1e-6);
  EXPECT_NEAR(measure("binary_cross_entropy_with_logits(log(y / (1 - y)), label)", "batch, 1", p, t),
              -(std::log(0.75) + std::log(0.875)) / 2, 1e-6);
  EXPECT_EQ(measure("binary_accuracy(y, label)", "batch, 1", p, t), 1);
  EXPECT_EQ(measure("binary_accuracy(y, label, threshold = 0.9)", "batch, 1", p, t), 0.5);
  const Tensor logits = Tensor::of<float>({2, 3}, {1, 2, 3, 3, 1, 0}), classes = Tensor::of<int64_t>({2}, {2, 1});
  EXPECT_EQ(measure("accuracy(y, label)", "batch, 3", logits, classes), 0.5);
  EXPECT_EQ(measure("mean(cast(argmax(y) == label, f32))", "batch, 3", logits, classes), 0.5);
  EXPECT_EQ(measure("mean(cast(not_equal(label, argmax(y)), f32))", "batch, 3", logits, classes), 0.5);
  const double first = 3 - std::log(std::exp(1) + std::exp(2) + std::exp(3)), second = 1 - std::log(std::exp(3) + std::exp(1) + 1);
  EXPECT_NEAR(measure("cross_entropy(y, label)", "batch, 3", logits, classes), -(first + second) / 2, 1e-6);
  EXPECT_NEAR(measure("mean(op.cross_entropy(y, label))", "batch, 3", logits, classes), -(first + second) / 2, 1e-6);
}

TEST(Language, initialisers_have_their_spread) {
  const auto deviation = [](const std::string& initialiser) {
    const Machine machine(compile("model m(x: f32[batch, 1]) -> y { parameter w: f32[64, 256] = " + initialiser + "  y = x * w[0, 0] }"));
    double sum = 0, squares = 0;
    const Numbers w = values(machine.variables.at("w"));
    for (const double v : w) {
      sum += v;
      squares += v * v;
    }
    const double mean = sum / static_cast<double>(w.size());
    return std::pair(mean, std::sqrt(squares / static_cast<double>(w.size()) - mean * mean));
  };
  const auto expect = [&](const std::string& initialiser, double mean, double spread) {
    const auto [actual_mean, actual_spread] = deviation(initialiser);
    EXPECT_NEAR(actual_mean, mean, 0.04 * spread + 1e-9) << initialiser;
    EXPECT_NEAR(actual_spread, spread, 0.03 * spread + 1e-6) << initialiser;
  };
  expect("zeros()", 0, 0);
  expect("ones()", 1, 0);
  expect("constant(0.5)", 0.5, 0);
  expect("3", 3, 0);
  expect("uniform(-1, 3)", 1, 4 / std::sqrt(12.0));
  expect("normal(mean = 2, deviation = 0.5)", 2, 0.5);
  expect("glorot_uniform()", 0, std::sqrt(2.0 / 320));
  expect("glorot_normal()", 0, std::sqrt(2.0 / 320));
  expect("he_uniform()", 0, std::sqrt(2.0 / 64));
  expect("he_normal()", 0, std::sqrt(2.0 / 64));
}

// ---- every op is there ----

std::string spelled(const ir::Attribute& attribute) {
  struct Speller {
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const {
      if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
      std::ostringstream out;
      out.precision(17);
      out << v;
      return out.str();
    }
    std::string operator()(const std::string& v) const { return "\"" + v + "\""; }
    std::string operator()(DType v) const { return std::string(name(v)); }
    std::string operator()(const ir::Integers& v) const { return to_string(Extents(v)); }
    std::string operator()(const Dim& v) const { return v.to_string(); }
    std::string operator()(const Shape& v) const { return v.to_string(); }
    std::string operator()(const Tensor&) const { return "[1, 2]"; }
  };
  return std::visit(Speller{}, attribute);
}

std::vector<TensorType> types_of(const ir::Sample& sample) {
  std::vector<TensorType> types;
  for (const ir::SampleOperand& operand : sample.operands) types.push_back(operand.type);
  return types;
}

TEST(Language, every_op_without_regions_can_be_called_by_its_name) {
  int called = 0;
  for (const auto& op : ir::OpRegistry::instance().all()) {
    if (!op->regions.empty() || op->samples.empty()) continue;
    const ir::Sample& sample = op->samples.front();
    std::string inputs, arguments;
    bool unbound = false;  // symbols that attributes alone mention
    for (size_t i = 0; i < sample.operands.size(); ++i) {
      inputs += (i > 0 ? ", " : "") + std::string("a") + std::to_string(i) + ": " + sample.operands[i].type.to_string();
      arguments += (i > 0 ? ", " : "") + std::string("a") + std::to_string(i);
    }
    for (const auto& [name, value] : sample.attributes) {
      arguments += (arguments.empty() ? "" : ", ") + name + " = " + spelled(value);
      if (sample.operands.empty() && spelled(value).find_first_of("nm") != std::string::npos && std::holds_alternative<Shape>(value))
        unbound = true;
      if (sample.operands.empty() && std::holds_alternative<Dim>(value)) unbound = true;
    }
    const std::string extra = unbound ? (inputs.empty() ? "" : ", ") + std::string("symbols: f32[n, m]") : "";
    const size_t results = ir::infer_types(*op, types_of(sample), sample.attributes).size();
    std::string names = "y";  // the last is the model's result
    for (size_t i = 1; i < results; ++i) names = "r" + std::to_string(i) + ", " + names;
    const std::string text = "model m(" + inputs + extra + ") -> y { " + names + " = op." + op->name + "(" + arguments + ") }";
    SCOPED_TRACE(text);
    Compiled compiled;
    ASSERT_NO_THROW(
        try { compiled = compile(text); } catch (const Error& error) {
          ADD_FAILURE() << error.what();
          throw;
        });
    const ir::Node& node = compiled.module.function("predict").graph.nodes().back();
    EXPECT_EQ(node.op, op.get());
    for (const auto& [name, value] : sample.attributes) {
      if (!std::holds_alternative<Tensor>(value)) EXPECT_TRUE(ir::equal(node.attributes.at(name), value)) << name;
    }
    ++called;
  }
  EXPECT_GT(called, 60);
}

}  // namespace
}  // namespace sinter::language
