// The graph text: what is printed parses back to the same bytes and the same module; what is wrong is refused at its place.
#include "ir/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "ir/builder.h"
#include "ir/structural_hash.h"

namespace sinter::ir {
namespace {

const std::string kClassifier = R"(sir 1
module classifier

variable x: f32[batch, 32] input
variable h1.weight: f32[32, 64] parameter
variable adam.h1.weight.m: f32[32, 64] state
variable table: f32[2] constant {1.0, 2.0}
variable logits: f32[batch, 64] output

function predict {
    %0: f32[batch, 32] = argument @x
    %1: f32[32, 64] = argument @h1.weight
    %2: f32[batch, 64] = dot_general %0, %1 {lhs_batch = [], lhs_contract = [1], rhs_batch = [], rhs_contract = [0]} "h1"
    %3: f32[batch, 64] = fusion %2 {kind = "loops"} body {
        %0: f32[batch, 64] = argument 0
        %1: f32[batch, 64] = exp %0
        return %1
    }
    return @logits = %3
}

function forget {
    %0: f32[32, 64] = argument @adam.h1.weight.m
    %1: f32[32, 64] = negate %0
    return @adam.h1.weight.m = %1, @h1.weight = %0
}

function nothing {
    return
}
)";

void expect_round_trip(const std::string& text) {
  const Module module = parse_module(text);
  EXPECT_EQ(print(module), text);
  verify(module);
  EXPECT_EQ(structural_hash(parse_module(print(module)), true), structural_hash(module, true));
}

void expect_graph_round_trip(const std::string& text) {
  const Graph graph = parse_graph(text);
  EXPECT_EQ(print(graph), text);
  verify(graph);
}

TEST(Text, RoundTripsModules) {
  expect_round_trip(kClassifier);
  expect_round_trip("sir 1\nmodule empty\n");
  expect_round_trip("sir 1\nmodule variables\n\nvariable a: f32[] state\n");
  expect_round_trip("sir 1\nmodule functions\n\nfunction init {\n    return\n}\n");
}

TEST(Text, RoundTripsNestedRegionsAndMultipleResults) {
  expect_graph_round_trip(R"(%0: bool[] = argument 0
%1: f32[n] = argument 1
%2: f32[n], %3: f32[n] = if %0, %1 "choice" then {
    %0: f32[n] = argument 0
    %1: f32[n] = fusion %0 {kind = "loops", reason = "saves 2 us"} "inner \"name\"\n" body {
        %0: f32[n] = argument 0
        %1: f32[n] = exp %0
        return %1
    }
    return %1, %0
} otherwise {
    %0: f32[n] = argument 0
    return %0, %0
}
%4: f32[n] = add %2, %3
return %4, %1
)");
}

TEST(Text, RoundTripsNodesWithoutResults) {
  expect_graph_round_trip("%0: f32[2] = argument 0\nfusion %0 {kind = \"loops\"} body {\n    %0: f32[2] = argument 0\n    return\n}\nreturn\n");
}

TEST(Text, RoundTripsEveryKindOfAttribute) {
  expect_graph_round_trip(R"(%0: f32[batch, 4] = argument 0
%1: f32[4, batch] = transpose %0 {permutation = [1, 0]}
%2: f64[batch, 4] = cast %0 {dtype = f64}
%3: i64[] = dim_size {dtype = i64, value = dim(2*batch + 1)}
%4: i32[2, floordiv(batch, 2)] = iota {axis = 1, dtype = i32, shape = shape[2, floordiv(batch, 2)]}
%5: f32[2] = constant {value = f32[2]{1.5, -2.0}}
%6: f32[4*batch] = reshape %0 {shape = shape[4*batch]}
return %1, %2, %3, %4, %5, %6
)");
}

TEST(Text, SpellsAttributes) {
  EXPECT_EQ(print(Attribute(true)), "true");
  EXPECT_EQ(print(Attribute(int64_t{-3})), "-3");
  EXPECT_EQ(print(Attribute(0.5)), "0.5");
  EXPECT_EQ(print(Attribute(1.0)), "1.0");
  EXPECT_EQ(print(Attribute(std::numeric_limits<double>::infinity())), "inf");
  EXPECT_EQ(print(Attribute(std::string("a\"b\\c\n\x01"))), R"("a\"b\\c\n\x01")");
  EXPECT_EQ(print(Attribute(DType::kBF16)), "bf16");
  EXPECT_EQ(print(Attribute(Integers{})), "[]");
  EXPECT_EQ(print(Attribute(Integers{1, -2})), "[1, -2]");
  EXPECT_EQ(print(Attribute(2 * Dim::symbol("n"))), "dim(2*n)");
  EXPECT_EQ(print(Attribute(Shape{Dim::symbol("n"), 32})), "shape[n, 32]");
  EXPECT_EQ(print(Attribute(Tensor::of<float>({2}, {1, 2}))), "f32[2]{1.0, 2.0}");
  EXPECT_EQ(print(Attribute(Tensor::of<float>({2, 2}, {1, 1, 1, 1}))), "f32[2, 2]{splat 1.0}");
  EXPECT_EQ(print(Attribute(Tensor::scalar<bool>(true))), "bool[]{true}");
  EXPECT_EQ(print(Attribute(Tensor::of<int8_t>({0, 3}, {}))), "i8[0, 3]{}");
}

/// The tensor after a way through the text, as the value of a constant.
Tensor through_text(const Tensor& tensor) {
  const std::string type = tensor.type_string();
  const std::string text = "%0: " + type + " = constant {value = " + print(Attribute(tensor)) + "}\nreturn %0\n";
  const Graph graph = parse_graph(text);
  EXPECT_EQ(print(graph), text);
  return std::get<Tensor>(graph.nodes().at(0).attributes.at("value"));
}

template <class T> void expect_exact(const std::vector<T>& values) {
  const Tensor tensor = Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
  EXPECT_TRUE(same_bits(through_text(tensor), tensor)) << print(Attribute(tensor));
}

template <class T> void expect_exact_limits() {
  using Limits = std::numeric_limits<T>;
  expect_exact<T>({Limits::lowest(), Limits::max(), Limits::min(), T{0}, T{1}});
  expect_exact<T>({Limits::max(), Limits::max(), Limits::max()});  // splat
  expect_exact<T>({Limits::lowest()});
  expect_exact<T>({});
}

TEST(Text, KeepsEveryBitOfTensors) {
  expect_exact_limits<double>();
  expect_exact_limits<float>();
  expect_exact_limits<int8_t>();
  expect_exact_limits<int16_t>();
  expect_exact_limits<int32_t>();
  expect_exact_limits<int64_t>();
  expect_exact_limits<uint8_t>();
  expect_exact_limits<uint16_t>();
  expect_exact_limits<uint32_t>();
  expect_exact_limits<uint64_t>();
  expect_exact<bool>({true, false});
  expect_exact<bool>({true, true});
}

template <class T> void expect_exact_specials() {
  using Limits = std::numeric_limits<T>;
  const T zero = 0, negative_zero = -zero;
  expect_exact<T>({negative_zero, zero});
  expect_exact<T>({negative_zero, negative_zero});
  expect_exact<T>({Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()});
  expect_exact<T>({Limits::denorm_min(), -Limits::denorm_min(), Limits::min() / 2, T(0.1), T(1) / 3});
}

TEST(Text, KeepsSpecialFloats) {
  expect_exact_specials<double>();
  expect_exact_specials<float>();
  const float negative_nan = std::bit_cast<float>(0xffc00001u), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor odd = through_text(Tensor::of<float>({2}, {negative_nan, nan}));  // NaNs of any payload are one text
  EXPECT_TRUE(std::isnan(odd.data<float>()[0]) && std::isnan(odd.data<float>()[1]));
}

TEST(Text, KeepsRandomFloats) {
  uint64_t state = 1;
  std::vector<float> floats;
  std::vector<double> doubles;
  for (int i = 0; i < 20000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const float f = std::bit_cast<float>(static_cast<uint32_t>(state >> 32));
    const double d = std::bit_cast<double>(state ^ (state << 21));
    if (!std::isnan(f)) floats.push_back(f);
    if (!std::isnan(d)) doubles.push_back(d);
  }
  expect_exact(floats);
  expect_exact(doubles);
}

TEST(Text, KeepsAllElementsOfNarrowFloats) {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    Tensor all(dtype, {65536});
    for (int64_t i = 0; i < all.size(); ++i) static_cast<uint16_t*>(all.raw())[i] = static_cast<uint16_t>(i);
    Module module;
    module.name = "m";
    module.variables.push_back({"c", Role::kConstant, {dtype, {65536}}, all});
    const Tensor read = *parse_module(print(module)).variable("c").value;
    for (int64_t i = 0; i < all.size(); ++i) {
      if (std::isnan(all.get(i))) EXPECT_TRUE(std::isnan(read.get(i)));
      else ASSERT_EQ(static_cast<const uint16_t*>(read.raw())[i], i) << all.get(i);
    }
  }
  try {
    parse_module("sir 1\nmodule m\nvariable c: f16[2] constant {1.0, 65520.0}\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kType);
    EXPECT_EQ(error.place().line, 3);
  }
}

TEST(Text, KeepsHostileNames) {
  Graph graph;
  const Value x = graph.add_argument({DType::kF32, {}});
  Builder builder(graph);
  std::string name;
  for (int c = 1; c < 256; ++c) name += static_cast<char>(c);
  builder.set_name(name);
  graph.set_results({builder.call("stop_gradient", {x})});
  const Graph back = parse_graph(print(graph));
  EXPECT_EQ(back.nodes()[0].name, name);
  EXPECT_EQ(print(back), print(graph));
}

TEST(Text, AcceptsLooseSpacing) {
  const Module module = parse_module("  sir 1 module m # comment\nvariable\n x\n:f32[ 2 ]input variable y: f32[2] output // y\n"
                                     "function f{%0:f32[2]=argument@x %1:f32[2]=add %0,%0 return@y=%1}");
  EXPECT_EQ(print(module), R"(sir 1
module m

variable x: f32[2] input
variable y: f32[2] output

function f {
    %0: f32[2] = argument @x
    %1: f32[2] = add %0, %0
    return @y = %1
}
)");
}

// ---- errors ----

struct Mistake {
  std::string name;
  std::string line;      // what takes the place of line `line_number` of the text below
  int line_number;
  int column;
  ErrorCode code;
  std::string message;   // a part of it, or of the hint
};

const std::vector<std::string> kGoodLines = {
    "sir 1",                                        // 1
    "module m",                                     // 2
    "variable x: f32[n, 2] input",                  // 3
    "variable w: f32[2] parameter",                 // 4
    "variable c: f32[2] constant {1.0, 2.0}",       // 5
    "variable y: f32[n, 2] output",                 // 6
    "function f {",                                 // 7
    "    %0: f32[n, 2] = argument @x",              // 8
    "    %1: f32[2] = argument @w",                 // 9
    "    %2: f32[n, 2] = exp %0",                   // 10
    "    %3: f64[n, 2] = cast %2 {dtype = f64}",    // 11
    "    %4: f32[n, 2] = fusion %2 {kind = \"loops\"} body {",  // 12
    "        %0: f32[n, 2] = argument 0",           // 13
    "        return %0",                            // 14
    "    }",                                        // 15
    "    return @y = %4",                           // 16
    "}",                                            // 17
};

std::string text_with(int line_number, const std::string& line) {
  std::string text;
  for (size_t i = 0; i < kGoodLines.size(); ++i) text += (static_cast<int>(i) + 1 == line_number ? line : kGoodLines[i]) + "\n";
  return text;
}

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.line; }

class TextMistake : public testing::TestWithParam<Mistake> {};

TEST_P(TextMistake, IsRefusedAtItsPlace) {
  const Mistake& mistake = GetParam();
  try {
    parse_module(text_with(mistake.line_number, mistake.line), "m.sir");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), mistake.code) << error.what();
    EXPECT_EQ(error.place().file, "m.sir");
    EXPECT_EQ(error.place().line, mistake.line_number) << error.what();
    EXPECT_EQ(error.place().column, mistake.column) << error.what();
    EXPECT_NE(std::string(error.what()).find(mistake.message), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TextMistake,
    testing::Values(
        Mistake{"NotThisFormat", "sinter 1", 1, 1, ErrorCode::kSyntax, "sir 1"},
        Mistake{"WrongVersion", "sir 2", 1, 5, ErrorCode::kSyntax, "version 2"},
        Mistake{"NoModule", "modul m", 2, 1, ErrorCode::kSyntax, "module"},
        Mistake{"DuplicateVariable", "variable x: f32[2] parameter", 4, 10, ErrorCode::kName, "two variables are named x"},
        Mistake{"UnknownRole", "variable w: f32[2] parmeter", 4, 20, ErrorCode::kName, "did you mean parameter?"},
        Mistake{"SymbolicParameter", "variable w: f32[n] parameter", 4, 13, ErrorCode::kType, "symbolic shape [n]"},
        Mistake{"NegativeDim", "variable w: f32[-2] parameter", 4, 13, ErrorCode::kType, "negative dim"},
        Mistake{"UnknownDType", "variable w: f3[2] parameter", 4, 13, ErrorCode::kSyntax, "expected a dtype"},
        Mistake{"TooFewElements", "variable c: f32[2] constant {1.0}", 5, 33, ErrorCode::kSyntax, "expected 2 elements, found 1"},
        Mistake{"TooManyElements", "variable c: f32[2] constant {1.0, 2.0, 3.0}", 5, 38, ErrorCode::kSyntax, "expected } after the 2 elements"},
        Mistake{"HugeTensor", "variable c: f32[4611686018427387904] constant {1.0}", 5, 13, ErrorCode::kType, "f32[4611686018427387904]"},
        Mistake{"OverflowingTensor", "variable c: f32[9000000000, 9000000000] constant {1.0}", 5, 13, ErrorCode::kType, ""},
        Mistake{"HugeSplat", "variable c: f32[1000000000] constant {splat 1.0}", 5, 13, ErrorCode::kType, "too many for a text"},
        Mistake{"ElementOutOfRange", "variable c: i8[2] constant {1, 128}", 5, 32, ErrorCode::kType, "out of the range of i8"},
        Mistake{"NegativeUnsigned", "variable c: u8[2] constant {1, -1}", 5, 32, ErrorCode::kSyntax, "expected an integer"},
        Mistake{"FloatOutOfRange", "variable c: f32[2] constant {1.0, 1e39}", 5, 35, ErrorCode::kType, "out of the range of f32"},
        Mistake{"WrongElement", "variable c: bool[2] constant {true, 1}", 5, 37, ErrorCode::kSyntax, "true or false"},
        Mistake{"Stray", "varible y: f32[n, 2] output", 6, 1, ErrorCode::kSyntax, "expected variable or function"},
        Mistake{"UnknownVariable", "    %0: f32[n, 2] = argument @xx", 8, 30, ErrorCode::kName, "did you mean x?"},
        Mistake{"ArgumentType", "    %0: f32[n, 3] = argument @x", 8, 9, ErrorCode::kType, "variable x has type f32[n, 2], not f32[n, 3]"},
        Mistake{"ArgumentOfOutput", "    %0: f32[n, 2] = argument @y", 8, 30, ErrorCode::kType, "cannot read the output y"},
        Mistake{"DuplicateArgument", "    %1: f32[n, 2] = argument @x", 9, 30, ErrorCode::kName, "two arguments read x"},
        Mistake{"DuplicateValue", "    %1: f32[n, 2] = exp %0", 10, 5, ErrorCode::kName, "two values are named %1"},
        Mistake{"ValueOutOfOrder", "    %7: f32[n, 2] = exp %0", 10, 5, ErrorCode::kName, "expected %2, not %7"},
        Mistake{"UnknownOp", "    %2: f32[n, 2] = exq %0", 10, 21, ErrorCode::kName, "did you mean exp?"},
        Mistake{"UnknownValue", "    %2: f32[n, 2] = exp %9", 10, 25, ErrorCode::kName, "unknown value %9"},
        Mistake{"UseOfItself", "    %2: f32[n, 2] = exp %2", 10, 25, ErrorCode::kName, "unknown value %2"},
        Mistake{"NegativeValue", "    %2: f32[n, 2] = exp %-1", 10, 25, ErrorCode::kName, "unknown value %-1"},
        Mistake{"WrongType", "    %2: f32[n, 3] = exp %0", 10, 9, ErrorCode::kType, "op exp gives f32[n, 2], the text says f32[n, 3]"},
        Mistake{"WrongResultCount", "    %2: f32[n, 2], %3: f32[n, 2] = exp %0", 10, 36, ErrorCode::kType, "has 1 result, the text names 2"},
        Mistake{"NoResult", "    exp %0", 10, 5, ErrorCode::kType, "the text names 0"},
        Mistake{"WrongOperandCount", "    %2: f32[n, 2] = exp %0, %0", 10, 21, ErrorCode::kType, "takes 1 operand, is given 2"},
        Mistake{"RuleOfTheOp", "    %2: f32[n, 2] = add %0, %1", 10, 21, ErrorCode::kType, "add C1"},
        Mistake{"LateArgument", "    %2: f32[n, 2] = exp %0 %3: f32[2] = argument @c", 10, 41, ErrorCode::kSyntax, "before the first node"},
        Mistake{"UnknownAttribute", "    %3: f64[n, 2] = cast %2 {dtpe = f64}", 11, 30, ErrorCode::kName, "did you mean dtype?"},
        Mistake{"DuplicateAttribute", "    %3: f64[n, 2] = cast %2 {dtype = f64, dtype = f64}", 11, 43, ErrorCode::kName, "given twice"},
        Mistake{"MissingAttribute", "    %3: f64[n, 2] = cast %2", 11, 21, ErrorCode::kType, "attribute dtype is missing"},
        Mistake{"WrongAttributeKind", "    %3: f64[n, 2] = cast %2 {dtype = 3}", 11, 38, ErrorCode::kSyntax, "expected a dtype"},
        Mistake{"UnknownRegion", "    %4: f32[n, 2] = fusion %2 {kind = \"loops\"} bdy {", 12, 48, ErrorCode::kSyntax, "body"},
        Mistake{"RegionSeesNoOuterValue", "        %0: f32[n, 2] = argument 0 %1: f32[n, 2] = exp %2", 13, 56, ErrorCode::kName, "unknown value %2"},
        Mistake{"RegionArgumentOrder", "        %0: f32[n, 2] = argument 1", 13, 34, ErrorCode::kSyntax, "expected argument 0"},
        Mistake{"RegionArgumentType", "    %4: f32[n, 2] = fusion %0, %2 {kind = \"loops\"} body {", 12, 21, ErrorCode::kType, "fusion C1"},
        Mistake{"ResultType", "    return @y = %3", 16, 17, ErrorCode::kType, "variable y has type f32[n, 2], the value f64[n, 2]"},
        Mistake{"ResultToInput", "    return @x = %4", 16, 12, ErrorCode::kType, "cannot write the input x"},
        Mistake{"ResultToConstant", "    return @c = %1", 16, 12, ErrorCode::kType, "cannot write the constant c"},
        Mistake{"DuplicateResult", "    return @y = %4, @y = %4", 16, 21, ErrorCode::kName, "two results write y"},
        Mistake{"ResultWithoutVariable", "    return %4", 16, 12, ErrorCode::kSyntax, "@"},
        Mistake{"DuplicateFunction", "} function f { return }", 17, 12, ErrorCode::kName, "two functions are named f"},
        Mistake{"LateVariable", "} variable z: f32[] input", 17, 3, ErrorCode::kSyntax, "before the first function"}),
    [](const testing::TestParamInfo<Mistake>& info) { return info.param.name; });

TEST(Text, TheGoodLinesAreGood) { parse_module(text_with(0, "")); }

TEST(Text, EveryPrefixIsRefused) {
  const std::string text = kClassifier.substr(0, kClassifier.rfind("\nfunction forget"));
  const size_t end = text.find_last_of('}');
  for (size_t size = 0; size <= end; ++size) {
    const std::string prefix = text.substr(0, size);
    try {
      parse_module(prefix);
      EXPECT_EQ(prefix.find("function"), std::string::npos) << prefix;  // variables alone are a module
    } catch (const Error& error) {
      EXPECT_GT(error.place().line, 0) << error.what();
    }
  }
}

TEST(Text, BoundsNesting) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "%0: f32[] = argument 0\n%1: f32[] = fusion %0 {kind = \"loops\"} body {\n";
    text += "%0: f32[] = argument 0\nreturn %0\n";
    for (int i = 0; i < depth; ++i) text += "}\nreturn %1\n";
    return text;
  };
  verify(parse_graph(nested(60)));
  EXPECT_THROW(parse_graph(nested(64)), Error);
  EXPECT_THROW(parse_graph(nested(100000)), Error);
}

TEST(Text, TakesTimeInProportionToTheText) {
  std::string text = "sir 1\nmodule m\n", arguments, results;
  constexpr int kCount = 20000;
  for (int i = 0; i < kCount; ++i) {
    const std::string name = "blocks." + std::to_string(i) + ".weight";
    text += "variable " + name + ": f32[2] state\n";
    arguments += "%" + std::to_string(i) + ": f32[2] = argument @" + name + "\n";
    results += (i == 0 ? "" : ", ") + ("@" + name) + " = %" + std::to_string(i);
  }
  const Module module = parse_module(text + "function f {\n" + arguments + "return " + results + "\n}\n");
  verify(module);
  EXPECT_EQ(module.functions[0].results.size(), size_t{kCount});
  const std::string long_word(1000000, 'a');
  EXPECT_THROW(parse_module("sir 1\nmodule m\nvariable " + long_word + "b: f32[] input\nfunction f { %0: f32[] = argument @" + long_word + " return }"), Error);
  EXPECT_THROW(parse_graph("%0: f32[] = " + long_word), Error);
}

TEST(Text, BoundsSplatsOfOneText) {
  std::string text = "sir 1\nmodule m\n";
  for (int i = 0; i < 5; ++i) text += "variable c" + std::to_string(i) + ": f32[16000000] constant {splat 0.0}\n";
  EXPECT_THROW(parse_module(text), Error);
}

}  // namespace
}  // namespace sinter::ir
