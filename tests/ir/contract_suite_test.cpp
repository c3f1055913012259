// The contract suite: what every op record promises, one test per promise and op, all expectations derived from the records. The gradients'
// part is in tests/passes/gradient_contract_test.cpp, native code's in tests/backend.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/structural_hash.h"
#include "ir/text.h"
#include "support/close.h"
#include "support/golden.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

class Contract : public testing::TestWithParam<const ir::OpDef*> {
 protected:
  const ir::OpDef& op() const { return *GetParam(); }

  /// What the type rule infers when the symbols have these values from the start; nothing where it refuses what it otherwise could not see.
  /// Ops without regions only.
  std::optional<std::vector<TensorType>> types_with(const SymbolValues& symbols, const ir::Sample& sample) const {
    if (!op().regions.empty()) return std::nullopt;
    DimMap values;
    for (const auto& [symbol, value] : symbols) values.emplace(symbol, value);
    std::vector<TensorType> operands = operand_types(sample);
    for (TensorType& type : operands) type.shape = type.shape.substitute(values);
    ir::Attributes attributes = sample.attributes;
    for (auto& [name, attribute] : attributes) {
      if (Dim* dim = std::get_if<Dim>(&attribute)) *dim = dim->substitute(values);
      if (Shape* shape = std::get_if<Shape>(&attribute)) *shape = shape->substitute(values);
    }
    try {
      return ir::infer_types(op(), operands, attributes);
    } catch (const Error&) {
      return std::nullopt;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Ops, Contract, testing::ValuesIn(all_ops()), OpName());

/// Ops whose meaning depends on the nodes around them or on regions have tests by hand instead.
class ContractOfValues : public Contract {};
INSTANTIATE_TEST_SUITE_P(Ops, ContractOfValues,
                         testing::ValuesIn(all_ops([](const ir::OpDef& op) { return !op.samples.empty() && op.regions.empty(); })),
                         OpName());

class ContractOfComposites : public Contract {};
INSTANTIATE_TEST_SUITE_P(Ops, ContractOfComposites,
                         testing::ValuesIn(all_ops([](const ir::OpDef& op) { return std::holds_alternative<ir::Composite>(op.lowering); })),
                         OpName());

std::string describe(const ir::Sample& sample, const SymbolValues& symbols = {}) {
  std::string text;
  for (const TensorType& type : operand_types(sample)) text += (text.empty() ? "" : ", ") + type.to_string();
  for (const auto& [name, attribute] : sample.attributes) text += " " + name + "=" + ir::print(attribute);
  for (const auto& [symbol, value] : symbols) text += " " + symbol + "=" + std::to_string(value);
  return text;
}

/// `run` with the symbols, or nothing where the op refuses these sizes while running.
template <class Run> std::optional<std::map<std::string, Tensor>> unless_refused(Run&& run) {
  try {
    return run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheck) << error.what();
    return std::nullopt;
  }
}

bool is_lower_snake_case(const std::string& word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

TEST_P(Contract, IsDocumented) {
  EXPECT_TRUE(is_lower_snake_case(op().name)) << op().name;
  EXPECT_FALSE(op().doc.empty());
  std::set<std::string> names;
  for (const ir::OperandDef& operand : op().operands) {
    EXPECT_FALSE(operand.doc.empty()) << "operand " << operand.name;
    EXPECT_TRUE(is_lower_snake_case(operand.name) && names.insert(operand.name).second) << "operand " << operand.name;
    EXPECT_TRUE(!operand.variadic || &operand == &op().operands.back()) << "only the last operand may be variadic";
  }
  for (const ir::AttributeDef& attribute : op().attributes) {
    EXPECT_FALSE(attribute.doc.empty()) << "attribute " << attribute.name;
    EXPECT_TRUE(is_lower_snake_case(attribute.name) && names.insert(attribute.name).second) << "attribute " << attribute.name;
    EXPECT_TRUE(!attribute.fallback || ir::kind_of(*attribute.fallback) == attribute.kind) << "attribute " << attribute.name;
  }
  for (size_t i = 0; i < op().rules.size(); ++i) {
    EXPECT_EQ(op().rules[i].label, "C" + std::to_string(i + 1));
    EXPECT_FALSE(op().rules[i].text.empty()) << op().rules[i].label;
  }
  if (const auto* native = std::get_if<ir::NotNative>(&op().lowering)) EXPECT_FALSE(native->reason.empty());
  if (const auto* none = std::get_if<ir::NotDifferentiable>(&op().gradient)) EXPECT_FALSE(none->reason.empty());
  EXPECT_EQ(std::holds_alternative<ir::GradientOfExpansion>(op().gradient) && !std::holds_alternative<ir::Composite>(op().lowering), false)
      << "only a composite has the gradient of its expansion";
}

TEST_P(Contract, TextRoundTrip) {
  for (const ir::Sample& sample : op().samples) {
    const ir::Module module = module_of(op(), sample);
    ir::verify(module);
    const std::string text = ir::print(module);
    const ir::Module parsed = ir::parse_module(text);
    EXPECT_EQ(ir::print(parsed), text);
    EXPECT_EQ(ir::structural_hash(parsed, true), ir::structural_hash(module, true)) << text;
  }
}

TEST_P(Contract, EveryRuleIsProvoked) {
  std::set<std::string> missing;
  for (const ir::Rule& rule : op().rules) missing.insert(rule.label);
  for (const ir::BadSample& bad : op().bad_samples) {
    const std::string rule = op().name + " " + bad.label;
    try {
      ir::infer_types(op(), bad.operands, bad.attributes, regions_of(bad.region_texts));
      ADD_FAILURE() << rule << " accepts its bad sample";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kType) << error.what();
      EXPECT_EQ(error.rule(), rule) << error.what();
      EXPECT_NE(std::string(error.what()).find(rule), std::string::npos) << error.what();
      EXPECT_FALSE(error.message().empty());
      for (const TensorType& type : bad.operands) EXPECT_NE(error.message().find(type.to_string()), std::string::npos) << error.what();
    }
    missing.erase(bad.label);
  }
  for (const std::string& label : missing) ADD_FAILURE() << op().name << " " << label << " has no bad sample";
}

/// Types inferred with symbols, then bound, are the types inferred from bound operands, and those of the tensors that evaluation gives.
TEST_P(Contract, TypesFollowSymbols) {
  bool ran = op().samples.empty();
  for (const ir::Sample& sample : op().samples) {
    const ir::Module module = module_of(op(), sample);
    const ir::Function& main = module.function("main");
    for (const SymbolValues& symbols : symbol_choices(sample)) {
      SCOPED_TRACE(describe(sample, symbols));
      const auto results = unless_refused([&] { return ir::evaluate(module, "main", make_inputs(op(), sample, symbols, 1), symbols); });
      if (!results) continue;
      ran = true;
      const auto bound = types_with(symbols, sample);
      for (size_t i = 0; i < main.results.size(); ++i) {
        const TensorType& type = main.graph.type(main.graph.results()[i]);
        const Tensor& result = results->at(main.results[i]);
        EXPECT_EQ(result.dtype(), type.dtype);
        EXPECT_EQ(result.extents(), type.shape.evaluate(symbols));
        if (bound) EXPECT_EQ((*bound)[i], (TensorType{type.dtype, Shape::of(result.extents())}));
      }
    }
  }
  EXPECT_TRUE(ran) << "no sample of " << op().name << " can be evaluated";
}

TEST_P(ContractOfValues, AreGolden) {
  const std::vector<GoldenCase> cases = golden_cases(op().name);
  EXPECT_FALSE(cases.empty()) << "add a line to tests/golden/" << op().name << ".txt, as in tests/support/golden.h";
  for (const GoldenCase& golden : cases) {
    const std::map<std::string, Tensor> results = ir::evaluate(golden.module, "main", {});
    for (size_t i = 0; i < golden.expected.size(); ++i) {
      const Tensor& expected = golden.expected[i];
      expect_close(results.at("result." + std::to_string(i)), expected, golden_tolerance(op(), expected.dtype()), golden.line);
    }
  }
}

TEST_P(ContractOfComposites, EqualTheirExpansion) {
  const ir::ExpandRule& expand = std::get<ir::Composite>(op().lowering).expand;
  for (const ir::Sample& sample : op().samples) {
    const ir::Module module = module_of(op(), sample);
    ir::Module expanded = module;
    ir::Function& main = expanded.functions.front();
    ir::Graph graph;
    std::vector<ir::Value> operands;
    for (const TensorType& type : operand_types(sample)) operands.push_back(graph.add_argument(type));
    ir::Builder builder(graph);
    graph.set_results(expand({builder, op(), operands, sample.attributes}));
    main.graph = graph;
    ir::verify(expanded);
    for (const SymbolValues& symbols : symbol_choices(sample)) {
      SCOPED_TRACE(describe(sample, symbols));
      const auto run = [&](const ir::Module& which) {
        return unless_refused([&] { return ir::evaluate(which, "main", make_inputs(op(), sample, symbols, 2), symbols); });
      };
      const auto expected = run(module), actual = run(expanded);
      ASSERT_EQ(expected.has_value(), actual.has_value()) << "one of them refuses these sizes";
      if (!expected) continue;
      for (const auto& [name, value] : *expected) expect_close(actual->at(name), value, expansion_tolerance(value.dtype()), name);
    }
  }
}

}  // namespace
}  // namespace sinter::test
