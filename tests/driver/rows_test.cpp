// Kernels along rows, in native code of every instruction set this machine has: rows of all lengths around the vectors, empty and long ones,
// compiled for the length and for any; special values; the same bits whatever the team.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "driver/native.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/grad.h"
#include "runtime/team.h"
#include "support/close.h"

namespace sinter::driver {
namespace {

/// A function of x, and of scale along the rows, with its gradient towards x.
ir::Module module_of(const std::string& op, const std::string& rows, const std::string& columns, const std::string& dtype) {
  const std::string type = dtype + "[" + rows + ", " + columns + "]", row = dtype + "[" + columns + "]";
  std::string text = "sir 1\nmodule m\n\nvariable x: " + type + " input\nvariable scale: " + row + " input\nvariable y: " + type +
                     " output\nvariable dx: " + type + " output\nvariable total: " + dtype + "[" + rows + "] output\n\nfunction main {\n    %0: " + type +
                     " = argument @x\n    %1: " + row + " = argument @scale\n    %2: " + type + " = " + op + "\n    %3: " + type + " = tanh %2\n    %4: " +
                     dtype + "[" + rows + "] = reduce_sum %3 {axes = [1]}\n    %5: " + dtype + "[] = reduce_sum %4 {axes = [0]}\n    %6: " + type +
                     " = grad %5, %0\n    return @y = %2, @dx = %6, @total = %4\n}\n";
  return ir::parse_module(text);
}

Tensor numbers(DType dtype, const Extents& extents, double scale) {
  Tensor tensor(dtype, extents);
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.set(i, scale * (static_cast<double>(random_word(5, 1, 2, i)) * 0x1p-31 - 1));
  return tensor;
}

auto compiled(const ir::Module& module, TargetLevel level) {
  return compile(module, "main", at_level(level));
}

const char* const kOps[] = {"softmax %0 {axis = 1}", "log_softmax %0 {axis = 1}", "layer_norm %0, %1, %1 {axis = 1}",
                            "rms_norm %0, %1 {axis = 1}"};

class Rows : public testing::TestWithParam<TargetLevel> {
 protected:
  void SetUp() override {
    if (GetParam() > this_machine().best_level) GTEST_SKIP() << "not on this machine";
  }

  void expect_right(const std::string& op, int64_t rows, int64_t columns, DType dtype, bool symbolic) {
    SCOPED_TRACE(op + " " + std::to_string(columns) + (symbolic ? " symbolic" : ""));
    const auto type = std::string(name(dtype));
    const Tensors inputs{{"x", numbers(dtype, {rows, columns}, 3)}, {"scale", numbers(dtype, {columns}, 2)}};
    const ir::Module fixed = module_of(op, std::to_string(rows), std::to_string(columns), type);
    const ir::Module module = symbolic ? module_of(op, "n", "m", type) : fixed;
    const SymbolValues symbols = symbolic ? SymbolValues{{"n", rows}, {"m", columns}} : SymbolValues{};
    const Tensors expected = ir::evaluate(passes::grad(fixed), "main", inputs);
    const auto code = compiled(module, GetParam());
    const Tensors actual = run_natively(code, inputs, symbols, *runtime::serial_team());
    const double bound = dtype == DType::kF32 ? 1e-5 : 1e-13;
    for (const auto& [name, tensor] : expected) {
      const Tensor& now = actual.at(name);
      ASSERT_EQ(now.size(), tensor.size());
      const double most = name == "total" ? std::sqrt(static_cast<double>(columns)) : 10;
      for (int64_t i = 0; i < tensor.size(); ++i)
        ASSERT_NEAR(now.get(i), tensor.get(i), bound * std::max(most, std::fabs(tensor.get(i)))) << name << " " << i;
    }
    for (const int participants : {2, 3, 8})
      for (const auto& [name, tensor] : run_natively(code, inputs, symbols, *runtime::thread_team(participants)))
        EXPECT_TRUE(same_bits(tensor, actual.at(name))) << name << " " << participants;
  }
};

TEST_P(Rows, OfManyLengths) {
  for (const char* op : kOps)
    for (const int64_t columns : {1, 3, 4, 15, 16, 17, 63, 64, 65, 197, 1000}) {
      expect_right(op, 5, columns, DType::kF32, false);
      expect_right(op, 5, columns, columns % 2 == 0 ? DType::kF32 : DType::kF64, true);
      if (HasFailure()) return;
    }
  expect_right(kOps[0], 3, 0, DType::kF32, true);
}

TEST_P(Rows, OfGreatLength) {
  expect_right(kOps[0], 2, 50257, DType::kF32, false);
  expect_right(kOps[2], 2, 50257, DType::kF32, true);
}

/// NaN anywhere, +inf, and rows of -inf make a row NaN; a -inf among numbers is a share of 0. Other rows do not notice.
TEST_P(Rows, WithSpecialValues) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const int64_t columns : {5, 16, 130}) {
    Tensor x = numbers(DType::kF32, {5, columns}, 1);
    x.set(columns - 1, std::nan(""));
    x.set(columns + columns / 2, kInf);
    for (int64_t i = 0; i < columns; ++i) x.set(2 * columns + i, -kInf);
    x.set(3 * columns, -kInf);
    const Tensors inputs{{"x", x}, {"scale", numbers(DType::kF32, {columns}, 2)}};
    const ir::Module module = module_of(kOps[0], "n", "m", "f32");
    const Tensor y = run_natively(compiled(module, GetParam()), inputs, {{"n", 5}, {"m", columns}}, *runtime::serial_team()).at("y");
    for (int64_t i = 0; i < 3 * columns; ++i) EXPECT_TRUE(std::isnan(y.get(i))) << columns << " " << i;
    EXPECT_EQ(y.get(3 * columns), 0);
    for (int64_t i = 3 * columns + 1; i < 5 * columns; ++i) EXPECT_GT(y.get(i), 0) << columns << " " << i;
  }
}

/// Extremes have one right answer: a NaN of either sign, or the zero of the right sign, whatever lane and register it comes from.
TEST_P(Rows, ExtremesOfZerosAndNaNs) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  const std::pair<double, double> kinds[] = {{-0.0, 0.0}, {0.0, -0.0}, {-0.0, -0.0}, {-1, nan}, {kInf, -nan}, {-kInf, -1}};  // all, and one of them
  for (const std::string dtype : {"f32", "f64"}) {
    const std::string all = dtype + "[n, m]", row = dtype + "[n]";
    const ir::Module module = ir::parse_module(
        "sir 1\nmodule m\n\nvariable x: " + all + " input\nvariable y: " + all + " input\nvariable a: " + row + " output\nvariable b: " + row +
        " output\nvariable c: " + all + " output\nvariable d: " + all + " output\n\nfunction main {\n    %0: " + all + " = argument @x\n    %1: " + all +
        " = argument @y\n    %2: " + row + " = reduce_max %0 {axes = [1]}\n    %3: " + row + " = reduce_min %0 {axes = [1]}\n    %4: " + all +
        " = maximum %0, %1\n    %5: " + all + " = minimum %0, %1\n    return @a = %2, @b = %3, @c = %4, @d = %5\n}\n");
    const auto code = compiled(module, GetParam());
    for (const int64_t columns : {1, 2, 7, 16, 33, 130}) {
      const int64_t rows = static_cast<int64_t>(std::size(kinds)) * columns;
      Tensor x(*parse_dtype(dtype), {rows, columns}), y(x.dtype(), {rows, columns});
      for (int64_t i = 0; i < x.size(); ++i) {
        const int64_t r = i / columns;
        const auto& [most, one] = kinds[static_cast<size_t>(r / columns)];
        x.set(i, i % columns == r % columns ? one : most);
        y.set((i + columns * (columns + 1)) % y.size(), x.get(i));
      }
      const Tensors inputs{{"x", x}, {"y", y}};
      const SymbolValues symbols{{"n", rows}, {"m", columns}};
      const Tensors expected = ir::evaluate(module, "main", inputs, symbols);
      for (const auto& [name, tensor] : run_natively(code, inputs, symbols, *runtime::serial_team()))
        EXPECT_EQ(test::difference(tensor, expected.at(name)), "") << dtype << " " << name << " " << columns;
    }
  }
}

/// Sums over rows beside work along them, in the form of an op's gradient and by hand: one kernel goes through the rows and makes partial sums of
/// blocks, another adds these up. `rows` are axes, `types` of x and of its last axis.
ir::Module block_sums(const std::string& op, const std::string& rows, const std::string& columns, const std::string& dtype, int axes) {
  const std::string all = dtype + "[" + rows + ", " + columns + "]", row = dtype + "[" + columns + "]", last = "{axis = " + std::to_string(axes) + "}";
  const std::string over = axes == 1 ? "{axes = [0]}" : "{axes = [0, 1]}", total = axes == 1 ? "{axes = [0, 1]}" : "{axes = [0, 1, 2]}";
  return ir::parse_module(
      "sir 1\nmodule m\n\nvariable x: " + all + " input\nvariable scale: " + row + " input\nvariable g: " + all + " input\nvariable y: " + all +
      " output\nvariable dx: " + all + " output\nvariable dscale: " + row + " output\nvariable sum: " + row + " output\n\nfunction main {\n    %0: " +
      all + " = argument @x\n    %1: " + row + " = argument @scale\n    %2: " + all + " = argument @g\n    %3: " + all + " = " + op + " " + last +
      "\n    %4: " + all + " = multiply %3, %2\n    %5: " + dtype + "[] = reduce_sum %4 " + total + "\n    %6: " + all + ", %7: " + row +
      " = grad %5, %0, %1\n    %8: " + row + " = reduce_sum %4 " + over + "\n    return @y = %3, @dx = %6, @dscale = %7, @sum = %8\n}\n");
}

void expect_sums(const std::string& op, const std::string& rows, const Extents& extents, const std::string& columns, DType dtype, TargetLevel level) {
  SCOPED_TRACE(op + " " + to_string(extents) + " of " + rows + ", " + columns);
  const int axes = static_cast<int>(extents.size()) - 1;
  const ir::Module module = block_sums(op, rows, columns, std::string(name(dtype)), axes);
  SymbolValues symbols{{"n", extents[0]}, {"m", extents.back()}};
  std::erase_if(symbols, [&](const auto& symbol) { return (symbol.first == "n" ? rows : columns) != symbol.first && rows != symbol.first + ", 3"; });
  const Tensors inputs{{"x", numbers(dtype, extents, 3)}, {"scale", numbers(dtype, {extents.back()}, 2)}, {"g", numbers(dtype, extents, 1)}};
  const Tensors expected = ir::evaluate(passes::grad(module), "main", inputs, symbols);
  const auto code = compiled(module, level);
  const bool in_blocks = std::any_of(code->program().kernels.begin(), code->program().kernels.end(),
                                     [](const auto& kernel) { return kernel.contents.find("block_sum") != std::string::npos; });
  EXPECT_TRUE(in_blocks);
  const Tensors actual = run_natively(code, inputs, symbols, *runtime::serial_team());
  const double bound = dtype == DType::kF32 ? 2e-5 : 1e-12;
  for (const auto& [name, tensor] : expected) {
    const double terms = name == "dscale" || name == "sum" ? 4 + std::sqrt(static_cast<double>(tensor.size() == 0 ? 0 : inputs.at("x").size() / tensor.size())) : 10;
    for (int64_t i = 0; i < tensor.size(); ++i)
      ASSERT_NEAR(actual.at(name).get(i), tensor.get(i), bound * std::max(terms, std::fabs(tensor.get(i)))) << name << " " << i;
  }
  for (const int participants : {2, 3})
    for (const auto& [name, tensor] : run_natively(code, inputs, symbols, *runtime::thread_team(participants)))
      EXPECT_TRUE(same_bits(tensor, actual.at(name))) << name << " " << participants;
}

TEST_P(Rows, WithSumsOfBlocksOfThem) {
  for (const char* op : {"layer_norm %0, %1, %1", "rms_norm %0, %1"}) {
    for (const int64_t rows : {128, 129, 191}) expect_sums(op, std::to_string(rows), {rows, 197}, "197", DType::kF32, GetParam());
    for (const int64_t rows : {0, 1, 2, 63, 64, 65, 130}) expect_sums(op, "n", {rows, 256}, "256", DType::kF32, GetParam());
    if (HasFailure()) return;
  }
  expect_sums("layer_norm %0, %1, %1", "n", {67, 1000}, "m", DType::kF32, GetParam());
  expect_sums("layer_norm %0, %1, %1", "n", {67, 129}, "129", DType::kF64, GetParam());
  expect_sums("rms_norm %0, %1", "n, 3", {45, 3, 100}, "100", DType::kF32, GetParam());
}

/// Costly values that two loops of a row need, of rows that have no elements.
TEST_P(Rows, WithoutElements) {
  if (GetParam() > this_machine().best_level) GTEST_SKIP() << "not on this machine";
  const ir::Module module = ir::parse_module(
      "sir 1\nmodule m\nvariable x: f32[2, 0] input\nvariable y: f32[2, 0] output\nvariable all: bool[] output\nfunction main {\n"
      "%0: f32[2, 0] = argument @x\n%1: f32[2, 0] = exp2 %0\n%2: f32[2, 0] = asin %1\n%3: f32[2, 0] = log1p %1\n%4: f32[2, 0] = power %3, %2\n"
      "%5: bool[2, 0] = is_nan %4\n%6: bool[] = reduce_all %5 {axes = [0, 1]}\n%7: f32[2, 0] = multiply %4, %1\nreturn @y = %7, @all = %6\n}\n");
  const Tensors results = run_natively(compiled(module, GetParam()), {{"x", Tensor(DType::kF32, {2, 0})}}, {}, *runtime::serial_team());
  EXPECT_EQ(results.at("all").get(0), 1);
}

INSTANTIATE_TEST_SUITE_P(Levels, Rows, testing::Values(TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace sinter::driver
