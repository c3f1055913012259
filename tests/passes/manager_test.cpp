#include "passes/manager.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/structural_hash.h"
#include "ir/text.h"
#include "support.h"

namespace sinter::passes::test {
namespace {

constexpr const char* kText = R"(sir 1
module m

variable x: f32[2] input
variable y: f32[2] output

function predict {
    %0: f32[2] = argument @x
    %1: f32[2] = exp %0 "dead"
    %2: f32[2] = negate %0 "n"
    %3: f32[2] = negate %2 "n"
    return @y = %3
}
)";

Pass nothing(const std::string& name) {
  return {name, "does nothing", [](const ir::Module& m) { return m; }};
}

TEST(Manager, ReportsWhatEachPassDid) {
  const std::vector<Pass> passes = passes_by_name({"dce", "cse", "simplify"});
  PassReport report;
  std::vector<std::string> dumped;
  RunOptions options;
  options.on_pass = [&](const PassRecord& record, const ir::Module& after) {
    dumped.push_back(record.name + " " + std::to_string(count_nodes(after)));
  };
  const ir::Module before = ir::parse_module(kText);
  const ir::Module after = run_passes(before, passes, options, &report);
  EXPECT_EQ(count_nodes(before), 3) << "the old module is untouched";
  EXPECT_EQ(count_nodes(after), 0);
  ASSERT_EQ(report.passes.size(), 3u);
  EXPECT_TRUE(report.passes[0].changed);
  EXPECT_FALSE(report.passes[1].changed);
  EXPECT_TRUE(report.passes[2].changed);
  EXPECT_EQ(report.passes[0].nodes, 2);
  EXPECT_EQ(dumped, (std::vector<std::string>{"dce 2", "cse 2", "simplify 0"}));
  EXPECT_NE(report.to_string().find("cse              unchanged"), std::string::npos) << report.to_string();
}

TEST(Manager, StopsAfterAPassAndRunsTheFirstFew) {
  const std::vector<Pass> passes = passes_by_name({"dce", "cse", "simplify"});
  const ir::Module module = ir::parse_module(kText);
  PassReport stopped, first, none;
  EXPECT_EQ(count_nodes(run_passes(module, passes, {.stop_after = "cse"}, &stopped)), 2);
  EXPECT_EQ(stopped.passes.size(), 2u);
  EXPECT_EQ(count_nodes(run_passes(module, passes, {.first = 1}, &first)), 2);
  EXPECT_EQ(first.passes.size(), 1u);
  EXPECT_EQ(count_nodes(run_passes(module, passes, {.first = 0}, &none)), 3);
  EXPECT_TRUE(none.passes.empty());
  EXPECT_EQ(count_nodes(run_passes(module, passes, {.first = 99})), 0);
}

TEST(Manager, AnUnknownPassToStopAfterIsTheUsersMistake) {
  try {
    run_passes(ir::parse_module(kText), passes_by_name({"dce", "simplify"}), {.stop_after = "simplfy"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kName);
    EXPECT_EQ(error.hint(), "did you mean 'simplify'?");
  }
}

TEST(Manager, NamesThePassThatMadeABadModuleAndShowsIt) {
  const Pass bad = {"breaker", "drops an output's variable", [](const ir::Module& m) {
                      ir::Module broken = m;
                      broken.functions[0].results[0] = "z";
                      return broken;
                    }};
  try {
    run_passes(ir::parse_module(kText), std::vector{nothing("before"), bad, nothing("after")});
    FAIL();
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("pass breaker"), std::string::npos) << text;
    EXPECT_NE(text.find("return @z = %3"), std::string::npos) << text;
    EXPECT_EQ(text.find("pass after"), std::string::npos) << text;
  }
}

TEST(Manager, NamesThePassThatFailsAndShowsWhatItWasGiven) {
  const Pass bad = {"breaker", "breaks an invariant",
                    [](const ir::Module&) -> ir::Module { SINTER_CHECK(false, std::string("an invariant")); }};
  try {
    run_passes(ir::parse_module(kText), std::vector{bad});
    FAIL();
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("pass breaker"), std::string::npos) << text;
    EXPECT_NE(text.find("an invariant"), std::string::npos) << text;
    EXPECT_NE(text.find("\"dead\""), std::string::npos) << text;
  }
}

TEST(Manager, UserMistakesPassThrough) {
  const Pass refuses = {"refuses", "cannot",
                        [](const ir::Module&) -> ir::Module { throw Error(ErrorCode::kUnsupported, "not yet"); }};
  EXPECT_THROW(run_passes(ir::parse_module(kText), std::vector{refuses}), Error);
}

}  // namespace
}  // namespace sinter::passes::test
