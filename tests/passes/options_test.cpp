// What text files cannot ask for: options of passes, the rewriter's own checks, node names.
#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/text.h"
#include "passes/expand.h"
#include "passes/fold_constants.h"
#include "passes/grad.h"
#include "passes/rewrite.h"
#include "support.h"

namespace sinter::passes::test {
namespace {

constexpr const char* kComposites = R"(sir 1
module m

variable x: f32[2, 3] input
variable y: f32[] output

function predict {
    %0: f32[2, 3] = argument @x
    %1: f32[2, 3] = gelu %0 "g"
    %2: f32[2, 3] = softmax %1 {axis = 1} "s"
    %3: f32[] = mean %2 {axes = [0, 1]} "m"
    return @y = %3
}
)";

TEST(Expand, KeepsWhatItIsToldToKeep) {
  const ir::Module module = ir::parse_module(kComposites);
  const ir::Module after = expand(module, {.keep = {"softmax"}});
  EXPECT_EQ(count_op(after, "softmax"), 1);
  EXPECT_EQ(count_op(after, "gelu") + count_op(after, "mean"), 0);
  EXPECT_EQ(ir::print(expand(module, {.keep = {"softmax", "gelu", "mean"}})), ir::print(module));
}

TEST(Expand, NamesWhatAnExpansionCameFrom) {
  const ir::Module after = expand(ir::parse_module(kComposites));
  for (const ir::Node& node : after.functions[0].graph.nodes()) {
    EXPECT_TRUE(node.name == "g" || node.name == "s" || node.name == "m")
        << node.op->name << " \"" << node.name << "\"";
  }
}

TEST(FoldConstants, StopsAtItsLimits) {
  const ir::Module module = ir::parse_module(R"(sir 1
module m

variable a: f32[2] output
variable b: f32[] output

function init {
    %0: f32[2] = constant {value = f32[2]{1.0, 2.0}}
    %1: f32[2] = exp %0
    %2: f32[] = reduce_sum %0 {axes = [0]}
    return @a = %1, @b = %2
}
)");
  EXPECT_EQ(count_op(fold_constants(module), "exp"), 0);
  const ir::Module small_results = fold_constants(module, {.largest_result = 1});
  EXPECT_EQ(count_op(small_results, "exp"), 1);
  EXPECT_EQ(count_op(small_results, "reduce_sum"), 0);
  EXPECT_EQ(count_op(fold_constants(module, {.largest_operand = 1}), "reduce_sum"), 1);
}

TEST(Grad, SaysWhyAndWhere) {
  const ir::Module module = ir::parse_module(R"(sir 1
module m

variable x: f32[] input
variable d: f32[] output

function step {
    %0: f32[] = argument @x
    %1: f32[] = while %0 "router" condition {
        %0: f32[] = argument 0
        %1: bool[] = is_finite %0
        return %1
    } body {
        %0: f32[] = argument 0
        %1: f32[] = exp %0
        return %1
    }
    %2: f32[] = grad %1, %0
    return @d = %2
}
)");
  try {
    grad(module);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_EQ(error.place().node, "router");
    EXPECT_EQ(error.message(), "while has no gradient: how often a while goes round is known only when it ends; a scan has a gradient");
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(Rewriter, RefusesWhatDoesNotFit) {
  ir::Graph graph;
  const ir::Value x = graph.add_argument({DType::kF32, {2}}), y = graph.add_argument({DType::kF32, {3}});
  ir::Builder builder(graph);
  const ir::Value z = builder.call("negate", {x});
  graph.set_results({z});
  Rewriter rewriter(graph);
  EXPECT_THROW(rewriter.replace(z, rewriter.at(y)), InternalError) << "of another type";
  EXPECT_THROW(rewriter.at(z), InternalError) << "not rewritten yet";
  EXPECT_THROW(rewriter.at(ir::Value{99}), InternalError) << "no value of the graph";
  EXPECT_THROW(rewriter.replace(graph.nodes()[0], {}), InternalError) << "another number of results";
}

TEST(Rewriter, KeepsNamesAttributesAndRegions) {
  const std::string text = R"(sir 1
module m

variable x: f32[2] input
variable y: f32[2] output

function predict {
    %0: f32[2] = argument @x
    %1: f32[2] = scan %0 {carried = 1, length = dim(4)} "loop" body {
        %0: f32[2] = argument 0
        %1: f32[2] = exp %0 "inner"
        return %1
    }
    return @y = %1
}
)";
  const auto copy = [](const ir::Graph& graph) {
    return rewrite(graph, [](Rewriter&, const ir::Node&) { return std::nullopt; });
  };
  EXPECT_EQ(ir::print(map_graphs(ir::parse_module(text), copy)), text);
}

}  // namespace
}  // namespace sinter::passes::test
