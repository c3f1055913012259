// Every op record through the passes: its samples compute the same afterwards, and the pass grad gives its first and
// second derivatives.
#include <gtest/gtest.h>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/structural_hash.h"
#include "ir/text.h"
#include "passes/cleanup.h"
#include "support.h"
#include "support/samples.h"

namespace sinter::passes::test {
namespace {

class Record : public testing::TestWithParam<const ir::OpDef*> {};

TEST_P(Record, ComputesTheSameAfterThePasses) {
  const ir::OpDef& op = *GetParam();
  for (const ir::Sample& sample : op.samples) {
    const ir::Module before = sinter::test::module_of(op, sample);
    const ir::Module after = run(before, {"expand", "cleanup"});
    SCOPED_TRACE(ir::print(after));
    for (const SymbolValues& symbols :
         {sinter::test::small_symbols(sample), sinter::test::symbol_choices(sample).front()}) {
      Tensors inputs, expected;
      try {
        inputs = sinter::test::make_inputs(op, sample, symbols, 1);
        expected = ir::evaluate(before, "main", inputs, symbols);
      } catch (const Error&) {
        continue;  // the symbols do not suit the op
      }
      const Tensors actual = ir::evaluate(after, "main", inputs, symbols);
      for (const auto& [name, tensor] : expected) expect_equal(tensor, actual.at(name), name);
    }
  }
}

bool all_f64(const ir::Sample& sample) {
  bool any = false;
  for (const ir::SampleOperand& operand : sample.operands) {
    any = any || operand.type.dtype == DType::kF64;
    if (is_float(operand.type.dtype) && operand.type.dtype != DType::kF64) return false;
  }
  return any;
}

/// A scalar that every element of the values matters to, differently.
ir::Value loss_of(ir::Builder& builder, const std::vector<ir::Value>& values) {
  ir::Value loss = builder.scalar(0, DType::kF64);
  for (const ir::Value value : values) {
    if (!is_float(builder.dtype(value))) continue;
    ir::Integers axes;
    for (size_t i = 0; i < builder.shape(value).rank(); ++i) axes.push_back(static_cast<int64_t>(i));
    loss = builder.call("add", {loss, builder.reduce("reduce_sum", builder.call("sin", {value}), axes)});
  }
  return loss;
}

/// The sample with a loss and its gradients; of order 2, the loss is made of the gradients of another loss.
ir::Module with_gradients(const ir::OpDef& op, const ir::Sample& sample, int order) {
  ir::Module module = sinter::test::module_of(op, sample);
  ir::Function& function = module.functions.at(0);
  ir::Graph graph;
  std::vector<ir::Value> arguments, xs;
  for (const TensorType& type : sinter::test::operand_types(sample)) {
    arguments.push_back(graph.add_argument(type));
    if (is_float(type.dtype)) xs.push_back(arguments.back());
  }
  ir::Builder builder(graph);
  std::vector<ir::Value> values =
      builder.apply(op, arguments, sample.attributes, sinter::test::regions_of(sample.region_texts));
  std::vector<ir::Value> results;
  for (int i = 0; i < order; ++i) {
    std::vector<ir::Value> operands = {loss_of(builder, values)};
    results = {operands[0]};
    operands.insert(operands.end(), xs.begin(), xs.end());
    values = builder.apply("grad", operands);
  }
  results.insert(results.end(), values.begin(), values.end());
  graph.set_results(results);

  std::erase_if(module.variables, [](const ir::Variable& variable) { return variable.role == Role::kOutput; });
  function.results = {"loss"};
  module.variables.push_back({"loss", Role::kOutput, {DType::kF64, {}}, {}});
  for (const ir::Value x : xs) {
    const std::string name = "d." + function.arguments.at(static_cast<size_t>(x.id));
    function.results.push_back(name);
    module.variables.push_back({name, Role::kOutput, graph.type(x), {}});
  }
  function.graph = graph;
  ir::verify(module);
  return module;
}

TEST_P(Record, HasTheGradientsThatDifferencesGive) {
  const ir::OpDef& op = *GetParam();
  if (std::holds_alternative<ir::NotDifferentiable>(op.gradient)) GTEST_SKIP() << "not differentiable";
  for (const ir::Sample& sample : op.samples) {
    if (!sample.differentiable || !all_f64(sample)) continue;
    const SymbolValues symbols = sinter::test::small_symbols(sample);
    for (const int order : {1, 2}) {
      const ir::Module module = with_gradients(op, sample, order);
      const ir::Module expanded = run(module, {"grad"});
      SCOPED_TRACE("order " + std::to_string(order) + "\n" + ir::print(expanded));
      const Tensors inputs = sinter::test::make_inputs(op, sample, symbols, 1);
      expect_gradients(expanded, expanded.functions[0], inputs, symbols);
      const ir::Module clean = run(expanded, {"expand", "cleanup"});
      const auto expected = ir::evaluate(expanded, "main", inputs, symbols),
                 actual = ir::evaluate(clean, "main", inputs, symbols);
      for (const auto& [name, tensor] : expected) expect_equal(tensor, actual.at(name), name);
      EXPECT_EQ(ir::structural_hash(cleanup(clean), true), ir::structural_hash(clean, true))
          << "a second cleanup finds something to do";
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ops, Record, testing::ValuesIn(sinter::test::all_ops()), sinter::test::OpName());

}  // namespace
}  // namespace sinter::passes::test
