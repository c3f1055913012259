// Every op record that lowers to a kernel: its kernels on the loop evaluator, with all its checks, against the reference of the record; the
// tiles in several orders; for the lanes of each level; at sizes around the lanes and beyond the tiles; on special values. Native code is
// held to the same evaluator in native_ops_test.cpp.
#include <gtest/gtest.h>

#include "backend/support/loop_program.h"
#include "backend/support/native.h"
#include "backend/support/special_values.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"
#include "support/samples.h"
#include "support/tolerances.h"

namespace sinter::test {
namespace {

using loop::EvaluateOptions;
using loop::TileOrder;

class LoopOp : public testing::TestWithParam<const ir::OpDef*> {
 protected:
  /// Calls `check` for each sample that lowers, and each level.
  template <class Check> void for_each_kernel(const Check& check) {
    for (const ir::Sample& sample : GetParam()->samples) {
      if (needs_passes(*GetParam(), sample)) continue;
      const ir::Module module = module_of(*GetParam(), sample);
      for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4}) {
        SCOPED_TRACE(print(module) + "for " + std::string(name(level)));
        check(sample, module, lower_main(module, level), EvaluateOptions{.fused_multiply_add = target_of(level).has_fma});
        if (HasFailure()) return;
      }
    }
  }

  static void check(const ir::Module& module, const backend::LoweredFunction& lowered, const std::map<std::string, Tensor>& inputs,
                    const SymbolValues& symbols, EvaluateOptions options) {
    const ir::OpDef& op = *GetParam();
    std::map<std::string, Tensor> expected;
    try {
      expected = ir::evaluate(module, "main", inputs, symbols);
    } catch (const Error&) {
      EXPECT_THROW(run_loops(lowered, inputs, symbols, options), Error);
      return;
    }
    const auto actual = run_loops(lowered, inputs, symbols, options);
    for (const auto& [name, tensor] : expected) expect_close(actual.at(name), tensor, native_tolerance(op, tensor.dtype()), name);
    for (const TileOrder order : {TileOrder::kReversed, TileOrder::kShuffled}) {
      options.order = order;
      const auto again = run_loops(lowered, inputs, symbols, options);
      for (const auto& [name, tensor] : actual) EXPECT_TRUE(same_bits(again.at(name), tensor)) << "another order of tiles";
    }
  }

  /// Nothing when no such input exists.
  static std::optional<std::map<std::string, Tensor>> inputs_for(const ir::Sample& sample, const SymbolValues& symbols, bool special) {
    try {
      return special ? make_special_inputs(*GetParam(), sample, symbols, 7) : make_inputs(*GetParam(), sample, symbols, 7);
    } catch (const Error&) {
      return std::nullopt;
    }
  }
};

TEST_P(LoopOp, EqualsTheEvaluator) {
  for_each_kernel(
      [&](const ir::Sample& sample, const ir::Module& module, const backend::LoweredFunction& lowered, const EvaluateOptions& options) {
        for (const SymbolValues& symbols : symbol_choices(sample))
          if (const auto inputs = inputs_for(sample, symbols, false)) check(module, lowered, *inputs, symbols, options);
      });
}

TEST_P(LoopOp, EqualsTheEvaluatorInManyTiles) {
  for_each_kernel(
      [&](const ir::Sample& sample, const ir::Module& module, const backend::LoweredFunction& lowered, const EvaluateOptions& options) {
        for (const SymbolValues& symbols : large_symbol_choices(*GetParam(), sample))
          if (const auto inputs = inputs_for(sample, symbols, false)) check(module, lowered, *inputs, symbols, options);
      });
}

/// Sums of such values have no defined order in the reference, and overflow there later.
bool has_one_answer(const ir::OpDef& op) {
  const auto* reduce = std::get_if<ir::Reduce>(&op.lowering);
  const bool sums = reduce != nullptr && (reduce->combine == ScalarOp::kAdd || reduce->combine == ScalarOp::kMultiply);
  return !sums && !std::holds_alternative<ir::Contract>(op.lowering) && !std::holds_alternative<ir::Window>(op.lowering);
}

TEST_P(LoopOp, EqualsTheEvaluatorOnSpecialValues) {
  if (!has_one_answer(*GetParam())) GTEST_SKIP() << "sums of special values are not defined to the bit";
  for_each_kernel(
      [&](const ir::Sample& sample, const ir::Module& module, const backend::LoweredFunction& lowered, const EvaluateOptions& options) {
        SymbolValues symbols = small_symbols(sample);
        for (auto& [symbol, value] : symbols) value += 20;
        if (const auto inputs = inputs_for(sample, symbols, true)) check(module, lowered, *inputs, symbols, options);
      });
}

INSTANTIATE_TEST_SUITE_P(All, LoopOp, testing::ValuesIn(all_ops(is_native)), OpName());

}  // namespace
}  // namespace sinter::test
