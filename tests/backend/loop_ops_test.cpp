// Every op record that lowers to a kernel: its kernels on the loop evaluator, with all its checks, against the reference of the record; the tiles in several
// orders; for the lanes of each level. Native code is held to the same evaluator in native_ops_test.cpp.
#include <gtest/gtest.h>

#include "backend/support/loop_program.h"
#include "backend/support/native.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"
#include "support/samples.h"
#include "support/tolerances.h"

namespace sinter::test {
namespace {

using loop::EvaluateOptions;
using loop::TileOrder;

void check(const ir::OpDef& op, const ir::Sample& sample, const ir::Module& module, const backend::LoweredFunction& lowered, const SymbolValues& symbols, bool fused) {
  std::map<std::string, Tensor> inputs, expected;
  try {
    inputs = make_inputs(op, sample, symbols, 7);
  } catch (const Error&) {
    return;  // no such input exists
  }
  EvaluateOptions options{.fused_multiply_add = fused};
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

class LoopOp : public testing::TestWithParam<const ir::OpDef*> {};

TEST_P(LoopOp, EqualsTheEvaluator) {
  const ir::OpDef& op = *GetParam();
  for (const ir::Sample& sample : op.samples) {
    if (needs_passes(op, sample)) continue;
    const ir::Module module = module_of(op, sample);
    for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4}) {
      const backend::LoweredFunction lowered = lower_main(module, level);
      for (const SymbolValues& symbols : symbol_choices(sample)) {
        SCOPED_TRACE(print(module) + "for " + std::string(name(level)));
        check(op, sample, module, lowered, symbols, target_of(level).has_fma);
        if (HasFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, LoopOp, testing::ValuesIn(all_ops(is_native)), OpName());

}  // namespace
}  // namespace sinter::test
