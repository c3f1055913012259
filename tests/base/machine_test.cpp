#include "base/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>

#include "base/error.h"

namespace sinter {
namespace {

/// Sets SINTER_TARGET for a scope.
class TargetVariable {
 public:
  explicit TargetVariable(const char* value) {
    if (const char* old = std::getenv("SINTER_TARGET")) old_ = old;
    setenv("SINTER_TARGET", value, 1);
  }
  ~TargetVariable() { old_ ? setenv("SINTER_TARGET", old_->c_str(), 1) : unsetenv("SINTER_TARGET"); }

 private:
  std::optional<std::string> old_;
};

TEST(Machine, FactsArePlausible) {
  const Machine& machine = this_machine();
  EXPECT_FALSE(machine.cpu_name.empty());
  EXPECT_GE(machine.cores, 1);
  EXPECT_LE(machine.cores, static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  EXPECT_GE(machine.l1_bytes, 8 << 10);
  EXPECT_LE(machine.l1_bytes, machine.l2_bytes);
  EXPECT_GE(machine.cache_line, 32);
  EXPECT_EQ(&machine, &this_machine());
}

#if defined(__x86_64__)
TEST(Machine, LevelAgreesWithTheKernel) {
  std::ifstream file("/proc/cpuinfo");
  std::string flags;
  for (std::string line; flags.empty() && std::getline(file, line);) {
    if (line.starts_with("flags")) flags = line.substr(line.find(':') + 1) + " ";
  }
  if (flags.empty()) GTEST_SKIP() << "/proc/cpuinfo shows no flags";
  const auto has = [&](const char* flag) { return flags.find(" " + std::string(flag) + " ") != std::string::npos; };
  const bool v3 = has("avx2") && has("fma") && has("bmi1") && has("bmi2") && has("f16c") && has("movbe") && has("abm");
  const bool v4 = v3 && has("avx512f") && has("avx512bw") && has("avx512cd") && has("avx512dq") && has("avx512vl");
  const bool bf16 = v4 && has("avx512_bf16") && has("avx512_vnni");
  const TargetLevel expected = bf16 ? TargetLevel::kV4Bf16 : v4 ? TargetLevel::kV4 : v3 ? TargetLevel::kV3 : TargetLevel::kV2;
  EXPECT_EQ(this_machine().best_level, expected);
}
#endif

TEST(Target, LevelsAndRegisters) {
  for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4, TargetLevel::kV4Bf16}) {
    EXPECT_EQ(parse_target_level(name(level)), level);
    EXPECT_EQ(target_of(level).level, level);
  }
  EXPECT_FALSE(parse_target_level("v5"));
  EXPECT_EQ(target_of(TargetLevel::kV2).lanes(4), 4);
  EXPECT_FALSE(target_of(TargetLevel::kV2).has_fma);
  EXPECT_EQ(target_of(TargetLevel::kV3).lanes(4), 8);
  EXPECT_EQ(target_of(TargetLevel::kV3).vector_registers, 16);
  EXPECT_EQ(target_of(TargetLevel::kV4).lanes(8), 8);
  EXPECT_EQ(target_of(TargetLevel::kV4Bf16).vector_registers, 32);
}

TEST(Target, TheVariablePicksALowerLevel) {
  {
    const TargetVariable variable("v2");
    EXPECT_EQ(default_target_level(), TargetLevel::kV2);
  }
  {
    const TargetVariable variable("");
    EXPECT_EQ(default_target_level(), this_machine().best_level);
  }
  {
    const TargetVariable variable("avx9");
    EXPECT_THROW(default_target_level(), Error);
  }
  if (this_machine().best_level < TargetLevel::kV4Bf16) {
    const TargetVariable variable("v4-bf16");
    EXPECT_THROW(default_target_level(), Error);
  }
}

}  // namespace
}  // namespace sinter
