// The library in the language, compiled to native code, against numbers recorded from PyTorch: forward and gradients, on each instruction
// set of this machine, with the same bits for any team; and how many kernels it takes.
#include <gtest/gtest.h>

#include "driver/native.h"
#include "frontend/language/language.h"
#include "support/levels.h"
#include "support/recorded.h"

namespace sinter::driver {
namespace {

const test::Tolerance kClose{0, 1e-9, 1e-10};  // f64; the files hold 13 digits

class RecordedLibrary : public testing::TestWithParam<const char*> {};

TEST_P(RecordedLibrary, ComputesWhatPytorchDoes) {
  for (const test::RecordedCase& recorded : test::recorded_cases(GetParam())) {
    SCOPED_TRACE(recorded.text);
    const ir::Module module = language::compile_expression(recorded.text, {}, true).module;
    for (const TargetLevel level : test::levels_here())
      for (const char* function : {"predict", "gradient"}) {
        Tensors expected;
        for (const std::string& result : module.function(function).results) expected[result] = recorded.values.at(result);
        expect_natively(compile(module, function, at_level(level)), recorded.values, {}, expected, kClose, std::string(name(level)));
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, RecordedLibrary, testing::Values("activations", "losses", "attention"),
                         [](const auto& info) { return std::string(info.param); });

int64_t kernels_of(const std::string& text, bool gradient = false) {
  const ir::Module module = language::compile_expression(text, {}, gradient).module;
  const std::string function = gradient ? "gradient" : "predict";
  return static_cast<int64_t>(lower(module, function, at_level()).fused.function(function).graph.nodes().size());
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
