// Random modules through the passes against the evaluator. "Seasoned" modules have detours put in that mean nothing
// (two transposes, times one, spread and reduced again), which simplify is there to find, or variations that its rules
// apply to.
#include "base/random.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <iostream>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/structural_hash.h"
#include "ir/text.h"
#include "passes/cleanup.h"
#include "passes/manager.h"
#include "passes/rewrite.h"
#include "support.h"
#include "support/random_module.h"

namespace sinter::passes::test {
namespace {

using ir::Builder;
using ir::Integers;
using ir::Value;
using sinter::test::random_module;
using sinter::test::RandomModule;

// ---- seasoning ----

Value there_and_back_by_transpose(Builder& b, Value v, RandomSequence& random) {
  Integers there(b.shape(v).rank()), back(there.size());
  for (size_t i = 0; i < there.size(); ++i) there[i] = static_cast<int64_t>(i);
  for (size_t i = there.size(); i > 1; --i) std::swap(there[i - 1], there[random.below(static_cast<uint32_t>(i))]);
  for (size_t i = 0; i < there.size(); ++i) back[static_cast<size_t>(there[i])] = static_cast<int64_t>(i);
  return b.call("transpose", {b.call("transpose", {v}, {{"permutation", there}})}, {{"permutation", back}});
}

Value there_and_back_by_reshape(Builder& b, Value v) {
  const Shape shape = b.shape(v);
  return b.call("reshape", {b.call("reshape", {v}, {{"shape", Shape{1, shape.element_count(), 1}}})},
                {{"shape", shape}});
}

Value spread_and_reduced(Builder& b, Value v, const char* reduction) {
  std::vector<Dim> dims = b.shape(v).dims();
  dims.push_back(3);
  Integers axes(dims.size() - 1);
  for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  return b.reduce(reduction, b.call("broadcast", {v}, {{"shape", Shape(dims)}, {"axes", axes}}),
                  {static_cast<int64_t>(axes.size())});
}

Value padded_and_sliced(Builder& b, Value v) {
  const Shape shape = b.shape(v);
  const Shape zeros(std::vector<Dim>(shape.rank(), 0)), ones(std::vector<Dim>(shape.rank(), 1));
  Shape limits = shape;
  for (size_t i = 0; i < limits.rank(); ++i) limits[i] = limits[i] + 1;
  const Value padded = b.call("pad", {v, b.scalar(0, b.dtype(v))}, {{"low", ones}, {"high", zeros}});
  return b.call("slice", {padded}, {{"starts", ones}, {"limits", limits}, {"strides", Integers(shape.rank(), 1)}});
}

/// A longer way to the same float value, to the bit.
Value detour(Builder& b, Value v, RandomSequence& random) {
  const auto number = [&](double value) { return b.full_like(value, v); };
  const DType dtype = b.dtype(v);
  switch (random.below(12)) {
    case 0:
      return b.call("negate", {b.call("negate", {v})});
    case 1:
      return b.call("multiply", {number(1), v});
    case 2:
      return b.call("divide", {v, number(1)});
    case 3:
      return b.call("add", {v, number(-0.0)});
    case 4:
      return b.call("subtract", {v, number(0)});
    case 5:
      return there_and_back_by_transpose(b, v, random);
    case 6:
      return there_and_back_by_reshape(b, v);
    case 7:
      return spread_and_reduced(b, v, "reduce_max");
    case 8:
      return padded_and_sliced(b, v);
    case 9:
      return b.cast(b.cast(v, DType::kF64), dtype);
    case 10:
      return b.call("add", {v, b.call("negate", {number(0)})});
    default:
      return b.call("select", {b.call("is_nan", {v}), v, v});
  }
}

/// Another value: a plain number, or what rules look for.
Value variation(Builder& b, Value v, RandomSequence& random) {
  constexpr double kNumbers[] = {0.0, -0.0, 1, -1, 2, 0.5};
  const auto number = [&](double value) { return b.full_like(value, v); };
  switch (random.below(8)) {
    case 0:
      return number(kNumbers[random.below(6)]);
    case 1:
      return b.call("divide", {v, number(-4)});
    case 2:
      return b.call("add", {number(0), v});
    case 3:
      return spread_and_reduced(b, v, "reduce_sum");
    case 4:
      return b.call("power", {v, number(2)});
    case 5:
      return b.call("subtract", {v, b.call("negate", {number(kNumbers[random.below(6)])})});
    case 6:
      return b.call("multiply", {number(-1), v});
    default:
      return b.call("select", {b.call("not", {b.call("less", {v, number(0)})}), v, number(0)});
  }
}

using Seasoning = Value (*)(Builder&, Value, RandomSequence&);

ir::Module seasoned(const ir::Module& module, uint32_t seed, Seasoning seasoning) {
  RandomSequence random(seed, 5);
  return map_graphs(module, [&](const ir::Graph& graph) {
    return rewrite(graph, [&](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<Value>> {
      if (!node.regions.empty()) return std::nullopt;
      Builder& builder = rewriter.builder();
      std::vector<Value> operands = rewriter.at(node.operands);
      for (Value& operand : operands) {
        if (is_float(builder.dtype(operand)) && random.below(3) == 0) operand = seasoning(builder, operand, random);
      }
      return builder.apply(*node.op, operands, node.attributes);
    });
  });
}

// ---- comparison ----

/// What is wrong after the passes; empty: nothing.
std::string fault(const ir::Module& before, const ir::Module& after, const RandomModule& random) {
  Tensors expected;
  try {
    expected = ir::evaluate(before, "main", random.arguments, random.symbols);
  } catch (const Error&) {
    return "";  // an index that the module computes and that is out of range
  }
  const Tensors actual = ir::evaluate(after, "main", random.arguments, random.symbols);
  testing::TestPartResultArray failures;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    for (const auto& [name, tensor] : expected) expect_equal(tensor, actual.at(name), name);
  }
  if (failures.size() > 0) return failures.GetTestPartResult(0).message();
  if (ir::structural_hash(cleanup(after), true) != ir::structural_hash(after, true))
    return "a second cleanup finds something to do";
  return "";
}

/// Rounding moves a result by little only through ops that are continuous.
bool is_continuous(const ir::OpDef& op) {
  for (const char* name :
       {"floor", "ceil", "round", "trunc", "sign", "remainder", "cast", "bitcast", "atan2", "is_nan", "is_finite"}) {
    if (op.name == name) return false;
  }
  return !std::holds_alternative<ir::NotDifferentiable>(op.gradient) || op.name == "iota" || op.name == "constant" ||
         op.name == "dim_size";
}

using Change = std::function<ir::Module(const ir::Module&)>;

void expect_no_fault(const RandomModule& random, const Change& prepare, const std::vector<std::string>& passes) {
  const auto fault_of = [&](const RandomModule& r) {
    const ir::Module before = prepare(r.module);
    return fault(before, run(before, passes), r);
  };
  if (fault_of(random).empty()) return;
  const RandomModule small = sinter::test::reduce(random, [&](const RandomModule& r) { return !fault_of(r).empty(); });
  const ir::Module before = prepare(small.module);
  ADD_FAILURE() << fault_of(small) << "\n"
                << small.describe() << "\nbefore the passes:\n"
                << ir::print(before) << "after:\n"
                << ir::print(run(before, passes));
}

ir::Module as_it_is(const ir::Module& module) { return module; }

TEST(RandomModules, ComputeTheSameAfterCleanup) {
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed)
    expect_no_fault(random_module(seed), as_it_is, {"cleanup"});
}

TEST(RandomModules, ComputeTheSameAfterExpandAndCleanup) {
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    expect_no_fault(random_module(seed, {.allowed = is_continuous}), as_it_is, {"expand", "cleanup"});
  }
}

/// Composites written out are the forms that recognise looks for.
TEST(RandomModules, ComputeTheSameAfterRecognising) {
  int64_t found = 0;
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    const RandomModule random = random_module(seed, {.allowed = is_continuous});
    const auto written_out = [](const ir::Module& module) { return run(module, {"expand"}); };
    expect_no_fault(random, written_out, {"recognise", "expand", "cleanup"});
    const ir::Module raised = run(written_out(random.module), {"recognise"});
    for (const char* op : {"gelu", "silu", "softmax", "log_softmax", "layer_norm", "cross_entropy"}) found += count_op(raised, op);
  }
  EXPECT_GT(found, 20);
  std::cout << found << " forms found\n";
}

TEST(RandomModules, LoseDetours) {
  int64_t longer = 0, clean = 0;
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    const RandomModule random = random_module(seed, {.nodes = 12});
    const Change season = [&](const ir::Module& module) { return seasoned(module, seed, detour); };
    expect_no_fault(random, season, {"cleanup"});
    const ir::Module direct = run(random.module, {"cleanup"}), found = run(season(random.module), {"cleanup"});
    EXPECT_EQ(count_nodes(direct), count_nodes(found))
        << ir::print(direct) << ir::print(season(random.module)) << ir::print(found);
    longer += count_nodes(season(random.module));
    clean += count_nodes(found);
  }
  std::cout << "nodes: " << longer << " with detours, " << clean << " without\n";
}

TEST(RandomModules, ComputeTheSameWhereRulesApply) {
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    const auto season = [&](const ir::Module& module) {
      return seasoned(seasoned(module, seed, variation), seed + 1, detour);
    };
    expect_no_fault(random_module(seed, {.nodes = 12, .allowed = is_continuous}), season, {"cleanup"});
  }
}

/// The module with gradients of a sum over all its float results by all its float arguments.
ir::Module with_gradients(const ir::Module& module) {
  ir::Module result = module;
  ir::Function& function = result.functions.at(0);
  Rewriter rewriter(function.graph);
  for (const ir::Node& node : function.graph.nodes()) rewriter.copy(node);
  ir::Graph graph = std::move(rewriter).finish();
  Builder builder(graph);
  Value loss = builder.scalar(0, DType::kF64);
  std::vector<Value> operands = {loss}, results = graph.results();
  for (const Value value : function.graph.results()) {
    if (!is_float(builder.dtype(value))) continue;
    Integers axes(builder.shape(value).rank());
    for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
    loss = builder.call(
        "add", {loss, builder.cast(builder.reduce("reduce_sum", builder.call("sin", {value}), axes), DType::kF64)});
  }
  operands[0] = loss;
  for (int32_t i = 0; i < graph.argument_count(); ++i) {
    if (is_float(builder.dtype(graph.argument(i)))) operands.push_back(graph.argument(i));
  }
  for (const Value gradient : builder.apply("grad", operands)) {
    const std::string name = "gradient." + std::to_string(results.size());
    result.variables.push_back({name, Role::kOutput, builder.type(gradient), {}});
    function.results.push_back(name);
    results.push_back(gradient);
  }
  graph.set_results(results);
  function.graph = graph;
  return run(result, {"grad", "expand"});  // so that what is compared differs by cleanup alone
}

TEST(RandomModules, HaveTheSameGradientsAfterCleanup) {
  const auto allowed = [](const ir::OpDef& op) { return is_continuous(op) && op.regions.empty() && op.name != "grad"; };
  for (uint32_t seed = 0; seed < 200 && !HasFailure(); ++seed) {
    expect_no_fault(random_module(seed, {.nodes = 10, .allowed = allowed}), with_gradients, {"cleanup"});
  }
}

}  // namespace
}  // namespace sinter::passes::test
