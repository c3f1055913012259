// Forms written by hand against the ops of the library: the same fused functions, and numbers close to what was written.
#include <gtest/gtest.h>

#include "base/random.h"
#include "driver/pipeline.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "ir/structural_hash.h"
#include "ir/text.h"
#include "passes/expand.h"
#include "passes/manager.h"
#include "passes/recognise.h"

namespace sinter::driver {
namespace {

struct Spelling {
  const char* name;
  const char* by_hand;     // the body of a model of x: f32[batch, 24], which gives y
  const char* of_library;  // the same with an op; null: nothing is to be found
};

void PrintTo(const Spelling& spelling, std::ostream* out) { *out << spelling.name; }

// What stands above most tests: a normalised row.
#define CENTERED "m = mean(x, axes = [-1], keep = true) c = x - m v = mean(c * c, axes = [-1], keep = true) "

const Spelling kSpellings[] = {
    {"gelu", "y = x * 0.5 * (1 + erf(x / sqrt(2)))", "y = gelu(x)"},
    {"gelu_number_first", "y = 0.5 * (1 + erf(x * 0.7071067811865476)) * x", "y = gelu(x)"},
    {"gelu_inner_half", "y = x * (0.5 + 0.5 * erf(sqrt(0.5) * x))", "y = gelu(x)"},
    {"gelu_divided", "y = (erf(x / 1.4142135623730951) + 1) * x / 2", "y = gelu(x)"},
    {"gelu_bracketed", "y = (x * (erf(x / sqrt(2)) + 1)) * 0.5", "y = gelu(x)"},
    {"gelu_spread_out", "y = 0.5 * x + x * 0.5 * erf(x / sqrt(2))", "y = gelu(x)"},
    {"gelu_of_product", "t = 3 * x y = t * 0.5 * (1 + erf(t / sqrt(2)))", "y = gelu(3 * x)"},
    {"gelu_tanh", "y = 0.5 * x * (1 + tanh(0.7978845608 * (x + 0.044715 * x ^ 3)))", "y = gelu(x, form = \"tanh\")"},
    {"gelu_tanh_factored", "y = 0.5 * x * (1 + tanh(0.7978845608 * x * (1 + 0.044715 * x * x)))", "y = gelu(x, form = \"tanh\")"},
    {"gelu_sigmoid", "y = x * sigmoid(1.5957691216 * (x + 0.044715 * x * x * x))", "y = gelu(x, form = \"tanh\")"},
    {"another_number", "y = x * 0.5 * (1 + erf(x * 0.7))", nullptr},
    {"another_value", "y = x * 0.5 * (1 + erf((x + 1) / sqrt(2)))", nullptr},
    {"read_elsewhere", "e = erf(x / sqrt(2)) y = x * 0.5 * (1 + e) + max(e)", nullptr},
    {"sigmoid", "y = 1 / (1 + exp(-x))", "y = sigmoid(x)"},
    {"sigmoid_of_tanh", "y = 0.5 * (tanh(x / 2) + 1)", "y = sigmoid(x)"},
    {"sigmoid_of_quotient", "e = exp(x) y = e / (e + 1)", "y = sigmoid(x)"},
    {"silu", "y = x / (1 + exp(-x))", "y = silu(x)"},
    {"silu_of_parts", "y = x * (1 / (1 + exp(-x)))", "y = silu(x)"},
    {"softplus", "y = log(exp(x) + 1)", "y = softplus(x)"},
    {"mean", "y = sum(x, axes = [1]) / 24 + max(x, axes = [1])", nullptr},
    {"layer_norm", CENTERED "y = c / sqrt(v + 1e-5)", "y = op.layer_norm(x, full([24], 1, f32), full([24], -0.0, f32), axis = 1)"},
    {"layer_norm_summed",
     "c = x - sum(x, axes = [1], keep = true) / 24 v = sum(c ^ 2, axes = [1]) / 24 "
     "y = c * reshape(1 / sqrt(v + 1e-5), [batch, 1])",
     "y = op.layer_norm(x, full([24], 1, f32), full([24], -0.0, f32), axis = 1)"},
    {"layer_norm_parameters", CENTERED "parameter s: f32[24] = 1 parameter b: f32[24] = 0 y = c / sqrt(v + 1e-5) * s + b",
     "parameter s: f32[24] = 1 parameter b: f32[24] = 0 y = op.layer_norm(x, s, b, axis = 1)"},
    {"layer_norm_scale_first",
     CENTERED "parameter s: f32[24] = 1 parameter b: f32[24] = 0 y = b + s * c * rsqrt(v + 1e-5)",
     "parameter s: f32[24] = 1 parameter b: f32[24] = 0 y = op.layer_norm(x, s, b, axis = 1)"},
    {"rms_norm", "y = x / sqrt(mean(x * x, axes = [-1], keep = true) + 1e-5)", "y = op.rms_norm(x, full([24], 1, f32), axis = 1)"},
    {"rms_norm_scale", "parameter s: f32[24] = 1 v = mean(x ^ 2, axes = [1], keep = true) y = s * (x * rsqrt(v + 1e-5))",
     "parameter s: f32[24] = 1 y = op.rms_norm(x, s, axis = 1)"},
    {"rms_norm_of_another", "y = x / sqrt(mean(x * (x + 1), axes = [-1], keep = true) + 9)", nullptr},
    {"moments",
     "m = mean(x, axes = [-1], keep = true) v = mean(x * x, axes = [-1], keep = true) - m * m "
     "y = (x - m) / sqrt(v + 1e-5)", nullptr},
    {"softmax", "e = exp(x - max(x, axes = [-1], keep = true)) y = e / sum(e, axes = [-1], keep = true)", "y = softmax(x)"},
    {"softmax_unguarded", "e = exp(x) y = e / sum(e, axes = [-1], keep = true)", "y = softmax(x)"},
    {"softmax_of_columns", "e = exp(x - max(x, axes = [0], keep = true)) y = e / sum(e, axes = [0], keep = true)", "y = softmax(x, axis = 0)"},
    {"softmax_mixed", "e = exp(x - max(x, axes = [1], keep = true)) y = e / sum(e, axes = [0], keep = true)", nullptr},
    {"log_softmax", "c = x - max(x, axes = [-1], keep = true) y = c - log(sum(exp(c), axes = [-1], keep = true))", "y = log_softmax(x)"},
    {"log_softmax_of_sum", "m = max(x, axes = [-1], keep = true) y = x - (m + log(sum(exp(x - m), axes = [-1], keep = true)))",
     "y = log_softmax(x)"},
    {"log_softmax_unguarded", "y = x - log(sum(exp(x), axes = [-1], keep = true))", "y = log_softmax(x)"},
    {"log_of_softmax", "y = log(softmax(x))", "y = log_softmax(x)"},
    {"cross_entropy", "p = log(softmax(x)) y = mean(-pick(p, argmax(x), axis = 1))", "y = mean(op.cross_entropy(x, argmax(x)))"},
};
#undef CENTERED

ir::Module module_of(const std::string& body, bool trained) {
  const std::string loss = trained ? "\nfunction total(y: T[..]) = sum(y * y)\n"
                                     "train m { data = clusters(samples = 100, classes = 3) loss = total(y) "
                                     "optimizer = sgd(learning_rate = 0.1) epochs = 1 batch = 8 }\n"
                                   : "\n";
  const std::string input = trained ? "parameter w: f32[24] = 1 x = x0 + w " : "x = x0 + 0 * x0 ";
  return language::compile_text("sinter 1\nmodel m(x0: f32[batch, 24]) -> y {\n" + input + body + "\n}" + loss, "test").module;
}

/// What `fuse` makes of a function.
Hash128 kernels_of(const ir::Module& module, const std::string& function) {
  ir::Module alone = module;
  std::erase_if(alone.functions, [&](const ir::Function& f) { return f.name != function; });
  return ir::structural_hash(passes::run_passes(alone, pipeline({}, target_of(default_target_level()))).functions[0].graph);
}

class Recognise : public testing::TestWithParam<Spelling> {};

TEST_P(Recognise, GivesTheKernelsOfTheLibrary) {
  const Spelling& test = GetParam();
  const ir::Module by_hand = module_of(test.by_hand, false);
  if (test.of_library == nullptr) {
    const ir::Module same = passes::recognise(by_hand);
    for (const ir::Node& node : same.functions[0].graph.nodes())
      EXPECT_TRUE(!passes::is_composite(*node.op) || node.op->name == "mean") << node.op->name << " was found in\n" << ir::print(same);
    return;
  }
  EXPECT_EQ(kernels_of(by_hand, "predict"), kernels_of(module_of(test.of_library, false), "predict"))
      << ir::print(passes::recognise(by_hand)) << ir::print(passes::recognise(module_of(test.of_library, false)));
}

TEST_P(Recognise, GivesTheGradientsOfTheLibrary) {
  const Spelling& test = GetParam();
  if (test.of_library == nullptr) GTEST_SKIP() << "nothing to be found";
  EXPECT_EQ(kernels_of(module_of(test.by_hand, true), "step"), kernels_of(module_of(test.of_library, true), "step"));
}

TEST_P(Recognise, KeepsTheNumbers) {
  const ir::Module module = module_of(GetParam().by_hand, false), raised = passes::recognise(module);
  RandomSequence random(5, 1);
  for (const int64_t batch : {1, 3, 24}) {
    Tensor x(DType::kF32, {batch, 24});
    for (int64_t i = 0; i < x.size(); ++i) x.set(i, random.normal());
    std::map<std::string, Tensor> inputs{{"x0", x}};
    for (const ir::Variable& variable : module.variables)
      if (variable.role == Role::kParameter) {
        Tensor value(variable.type.dtype, variable.type.shape.evaluate({}));
        for (int64_t i = 0; i < value.size(); ++i) value.set(i, random.normal());
        inputs[variable.name] = value;
      }
    const Tensor expected = ir::evaluate(module, "predict", inputs, {{"batch", batch}}).at("y");
    const Tensor actual = ir::evaluate(raised, "predict", inputs, {{"batch", batch}}).at("y");
    ASSERT_EQ(expected.type_string(), actual.type_string());
    for (int64_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(expected.get(i), actual.get(i), 2e-6 * std::max(1.0, std::abs(expected.get(i)))) << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, Recognise, testing::ValuesIn(kSpellings), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::driver
