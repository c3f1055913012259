// Matrix products of each schedule, natively, against the evaluator: few rows by an operand that changes, read in place or along its depth, single columns, depth
// in blocks; with and without an epilogue, at sizes around lanes and register tiles, on each instruction set, with the same bits for any team.
#include <gtest/gtest.h>

#include "driver/native.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "support/levels.h"

namespace sinter::driver {
namespace {

struct Product {
  const char* name;
  const char* text;       // an expression over the symbol m
  double bound = 6e-5;  // f32 sums of up to 600 terms, each about 1
};

const Product kProducts[] = {
    {"a_row_of_any_depth", "f32[1, m] @ f32[m, 401]"},
    {"a_row_by_any_columns", "f32[1, 37] @ f32[37, m]"},
    {"a_row_by_many_columns", "f32[1, 19] @ f32[19, 3333]"},
    {"a_row_and_bias", "relu(f32[1, m] @ f32[m, 775] + f32[775])"},
    {"a_row_by_any_columns_and_bias", "relu(f32[1, 37] @ f32[37, m] + f32[m])"},
    {"a_row_f64", "f64[1, m] @ f64[m, 202]"},
    {"rows_in_batches", "f32[3, 1, m] @ f32[3, m, 130]"},
    {"two_rows", "f32[2, m] @ f32[m, 301]"},
    {"three_rows_f64", "f64[3, 40] @ f64[40, m]"},
    {"five_rows_and_bias", "tanh(f32[5, m] @ f32[m, 135] + f32[135])"},
    {"seven_rows_by_any_columns", "f32[7, 33] @ f32[33, m]"},
    {"rows_turned", "transpose(f32[m, 4]) @ f32[m, 143]"},
    {"a_row_by_transposed", "f32[1, m] @ transpose(f32[150, m])"},
    {"a_row_by_any_transposed", "f32[1, 100] @ transpose(f32[m, 100])"},
    {"three_rows_by_transposed_and_bias", "relu(f32[3, m] @ transpose(f32[45, m]) + f32[45])"},
    {"four_rows_by_transposed_f64", "f64[4, 67] @ transpose(f64[m, 67])"},
    {"rows_by_transposed_in_batches", "f32[3, 1, m] @ transpose(f32[3, 21, m], permutation = [0, 2, 1])"},
    {"a_column", "f32[m, 129] @ f32[129, 1]"},
    {"a_column_of_any_depth", "relu(f32[45, m] @ f32[m, 1] + f32[1])"},
    {"a_column_transposed_f64", "f64[m, 97] @ transpose(f64[1, 97])"},
    {"gradient_of_weights", "transpose(f32[m, 100]) @ f32[m, 70]"},
    {"depth_in_blocks", "f32[20, 1300] @ f32[1300, m]", 3e-4},
    {"depth_in_blocks_and_bias", "relu(f32[20, 1300] @ f32[1300, m] + f32[m])", 3e-4},
    {"any_rows", "f32[m, 65] @ f32[65, 150]"},
    {"any_rows_by_transposed", "f32[m, 65] @ transpose(f32[150, 65])"},
    {"rows_read_in_place", "f32[33, m] @ f32[m, 150]"},
    {"padded_panels", "f32[31, 33] @ const f32[33, 65]"},
    {"any_rows_by_padded_panels", "relu(f32[m, 33] @ const f32[33, 9] + f32[9])"},
};

class Products : public testing::TestWithParam<Product> {};

TEST_P(Products, AreWhatTheEvaluatorComputes) {
  const ir::Module module = language::compile_expression(GetParam().text, {}, false).module;
  const ir::Function& main = module.functions.back();
  for (const TargetLevel level : test::levels_here()) {
    const auto executable = compile(module, main.name, at_level(level));
    for (const int64_t m : {0, 1, 2, 7, 8, 15, 16, 17, 63, 64, 65, 130, 600}) {
      const SymbolValues symbols{{"m", m}};
      const Tensors values = drawn_arguments(module, main.name, symbols, 5);
      const Tensors expected = ir::evaluate(module, main.name, values, symbols);
      const double bound = expected.begin()->second.dtype() == DType::kF64 ? 1e-12 : GetParam().bound;
      expect_natively(executable, values, symbols, expected, {0, bound, bound}, "at m = " + std::to_string(m) + " on " + std::string(name(level)));
      if (HasFailure() || executable->program().symbols.empty()) break;
    }
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Products, testing::ValuesIn(kProducts), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::driver
