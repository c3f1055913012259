// The loop text: kernels written by hand and lowered ones come back byte for byte; mistakes are told with their place; damaged texts do no
// harm.
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>

#include "backend/loop/text.h"
#include "backend/loop/verify.h"
#include "backend/support/loop_kernels.h"
#include "backend/support/native.h"
#include "base/random.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

TEST(LoopText, HandMadeKernelsRoundTrip) {
  for (const std::string& text : loop_kernels()) EXPECT_EQ(print(loop::parse_kernel(text)), text);
}

TEST(LoopText, LoweredKernelsRoundTrip) {
  int kernels = 0;
  for (const ir::OpDef* op : all_ops(is_native)) {
    for (const ir::Sample& sample : op->samples) {
      if (needs_passes(*op, sample)) continue;
      for (const loop::Kernel& kernel : lower_main(module_of(*op, sample), TargetLevel::kV4).kernels) {
        const std::string text = print(kernel);
        EXPECT_EQ(print(loop::parse_kernel(text)), text);
        ++kernels;
      }
    }
  }
  EXPECT_GT(kernels, 300);
}

TEST(LoopText, TheExampleOfTheDocumentRoundTrips) {
  std::ifstream file(std::string(SINTER_SOURCE_DIR) + "/docs/loop_language.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  const size_t begin = page.find("```\n") + 4, end = page.find("```", begin);
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(print(loop::parse_kernel(page.substr(begin, end - begin))), page.substr(begin, end - begin));
}

TEST(LoopText, SpacesAndCommentsDoNotMatter) {
  EXPECT_EQ(
      print(loop::parse_kernel("loops 1 kernel k{dims n tiles 1 // none\nwrite b:f32[n]for i in n{store b[ i ]=2:f32}}")),
      "loops 1\nkernel k {\n    dims n\n    tiles 1\n    write b: f32[n]\n    for i in n {\n        store b[i] = 2.0: f32\n    }\n}\n");
}

TEST(LoopText, ConstantsKeepEveryBit) {
  for (const float value : {0.1f, -0.0f, 1e-45f, 3.4028235e38f, 16777216.0f, 1.17549435e-38f}) {
    loop::Kernel kernel = loop::parse_kernel(edited(loop_kernels()[0], "-0.5", "1.0"));
    auto& body = std::get<loop::For>(kernel.body[0].node).body;
    std::get<loop::Store>(body[2].node).value = loop::constant(DType::kF32, value);
    const loop::Kernel again = loop::parse_kernel(print(kernel));
    const double read = std::get<loop::Store>(std::get<loop::For>(again.body[0].node).body[2].node).value->number;
    EXPECT_EQ(std::bit_cast<uint32_t>(static_cast<float>(read)), std::bit_cast<uint32_t>(value));
  }
}

TEST(LoopText, ConstantsSaturateInTheirDtype) {
  EXPECT_EQ(loop::constant(DType::kI8, 300)->integer, 127);
  EXPECT_EQ(loop::constant(DType::kU32, -1)->integer, 0);
  EXPECT_EQ(loop::constant(DType::kU64, 1e30)->integer, -1);
  EXPECT_EQ(loop::constant(DType::kBool, 0.5)->integer, 1);
  EXPECT_EQ(loop::constant(DType::kI64, -1e30)->integer, INT64_MIN);
}

struct Mistake {
  size_t kernel;
  const char *from, *to;
  ErrorCode code;
  int line, column;
  const char* message;
};

TEST(LoopText, MistakesHaveTheirPlace) {
  const Mistake kMistakes[] = {
      {0, "loops 1", "loops 2", ErrorCode::kSyntax, 1, 7, "version"},
      {0, "loops 1", "kernel", ErrorCode::kSyntax, 1, 1, "expected \"loops\""},
      {0, "dims n", "dims 3", ErrorCode::kSyntax, 3, 10, "the name of a dim"},
      {0, "    tiles", "    tile", ErrorCode::kSyntax, 4, 5, "expected \"tiles\""},
      {0, "b1: f32[]", "b1: f33[]", ErrorCode::kSyntax, 6, 14, "dtype"},
      {0, "b1: f32[]", "b1: f32[9223372036854775807 + 1]", ErrorCode::kType, 6, 18, "64 bits"},
      {0, "b1: f32[]", "b1: f32[mod(n, 0)]", ErrorCode::kType, 6, 18, "zero"},
      {0, "tanh(x)", "tangent(x)", ErrorCode::kName, 10, 33, "unknown operation tangent"},
      {0, "tanh(x)", "tanh(z)", ErrorCode::kName, 10, 38, "unknown name z"},
      {0, "tanh(x)", "tanh(x, x)", ErrorCode::kSyntax, 10, 39, "expected \")\""},
      {0, "tanh(x)", "b3[j]", ErrorCode::kName, 10, 33, "unknown buffer b3"},
      {0, "-0.5: f32", "-0.5", ErrorCode::kSyntax, 9, 55, "the constant's dtype"},
      {0, "-0.5: f32", "-0.5: i32", ErrorCode::kType, 9, 51, "no constant of i32"},
      {0, "-0.5: f32", "-0.5: f64", ErrorCode::kType, 9, 22, "dtypes differ"},
      {0, "let x: f32", "let x: f64", ErrorCode::kType, 9, 13, "declared f64"},
      {0, "let y: f32", "let x: f32 = x let y: f32", ErrorCode::kName, 10, 9, "means something else"},
      {0, "        store", "        sture", ErrorCode::kName, 11, 9, "did you mean store?"},
      {0, "vector 8", "vector 6", ErrorCode::kType, 8, 5, "power of two"},
      {0, "vector 8", "vector 99999999999", ErrorCode::kType, 8, 46, "not a count"},
      {0, "nan: f32)\n    }\n}", "nan: f32)\n    }\n", ErrorCode::kSyntax, 14, 1, "statement"},
      {0, "nan: f32)\n    }\n}", "nan: f32)\n    }\n}\nmore", ErrorCode::kSyntax, 14, 1, "end of the text"},
      {4, "a a(offset 10*r, stride", "a a(offset 10*r, strive", ErrorCode::kSyntax, 18, 30, "expected \"stride\""},
      {4, "columns 8 at most 8\n            depth 4", "columns 8\n            depth 4", ErrorCode::kSyntax, 23, 13, "expected \"at\""},
      {2, "site 1", "site 2", ErrorCode::kType, 10, 5, "no such failure site"},
  };
  for (const Mistake& mistake : kMistakes) {
    const std::string text = edited(loop_kernels()[mistake.kernel], mistake.from, mistake.to);
    try {
      loop::parse_kernel(text, "kernel.loops");
      ADD_FAILURE() << mistake.to << " is accepted";
    } catch (const Error& error) {
      EXPECT_EQ(name(error.code()), name(mistake.code)) << error.what();
      EXPECT_EQ(error.place().line, mistake.line) << error.what();
      EXPECT_EQ(error.place().column, mistake.column) << error.what();
      EXPECT_NE(std::string(error.what()).find(mistake.message), std::string::npos) << error.what();
    }
  }
}

TEST(LoopText, DeepNestingIsRefused) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "tanh(";
  EXPECT_THROW(loop::parse_kernel(edited(loop_kernels()[0], "tanh(x)", deep)), Error);
  std::string loops;
  for (int i = 0; i < 100000; ++i) loops += "if 0 <= tile < 1 {";
  EXPECT_THROW(loop::parse_kernel("loops 1 kernel k { tiles 1 " + loops), Error);
}

/// Pieces that a flip of bytes seldom makes.
const std::vector<std::string> kPieces = {"9223372036854775807",
                                          "99999999999999999999",
                                          "-1",
                                          "0",
                                          "1e999",
                                          "nan",
                                          "inf: f32",
                                          "true",
                                          "f32[",
                                          "bool",
                                          "f16",
                                          "u64",
                                          "{",
                                          "}",
                                          "(",
                                          ")",
                                          "[",
                                          "]",
                                          ",",
                                          ";",
                                          ":",
                                          "=",
                                          "<",
                                          "<=",
                                          "floordiv(n, 0)",
                                          "min(n, tile)",
                                          "tile",
                                          "for i in n vector 4 {",
                                          "let x: f32 = ",
                                          "store b2[0] = ",
                                          "update ",
                                          "checked x < n site 0 = ",
                                          "if 0 <= tile < n {",
                                          "} else {",
                                          "scratch s: f32[9]\n",
                                          "vector 64",
                                          "unrolled",
                                          "cast(",
                                          "guarded(0 <= n < 1; ",
                                          "index(",
                                          "accumulate",
                                          "accumulate after n",
                                          "spread",
                                          "raised",
                                          "ahead b2(offset 0, depth_stride 1)\n",
                                          "\"",
                                          "\n",
                                          "#",
                                          "contract c("};

std::string mutate(std::string text, const std::string& other, RandomSequence& random) {
  const auto below = [&](size_t n) { return n == 0 ? size_t{0} : random.below(static_cast<uint32_t>(n)); };
  for (uint32_t i = 0, count = 1 + random.below(3); i < count; ++i) {
    const size_t at = below(text.size()), size = below(std::min<size_t>(text.size() - at, 40));
    switch (random.below(8)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
        break;
      case 2: text.erase(at, size); break;
      case 3: text.insert(at, text.substr(below(text.size()), size)); break;
      case 4: text.insert(at, kPieces[below(kPieces.size())]); break;
      case 5: text.replace(at, size, kPieces[below(kPieces.size())]); break;
      case 6: text.replace(at, size, other.substr(std::min(at, other.size()), below(200))); break;
      default: text.insert(at, 1, static_cast<char>('0' + random.below(10))); break;
    }
  }
  return text;
}

TEST(LoopText, DamagedTextsRaiseOnlyErrors) {
  constexpr int kMutations = 20000;
  RandomSequence random(1, 901);
  int accepted = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::vector<std::string>& corpus = loop_kernels();
    const std::string text =
        mutate(corpus[static_cast<size_t>(i) % corpus.size()], corpus[random.below(static_cast<uint32_t>(corpus.size()))], random);
    try {
      const loop::Kernel kernel = loop::parse_kernel(text);
      ++accepted;
      verify(kernel);
      const std::string printed = print(kernel);
      ASSERT_EQ(print(loop::parse_kernel(printed)), printed) << text;
    } catch (const Error& error) {
      ASSERT_GT(error.place().line, 0) << error.what() << "\nmutation " << i << "\n" << text;
      const bool promised = error.code() == ErrorCode::kSyntax || error.code() == ErrorCode::kName || error.code() == ErrorCode::kType;
      ASSERT_TRUE(promised) << error.what();
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\nmutation " << i << "\n" << text;
    }
  }
  EXPECT_GT(accepted, kMutations / 100);
  EXPECT_LT(accepted, kMutations / 2);
}

}  // namespace
}  // namespace sinter::test
