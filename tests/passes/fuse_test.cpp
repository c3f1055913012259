// Fusing and memory: what becomes of models, kinds and counts of kernels, and random modules in planned memory against
// the evaluator.
#include "passes/fuse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/random.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/check_fusions.h"
#include "passes/plan_memory.h"
#include "passes/rewrite.h"
#include "passes/split_reductions.h"
#include "planned_run.h"
#include "support/random_module.h"

namespace sinter::passes::test {
namespace {

using sinter::test::random_module;
using sinter::test::RandomModule;

const std::vector<std::string> kPrepare = {"grad", "expand", "cleanup", "canonical_contracts", "hoist_constants"};
const std::vector<std::string> kFuse = {"fuse", "bind_results"};

ir::Module read_case(const std::string& name) {
  std::ifstream file(std::string(SINTER_SOURCE_DIR) + "/tests/passes/cases/fuse/" + name + ".sir");
  std::stringstream text;
  text << file.rdbuf();
  return ir::parse_module(text.str(), name);
}

/// Fusions by kind, those inside parallel ones too.
void count_kinds(const ir::Graph& graph, std::map<std::string, int>& counts) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.op->name != "fusion") continue;
    ++counts[ir::get_attribute<std::string>(*node.op, node.attributes, "kind")];
    for (const ir::Graph& region : node.regions) count_kinds(region, counts);
  }
}

std::map<std::string, int> kinds(const ir::Function& function) {
  std::map<std::string, int> counts;
  count_kinds(function.graph, counts);
  return counts;
}

const ir::Module& prepared_classifier() {
  static const ir::Module module = run(read_case("classifier"), kPrepare);
  return module;
}

TEST(Fuse, MakesFewKernelsOfTheClassifier) {
  const ir::Module fused = run(prepared_classifier(), kFuse);
  const ir::Function& step = fused.function("step");
  EXPECT_LE(step.graph.nodes().size(), 3u);
  EXPECT_EQ(kinds(step), (std::map<std::string, int>{{"contract", 8}, {"rows", 2}, {"loops", 7}, {"parallel", 2}, {"stages", 1}}));
  EXPECT_EQ(fused.function("predict").graph.nodes().size(), 1u);
  EXPECT_EQ(fused.function("evaluate").graph.nodes().size(), 2u);
  EXPECT_LE(fused.function("init").graph.nodes().size(), 2u);
}

TEST(Fuse, LeavesWhatIsFusedAsItIs) {
  const ir::Module fused = run(prepared_classifier(), kFuse);
  FusionReport report;
  EXPECT_EQ(ir::print(fuse(fused, {}, &report)), ir::print(fused));
  EXPECT_TRUE(report.decisions.empty());
}

TEST(Fuse, RefusesNodesBesideFusions) {
  const ir::Module mixed = ir::parse_module(R"(sir 1
module mixed

variable x: f32[4] input
variable y: f32[4] output

function main {
    %0: f32[4] = argument @x
    %1: f32[4] = fusion %0 {kind = "loops", reason = ""} body {
        %0: f32[4] = argument 0
        %1: f32[4] = exp %0
        return %1
    }
    %2: f32[4] = exp %1 "z"
    return @y = %2
}
)", "mixed.sir");
  try {
    fuse(mixed, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "some nodes are in fusions already, one node is not: exp");
    EXPECT_EQ(error.place().node, "z");
    EXPECT_NE(error.hint().find("before fuse"), std::string::npos) << error.hint();
  }
}

TEST(Fuse, UpdatesAllParametersInOneKernelInPlaceAtTheEnd) {
  const ir::Module fused = run(prepared_classifier(), kFuse);
  const ir::Function& step = fused.function("step");
  const ir::Node& last = step.graph.nodes().back();
  EXPECT_EQ(last.regions[0].nodes().size(), 6u);
  EXPECT_EQ(last.results.size(), 18u);
  EXPECT_EQ(last.name, "optimizer");
  const MemoryPlan plan = plan_memory(fused, step);
  for (const ir::Value result : last.results)
    EXPECT_EQ(plan.buffers[static_cast<size_t>(plan.buffer_of_value[static_cast<size_t>(result.id)])].kind, BufferKind::kVariable);
}

TEST(Fuse, KeepsKernelsApartWhenAsked) {
  FusionReport report;
  const ir::Module fused = fuse(prepared_classifier(), {.most_parts = 1, .most_stages = 1}, &report);
  const ir::Function& step = fused.function("step");
  EXPECT_EQ(kinds(step), (std::map<std::string, int>{{"contract", 8}, {"rows", 2}, {"loops", 7}}));
  EXPECT_LE(fuse(prepared_classifier(), {.small_kernel = 0}).function("step").graph.nodes().size(), 12u);
}

/// Of functions that run once, code is what costs: kernels of many variables that are alike stay apart, so that one code serves them.
TEST(Fuse, KeepsKernelsApartThatSetManyVariablesOnce) {
  for (const int variables : {4, 80}) {
    std::string declared, body, results;
    for (int i = 0; i < variables; ++i) {
      const std::string n = std::to_string(i), seed = std::to_string(i + 1);
      declared += "variable w" + n + ": f32[64, 32] parameter\n";
      body += "    %" + seed + ": f32[64, 32] = broadcast %0 {axes = [], shape = shape[64, 32]}\n";
      results += std::string(i == 0 ? "" : ", ") + "@w" + n + " = %" + seed;
    }
    const ir::Module module = ir::parse_module("sir 1\nmodule m\nvariable seed: f32[] input\n" + declared + "function init {\n    %0: f32[] = argument @seed\n" + body +
                                               "    return " + results + "\n}\n");
    EXPECT_EQ(fuse(module).function("init").graph.nodes().size(), variables == 4 ? 1u : 80u);
    EXPECT_EQ(kinds(fuse(module).function("init")).at("loops"), variables);
  }
}

TEST(Fuse, TellsAReasonForEachBoundary) {
  FusionReport report;
  const ir::Module fused = fuse(prepared_classifier(), {}, &report);
  std::set<std::string> told;
  for (const Decision& decision : report.decisions) {
    EXPECT_FALSE(decision.reason.empty());
    EXPECT_GT(decision.together, 0) << decision.reason;
    EXPECT_GT(decision.apart, 0) << decision.reason;
    if (decision.fused) EXPECT_LE(decision.together, decision.apart) << decision.reason;
    EXPECT_NE(fused.find_function(decision.function), nullptr);
    if (!decision.fused) told.insert(decision.function + decision.producer + decision.consumer);
  }
  EXPECT_FALSE(told.empty());
  const std::string text = to_text(report);
  EXPECT_EQ(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), report.decisions.size());
  EXPECT_NE(text.find("step: dot_general h1 -> add h1: one kernel"), std::string::npos) << text;
  for (const ir::Node& node : fused.function("step").graph.nodes())
    EXPECT_FALSE(ir::get_attribute<std::string>(*node.op, node.attributes, "reason").empty());
}

TEST(Fuse, TellsWhatAPrologueWouldCost) {
  const ir::Module module = ir::parse_module(R"(sir 1
module prologue

variable x: f32[256, 64] input
variable w: f32[64, 480] input
variable y: f32[256, 480] output

function main {
    %0: f32[256, 64] = argument @x
    %1: f32[64, 480] = argument @w
    %2: f32[256, 64] = exp %0 "e"
    %3: f32[256, 480] = dot_general %2, %1 {lhs_batch = [], lhs_contract = [1], rhs_batch = [], rhs_contract = [0]} "p"
    return @y = %3
}
)", "prologue.sir");
  FusionReport report;
  EXPECT_EQ(fuse(module, {}, &report).function("main").graph.nodes().size(), 2u);
  ASSERT_EQ(report.decisions.size(), 1u);
  const Decision& decision = report.decisions[0];
  EXPECT_FALSE(decision.fused);
  EXPECT_GT(decision.together, decision.apart);  // e is computed for each of ten panels of columns
  EXPECT_NE(decision.reason.find("a prologue would compute them each time"), std::string::npos) << decision.reason;
}

TEST(Fuse, TellsWhyASumIsLeftWhole) {
  const auto decisions = [](const std::string& rows, const std::string& columns) {
    const std::string x = "f32[" + rows + ", " + columns + "]", row = "f32[" + rows + "]", column = "f32[" + columns + "]";
    FusionReport report;
    fuse(ir::parse_module("sir 1\nmodule sums\n\nvariable x: " + x + " input\nvariable r: " + row + " output\nvariable c: " + column +
                              " output\n\nfunction main {\n    %0: " + x + " = argument @x\n    %1: " + row + " = reduce_sum %0 {axes = [1]} \"along\"\n    %2: " +
                              column + " = reduce_sum %0 {axes = [0]} \"down\"\n    return @r = %1, @c = %2\n}\n", "sums.sir"), {}, &report);
    return to_text(report);
  };
  const std::string told = "reduce_sum along -> reduce_sum down: two kernels";
  const std::string few = decisions("100", "1000"), small = decisions("200", "32"), blocks = decisions("1000", "1000");
  EXPECT_NE(few.find(told), std::string::npos) << few;
  EXPECT_NE(few.find("the sum is left whole: fewer rows than 2 blocks have; 7.8 KiB of partial sums"), std::string::npos) << few;
  EXPECT_NE(small.find("the sum is left whole: the rows are in L1"), std::string::npos) << small;
  EXPECT_EQ(blocks.find("left whole"), std::string::npos) << blocks;
}

/// Every text case in the folder, as far as it can be fused.
TEST(Fuse, RunsTextCasesInPlannedMemory) {
  int ran = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SINTER_SOURCE_DIR) + "/tests/passes/cases/fuse")) {
    const std::string name = entry.path().stem().string();
    if (name == "not_native") continue;
    SCOPED_TRACE(name);
    const ir::Module before = run(read_case(name), kPrepare);
    for (const SymbolValues& sizes :
         {SymbolValues{}, SymbolValues{{"batch", 1}, {"n", 1}, {"seq", 1}}, SymbolValues{{"batch", 0}, {"n", 0}}})
      expect_planned_runs(before, run(before, kFuse), sizes);
    ++ran;
  }
  EXPECT_GE(ran, 9);
}

TEST(Fuse, IsDeterministic) {
  const ir::Module& before = prepared_classifier();
  EXPECT_EQ(ir::print(run(before, kFuse)), ir::print(run(before, kFuse)));
}

// ---- random modules ----

bool can_be_fused(const ir::OpDef& op) {
  return op.regions.empty() && !std::holds_alternative<ir::NotNative>(op.lowering) && op.name != "grad";
}

/// Some results of constant shape become the next values of inputs of their type, which are state then.
ir::Module with_state(const ir::Module& module, uint32_t seed) {
  ir::Module result = module;
  RandomSequence random(seed, 9);
  ir::Function& function = result.functions.at(0);
  std::set<std::string> taken(function.results.begin(), function.results.end());
  for (std::string& bound : function.results) {
    const ir::Variable output = result.variable(bound);
    for (const std::string& argument : function.arguments) {
      ir::Variable* input = const_cast<ir::Variable*>(result.find_variable(argument));
      if (input->value || input->type != output.type || !input->type.shape.is_constant() || random.below(3) == 0 ||
          !taken.insert(argument).second)
        continue;
      input->role = Role::kState;
      bound = argument;
      break;
    }
  }
  return result;
}

/// What is wrong with the fused module; empty: nothing.
std::string fault(const ir::Module& before, const RandomModule& random) {
  Tensors expected;
  try {
    expected = ir::evaluate(before, "main", random.arguments, random.symbols);
  } catch (const Error&) {
    return "";  // an index that the module computes and that is out of range
  }
  try {
    const ir::Module fused = run(before, kFuse);
    const ir::Function& function = fused.function("main");
    check_fusions(function.graph);
    const Tensors actual = run_planned(fused, function, plan_memory(fused, function), random.arguments, random.symbols);
    for (const auto& [name, tensor] : expected)
      if (!same_bits(tensor, actual.at(name))) return name + " differs";
    expect_safe_in_place(fused, function, plan_memory(fused, function), random.arguments, random.symbols);
  } catch (const std::exception& error) {
    return error.what();
  }
  return testing::Test::HasFailure() ? "memory" : "";
}

TEST(Fuse, KeepsRandomModulesInPlannedMemory) {
  std::map<std::string, int> counts;
  int64_t nodes = 0, kernels = 0, in_place = 0;
  for (uint32_t seed = 0; seed < 200 && !HasFailure(); ++seed) {
    const RandomModule random = random_module(seed, {.nodes = 25, .allowed = can_be_fused});
    // Long reductions are split before, so that all else keeps every bit.
    const auto prepare = [&](const RandomModule& r) { return with_state(map_graphs(run(r.module, kPrepare), split_reductions), seed); };
    const ir::Module before = prepare(random);
    if (std::string what = fault(before, random); !what.empty()) {
      const RandomModule small = sinter::test::reduce(random, [&](const RandomModule& r) { return !fault(prepare(r), r).empty(); });
      FAIL() << what << "\n"
             << small.describe() << "prepared:\n"
             << ir::print(prepare(small)) << "fused:\n"
             << ir::print(run(prepare(small), {"fuse"}));
    }
    const ir::Module fused = run(before, kFuse);
    nodes += static_cast<int64_t>(before.functions[0].graph.nodes().size());
    kernels += static_cast<int64_t>(fused.functions[0].graph.nodes().size());
    for (const auto& [kind, count] : kinds(fused.functions[0])) counts[kind] += count;
    for (const PlannedBuffer& buffer : plan_memory(fused, fused.functions[0]).buffers) in_place += buffer.shares >= 0;
  }
  std::cout << nodes << " nodes in " << kernels << " kernels: " << testing::PrintToString(counts) << ", " << in_place
            << " temporaries in place\n";
  for (const char* kind : {"loops", "rows", "columns", "contract", "scatter"}) EXPECT_GT(counts[kind], 0) << kind;
  EXPECT_GT(in_place, 0);
}

}  // namespace
}  // namespace sinter::passes::test
