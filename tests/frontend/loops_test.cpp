// Choices and loops over tensors in the language, on the reference evaluator; and that their texts are laid out.
#include <gtest/gtest.h>

#include "frontend/language/language.h"
#include "frontend/support.h"
#include "passes/grad.h"

namespace sinter::language {
namespace {

using Numbers = std::vector<double>;

/// The outputs of predict of a model on x = [[1, 2], [3, 4], [5, 6]].
std::map<std::string, Numbers> outputs_of(const std::string& body, const std::string& results = "y", const std::string& before = "") {
  Machine machine(compile(before + "model m(x: f32[n, 2]) -> " + results + " {\n" + body + "\n}"));
  machine.variables["x"] = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  run(machine.module, "predict", machine.variables);
  std::map<std::string, Numbers> outputs;
  for (const auto& [name, tensor] : machine.variables) {
    Numbers& numbers = outputs[name];
    for (int64_t i = 0; i < tensor.size(); ++i) numbers.push_back(tensor.get(i));
  }
  return outputs;
}

TEST(Loops, scan_carries_what_was_known_and_stacks_what_is_new) {
  auto out = outputs_of("y = full([2], 0, f32)\nscan row in x { y = y + row  z = y * 2 }", "y, z");
  EXPECT_EQ(out["y"], (Numbers{9, 12}));
  EXPECT_EQ(out["z"], (Numbers{2, 4, 8, 12, 18, 24}));
}

TEST(Loops, scan_goes_backwards_counts_and_goes_along_several) {
  EXPECT_EQ(outputs_of("t = full([2], 0, f32)\nscan reverse row in x { t = t * 2 + row  y = t }")["y"], (Numbers{27, 34, 13, 16, 5, 6}));
  EXPECT_EQ(outputs_of("scan i in 4, j in 4 { y = i * j }")["y"], (Numbers{0, 1, 4, 9}));
  EXPECT_EQ(outputs_of("scan a in x, b in x[:, 0] { y = a * b }")["y"], (Numbers{1, 2, 9, 12, 25, 30}));
  EXPECT_EQ(outputs_of("reverse = full([], 1, f32)\nscan reverse in x { y = reverse }")["y"].size(), 6u);  // a name like any other
}

TEST(Loops, what_a_block_reads_of_outside_is_given_to_it) {
  auto out = outputs_of("w = sum(x)\nk = 3\nscan row in x { y = row * w + k }");
  EXPECT_EQ(out["y"], (Numbers{24, 45, 66, 87, 108, 129}));
  out = outputs_of("scan row in x { scan cell in row { y = cell * sum(row) } }");
  EXPECT_EQ(out["y"], (Numbers{3, 6, 21, 28, 55, 66}));
}

TEST(Loops, layers_in_a_block_have_one_set_of_parameters) {
  const Compiled compiled = compile("model m(x: f32[n, 2]) -> y { scan row in x { h = dense(row, 3)  y = relu(h) } }");
  EXPECT_NE(compiled.module.find_variable("h.weight"), nullptr);
  EXPECT_EQ(compiled.module.find_variable("h.weight")->type.to_string(), "f32[2, 3]");
}

TEST(Loops, while_goes_round_as_long_as_it_holds) {
  auto out = outputs_of("y = sum(x)\nn = full([], 0, i64)\nwhile y > 4 { half = y / 2  y = half  n = n + 1 }\ny = y + 0", "y, n");
  EXPECT_EQ(out["y"], Numbers{2.625});
  EXPECT_EQ(out["n"], Numbers{3});
  EXPECT_EQ(outputs_of("y = sum(x)\nwhile y < 0 { y = y * 2 }")["y"], Numbers{21});
}

TEST(Loops, if_by_a_tensor_takes_a_side) {
  EXPECT_EQ(outputs_of("if sum(x) > 20 { y = x[:, 0] } else { y = x[:, 1] }")["y"], (Numbers{1, 3, 5}));
  EXPECT_EQ(outputs_of("if sum(x) > 22 { y = x[:, 0] } else if max(x) > 5 { y = x[:, 1] } else { y = x[:, 0] * 0 }")["y"], (Numbers{2, 4, 6}));
  EXPECT_EQ(outputs_of("y = sum(x)\nif y > 0 { y = -y }")["y"], Numbers{-21});
  EXPECT_EQ(outputs_of("y = sum(x)\nif y > 0 { alone = -y }\ny = y + 1")["y"], Numbers{22});
  EXPECT_EQ(outputs_of("scan row in x { if sum(row) > 5 { y = row } else { y = -row } }")["y"], (Numbers{-1, -2, 3, 4, 5, 6}));
}

TEST(Loops, words_are_names_elsewhere) {
  EXPECT_EQ(outputs_of("scan = 1\nwhile = 2\nin = 3\nreverse = 4\ny = sum(x) + scan + while + in + reverse")["y"], Numbers{31});
}

TEST(Loops, gradients_go_through_scan_and_if) {
  Machine machine(compile("model m(x: f32[n, 2]) -> y { h = full([2], 0, f32)  scan row in x { h = tanh(dense(row, 2) + h) }\n"
                          "if sum(h) > 0 { y = h } else { y = h * 3 } y = reshape(y, [1, 2]) }\n"
                          "train m { loss = sum(y ^ 2) + 0 * sum(label) optimizer = sgd(0.1) }"));
  EXPECT_GT(machine.variables.size(), 2u);
}

TEST(Loops, are_laid_out) {
  const std::string text = "sinter 1\nmodel m(x: f32[n, 2]) -> y {\n    y = full([2], 0, f32)\n    scan reverse row in x, i in 3 {\n        y = y + row\n    }\n"
                           "    while sum(y) > 1 {\n        y = y / 2\n    }\n}\n";
  EXPECT_EQ(format(text, "text"), text);
}

}  // namespace
}  // namespace sinter::language
