// The library in the language, compiled to native code, against numbers recorded from PyTorch: forward and gradients, on each instruction
// set of this machine, with the same bits for any team; and how many kernels it takes.
#include <gtest/gtest.h>

#include <cstring>

#include "driver/compile.h"
#include "frontend/language/language.h"
#include "support/close.h"
#include "support/recorded.h"

namespace sinter::driver {
namespace {

const test::Tolerance kClose{0, 1e-9, 1e-10};  // f64; the files hold 13 digits

class RecordedLibrary : public testing::TestWithParam<const char*> {};

void expect_native(const ir::Module& module, const std::string& function, const test::RecordedCase& recorded, TargetLevel level) {
  CompileOptions options;
  options.use_cache = false;
  options.level = level;
  const auto executable = compile(module, function, options);
  const ir::Function& main = module.function(function);
  std::map<std::string, Tensor> first;
  for (const int threads : {1, 3}) {
    runtime::State state;
    for (const std::string& argument : main.arguments) {
      const ir::Variable& variable = module.variable(argument);
      if (variable.role != Role::kParameter && variable.role != Role::kState) continue;
      state.declare(variable.name, variable.role, variable.type);
      std::memcpy(state.get(argument).raw(), recorded.values.at(argument).raw(), recorded.values.at(argument).bytes());
    }
    const auto team = threads == 1 ? runtime::serial_team() : runtime::thread_team(threads);
    runtime::Run run(executable, state, *team);
    for (const runtime::Port& port : executable->program().ports)
      if (port.role == Role::kInput) run.bind(port.name, recorded.values.at(port.name));
    run.execute();
    for (const std::string& result : main.results) {
      const Tensor actual = run.output(result).clone();
      test::expect_close(actual, recorded.values.at(result), kClose, result);
      if (first.contains(result)) EXPECT_TRUE(same_bits(first.at(result), actual)) << result << " of " << threads << " threads";
      first[result] = actual;
    }
  }
}

TEST_P(RecordedLibrary, ComputesWhatPytorchDoes) {
  for (const test::RecordedCase& recorded : test::recorded_cases(GetParam())) {
    SCOPED_TRACE(recorded.text);
    const ir::Module module = language::compile_expression(recorded.text, {}, true).module;
    for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4}) {
      if (level > this_machine().best_level) continue;
      SCOPED_TRACE(std::string(name(level)));
      expect_native(module, "predict", recorded, level);
      expect_native(module, "gradient", recorded, level);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, RecordedLibrary, testing::Values("activations", "losses", "attention"),
                         [](const auto& info) { return std::string(info.param); });

int64_t kernels_of(const std::string& text, bool gradient = false) {
  const ir::Module module = language::compile_expression(text, {}, gradient).module;
  CompileOptions options;
  options.use_cache = false;
  const std::string function = gradient ? "gradient" : "predict";
  return static_cast<int64_t>(lower(module, function, options).fused.function(function).graph.nodes().size());
}

TEST(LibraryKernels, ActivationsAreOneKernelForwardAndBackward) {
  for (const char* call : {"selu(f32[n, 64])", "celu(f32[n, 64])", "mish(f32[n, 64])", "hard_swish(f32[n, 64])", "hard_sigmoid(f32[n, 64])",
                           "softsign(f32[n, 64])", "log_sigmoid(f32[n, 64])", "relu6(f32[n, 64])", "swiglu(f32[n, 64], f32[n, 64])"}) {
    EXPECT_EQ(kernels_of(call), 1) << call;
    EXPECT_EQ(kernels_of(call, true), 1) << call;
  }
}

TEST(LibraryKernels, AttentionIsAContractionRowsAndAContraction) {
  const std::string tensors = "f32[n, 4, 64, 32], f32[n, 4, 64, 32], f32[n, 4, 64, 32]";
  EXPECT_EQ(kernels_of("attention(" + tensors + ")"), 3);
  EXPECT_EQ(kernels_of("attention(" + tensors + ", causal = true)"), 3);
}

}  // namespace
}  // namespace sinter::driver
