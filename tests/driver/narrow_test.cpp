// Programs of f16, bf16 and bytes, natively, against the evaluator: on each instruction set (with instructions for such products and without), the same bits for
// any team, and which kernels they become.
#include <gtest/gtest.h>

#include "driver/native.h"
#include "frontend/language/language.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/grad.h"
#include "passes/widen.h"
#include "support/levels.h"

namespace sinter::driver {
namespace {

struct Program {
  const char* name;
  const char* text;  // an expression over the symbol m
  double relative = 0, absolute = 0;
  bool gradient = false;
};

constexpr double kSums = 3e-5, kRounded = 9e-3;  // f32 sums of a few hundred terms; one rounding to bf16 beside another

const Program kPrograms[] = {
    {"bf16_by_weights", "cast(bf16[m, 70] @ const bf16[70, 53], f32)", kRounded, 1e-2},
    {"bf16_wide", "dot_general(bf16[m, 70], const bf16[70, 53], lhs_contract = [1], rhs_contract = [0], wide = true)", kSums, kSums},
    {"bf16_odd_depth", "dot_general(bf16[m, 33], bf16[33, 130], lhs_contract = [1], rhs_contract = [0], wide = true)", kSums, kSums},
    {"bf16_transposed", "dot_general(bf16[40, m], bf16[17, 40], lhs_contract = [0], rhs_contract = [1], wide = true)", kSums, kSums},
    {"bf16_batched", "dot_general(bf16[3, m, 9], bf16[3, 9, 20], lhs_batch = [0], rhs_batch = [0], lhs_contract = [2], rhs_contract = [1], wide = true)", kSums, kSums},
    {"bf16_unknown_depth", "dot_general(bf16[20, m], bf16[m, 35], lhs_contract = [1], rhs_contract = [0], wide = true)", kSums, kSums},
    {"bf16_deep", "dot_general(bf16[m, 2500], const bf16[2500, 40], lhs_contract = [1], rhs_contract = [0], wide = true)", 1e-4, 2e-4},
    {"bf16_layer", "relu(bf16[m, 24] @ const bf16[24, 40] + const bf16[40]) @ const bf16[40, 8]", kRounded, 3e-2},
    {"bf16_gradient", "bf16[m, 24] @ bf16[24, 40]", kRounded, 3e-2, true},
    {"f16_product", "f16[m, 30] @ f16[30, 20]", 2e-3, 2e-3},
    {"i8_by_weights", "i8[m, 130] @ const i8[130, 50]"},
    {"i8_one_row", "i8[1, 67] @ i8[67, 50] + cast(i8[m, 50], i32)"},
    {"i8_few_rows", "i8[8, 131] @ const i8[131, 50] + sum(cast(i8[m], i32), axes = [0])"},
    {"i8_activations", "i8[m, 67] @ i8[67, 50]"},
    {"i8_transposed", "dot_general(i8[67, m], i8[9, 67], lhs_contract = [0], rhs_contract = [1], wide = true)"},
    {"i8_batched", "dot_general(i8[2, m, 9], i8[2, 9, 20], lhs_batch = [0], rhs_batch = [0], lhs_contract = [2], rhs_contract = [1], wide = true)"},
    {"i8_deep", "i8[m, 5003] @ const i8[5003, 20]"},
    {"u8_by_i8", "dot_general(u8[m, 67], const i8[67, 50], lhs_contract = [1], rhs_contract = [0], wide = true)"},
    {"i8_by_u8", "dot_general(i8[m, 67], u8[67, 50], lhs_contract = [1], rhs_contract = [0], wide = true)"},
    {"u8_by_u8", "u8[m, 67] @ u8[67, 50]"},
    {"i8_scaled", "cast(i8[m, 67] @ const i8[67, 50], f32) * 0.01 + const f32[50]"},
    {"rows_of_bf16", "softmax(bf16[m, 100])", kRounded, 1e-6},
    {"rows_of_f16", "log_softmax(f16[m, 100])", 2e-3, 2e-3},
    {"chain_of_bf16", "(x: bf16[m, 100]) * x + 0.5 * x"},
    {"sum_of_bf16", "sum(bf16[m, 300], axes = [1])", kRounded, 1e-2},
    {"bf16_convolution", "convolve(bf16[m, 7, 6, 5], const bf16[3, 3, 5, 9], padding = 1)", kRounded, 2e-2},
    {"f16_pooling", "max_pool(f16[m, 7, 6, 5], 3, stride = 2, padding = 1)"},
    {"bf16_rows_gradient", "softmax(bf16[m, 100])", kRounded, 1e-3, true},
};

class Narrow : public testing::TestWithParam<Program> {};

TEST_P(Narrow, ComputeWhatTheEvaluatorDoes) {
  const ir::Module module = language::compile_expression(GetParam().text, {}, GetParam().gradient).module;
  const ir::Function& main = module.functions.back();
  const ir::Module reference = GetParam().gradient ? passes::grad(passes::widen(module)) : module;
  for (const TargetLevel level : test::levels_here()) {
    const auto executable = compile(module, main.name, at_level(level));
    for (const int64_t m : {0, 1, 2, 5, 8, 9, 33, 70}) {
      const SymbolValues symbols{{"m", m}};
      const Tensors values = drawn_arguments(module, main.name, symbols, 5);
      expect_natively(executable, values, symbols, ir::evaluate(reference, main.name, values, symbols), {0, GetParam().relative, GetParam().absolute},
                      "at m = " + std::to_string(m) + " on " + std::string(name(level)));
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, Narrow, testing::ValuesIn(kPrograms), [](const auto& info) { return std::string(info.param.name); });

/// Kernels of predict at the best level of this machine.
int64_t kernels_of(const char* text) {
  const ir::Module module = language::compile_expression(text, {}, false).module;
  return static_cast<int64_t>(lower(module, "predict", at_level()).fused.function("predict").graph.nodes().size());
}

TEST(NarrowKernels, WeightsArePackedAheadAndCastsAreFused) {
  EXPECT_EQ(kernels_of("bf16[64, 128] @ const bf16[128, 96]"), 1);
  EXPECT_EQ(kernels_of("relu(bf16[64, 128] @ const bf16[128, 96] + const bf16[96])"), 1);
  EXPECT_EQ(kernels_of("softmax(bf16[64, 128])"), 1);
  EXPECT_EQ(kernels_of("(x: bf16[64, 128]) * x + 0.5 * x"), 1);
  EXPECT_LE(kernels_of("cast(i8[64, 128] @ const i8[128, 96], f32) * 0.01"), 2);  // one gives the bytes 128 more
}

}  // namespace
}  // namespace sinter::driver
