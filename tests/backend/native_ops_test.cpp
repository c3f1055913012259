// Every op record that lowers to a kernel: native code against the evaluator, on all samples, at sizes around the lanes of vectors, for
// each instruction set of this machine; the same bits for one participant and for three; and where all arithmetic is exact, the bits of the loop evaluator.
#include <gtest/gtest.h>

#include "backend/loop/text.h"
#include "backend/support/loop_program.h"
#include "backend/support/native.h"
#include "backend/support/special_values.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"
#include "support/levels.h"
#include "support/samples.h"
#include "support/tolerances.h"

namespace sinter::test {
namespace {

std::string spell(const SymbolValues& symbols) {
  std::string text;
  for (const auto& [symbol, value] : symbols) text += " " + symbol + "=" + std::to_string(value);
  return text;
}

/// Where all arithmetic is exact, the loop evaluator says every bit.
void check_bits(const NativeProgram& program, const std::map<std::string, Tensor>& inputs, const SymbolValues& symbols, const std::map<std::string, Tensor>& actual, bool has_fma) {
  const std::vector<loop::Kernel>& kernels = program.lowered().kernels;
  if (!std::all_of(kernels.begin(), kernels.end(), [](const loop::Kernel& kernel) { return is_exact(kernel); })) return;
  for (const auto& [name, tensor] : run_loops(program.lowered(), inputs, symbols, {.fused_multiply_add = has_fma}))
    EXPECT_TRUE(same_values(actual.at(name), tensor)) << name << " differs from the loop evaluator\n" << print(kernels[0]) << difference(actual.at(name), tensor);
}

/// Instructions for products of bf16 take subnormals for zeros, which no other path does.
bool flushes_subnormals(const NativeProgram& program, TargetLevel level) {
  if (!target_of(level).has_narrow_products) return false;
  const std::vector<loop::Kernel>& kernels = program.lowered().kernels;
  return std::any_of(kernels.begin(), kernels.end(), [](const loop::Kernel& kernel) {
    const std::string text = print(kernel);
    return text.find("contract ") != std::string::npos && text.find(": bf16") != std::string::npos;
  });
}

/// Sizes and values that the reference, which adds in another order, could not be compared at.
void check_at_edges(const ir::OpDef& op, const ir::Sample& sample, const NativeProgram& program, bool has_fma, runtime::Team& team) {
  std::vector<SymbolValues> choices = large_symbol_choices(op, sample);
  choices.push_back(small_symbols(sample));
  for (auto& [symbol, value] : choices.back()) value += 20;
  for (const SymbolValues& symbols : choices) {
    try {
      const auto inputs = make_special_inputs(op, sample, symbols, 3);
      check_bits(program, inputs, symbols, program.run(inputs, symbols, team), has_fma);
    } catch (const Error&) {
      continue;  // no such input exists, or the op refuses it
    }
  }
}

void check(const ir::OpDef& op, const ir::Sample& sample, const ir::Module& module, const NativeProgram& program, bool has_fma, const SymbolValues& symbols,
           runtime::Team& one, runtime::Team& three) {
  std::map<std::string, Tensor> inputs, expected;
  try {
    inputs = make_inputs(op, sample, symbols, 7);
  } catch (const Error&) {
    return;  // no such input exists
  }
  try {
    expected = ir::evaluate(module, "main", inputs, symbols);
  } catch (const Error&) {
    EXPECT_THROW(program.run(inputs, symbols, one), Error);
    return;
  }
  const auto actual = program.run(inputs, symbols, one), shared = program.run(inputs, symbols, three);
  for (const auto& [name, tensor] : expected) {
    expect_close(actual.at(name), tensor, native_tolerance(op, tensor.dtype()), name);
    EXPECT_TRUE(same_bits(actual.at(name), shared.at(name))) << "three participants differ from one";
  }
  check_bits(program, inputs, symbols, actual, has_fma);
}

class NativeOp : public testing::TestWithParam<const ir::OpDef*> {};

TEST_P(NativeOp, EqualsTheEvaluator) {
  const ir::OpDef& op = *GetParam();
  const auto one = runtime::serial_team();
  const auto three = runtime::thread_team(3);
  for (const ir::Sample& sample : op.samples) {
    if (needs_passes(op, sample)) continue;
    const ir::Module module = module_of(op, sample);
    for (const TargetLevel level : levels_here()) {
      const NativeProgram program(module, level);
      for (const SymbolValues& symbols : symbol_choices(sample)) {
        SCOPED_TRACE(print(module) + "on " + std::string(name(level)) + spell(symbols));
        check(op, sample, module, program, target_of(level).has_fma, symbols, *one, *three);
        if (HasFailure()) return;
      }
      SCOPED_TRACE(print(module) + "on " + std::string(name(level)) + ", special values");
      if (flushes_subnormals(program, level)) continue;
      check_at_edges(op, sample, program, target_of(level).has_fma, *three);
      if (HasFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, NativeOp, testing::ValuesIn(all_ops(is_native)), OpName());

}  // namespace
}  // namespace sinter::test
