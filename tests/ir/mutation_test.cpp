// Damaged texts: whatever bytes change, the parser gives a module that verifies and prints stably, or raises Error with a place.
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

#include "base/random.h"
#include "ir/text.h"
#include "support/random_module.h"

namespace sinter::test {
namespace {

constexpr int kMutations = 20000;

/// Pieces that a flip of bytes seldom makes: edges of numbers, structure, words of the format.
const std::vector<std::string> kPieces = {
    "9223372036854775807", "-9223372036854775808", "4294967296", "99999999999999999999", "0", "-1", "1e999", "nan", "inf",
    "{", "}", "[", "]", "(", ")", "%", "@", "\"", "\\", "\n", "\0", "=", ",", ":", "*", "-", "dim(", "shape[", "splat ",
    "floordiv(batch, 0)", "mod(1, 0)", "min(batch, 3)", "batch*batch*batch", "f32[]", "bool[", "u64", "f16[2]", "return", "argument 0",
    "argument @x0", "variable x0: f32[2] constant {splat 1.0}\n", "function main {\n", "%0", "%1", "constant {value = ", "fusion", "body {"};

std::string mutate(std::string text, const std::string& other, RandomSequence& random) {
  const auto below = [&](size_t n) { return n == 0 ? 0 : random.below(static_cast<uint32_t>(n)); };
  for (uint32_t i = 0, count = 1 + random.below(3); i < count; ++i) {
    const size_t at = below(text.size()), size = below(std::min<size_t>(text.size() - at, 40));
    switch (random.below(8)) {
      case 0: if (!text.empty()) text[at] = static_cast<char>(random.below(256)); break;
      case 1: if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8))); break;
      case 2: text.erase(at, size); break;
      case 3: text.insert(at, text.substr(below(text.size()), size)); break;
      case 4: text.insert(at, kPieces[below(kPieces.size())]); break;
      case 5: text.replace(at, size, kPieces[below(kPieces.size())]); break;
      case 6: text.replace(at, size, other.substr(std::min(at, other.size()), below(200))); break;
      case 7: text.insert(at, 1, static_cast<char>('0' + random.below(10))); break;
    }
  }
  return text;
}

TEST(Mutation, OnlyErrorsLeaveTheParser) {
  RandomSequence random(1, 900);
  std::vector<std::string> corpus;
  for (uint32_t seed = 0; seed < 200; ++seed) corpus.push_back(print(random_module(seed, {.nodes = 8}).module));
  int accepted = 0;
  double slowest = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string text = mutate(corpus[static_cast<size_t>(i) % corpus.size()], corpus[random.below(200)], random);
    const auto begin = std::chrono::steady_clock::now();
    try {
      const ir::Module module = ir::parse_module(text);
      ++accepted;
      verify(module);
      const std::string printed = print(module);
      ASSERT_EQ(print(ir::parse_module(printed)), printed) << text;
    } catch (const Error& error) {
      ASSERT_GT(error.place().line, 0) << error.what() << "\nmutation " << i << "\n" << text;
      const bool promised = error.code() == ErrorCode::kSyntax || error.code() == ErrorCode::kName || error.code() == ErrorCode::kType ||
                            error.code() == ErrorCode::kUnsupported;
      ASSERT_TRUE(promised) << error.what();
    } catch (const std::exception& error) {
      FAIL() << error.what() << "\nmutation " << i << "\n" << text;
    }
    slowest = std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::cout << kMutations << " texts, " << accepted << " accepted, slowest " << slowest << " s\n";
  EXPECT_GT(accepted, kMutations / 100);
  EXPECT_LT(accepted, kMutations / 2);
  EXPECT_LT(slowest, 5);
}

}  // namespace
}  // namespace sinter::test
