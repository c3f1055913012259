// The structural hash: whatever changes the meaning of a module changes it, names of nodes do not.
#include "ir/structural_hash.h"

#include <gtest/gtest.h>

#include <map>

#include "ir/text.h"

namespace sinter::ir {
namespace {

const std::string kModule = R"(sir 1
module m
variable x: f32[n, 2] input
variable w: f32[2] parameter
variable s: f32[2] state
variable c: f32[3] constant {0.0, 2.0, 2.0}
variable y: f32[n, 2] output
function f {
    %0: f32[n, 2] = argument @x
    %1: f32[2] = argument @w
    %2: f32[3] = argument @c
    %3: f32[n, 2] = exp %0 "first"
    %4: f32[n, 2] = subtract %0, %3
    %5: i64[] = dim_size {dtype = i64, value = dim(2*n)}
    %6: f32[n, 2] = fusion %4 {kind = "loops", reason = ""} "second" body {
        %0: f32[n, 2] = argument 0
        %1: f32[n, 2] = exp %0 "third"
        return %1
    }
    %7: f32[2] = constant {value = f32[2]{1.0, 2.0}}
    return @y = %6, @w = %1
}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(StructuralHash, ChangesWithEverythingThatMatters) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"variable s: f32[2] state\n", ""},
      {"variable s: f32[2] state\n", "variable s: f32[2] state\nvariable t: f32[2] state\n"},
      {"variable s: f32[2] state", "variable t: f32[2] state"},
      {"variable s: f32[2] state", "variable s: f32[2] parameter"},
      {"variable s: f32[2] state", "variable s: f32[3] state"},
      {"variable s: f32[2] state", "variable s: f64[2] state"},
      {"variable s: f32[2] state", "variable s: f32[2, 1] state"},
      {"variable w: f32[2] parameter\nvariable s: f32[2] state", "variable s: f32[2] state\nvariable w: f32[2] parameter"},
      {"{0.0, 2.0, 2.0}", "{0.0, 2.0, 2.5}"},
      {"{0.0, 2.0, 2.0}", "{-0.0, 2.0, 2.0}"},
      {"function f", "function g"},
      {"argument @w", "argument @s"},
      {"@w = %1", "@s = %1"},
      {", @w = %1", ""},
      {"@y = %6, @w = %1", "@w = %1, @y = %6"},
      {"@y = %6", "@y = %4"},
      {"exp %0 \"first\"", "sin %0 \"first\""},
      {"exp %0 \"first\"", "stop_gradient %0 \"first\""},
      {"subtract %0, %3", "subtract %3, %0"},
      {"subtract %0, %3", "subtract %0, %0"},
      {"dim(2*n)", "dim(2*n + 1)"},
      {"dim(2*n)", "dim(2*k)"},
      {"%5: i64[] = dim_size {dtype = i64,", "%5: i32[] = dim_size {dtype = i32,"},
      {"kind = \"loops\"", "kind = \"contract\""},
      {"reason = \"\"", "reason = \"cheap\""},
      {"%1: f32[n, 2] = exp %0 \"third\"", "%1: f32[n, 2] = sin %0 \"third\""},
      {"return %1\n", "return %0\n"},
      {"f32[2]{1.0, 2.0}", "f32[2]{2.0, 1.0}"},
      {"    return @y", "    %8: f32[2] = negate %7\n    return @y"},
      {"\n}\n", "\n}\nfunction g { return }\n"},
  };
  std::map<Hash128, std::string> seen = {{structural_hash(parse_module(kModule)), "the module itself"}};
  for (const auto& [from, to] : changes) {
    const auto [known, is_new] = seen.emplace(structural_hash(parse_module(replaced(kModule, from, to))), from + " -> " + to);
    EXPECT_TRUE(is_new) << from << " -> " << to << " has the hash of " << known->second;
  }
}

TEST(StructuralHash, LeavesNamesOutUnlessAsked) {
  const Module module = parse_module(kModule);
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"first\"", "\"1st\""}, {"\"second\"", ""}, {"\"third\"", "\"3rd\""}, {"module m", "module other"}}) {
    const Module renamed = parse_module(replaced(kModule, from, to));
    EXPECT_EQ(structural_hash(module), structural_hash(renamed)) << from;
    EXPECT_NE(structural_hash(module, true), structural_hash(renamed, true)) << from;
  }
}

TEST(StructuralHash, IsStable) {
  // Kernel caches outlive the process: a new value here needs a new version of the cache.
  const Graph graph = parse_graph("%0: f32[n] = argument 0\n%1: f32[n] = exp %0\nreturn %1\n");
  EXPECT_EQ(structural_hash(graph), structural_hash(parse_graph(print(graph))));
  EXPECT_EQ(structural_hash(graph).to_string(), "9c836b7785efbb4ae77fb9632c69241c");
}

}  // namespace
}  // namespace sinter::ir
