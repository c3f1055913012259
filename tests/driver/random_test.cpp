// Random modules through the whole compiler, native code against the evaluator. Of ops that are exact, every bit; of smooth ones, within a
// tolerance (a jump such as floor would make a large difference of a small one). A failing module is reduced before it is shown.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <set>

#include "driver/native.h"
#include "ir/evaluate.h"
#include "support/close.h"
#include "support/levels.h"
#include "support/random_module.h"

namespace sinter::driver {
namespace {

using test::RandomModule;

/// A while goes round as often as the values say that happen to come in: perhaps for ever.
bool has_native_code(const ir::OpDef& op) {
  return !std::holds_alternative<ir::NotNative>(op.lowering) && op.name != "fusion" && op.name != "while";
}

bool is_exact(const ir::OpDef& op) {
  if (!has_native_code(op) || !op.regions.empty() || op.ulp > 0 || std::holds_alternative<ir::Composite>(op.lowering) || std::holds_alternative<ir::Contract>(op.lowering) ||
      std::holds_alternative<ir::Window>(op.lowering))
    return false;
  static const std::set<std::string> kRounds = {"reduce_sum", "block_sum", "reduce_product", "scatter_add", "bitcast"};  // and bitcast shows the payload of a NaN
  return !kRounds.count(op.name);
}

bool is_smooth(const ir::OpDef& op) {
  static const std::set<std::string> kJumps = {"floor", "ceil", "round", "trunc", "sign", "remainder", "argmax", "argmin", "reduce_window_argmax", "reduce_window_argmin", "equal", "not_equal", "less", "less_equal",
                                               "greater", "greater_equal", "cast", "bitcast", "is_finite", "is_nan", "tan", "power", "one_hot"};
  return has_native_code(op) && !kJumps.count(op.name);
}

/// A step of bf16 is a two hundredth, and what follows may make more of it.
test::Tolerance with_room_for_narrow_values(const RandomModule& random, test::Tolerance tolerance) {
  const ir::Graph& graph = random.module.function("main").graph;
  for (int32_t id = 0; id < graph.value_count() && tolerance.relative > 0; ++id)
    if (is_narrow(graph.type({id}).dtype)) tolerance.relative = std::max(tolerance.relative, 0.05);
  return tolerance;
}

/// What is wrong at these sizes; empty: nothing.
std::string problem(const RandomModule& random, const SymbolValues& symbols, const test::Tolerance& given, TargetLevel level) {
  const test::Tolerance tolerance = with_room_for_narrow_values(random, given);
  std::map<std::string, Tensor> expected;
  std::map<std::string, Tensor> arguments;
  try {
    arguments = test::make_arguments(random, symbols, random.seed);
    expected = ir::evaluate(random.module, "main", arguments, symbols);
  } catch (const Error&) {
    return {};  // no arguments, or a failure that data decide: those have tests of their own
  }
  try {
    const auto actual = run_natively(compile(random.module, "main", at_level(level)), arguments, symbols, *runtime::thread_team(2));
    for (const auto& [name, tensor] : expected) {
      test::Tolerance scaled = tolerance;
      double largest = 0;
      if (is_float(tensor.dtype()) && tolerance.relative > 0)
        for (int64_t i = 0; i < tensor.size(); ++i)
          if (std::isfinite(tensor.get(i))) largest = std::max(largest, std::abs(tensor.get(i)));
      scaled.absolute = tolerance.relative * std::max(largest, 0.1);
      if (const std::string difference = test::difference(actual.at(name), tensor, scaled); !difference.empty()) return name + ": " + difference;
    }
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

/// The same module with every input of constant shape a parameter: much of it can then be computed ahead.
RandomModule with_parameters(RandomModule random) {
  for (ir::Variable& variable : random.module.variables)
    if (variable.role == Role::kInput && variable.type.shape.is_constant()) variable.role = Role::kParameter;
  return random;
}
RandomModule as_it_is(RandomModule random) { return random; }

void check_seeds(const std::function<bool(const ir::OpDef&)>& allowed, const test::Tolerance& tolerance, uint32_t first,
                 RandomModule (*change)(RandomModule) = as_it_is) {
  const char* more = std::getenv("SINTER_LONG_TESTS");
  const uint32_t count = more ? 2000 : 60;
  test::OpCoverage coverage;
  test::RandomModuleOptions options;
  options.allowed = allowed;
  const std::vector<TargetLevel> levels = test::levels_here();
  for (uint32_t seed = first; seed < first + count; ++seed) {
    const RandomModule random = change(test::random_module(seed, options));
    coverage.add(random.module);
    const TargetLevel level = levels[seed % levels.size()];
    const auto fails = [&](const RandomModule& candidate) { return !problem(candidate, candidate.symbols, tolerance, level).empty(); };
    if (!fails(random)) continue;
    const RandomModule small = test::reduce(random, fails);
    ADD_FAILURE() << "seed " << seed << " on " << name(level) << ": " << problem(small, small.symbols, tolerance, level) << "\n" << small.describe();
    if (testing::Test::HasFailure() && !more) return;
  }
  std::cout << coverage.report() << "\n";
  EXPECT_TRUE(coverage.missing(allowed).empty()) << "never appeared: " << coverage.missing(allowed).front();
}

TEST(RandomModules, ExactOpsAgreeToTheBit) { check_seeds(is_exact, {}, 1); }
TEST(RandomModules, PreparedValuesAgree) { check_seeds(is_exact, {}, 20001, with_parameters); }
TEST(RandomModules, SmoothOpsAgree) { check_seeds(is_smooth, {0, 2e-4, 0}, 10001); }

}  // namespace
}  // namespace sinter::driver
