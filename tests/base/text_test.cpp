#include "base/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace sinter {
namespace {

/// The Error that `body` raises.
template <class Body> Error error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was raised";
  return {ErrorCode::kCheck, ""};
}

TEST(ToText, ShowsThatItIsAFloat) {
  EXPECT_EQ(to_text(0.0), "0.0");
  EXPECT_EQ(to_text(-0.0), "-0.0");
  EXPECT_EQ(to_text(1.0), "1.0");
  EXPECT_EQ(to_text(0.1), "0.1");
  EXPECT_EQ(to_text(0.1f), "0.1");
  EXPECT_EQ(to_text(static_cast<double>(0.1f)), "0.10000000149011612");
  EXPECT_EQ(to_text(1e30), "1e+30");
  EXPECT_EQ(to_text(-2.5e-7), "-2.5e-07");
  EXPECT_EQ(to_text(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(to_text(-std::numeric_limits<float>::infinity()), "-inf");
  EXPECT_EQ(to_text(-std::nan("")), "nan");
}

TEST(ToText, ReadsBackToTheSameBits) {
  RandomSequence random(1, 1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(uint64_t{random.next()} << 32 | random.next());
    const std::string text = to_text(value);
    const double read = TextCursor(text, "").expect_number("value");
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(read));
    } else {
      ASSERT_EQ(std::bit_cast<uint64_t>(value), std::bit_cast<uint64_t>(read)) << text;
    }
    const float narrow = std::bit_cast<float>(random.next());
    if (!std::isnan(narrow)) ASSERT_EQ(static_cast<float>(TextCursor(to_text(narrow), "").expect_number("value")), narrow);
  }
}

TEST(Quoted, RoundTripsEveryByte) {
  EXPECT_EQ(quoted("a\"b\\c\nd\te\x01"), R"("a\"b\\c\nd\te\x01")");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string text = quoted(all);
  TextCursor cursor(text, "");
  EXPECT_EQ(cursor.expect_string("text"), all);
  EXPECT_TRUE(cursor.at_end());
}

TEST(Quoted, BrokenStringsAreErrors) {
  for (const char* wrong : {"\"abc", "\"ab\ncd\"", "\"\\", "\"\\q\"", "\"\\x1\"", "\"\\x1g\"", "\"\\x", "abc", ""}) {
    EXPECT_EQ(error_of([&] { TextCursor(wrong, "").expect_string("a name"); }).code(), ErrorCode::kSyntax) << wrong;
  }
}

TEST(Suggestions, EditDistance) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("relu", "relu"), 0);
  const std::vector<std::string> names = {"relu", "gelu", "sigmoid", "softmax"};
  EXPECT_EQ(closest("sigmiod", names), "sigmoid");
  EXPECT_EQ(closest("rel", names), "relu");
  EXPECT_EQ(closest("convolution", names), "");
}

TEST(TextCursor, WordsAndPunctuation) {
  TextCursor cursor("  model a1_b -> # comment\n // another\n\tblocks.3.q.weight . x", "m.sinter");
  EXPECT_FALSE(cursor.peek("mod"));
  EXPECT_TRUE(cursor.accept("model"));
  EXPECT_EQ(cursor.accept_word(), "a1_b");
  EXPECT_FALSE(cursor.accept_word());
  cursor.expect("->");
  const auto mark = cursor.mark();
  EXPECT_EQ(cursor.place().line, 3);
  EXPECT_EQ(cursor.place().column, 2);
  EXPECT_EQ(cursor.expect_path("a parameter"), "blocks.3.q.weight");
  cursor.expect(".");
  EXPECT_EQ(cursor.expect_word("a word"), "x");
  EXPECT_TRUE(cursor.at_end());
  cursor.reset(mark);
  EXPECT_EQ(cursor.place().line, 3);
  EXPECT_EQ(cursor.place(TextCursor::Mark{0}).line, 1);
  EXPECT_EQ(cursor.place(TextCursor::Mark{0}).column, 3);
  EXPECT_EQ(cursor.expect_path("a parameter"), "blocks.3.q.weight");
}

TEST(TextCursor, ErrorsShowThePlace) {
  TextCursor cursor("model\n  classifier = 3", "m.sinter");
  cursor.expect("model");
  cursor.expect_word("a name");
  const Error error = error_of([&] { cursor.expect("(", "to begin the inputs"); });
  EXPECT_STREQ(error.what(), "m.sinter:2:14: error: expected \"(\" to begin the inputs, found \"=\"\n    classifier = 3\n               ^");
  EXPECT_EQ(error_of([&] { TextCursor("", "f").expect_word("a name"); }).message(), "expected a name, found the end of the text");
}

TEST(TextCursor, Integers) {
  const auto read = [](const char* text) { return TextCursor(text, "").accept_integer(); };
  EXPECT_EQ(read("42"), 42);
  EXPECT_EQ(read(" -42 "), -42);
  EXPECT_EQ(read("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(read("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(read("007"), 7);
  for (const char* other : {"", "-", "x", "1.5", "1e3", "3x", "- 3", "+3"}) EXPECT_FALSE(read(other)) << other;
  EXPECT_EQ(error_of([&] { read("9223372036854775808"); }).code(), ErrorCode::kSyntax);
  EXPECT_EQ(error_of([&] { read(std::string(100000, '9').c_str()); }).code(), ErrorCode::kSyntax);
  EXPECT_EQ(error_of([&] { TextCursor("1.5", "").expect_integer("a size"); }).message(),
            "expected a size (an integer), found \"1.5\"");
}

TEST(TextCursor, Numbers) {
  const auto read = [](const char* text) { return TextCursor(text, "").expect_number("a rate"); };
  EXPECT_EQ(read("3"), 3);
  EXPECT_EQ(read("-0.5e-3"), -0.5e-3);
  EXPECT_EQ(read(".5"), 0.5);
  EXPECT_EQ(read("inf"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(read("-inf"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(read("nan")));
  EXPECT_TRUE(std::signbit(read("-0.0")));
  EXPECT_EQ(read("1e-320"), 1e-320);
  for (const char* wrong : {"", "-", "x", "infinite", "1e999", "1.5abc", "--1", "- 1", "0x10", "."}) {
    EXPECT_EQ(error_of([&] { read(wrong); }).code(), ErrorCode::kSyntax) << wrong;
  }
}

TEST(TextCursor, Types) {
  const auto round_trip = [](const char* text) {
    TextCursor cursor(text, "");
    const TensorType type = cursor.expect_type();
    EXPECT_TRUE(cursor.at_end());
    return type.to_string();
  };
  for (const char* text : {"f32[]", "i64[batch]", "bool[2, 3, 0]", "u8[past + seq, floordiv(seq, 2) + 1]", "f64[-seq + 8]"}) {
    EXPECT_EQ(round_trip(text), text);
  }
  EXPECT_EQ(round_trip("f32[ batch,3 ]"), "f32[batch, 3]");
  EXPECT_EQ(error_of([&] { round_trip("f322[2]"); }).hint(), "did you mean f32?");
  for (const char* wrong : {"f32", "f32[", "f32[2", "f32[2,]", "f32[,]", "f32[2 3]", "[2]", "f32[1.5]"}) {
    EXPECT_EQ(error_of([&] { round_trip(wrong); }).code(), ErrorCode::kSyntax) << wrong;
  }
}

TEST(ParseDim, Grammar) {
  EXPECT_EQ(parse_dim("2*(a + 1) - -3").to_string(), "2*a + 5");
  EXPECT_EQ(parse_dim("-(a - b)").to_string(), "-a + b");
  EXPECT_EQ(parse_dim("min(max(a, 4), b)").to_string(), "min(b, max(4, a))");
  EXPECT_EQ(parse_dim("mod*min"), Dim::symbol("mod") * Dim::symbol("min"));  // a function only before a parenthesis
  EXPECT_EQ(parse_dim("-9223372036854775808*a").to_string(), "-9223372036854775808*a");
  EXPECT_EQ(parse_dim("b - 9223372036854775807*a - 1*a"), parse_dim("b + -9223372036854775808*a"));
  TextCursor arrow("batch -> y", "");
  EXPECT_EQ(arrow.expect_dim(), Dim::symbol("batch"));
  EXPECT_TRUE(arrow.peek("->"));
  for (const char* wrong : {"", "a +", "a b", "(a", "a)", "floordiv(a)", "floordiv(a, 2", "sqrt(a)", "a / b", "1.5", "*", "-", "mod(,)"}) {
    EXPECT_EQ(error_of([&] { parse_dim(wrong); }).code(), ErrorCode::kSyntax) << wrong;
  }
}

TEST(ParseDim, ArithmeticMistakesHaveAPlace) {
  for (const char* wrong : {"mod(a, 0)", "9223372036854775807 + 1", "9223372036854775807*a*2", "floordiv(a, b - b)"}) {
    const Error error = error_of([&] { parse_dim(wrong); });
    EXPECT_EQ(error.place().line, 1) << wrong;
  }
}

TEST(ParseDim, HostileTextsAreErrorsAndQuick) {
  const auto start = std::chrono::steady_clock::now();
  const auto repeated = [](const std::string& piece, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += piece;
    return text;
  };
  const std::string sum = "(a+b+c+d+e+f+g+h)";
  const std::vector<std::string> texts = {
      repeated("(", 100000),
      repeated("-", 100000) + "a",
      repeated("mod(", 100000) + "a",
      repeated("(", 100000) + "a" + repeated(")", 100000),
      sum + repeated("*" + sum, 1000),
      "a" + repeated("*a", 100000),
      repeated("floordiv((a+b)*", 150) + "a" + repeated(", 3)", 150),
      repeated("max(a - b, min(b - a, ", 90) + "c" + repeated("))", 90),
      repeated("mod(7*a*", 150) + "b" + repeated(" + floordiv(a, 7), 11)", 150),
  };
  for (const std::string& text : texts) {
    try {
      parse_dim(text);
    } catch (const Error&) {
    }
  }
  EXPECT_THROW(parse_dim(texts[0]), Error);
  EXPECT_THROW(parse_dim(texts[3]), Error);
  EXPECT_THROW(parse_dim(texts[4]), Error);
  std::string many = "s0", functions = "mod(s0, 3)";
  for (int n = 1; n < 4000; ++n) {
    many += " + s" + std::to_string(n);
    functions += " + 3*floordiv(s" + std::to_string(n) + ", 3) + mod(s" + std::to_string(n + 1) + ", 3)";
  }
  EXPECT_NO_THROW(parse_dim(many));
  EXPECT_THROW(parse_dim(functions), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

TEST(ParseDim, RandomBytesNeverDoHarm) {
  constexpr std::string_view kPieces[] = {"a", "b", "1", "32", "+", "-", "*", "(", ")", ",", "floordiv(", "mod(", "min(", "max(", " ", "0", "->", "\"", "9223372036854775807"};
  RandomSequence random(7, 2);
  int parsed = 0;
  for (int i = 0; i < 30000; ++i) {
    std::string text;
    for (uint32_t n = random.below(14); n-- > 0;) text += kPieces[random.below(std::size(kPieces))];
    try {
      const Dim dim = parse_dim(text);
      ASSERT_EQ(parse_dim(dim.to_string()), dim) << text;
      ++parsed;
    } catch (const Error& error) {
      ASSERT_TRUE(error.place().known()) << text;
    }
  }
  EXPECT_GT(parsed, 500);
}

TEST(TextCursor, PlacesOfManyTokensAreLinear) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "word\n";
  TextCursor cursor(text, "");
  const auto start = std::chrono::steady_clock::now();
  for (int line = 1; !cursor.at_end(); ++line) {
    ASSERT_EQ(cursor.place().line, line);
    cursor.expect_word("a word");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace sinter
