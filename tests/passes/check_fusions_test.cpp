// check_fusions says which promise a fused graph breaks.
#include "passes/check_fusions.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/text.h"

namespace sinter::passes::test {
namespace {

/// A function of x and v with one fusion of this kind and body.
ir::Graph fused(const std::string& kind, const std::string& result, const std::string& body) {
  const std::string text = "%0: f32[n, 4] = argument 0\n%1: f32[n] = argument 1\n%2: " + result + " = fusion %0, %1 {kind = \"" + kind +
                           "\"} body {\n" + "%0: f32[n, 4] = argument 0\n%1: f32[n] = argument 1\n" + body + "}\nreturn %2\n";
  return ir::parse_graph(text);
}

void expect_broken(const ir::Graph& graph, const std::string& promise) {
  try {
    check_fusions(graph);
    FAIL() << "nothing was found; expected: " << promise;
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find(promise), std::string::npos) << error.what();
  }
}

TEST(CheckFusions, AcceptsARow) {
  check_fusions(fused("rows", "f32[n, 4]",
                      "%2: f32[n] = reduce_sum %0 {axes = [1]}\n%3: f32[n] = add %1, %2\n"
                      "%4: f32[n, 4] = broadcast %3 {axes = [0], shape = shape[n, 4]}\n%5: f32[n, 4] = subtract %0, %4\nreturn %5\n"));
}

TEST(CheckFusions, RefusesNodesOutsideFusions) {
  expect_broken(ir::parse_graph("%0: f32[2] = argument 0\n%1: f32[2] = exp %0\nreturn %1\n"), "outside a fusion");
}

TEST(CheckFusions, RefusesUnknownKindsAndIdleValues) {
  const std::string body = "%2: f32[n, 4] = broadcast %1 {axes = [0], shape = shape[n, 4]}\n%3: f32[n, 4] = add %0, %2\n";
  expect_broken(fused("spirals", "f32[n, 4]", body + "return %3\n"), "unknown kind");
  expect_broken(fused("loops", "f32[n, 4]", body + "%4: f32[n, 4] = exp %3\nreturn %3\n"), "not used");
}

TEST(CheckFusions, RefusesReductionsInLoops) {
  expect_broken(fused("loops", "f32[n]", "%2: f32[n] = reduce_sum %0 {axes = [1]}\n%3: f32[n] = add %1, %2\nreturn %3\n"), "pointwise");
}

TEST(CheckFusions, RefusesRowsReadElsewhere) {
  expect_broken(
      fused("rows", "f32[n]",
            "%2: f32[n] = reduce_sum %0 {axes = [1]}\n%3: f32[n] = reverse %2 {axes = [0]}\n%4: f32[n] = add %1, %3\nreturn %4\n"),
      "its own row");
}

TEST(CheckFusions, RefusesColumnsAsRowsAndDependentColumns) {
  const std::string sum =
      "%2: f32[n, 4] = broadcast %1 {axes = [0], shape = shape[n, 4]}\n%3: f32[n, 4] = add %0, %2\n%4: f32[4] = reduce_sum %3 {axes = "
      "[0]}\n";
  check_fusions(fused("columns", "f32[4]", sum + "return %4\n"));
  expect_broken(fused("rows", "f32[4]", sum + "return %4\n"), "last axes");
  expect_broken(
      fused("columns", "f32[4]",
            sum + "%5: f32[n, 4] = broadcast %4 {axes = [1], shape = shape[n, 4]}\n%6: f32[4] = reduce_max %5 {axes = [0]}\nreturn %6\n"),
      "depends on another");
}

TEST(CheckFusions, RefusesComputedOperandsOfContractsAndShiftedReads) {
  const std::string product = "%3: f32[n] = dot_general %0, %2 {lhs_contract = [1], rhs_contract = [0]}\n";
  const std::string weight = "%2: f32[4] = iota {axis = 0, dtype = f32, shape = shape[4]}\n";
  expect_broken(fused("contract", "f32[n]", weight + product + "%4: f32[n] = add %1, %3\nreturn %4\n"), "operands of a contract");
  expect_broken(fused("contract", "f32[n, n]",
                      "%2: f32[n, n] = dot_general %0, %0 {lhs_contract = [1], rhs_contract = [1]}\n%3: f32[n, n] = transpose %2 "
                      "{permutation = [1, 0]}\n"
                      "%4: f32[n, n] = broadcast %1 {axes = [0], shape = shape[n, n]}\n%5: f32[n, n] = add %3, %4\nreturn %5\n"),
                "element by element");
}

TEST(CheckFusions, RefusesLookupsUnderGuards) {
  const std::string text =
      "%0: f32[5] = argument 0\n%1: i64[n] = argument 1\n%2: f32[n + 1] = fusion %0, %1 {kind = \"loops\"} body {\n"
      "%0: f32[5] = argument 0\n%1: i64[n] = argument 1\n%2: f32[n] = gather %0, %1 {axis = 0}\n%3: f32[] = constant {value = f32[]{0.0}}\n"
      "%4: f32[n + 1] = pad %2, %3 {high = shape[1], low = shape[0]}\nreturn %4\n}\nreturn %2\n";
  expect_broken(ir::parse_graph(text), "under a guard");
}

/// Two stages: a product, and rows that read it through `body`.
ir::Graph stages(const std::string& rows, const std::string& body) {
  return ir::parse_graph(
      "%0: f32[n, 4] = argument 0\n%1: f32[4, 4] = argument 1\n%2: f32[n, 4] = fusion %0, %1 {kind = \"stages\"" + rows +
      "} body {\n"
      "%0: f32[n, 4] = argument 0\n%1: f32[4, 4] = argument 1\n"
      "%2: f32[n, 4] = fusion %0, %1 {kind = \"contract\"} body {\n"
      "%0: f32[n, 4] = argument 0\n%1: f32[4, 4] = argument 1\n"
      "%2: f32[n, 4] = dot_general %0, %1 {lhs_contract = [1], rhs_contract = [0]}\nreturn %2\n}\n"
      "%3: f32[n, 4] = fusion %2 {kind = \"rows\"} body {\n%0: f32[n, 4] = argument 0\n" +
      body + "}\nreturn %3\n}\nreturn %2\n");
}

TEST(CheckFusions, HoldsStagesToTheirOwnRows) {
  const std::string sum = "%1: f32[n] = reduce_sum %0 {axes = [1]}\n%2: f32[n, 4] = broadcast %1 {axes = [0], shape = shape[n, 4]}\n";
  check_fusions(stages(", rows = 16", sum + "%3: f32[n, 4] = add %0, %2\nreturn %3\n"));
  expect_broken(stages("", sum + "%3: f32[n, 4] = add %0, %2\nreturn %3\n"), "blocks of rows");
  expect_broken(stages(", rows = 16", sum + "%3: f32[n, 4] = reverse %0 {axes = [0]}\n%4: f32[n, 4] = add %3, %2\nreturn %4\n"),
                "its own rows of what another computes");
}

}  // namespace
}  // namespace sinter::passes::test
