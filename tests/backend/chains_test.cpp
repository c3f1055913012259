// Fused chains whose shape of memory access matters: transposed operands, broadcasts and views in one body. Native code and the loop evaluator
// against the reference of the graph, at sizes around blocks and vectors, on each instruction set.
#include <gtest/gtest.h>

#include "backend/loop/text.h"
#include "backend/support/loop_program.h"
#include "backend/support/native.h"
#include "base/random.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"
#include "support/levels.h"

namespace sinter::test {
namespace {

Tensor random_input(DType dtype, const Extents& extents, uint32_t seed) {
  Tensor tensor(dtype, extents);
  RandomSequence random(seed, 5);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const int64_t value = random.below(dtype == DType::kBool ? 2 : 100);
    if (is_float(dtype)) {
      tensor.set(i, static_cast<double>(value) / 4 - 7);
    } else {
      tensor.set(i, static_cast<double>(value));
    }
  }
  return tensor;
}

void expect_equal(const ir::Module& module, const NativeProgram& program, const SymbolValues& symbols, bool has_fma) {
  std::map<std::string, Tensor> inputs;
  uint32_t seed = 1;
  for (const ir::Variable& variable : module.variables)
    if (variable.role == Role::kInput) inputs[variable.name] = random_input(variable.type.dtype, variable.type.shape.evaluate(symbols), seed++);
  const auto expected = ir::evaluate(module, "main", inputs, symbols);
  const auto one = runtime::serial_team(), three = runtime::thread_team(3);
  const auto actual = program.run(inputs, symbols, *one), shared = program.run(inputs, symbols, *three);
  const auto checked = run_loops(program.lowered(), inputs, symbols, {.fused_multiply_add = has_fma});
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(same_values(actual.at(name), tensor)) << name << difference(actual.at(name), tensor);
    ASSERT_TRUE(same_values(checked.at(name), tensor)) << name;
    ASSERT_TRUE(same_bits(shared.at(name), actual.at(name))) << name;
  }
}

/// The module's results by native code and by the loop evaluator, which checks bounds and races, against the reference; `transposes` of its
/// kernel's statements go by blocks.
void expect_right(const std::string& text, const std::vector<SymbolValues>& choices, int transposes) {
  const ir::Module module = ir::parse_module(text);
  for (const TargetLevel level : levels_here()) {
    const NativeProgram program(lower_fused_main(module, level), level);
    const std::string kernel = loop::print(program.lowered().kernels[0]);
    SCOPED_TRACE(text + "on " + std::string(name(level)) + "\n" + kernel);
    int found = 0;
    for (size_t at = kernel.find("transpose "); at != std::string::npos; at = kernel.find("transpose ", at + 1)) ++found;
    EXPECT_EQ(found, transposes);
    for (const SymbolValues& symbols : choices) expect_equal(module, program, symbols, target_of(level).has_fma);
    if (testing::Test::HasFailure()) return;
  }
}

std::string shape_text(const std::vector<std::string>& dims) {
  std::string text;
  for (const std::string& dim : dims) text += (text.empty() ? "[" : ", ") + dim;
  return text + "]";
}

/// select(transpose(c), transpose(x), y): two transposed operands, of bytes and of `dtype`, and one that is read in order.
std::string select_text(const std::string& dtype, const std::vector<std::string>& dims, const std::vector<size_t>& permutation) {
  std::vector<std::string> result_dims;
  std::string order;
  for (const size_t axis : permutation) {
    result_dims.push_back(dims[axis]);
    order += (order.empty() ? "[" : ", ") + std::to_string(axis);
  }
  const std::string from = shape_text(dims), to = shape_text(result_dims);
  const std::string types[] = {"bool" + from, dtype + from, dtype + to, "bool" + to};
  const std::string attribute = " {permutation = " + order + "]}\n";
  return "sir 1\nmodule m\n\nvariable c: " + types[0] + " input\nvariable x: " + types[1] + " input\nvariable y: " + types[2] +
         " input\nvariable r: " + types[2] + " output\n\nfunction main {\n    %0: " + types[0] + " = argument @c\n    %1: " + types[1] +
         " = argument @x\n    %2: " + types[2] + " = argument @y\n    %3: " + types[2] +
         " = fusion %0, %1, %2 {kind = \"loops\"} body {\n        %0: " + types[0] + " = argument 0\n        %1: " + types[1] +
         " = argument 1\n        %2: " + types[2] + " = argument 2\n        %3: " + types[3] + " = transpose %0" + attribute + "        %4: " +
         types[2] + " = transpose %1" + attribute + "        %5: " + types[2] +
         " = select %3, %4, %2\n        return %5\n    }\n    return @r = %3\n}\n";
}

TEST(Chains, TransposedOperandsGoByBlocks) {
  const std::vector<std::vector<std::string>> kShapes = {{"15", "17"}, {"16", "16"}, {"33", "70"}, {"130", "9"}, {"70", "200"}, {"2", "3"}};
  for (const auto& shape : kShapes)
    for (const char* dtype : {"f32", "f64", "i8", "bool", "u16"}) expect_right(select_text(dtype, shape, {1, 0}), {{}}, 2);
  expect_right(select_text("f32", {"1", "1"}, {1, 0}), {{}}, 0);
}

TEST(Chains, TransposedOperandsOfSymbolicSizes) {
  std::vector<SymbolValues> choices{{{"n", 0}, {"k", 3}}, {{"n", 3}, {"k", 0}}};
  for (const int64_t n : {1, 2, 63, 64, 65, 150})
    for (const int64_t k : {1, 5, 64, 71}) choices.push_back({{"n", n}, {"k", k}});
  expect_right(select_text("f32", {"n", "k"}, {1, 0}), choices, 2);
}

TEST(Chains, TransposedOperandsWithOtherAxes) {
  expect_right(select_text("f32", {"3", "33", "18"}, {0, 2, 1}), {{}}, 2);
  expect_right(select_text("f32", {"5", "33", "18"}, {2, 0, 1}), {{}}, 2);
  expect_right(select_text("i16", {"5", "33", "18"}, {2, 1, 0}), {{}}, 2);
  expect_right(select_text("f32", {"b", "7", "9", "c"}, {0, 3, 1, 2}), {{{"b", 2}, {"c", 20}}}, 2);
  expect_right(select_text("f64", {"b", "7", "9", "c"}, {0, 2, 3, 1}), {{{"b", 2}, {"c", 20}}}, 2);
  expect_right(select_text("f32", {"5", "33", "18"}, {1, 0, 2}), {{}}, 0);  // the last axis stays the last
}

/// Heads of attention merged, and added to another array: [b, heads, n, width] as [b, n, heads * width].
std::string merged_text(const std::string& dtype, int64_t heads, int64_t width) {
  const std::string h = std::to_string(heads), w = std::to_string(width), all = std::to_string(heads * width);
  const std::string from = dtype + "[b, " + h + ", n, " + w + "]", turned = dtype + "[b, n, " + h + ", " + w + "]", to = dtype + "[b, n, " + all + "]";
  return "sir 1\nmodule m\n\nvariable x: " + from + " input\nvariable y: " + to + " input\nvariable r: " + to +
         " output\n\nfunction main {\n    %0: " + from + " = argument @x\n    %1: " + to + " = argument @y\n    %2: " + to +
         " = fusion %0, %1 {kind = \"loops\"} body {\n        %0: " + from + " = argument 0\n        %1: " + to + " = argument 1\n        %2: " +
         turned + " = transpose %0 {permutation = [0, 2, 1, 3]}\n        %3: " + to + " = reshape %2 {shape = shape[b, n, " + all +
         "]}\n        %4: " + to + " = add %3, %1\n        return %4\n    }\n    return @r = %2\n}\n";
}

TEST(Chains, AxesThatAreJoinedAreReadInRuns) {
  const std::vector<SymbolValues> choices{{{"b", 0}, {"n", 3}}, {{"b", 1}, {"n", 1}}, {{"b", 2}, {"n", 37}}};
  struct Case {
    const char* dtype;
    int64_t heads, width;
  };
  for (const auto& [dtype, heads, width] : {Case{"f32", 4, 16}, {"f32", 3, 64}, {"f32", 3, 17}, {"f32", 5, 33}, {"f32", 4, 3}, {"f32", 1, 64}, {"f64", 3, 24},
                                           {"i8", 2, 64}, {"f32", 80, 64}, {"f32", 65, 96}})
    expect_right(merged_text(dtype, heads, width), choices, 0);
  // Within a run an element lies right behind the one before: no lane computes which head it is of.
  const ir::Module module = ir::parse_module(merged_text("f32", 4, 64));
  const std::string kernel = loop::print(lower_fused_main(module, levels_here().back()).kernels[0]);
  EXPECT_NE(kernel.find("in 64 vector"), std::string::npos) << kernel;
  EXPECT_EQ(kernel.find("floordiv(j"), std::string::npos) << kernel;
  EXPECT_EQ(kernel.find("mod(j"), std::string::npos) << kernel;
}

}  // namespace
}  // namespace sinter::test
