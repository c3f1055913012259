// The verifier: modules that the parser and the builder make pass, each kind of damage is found and named.
#include <gtest/gtest.h>

#include <functional>

#include "ir/op_def.h"
#include "ir/text.h"

namespace sinter::ir {
namespace {

const OpDef& op(const char* name) { return OpRegistry::instance().get(name); }

const TensorType kRow{DType::kF32, {Dim::symbol("n")}};
const TensorType kPair{DType::kF32, {2}};

Module good() {
  return parse_module(R"(sir 1
module m
variable x: f32[n] input
variable w: f32[2] parameter
variable c: f32[2] constant {1.0, 2.0}
variable y: f32[n] output
function f {
    %0: f32[n] = argument @x
    %1: f32[2] = argument @w
    %2: f32[n] = stop_gradient %0 "name"
    return @y = %2, @w = %1
}
)");
}

struct Damage {
  std::string name;
  std::function<void(Module&)> apply;
  std::string message;
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

class VerifyDamage : public testing::TestWithParam<Damage> {};

TEST_P(VerifyDamage, IsFound) {
  Module module = good();
  verify(module);
  GetParam().apply(module);
  try {
    verify(module);
    FAIL() << "not found";
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().message), std::string::npos) << error.what();
  }
}

/// The function's graph made anew by `make`.
std::function<void(Module&)> with_graph(const std::function<void(Graph&)>& make) {
  return [make](Module& module) {
    Graph graph;
    graph.add_argument(kRow);
    graph.add_argument(kPair);
    make(graph);
    module.functions[0].graph = graph;
  };
}

std::vector<Damage> damages() {
  return {
      {"ModuleName", [](Module& m) { m.name = "a b"; }, "is not a word"},
      {"EmptyModuleName", [](Module& m) { m.name = ""; }, "is not a word"},
      {"VariableName", [](Module& m) { m.variables[0].name = "x..y"; }, "not a path"},
      {"VariableTwice", [](Module& m) { m.variables[1].name = "x"; }, "two variables are named x"},
      {"FunctionTwice", [](Module& m) { m.functions.push_back(m.functions[0]); }, "two functions are named f"},
      {"FunctionName", [](Module& m) { m.functions[0].name = "f.g"; }, "is not a word"},
      {"SymbolicParameter", [](Module& m) { m.variables[1].type = kRow; }, "symbolic shape"},
      {"NegativeDim", [](Module& m) { m.variables[1].type.shape = {-2}; }, "negative dim"},
      {"ConstantWithoutValue", [](Module& m) { m.variables[2].value.reset(); }, "a constant has a value"},
      {"ValueOfInput", [](Module& m) { m.variables[0].value = Tensor(); }, "a constant has a value"},
      {"ValueOfOtherType", [](Module& m) { m.variables[2].value = Tensor(DType::kF32, {3}); }, "has a value of type f32[3]"},
      {"ArgumentUnknown", [](Module& m) { m.functions[0].arguments[0] = "z"; }, "unknown variable z"},
      {"ArgumentMissing", [](Module& m) { m.functions[0].arguments.pop_back(); }, "2 arguments are bound to 1 variables"},
      {"ArgumentTwice", [](Module& m) { m.functions[0].arguments[1] = "x"; }, "argument x is bound twice"},
      {"ArgumentOfOutput", [](Module& m) { m.functions[0].arguments[0] = "y"; }, "variable of role output"},
      {"ArgumentType", [](Module& m) { m.variables[0].type = {DType::kF64, {Dim::symbol("n")}}; }, "argument x has type f32[n]"},
      {"ResultToInput", [](Module& m) { m.functions[0].results[0] = "x"; }, "variable of role input"},
      {"ResultToConstant", [](Module& m) { m.functions[0].results[1] = "c"; }, "variable of role constant"},
      {"ResultTwice", [](Module& m) { m.functions[0].results[1] = "y"; }, "result y is bound twice"},
      {"ResultType", [](Module& m) { m.variables[3].type.shape = {Dim::symbol("k")}; }, "result y has type f32[n]"},
      {"ResultMissing", [](Module& m) { m.functions[0].graph.set_results({}); }, "0 results are bound to 2 variables"},
      {"TypeNotInferred", with_graph([](Graph& g) { g.append({.op = &op("stop_gradient"), .operands = {{0}}}, {kPair}); }),
       "results have types (f32[2]), the rule infers (f32[n])"},
      {"TooManyResults", with_graph([](Graph& g) { g.append({.op = &op("stop_gradient"), .operands = {{0}}}, {kRow, kRow}); }), "the rule infers"},
      {"RuleBroken", with_graph([](Graph& g) { g.append({.op = &op("add"), .operands = {{0}, {1}}}, {kRow}); }), "add C1"},
      {"OperandMissing", with_graph([](Graph& g) { g.append({.op = &op("add"), .operands = {{0}}, .name = "here"}, {kRow}); }), "\"here\""},
      {"AttributeUnknown",
       with_graph([](Graph& g) { g.append({.op = &op("stop_gradient"), .operands = {{0}}, .attributes = {{"a", true}}}, {kRow}); }),
       "has no attribute a"},
      {"AttributeKind",
       with_graph([](Graph& g) { g.append({.op = &op("cast"), .operands = {{0}}, .attributes = {{"dtype", true}}}, {kRow}); }),
       "must be of kind dtype, is of kind bool"},
      {"RegionMissing",
       with_graph([](Graph& g) { g.append({.op = &op("fusion"), .operands = {{0}}, .attributes = {{"kind", std::string("loops")}}}, {kRow}); }),
       "takes 1 region, is given 0"},
      {"InsideRegion", with_graph([](Graph& g) {
         Graph body;
         body.add_argument(kRow);
         body.append({.op = &op("exp"), .operands = {{0}}}, {kPair});
         body.set_results({{0}});
         g.append({.op = &op("fusion"), .operands = {{0}}, .attributes = {{"kind", std::string("loops")}}, .regions = {body}}, {kRow});
       }),
       "node exp"},
      {"ForeignOp", with_graph([](Graph& g) {
         static const OpDef foreign = [] {
           OpDef made = op("exp");
           made.name = "stop_gradient";
           return made;
         }();
         g.append({.op = &foreign, .operands = {{0}}}, {kRow});
       }),
       "not the registry's"},
  };
}

INSTANTIATE_TEST_SUITE_P(All, VerifyDamage, testing::ValuesIn(damages()),
                         [](const testing::TestParamInfo<Damage>& info) { return info.param.name; });

TEST(Verify, NamesFunctionAndNode) {
  Module module = good();
  with_graph([](Graph& g) { g.append({.op = &op("add"), .operands = {{0}, {1}}, .name = "h1"}, {kRow}); })(module);
  try {
    verify(module);
    FAIL();
  } catch (const InternalError& error) {
    EXPECT_NE(std::string(error.what()).find("function f"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("%2, node add \"h1\""), std::string::npos) << error.what();
  }
}

TEST(Graph, RefusesWhatDoesNotExist) {
  Graph graph;
  const Value x = graph.add_argument(kRow);
  EXPECT_THROW(graph.append({.op = &op("exp"), .operands = {{1}}}, {kRow}), InternalError);
  EXPECT_THROW(graph.append({.op = &op("exp"), .operands = {{-1}}}, {kRow}), InternalError);
  EXPECT_THROW(graph.set_results({{1}}), InternalError);
  graph.append({.op = &op("exp"), .operands = {x}}, {kRow});
  EXPECT_THROW(graph.add_argument(kRow), InternalError);
}

TEST(Graph, KnowsProducersAndUses) {
  const Graph graph = parse_graph("%0: f32[n] = argument 0\n%1: f32[n] = argument 1\n%2: f32[n] = add %0, %0\nreturn %2, %0\n");
  EXPECT_EQ(graph.producer({0}), nullptr);
  EXPECT_EQ(graph.producer({2}), &graph.nodes()[0]);
  EXPECT_EQ(graph.use_counts(), (std::vector<int32_t>{3, 0, 1}));
  EXPECT_EQ(graph.argument_types(), (std::vector<TensorType>{kRow, kRow}));
  EXPECT_EQ(graph.result_types(), (std::vector<TensorType>{kRow, kRow}));
}

TEST(Module, FindsByNameWithAHint) {
  const Module module = good();
  EXPECT_EQ(module.variable("w").name, "w");
  EXPECT_EQ(module.function("f").name, "f");
  EXPECT_EQ(module.find_function("g"), nullptr);
  try {
    module.variable("ww");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kName);
    EXPECT_NE(error.hint().find("did you mean w?"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace sinter::ir
