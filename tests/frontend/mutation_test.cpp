// Hostile texts: mutations of the examples and of the library either compile or raise Error, and nothing else happens.
#include <gtest/gtest.h>

#include "base/random.h"
#include "frontend/language/library.h"
#include "frontend/support.h"

namespace sinter::language {
namespace {

/// Bytes that make more of a text's structure than random ones do.
constexpr std::string_view kPieces[] = {
    "(",         ")",    "[",     "]",          "{",     "}",     ",",   ":",           "=",           "->",
    "..",        "-",    "//",    "%",          "^",     "@",     "\"",  "#",           "\n",          " ",
    "0",         "1",    "-1",    "9999999999", "1e308", "batch", "x",   "repeat r[3]", "if training", "state s: f32[2] = 0",
    "parameter", "none", "label", "T",          "dense", "sum",   "op.", "full",        "shape",       "true",
    "\xff"};

std::string mutate(std::string text, RandomSequence& random) {
  for (uint32_t changes = 1 + random.below(4); changes > 0 && !text.empty(); --changes) {
    const size_t at = random.below(static_cast<uint32_t>(text.size()));
    const size_t length = 1 + random.below(8);
    switch (random.below(6)) {
      case 0: text[at] = static_cast<char>(random.below(256)); break;
      case 1: text.erase(at, length); break;
      case 2: text.insert(at, kPieces[random.below(std::size(kPieces))]); break;
      case 3: text.insert(at, text.substr(random.below(static_cast<uint32_t>(text.size())), 4 * length)); break;
      case 4: text.replace(at, std::min(length, text.size() - at), kPieces[random.below(std::size(kPieces))]); break;
      default:
        if (random.below(10) == 0) text.resize(at);
        else text[at] = static_cast<char>(text[at] ^ (1 << random.below(7)));
    }
  }
  return text;
}

/// Whether it compiled; InternalError and every other exception fail the test.
bool compiles(const std::string& text) {
  try {
    ir::verify(compile_text(text, "mutant").module);
    return true;
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return false;
  }
}

std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  for (const std::string& name : kExamples) texts.push_back(example(name));
  std::string own(library_text());  // as a user's text, with a model that uses it
  own +=
      "model m(x: f32[batch, 8]) -> y {\n    h = layer_norm(dropout(dense(x, 4)), name = \"norm\")\n    y = softmax(h[.., 0:2] ^ 2)\n"
      "    repeat r[2] { y = y + tanh(dense(y, 2, bias = false, name = \"d\")) }\n}\n"
      "train m { loss = binary_cross_entropy(y, label) optimizer = sgd(0.1, momentum = 0.9) metrics = [mean_absolute_error(y, label)] }\n";
  texts.push_back(own);
  return texts;
}

TEST(Mutation, only_ever_raises_error) {
  const std::vector<std::string> texts = corpus();
  for (const std::string& text : texts) ASSERT_TRUE(compiles(text));
  constexpr uint32_t kSeed = 20240517;
  constexpr int kMutations = 20000;
  RandomSequence random(kSeed, 0);
  int compiled = 0;
  for (int i = 0; i < kMutations; ++i) {
    // The long text takes its turn less often.
    const std::string& text = texts[i % 20 == 0 ? texts.size() - 1 : static_cast<size_t>(i) % (texts.size() - 1)];
    const std::string mutant = mutate(text, random);
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", mutation " + std::to_string(i) + ":\n" + mutant.substr(0, 2000));
    compiled += compiles(mutant) ? 1 : 0;
    if (testing::Test::HasFailure()) return;
  }
  RecordProperty("compiled", compiled);
  EXPECT_GT(compiled, kMutations / 50);  // the mutants reach the lowering
}

TEST(Mutation, formatting_is_a_fixed_point_and_keeps_the_tokens) {
  RandomSequence random(7, 0);
  int formatted = 0;
  for (int i = 0; i < 4000; ++i) {
    const std::string mutant = mutate(example(kExamples[static_cast<size_t>(i) % kExamples.size()]), random);
    std::string once;
    try {
      once = format(mutant);
    } catch (const Error&) {
      continue;
    }
    ++formatted;
    SCOPED_TRACE(mutant);
    ASSERT_EQ(format(once), once);
    const auto squeeze = [](std::string text) {
      std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; });
      return text;
    };
    ASSERT_EQ(squeeze(once), squeeze(mutant));
  }
  EXPECT_GT(formatted, 400);
}

TEST(Mutation, expressions_only_ever_raise_error) {
  const std::string texts[] = {
      "h = relu(f32[batch, 78] @ const f32[78, 10] + (b: const f32[10])); softmax(h) * h",
      "x: f32[4, 8]; [layer_norm(x, f32[8], f32[8]), transpose(x), y = x ^ 2]",
      "dot_general(f64[2, 4, 3], f64[2, 3, 5], lhs_batch = [0], rhs_batch = [0], lhs_contract = [2], rhs_contract = [1])",
  };
  RandomSequence random(20240518, 0);
  int compiled = 0;
  for (int i = 0; i < 6000; ++i) {
    std::string text = mutate(texts[i % std::size(texts)], random);
    if (i % 7 == 0) text = mutate(text + "; const f32[2]: x", random);
    try {
      ir::verify(compile_expression(text, {}, i % 2 == 0).module);
      ++compiled;
    } catch (const Error& error) {
      EXPECT_FALSE(error.message().empty()) << text;
    }
  }
  EXPECT_GT(compiled, 30);  // short texts break easily
}

}  // namespace
}  // namespace sinter::language
