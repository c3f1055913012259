// The importer: what it makes of models, and what it says about those that are wrong. Operators are held to ONNX's own cases
// (tests/tools/onnx_cases_test.cpp).
#include <gtest/gtest.h>

#include "base/random.h"
#include "frontend/onnx/onnx.h"
#include "frontend/onnx_model.h"
#include "ir/evaluate.h"

namespace sinter::onnx {
namespace {

using Tensors = std::map<std::string, Tensor>;

Tensor numbers(Extents extents, float first = 1) {
  Tensor tensor(DType::kF32, std::move(extents));
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.set(i, static_cast<double>(first) + static_cast<double>(i));
  return tensor;
}

std::vector<float> elements(const Tensor& tensor) { return {tensor.data<float>(), tensor.data<float>() + tensor.size()}; }

class OnnxModel : public testing::Test {
 protected:
  Imported import(const ModelText& model, const Options& options = {}) {
    return import_file(folder.write("model.onnx", model.bytes()), options);
  }
  std::map<std::string, Tensor> run(const ModelText& model, Tensors variables, const Options& options = {}) {
    const Imported imported = import(model, options);
    for (const auto& [name, value] : imported.parameters) variables[name] = value;
    return ir::evaluate(imported.module, "predict", variables);
  }
  std::string error_of(const std::string& bytes) {
    try {
      import_file(folder.write("model.onnx", bytes));
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  std::string error_of(const ModelText& model) { return error_of(model.bytes()); }

  ModelFolder folder;
};

#define EXPECT_HAS(text, part) \
  EXPECT_PRED2([](const std::string& a, const std::string& b) { return a.find(b) != std::string::npos; }, text, part)

/// y = x * w + x, for x of [batch, 3].
ModelText affine() {
  ModelText model;
  model.inputs = {value_info("x", {"batch", "3"})};
  model.outputs = {value_info("y", {"batch", "3"})};
  model.initialisers = {tensor_proto("w", numbers({3}))};
  model.nodes = {node("Mul", {"x", "w"}, {"product"}, {}, "scale"), node("Add", {"product", "x"}, {"y"}, {}, "sum")};
  return model;
}

TEST_F(OnnxModel, ParametersInputsAndNamesOfNodes) {
  const Imported imported = import(affine());
  ASSERT_EQ(imported.parameters.size(), 1u);
  EXPECT_EQ(imported.parameters[0].first, "w");
  EXPECT_EQ(imported.inputs, std::vector<std::string>{"x"});
  EXPECT_EQ(imported.module.variable("x").type.to_string(), "f32[batch, 3]");
  std::set<std::string> names;
  for (const ir::Node& each : imported.module.function("predict").graph.nodes()) names.insert(each.name);
  EXPECT_EQ(names, (std::set<std::string>{"scale", "sum"}));
  EXPECT_EQ(elements(run(affine(), {{"x", numbers({1, 3})}}).at("y")), (std::vector<float>{2, 6, 12}));
}

TEST_F(OnnxModel, NodesInAnyOrderAndThoseThatNobodyNeeds) {
  ModelText model = affine();
  std::swap(model.nodes[0], model.nodes[1]);
  model.nodes.push_back(node("NoSuchOperator", {"x"}, {"unused"}));
  EXPECT_EQ(elements(run(model, {{"x", numbers({1, 3})}}).at("y")), (std::vector<float>{2, 6, 12}));
}

TEST_F(OnnxModel, NamesThatAreNoWords) {
  ModelText model;
  model.inputs = {value_info("1/in:0", {"a b"}), value_info("1_in_0", {"a b"})};
  model.outputs = {value_info("out/1", {"a b"})};
  model.nodes = {node("Add", {"1/in:0", "1_in_0"}, {"out/1"})};
  const Imported imported = import(model);
  EXPECT_EQ(imported.inputs, (std::vector<std::string>{"_1_in_0", "_1_in_0_2"}));
  EXPECT_EQ(imported.variables.at("1/in:0"), "_1_in_0");
  EXPECT_EQ(imported.module.variable("_1_in_0").type.to_string(), "f32[a_b]");
}

TEST_F(OnnxModel, SymbolsThatHaveToBeEqualBecomeOne) {
  ModelText model;
  model.inputs = {value_info("a", {"n"}), value_info("b", {"m"}), value_info("c", {""})};
  model.outputs = {value_info("y", {})};
  model.initialisers = {tensor_proto("w", numbers({4}))};
  model.nodes = {node("Add", {"a", "b"}, {"ab"}), node("Mul", {"c", "w"}, {"cw"}), node("Add", {"ab", "cw"}, {"y"})};
  const Imported imported = import(model);
  for (const std::string name : {"a", "b", "c"}) EXPECT_EQ(imported.module.variable(name).type.to_string(), "f32[4]");
}

TEST_F(OnnxModel, ShapesComputedFromShapesAreExpressions) {
  ModelText model;
  model.inputs = {value_info("x", {"batch", "seq", "12"})};
  model.outputs = {value_info("y", {})};
  const Tensor heads = Tensor::of<int64_t>({2}, {3, -1});
  model.initialisers = {tensor_proto("first_two", Tensor::of<int64_t>({2}, {0, 1})), tensor_proto("heads", heads)};
  model.nodes = {node("Shape", {"x"}, {"shape"}), node("Gather", {"shape", "first_two"}, {"kept"}),
                 node("Concat", {"kept", "heads"}, {"target"}, {attribute("axis", int64_t{0})}), node("Reshape", {"x", "target"}, {"y"})};
  EXPECT_EQ(import(model).module.variable("y").type.to_string(), "f32[batch, seq, 3, 4]");
  EXPECT_EQ(import(model, {{{"seq", 7}}}).module.variable("y").type.to_string(), "f32[batch, 7, 3, 4]");
}

TEST_F(OnnxModel, FunctionsAreOpenedWithTheirAttributes) {
  ModelText model = affine();
  model.nodes = {node("Twice", {"x"}, {"t"}, {attribute("slope", 0.5f)}, "call", "own"), node("Mul", {"t", "w"}, {"y"})};
  Wire function = Wire().text(1, "Twice").text(4, "in").text(5, "out").text(6, "slope").text(10, "own");
  function.message(7, node("LeakyRelu", {"in"}, {"half"}, {reference("alpha", "slope")}, "leak"))
      .message(7, node("Add", {"half", "half"}, {"out"}, {}, "add"));
  model.functions = {function.message(9, Wire().text(1, "").number(2, 17))};
  EXPECT_EQ(elements(run(model, {{"x", numbers({1, 3}, -2)}}).at("y")), (std::vector<float>{-2, -2, 0}));
  bool found = false;
  for (const ir::Node& each : import(model).module.function("predict").graph.nodes()) found = found || each.name == "call/leak";
  EXPECT_TRUE(found);
}

TEST_F(OnnxModel, FunctionsThatCallThemselves) {
  ModelText model = affine();
  model.nodes = {node("Loops", {"x"}, {"y"}, {}, "call", "own")};
  Wire function = Wire().text(1, "Loops").text(4, "in").text(5, "out").text(10, "own");
  model.functions = {function.message(7, node("Loops", {"in"}, {"out"}, {}, "again", "own"))};
  EXPECT_HAS(error_of(model), "call/again");
  EXPECT_HAS(error_of(model), "calls itself");
}

TEST_F(OnnxModel, EveryNodeThatCannotBeImportedIsTold) {
  ModelText model = affine();
  model.nodes = {node("NoSuch", {"x"}, {"a"}, {}, "first"), node("Relu", {"a"}, {"b"}, {}, "between"),
                 node("Other", {"b"}, {"c"}, {}, "second", "far"), node("Cast", {"x"}, {"d"}, {attribute("to", int64_t{8})}, "third"),
                 node("Sum", {"c", "d"}, {"y"})};
  const std::string text = error_of(model);
  EXPECT_HAS(text, "3 nodes cannot be imported");
  EXPECT_HAS(text, "\"first\", NoSuch: this operator is not supported");
  EXPECT_HAS(text, "\"second\", far.Other");
  EXPECT_HAS(text, "\"third\", Cast");
  EXPECT_HAS(text, "strings are not supported");
}

TEST_F(OnnxModel, MistakesNameFileNodeAndTensor) {
  ModelText model = affine();
  model.nodes[0] = node("Mul", {"x", "gone"}, {"product"}, {}, "scale");
  EXPECT_HAS(error_of(model), "model.onnx");
  EXPECT_HAS(error_of(model), "scale");
  EXPECT_HAS(error_of(model), "\"gone\"");
  model = affine();
  model.nodes[0] = node("Mul", {"y", "w"}, {"product"}, {}, "scale");
  EXPECT_HAS(error_of(model), "its own output");
  model = affine();
  model.nodes.push_back(node("Neg", {"x"}, {"product"}, {}, "second"));
  EXPECT_HAS(error_of(model), "twice");
  model = affine();
  model.initialisers.push_back(tensor_proto("w", numbers({3})));
  EXPECT_HAS(error_of(model), "two initialisers are named \"w\"");
  model = affine();
  model.initialisers[0] = tensor_proto("w", numbers({4}));
  EXPECT_HAS(error_of(model), "differ: 3 and 4");
  model = affine();
  model.opset = 999;
  EXPECT_HAS(error_of(model), "operator set 999");
  model = affine();
  model.outputs[0] = value_info("y", {"batch", "3"}, 7);
  EXPECT_HAS(error_of(model), "declared as i64");
}

TEST_F(OnnxModel, TensorsWithAbsurdOrWrongSizes) {
  const auto with = [&](const Wire& tensor) {
    ModelText model = affine();
    model.initialisers[0] = tensor;
    return error_of(model);
  };
  const Wire head = Wire().text(8, "w").number(2, 1);
  EXPECT_HAS(with(Wire(head).number(1, int64_t{1} << 62).text(9, "abcd")), "absurd");
  EXPECT_HAS(with(Wire(head).number(1, int64_t{1} << 31).number(1, int64_t{1} << 31).number(1, 4).text(9, "abcd")), "absurd");
  EXPECT_HAS(with(Wire(head).number(1, -3).text(9, "abcd")), "negative");
  EXPECT_HAS(with(Wire(head).number(1, 3).text(9, "abcd")), "has 4 bytes");
  EXPECT_HAS(with(Wire(head).number(1, 3).real(4, 1.5f)), "has 1 elements");
  EXPECT_HAS(with(Wire().text(8, "w").number(2, 77).number(1, 1)), "data type 77");
}

Wire external(const std::string& location, int64_t offset, int64_t length) {
  const auto entry = [](const std::string& key, const std::string& value) { return Wire().text(1, key).text(2, value); };
  return Wire()
      .number(1, 3)
      .number(2, 1)
      .text(8, "w")
      .number(14, 1)
      .message(13, entry("location", location))
      .message(13, entry("offset", std::to_string(offset)))
      .message(13, entry("length", std::to_string(length)));
}

TEST_F(OnnxModel, ExternalData) {
  ModelText model = affine();
  const Tensor values = numbers({8}, 0);
  const std::string bytes(static_cast<const char*>(values.raw()), values.bytes());
  folder.write("weights.bin", bytes);
  const auto with = [&](const Wire& tensor) {
    model.initialisers[0] = tensor;
    return error_of(model);
  };
  ASSERT_EQ(with(external("weights.bin", 4, 12)), "no error");
  EXPECT_EQ(elements(run(model, {{"x", numbers({1, 3})}}).at("y")), (std::vector<float>{2, 6, 12}));
  EXPECT_HAS(with(external("weights.bin", 24, 12)), "end at byte 24 + 12");
  EXPECT_HAS(with(external("weights.bin", 4, 16)), "16 bytes");
  EXPECT_HAS(with(external("gone.bin", 4, 12)), "gone.bin");
  const ModelFolder other;
  const std::string outside = other.write("outside.bin", bytes);
  EXPECT_HAS(with(external(outside, 4, 12)), "no file in the model's folder");
  EXPECT_HAS(with(external("../" + std::filesystem::path(outside).parent_path().filename().string() + "/outside.bin", 4, 12)),
             "outside of the model's folder");
  std::filesystem::create_symlink(outside, folder.path("link.bin"));
  EXPECT_HAS(with(external("link.bin", 4, 12)), "outside of the model's folder");
}

TEST_F(OnnxModel, BranchesWithAKnownConditionAreOpened) {
  ModelText model = affine();
  ModelText then, otherwise;
  then.nodes = {node("Neg", {"x"}, {"t"})};
  then.outputs = {value_info("t", {})};
  otherwise.nodes = {node("NoSuch", {"x"}, {"o"})};
  otherwise.outputs = {value_info("o", {})};
  model.initialisers.push_back(tensor_proto("yes", Tensor::scalar<bool>(true)));
  model.nodes = {
      node("If", {"yes"}, {"y"}, {graph_attribute("then_branch", then.graph()), graph_attribute("else_branch", otherwise.graph())})};
  EXPECT_EQ(elements(run(model, {{"x", numbers({1, 3})}}).at("y")), (std::vector<float>{-1, -2, -3}));
}

TEST_F(OnnxModel, DamagedFilesAreRefusedOrRead) {
  const std::string whole = affine().bytes();
  for (size_t length = 0; length < whole.size(); ++length) error_of(whole.substr(0, length));
  for (size_t i = 0; i < whole.size() * 8; ++i) {
    std::string damaged = whole;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    error_of(damaged);
  }
  EXPECT_HAS(error_of(whole.substr(0, whole.size() - 1)), "truncated or damaged");
  EXPECT_HAS(error_of(std::string()), "no graph");
}

}  // namespace
}  // namespace sinter::onnx
