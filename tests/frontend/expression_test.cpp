// Expressions alone, as `sinter bench` takes them.
#include <gtest/gtest.h>

#include "frontend/support.h"
#include "ir/text.h"

namespace sinter::language {
namespace {

CompiledExpression expression(const std::string& text, bool gradient = false, const std::map<std::string, int64_t, std::less<>>& dims = {}) {
  Options options;
  options.dims = dims;
  CompiledExpression compiled = compile_expression(text, options, gradient);
  ir::verify(compiled.module);
  EXPECT_EQ(ir::print(ir::parse_module(ir::print(compiled.module))), ir::print(compiled.module));
  return compiled;
}

/// The types of predict's arguments and results: "f32[2, 3] -> f32[3]".
std::string signature(const ir::Module& module, const std::string& function = "predict") {
  std::string text;
  for (const std::string& name : module.function(function).arguments) text += module.variable(name).type.to_string() + " ";
  text += "->";
  for (const std::string& name : module.function(function).results) text += " " + module.variable(name).type.to_string();
  return text;
}

std::string message_of(const std::string& text, bool gradient = false, const std::map<std::string, int64_t, std::less<>>& dims = {}) {
  try {
    expression(text, gradient, dims);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Expressions, TensorsStandByTheirTypes) {
  EXPECT_EQ(signature(expression("matmul(f32[2, 3], f32[3, 5])").module), "f32[2, 3] f32[3, 5] -> f32[2, 5]");
  EXPECT_EQ(signature(expression("(x: f32[4, 8]) * gelu(x) + f32[8]").module), "f32[4, 8] f32[8] -> f32[4, 8]");
  EXPECT_EQ(signature(expression("f64[] + 1").module), "f64[] -> f64[]");
  EXPECT_EQ(signature(expression("x: f32[3]").module), "f32[3] -> f32[3]");
  EXPECT_EQ(signature(expression("i8[2, 4] @ transpose(i8[3, 4])").module), "i8[2, 4] i8[3, 4] -> i32[2, 3]");
  EXPECT_EQ(signature(expression("reshape(bf16[7, 2], [14])").module), "bf16[7, 2] -> bf16[14]");
  EXPECT_EQ(signature(expression("dot_general(f64[2, 4, 3], f64[2, 3, 5], lhs_batch = [0], rhs_batch = [0], lhs_contract = [2], rhs_contract = [1])").module),
            "f64[2, 4, 3] f64[2, 3, 5] -> f64[2, 4, 5]");
  EXPECT_EQ(signature(expression("layer_norm(f32[4, 8], f32[8], f32[8])").module), "f32[4, 8] f32[8] f32[8] -> f32[4, 8]");
}

TEST(Expressions, ConstantsAreParametersThatNobodyWrites) {
  const CompiledExpression compiled = expression("f32[2, 3] @ const f32[3, 4] + (b: const f32[4]) + const c: f32[4]");
  EXPECT_EQ(compiled.constants, (std::vector<std::string>{"constant1", "b", "c"}));
  for (const std::string& name : compiled.constants) {
    EXPECT_EQ(compiled.module.variable(name).role, Role::kParameter);
    EXPECT_FALSE(compiled.module.variable(name).value.has_value());
    for (const ir::Function& function : compiled.module.functions)
      EXPECT_EQ(std::count(function.results.begin(), function.results.end(), name), 0) << function.name;
  }
  EXPECT_EQ(expression("i8[2, 3] @ const i8[3, 4]").constants.size(), 1U);
}

TEST(Expressions, NamesMayComeBeforeAndSeveralResultsAfter) {
  EXPECT_EQ(signature(expression("x: f32[4]; x * x").module), "f32[4] -> f32[4]");
  EXPECT_EQ(signature(expression("h = relu(f32[n, 4] @ const f32[4, 8]); h @ const f32[8, 2];").module), "f32[n, 4] f32[4, 8] f32[8, 2] -> f32[n, 2]");
  EXPECT_EQ(signature(expression("h = relu(x: f32[4])  h * x").module), "f32[4] -> f32[4]");
  EXPECT_EQ(signature(expression("x: f32[4]; [x + 1, y = sum(x)]").module), "f32[4] -> f32[4] f32[]");
  EXPECT_EQ(signature(expression("f32[n, 4] * 2", false, {{"n", 3}}).module), "f32[3, 4] -> f32[3, 4]");
  // A made-up name keeps clear of those of the text.
  EXPECT_EQ(signature(expression("f32[4] + (input0: f32[4])").module), "f32[4] f32[4] -> f32[4]");
}

TEST(Expressions, GradientsAreOfAllFloatInputsAndOfNoConstant) {
  const ir::Module module = expression("gather(f32[5, 4], i64[3], axis = 0) @ const f32[4, 2]", true).module;
  EXPECT_EQ(module.function("gradient").results, std::vector<std::string>{"d_input0"});
  EXPECT_EQ(signature(expression("layer_norm(f32[4, 8], f32[8], f32[8])", true).module, "gradient"),
            "f32[4, 8] f32[8] f32[8] f32[4, 8] -> f32[4, 8] f32[8] f32[8]");
  EXPECT_EQ(expression("dense(f32[4, 8], 2)", true).module.function("gradient").results.size(), 3U);
  EXPECT_NE(message_of("i32[4] + i32[4]", true).find("is no float"), std::string::npos);
  EXPECT_NE(message_of("cast(i32[4], f32)", true).find("nothing here has a gradient"), std::string::npos);
}

TEST(Expressions, MistakesHaveAPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "expression:1:1: error: expected an expression"},
      {"f32[3", "expression:1:6: error: expected ']'"},
      {"f33[3] + 1", "expression:1:1: error: unknown name 'f33'; did you mean 'f32'?"},
      {"1 + const f32", "expression:1:11: error: the type of this tensor has no shape"},
      {"const f33[2]", "expression:1:7: error: 'f33' is no dtype"},
      {"f32[2] + sum(const f32[n])", "expression:1:14: error: a constant has a constant shape"},
      {"f32[n] + const f32[n]", "expression:1:10: error: a constant has a constant shape"},
      {"f32[3] f32[3]", "expression:1:8: error: expected the end of the expression"},
      {"(x: f32[3]) + (x: f32[3])", "expression:1:16: error: 'x' is given twice"},
      {"x: f32[3]; x + 1; x", "expression:1:17: error: the last expression is the result"},
      {"softmaxx(f32[3, 3])", "did you mean 'softmax'?"},
      {"f32[2, 3] @ f32[2, 3]", "expression:1:11: error: '@' of f32[2, 3] and f32[2, 3]"},
      {"f32[..]", "expression:1:5: error: an input of a model states each of its dims"},
      {"f32[-1]", "a dim is negative"},
      {"1 + 2", "the result 'result' is 3, not a tensor"},
  };
  for (const auto& [text, message] : cases) EXPECT_NE(message_of(text).find(message), std::string::npos) << text << "\n" << message_of(text);
  EXPECT_NE(message_of("f32[n] + 1", false, {{"m", 2}}).find("no symbol 'm'"), std::string::npos);
}

}  // namespace
}  // namespace sinter::language
