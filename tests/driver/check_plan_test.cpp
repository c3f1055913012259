// The plan checker on what the compiler makes: every function of every example at several sizes, and random modules.
#include "runtime/check_plan.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "driver/native.h"
#include "frontend/language/language.h"
#include "io/mapping.h"
#include "support/random_module.h"

namespace sinter::driver {
namespace {

int32_t never_called(const SinterArgs*, int64_t, int64_t) { return SINTER_OK; }

std::shared_ptr<const runtime::Executable> shell(const runtime::Program& program, std::shared_ptr<const runtime::Executable> preparation) {
  return std::make_shared<runtime::Executable>(program, std::vector<SinterKernel>(program.kernels.size(), never_called), nullptr, std::move(preparation));
}

void expect_sound(const runtime::Program& program, const SymbolValues& symbols, std::shared_ptr<const runtime::Executable> preparation = nullptr) {
  const auto made = shell(program, std::move(preparation));
  const runtime::Executable& executable = *made;
  const runtime::Layout layout(executable, symbols);
  EXPECT_EQ(runtime::check_plan(program, runtime::laid_out_plan(program, layout), symbols), std::nullopt);
}

TEST(CheckPlan, AcceptsTheExamples) {
  int programs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SINTER_SOURCE_DIR) + "/examples")) {
    if (entry.path().extension() != ".sinter") continue;
    const ir::Module module = language::compile_text(io::read_text(entry.path().string()), entry.path().string()).module;
    for (const ir::Function& function : module.functions) {
      const Lowered lowered = lower(module, function.name, at_level());
      const runtime::Program& program = lowered.code.program;
      if (lowered.preparation) expect_sound(lowered.preparation->code.program, {});
      for (const int64_t size : {0, 1, 7, 32, 1000}) {
        SCOPED_TRACE(entry.path().filename().string() + ", " + function.name + " at " + std::to_string(size));
        SymbolValues symbols;
        for (const std::string& symbol : program.symbols) symbols[symbol] = size;
        expect_sound(program, symbols, lowered.preparation ? shell(lowered.preparation->code.program, nullptr) : nullptr);
      }
      ++programs;
    }
  }
  EXPECT_GE(programs, 12);
}

bool can_be_lowered(const ir::OpDef& op) {
  return op.name != "fusion" && !std::holds_alternative<ir::NotNative>(op.lowering) && op.name != "grad";
}

TEST(CheckPlan, AcceptsRandomModules) {
  int with_preparation = 0;
  for (uint32_t seed = 0; seed < 150 && !HasFailure(); ++seed) {
    const test::RandomModule random = test::random_module(seed, {.nodes = 40, .allowed = can_be_lowered});
    const Lowered lowered = lower(random.module, "main", at_level());
    const runtime::Program& program = lowered.code.program;
    SCOPED_TRACE(random.describe());
    if (lowered.preparation) {
      expect_sound(lowered.preparation->code.program, {});
      ++with_preparation;
    }
    expect_sound(program, random.symbols, lowered.preparation ? shell(lowered.preparation->code.program, nullptr) : nullptr);
  }
  EXPECT_GT(with_preparation, 5);
}

}  // namespace
}  // namespace sinter::driver
