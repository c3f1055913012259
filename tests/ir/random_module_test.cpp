// Random modules through the graph IR: they verify, survive the text, hash alike and give the same bits; and the reducer reduces.
#include "support/random_module.h"

#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "ir/evaluate.h"
#include "ir/structural_hash.h"
#include "ir/text.h"

namespace sinter::test {
namespace {

constexpr uint32_t kModules = 500;

void expect_same_results(const RandomModule& random, const ir::Module& other) {
  const auto results = ir::evaluate(random.module, "main", random.arguments);
  const auto others = ir::evaluate(other, "main", random.arguments);
  ASSERT_EQ(results.size(), others.size());
  for (const auto& [name, value] : results) EXPECT_TRUE(same_bits(value, others.at(name))) << name;
}

TEST(RandomModule, SurvivesTheText) {
  OpCoverage coverage;
  std::set<std::string> symbols;
  size_t nodes = 0;
  for (uint32_t seed = 0; seed < kModules; ++seed) {
    const RandomModule random = random_module(seed);
    SCOPED_TRACE("seed " + std::to_string(seed));
    verify(random.module);
    const std::string text = print(random.module);
    const ir::Module parsed = ir::parse_module(text);
    verify(parsed);
    EXPECT_EQ(print(parsed), text);
    EXPECT_EQ(structural_hash(parsed, true), structural_hash(random.module, true));
    expect_same_results(random, parsed);
    if (HasFailure()) FAIL() << random.describe();
    coverage.add(random.module);
    for (const auto& [symbol, value] : random.symbols) symbols.insert(symbol);
    nodes += random.module.functions[0].graph.nodes().size();
  }
  std::cout << kModules << " modules, " << nodes << " nodes: " << coverage.report() << "\n";
  EXPECT_TRUE(coverage.missing().empty()) << testing::PrintToString(coverage.missing());
  EXPECT_EQ(symbols.size(), 3u);
  EXPECT_GT(nodes, kModules * 10);
}

TEST(RandomModule, FollowsFromItsSeed) {
  EXPECT_EQ(print(random_module(7).module), print(random_module(7).module));
  EXPECT_NE(print(random_module(7).module), print(random_module(8).module));
}

TEST(RandomModule, RunsAtOtherSizes) {
  int ran = 0;
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const RandomModule random = random_module(seed);
    SymbolValues symbols = random.symbols;
    for (auto& [symbol, value] : symbols) value = value % 4 + 2;
    try {
      ir::evaluate(random.module, "main", make_arguments(random, symbols, seed));
      ++ran;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCheck) << error.what();  // an index or a size that only the data decides
    }
  }
  EXPECT_GT(ran, 80);
}

TEST(RandomModule, HoldsOnlyAllowedOps) {
  const auto allowed = [](const ir::OpDef& op) { return std::holds_alternative<ir::Elementwise>(op.lowering); };
  OpCoverage coverage;
  for (uint32_t seed = 0; seed < 200; ++seed) coverage.add(random_module(seed, {.nodes = 10, .allowed = allowed}).module);
  EXPECT_TRUE(coverage.missing(allowed).empty()) << testing::PrintToString(coverage.missing(allowed));
  EXPECT_EQ(coverage.report().find("dot_general"), std::string::npos);
}

bool contains(const ir::Module& module, std::string_view op) {
  for (const ir::Node& node : module.functions[0].graph.nodes()) {
    if (node.op->name == op) return true;
  }
  return false;
}

TEST(RandomModule, ReducesToWhatFails) {
  int reduced = 0;
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const RandomModule random = random_module(seed);
    if (!contains(random.module, "add")) continue;
    const RandomModule small = reduce(random, [](const RandomModule& m) { return contains(m.module, "add"); });
    verify(small.module);
    EXPECT_EQ(small.module.functions[0].graph.nodes().size(), 1u) << small.describe();
    ir::evaluate(small.module, "main", small.arguments);
    ++reduced;
  }
  EXPECT_GT(reduced, 3);
}

TEST(RandomModule, ReducesToAPair) {
  for (uint32_t seed = 0; seed < 1000; ++seed) {
    // A failure that needs one node to read another: exp of something that add gave.
    const auto fails = [](const RandomModule& m) {
      const ir::Graph& graph = m.module.functions[0].graph;
      for (const ir::Node& node : graph.nodes()) {
        if (node.op->name != "multiply") continue;
        for (const ir::Value operand : node.operands) {
          const ir::Node* producer = graph.producer(operand);
          if (producer != nullptr && producer->op->name == "add") return true;
        }
      }
      return false;
    };
    const RandomModule random = random_module(seed, {.nodes = 60});
    if (!fails(random)) continue;
    const RandomModule small = reduce(random, fails);
    EXPECT_EQ(small.module.functions[0].graph.nodes().size(), 2u) << small.describe();
    return;
  }
  FAIL() << "no module has such a pair";
}

}  // namespace
}  // namespace sinter::test
