#include "base/error.h"

#include <gtest/gtest.h>

#include <thread>

namespace sinter {
namespace {

TEST(Error, ShowsEverythingItKnows) {
  Error error(ErrorCode::kType, "inner dimensions differ: 784 and 10");
  EXPECT_STREQ(error.what(), "error: inner dimensions differ: 784 and 10");
  error.rule("matmul C2").hint("transpose the rhs?");
  EXPECT_STREQ(error.what(), "error: matmul C2: inner dimensions differ: 784 and 10; transpose the rhs?");
  error.at({.file = "model.sinter", .line = 3, .column = 9, .source_line = "    y = matmul(x, w)\n"});
  EXPECT_STREQ(error.what(),
               "model.sinter:3:9: error: matmul C2: inner dimensions differ: 784 and 10; transpose the rhs?\n"
               "      y = matmul(x, w)\n"
               "          ^");
  EXPECT_EQ(error.code(), ErrorCode::kType);
  EXPECT_EQ(error.rule(), "matmul C2");
  EXPECT_EQ(error.hint(), "transpose the rhs?");
  EXPECT_EQ(error.place().line, 3);
}

TEST(Error, PlacesWithPartsMissing) {
  EXPECT_STREQ(Error(ErrorCode::kIo, "no such file").at({.file = "a.npy"}).what(), "a.npy: error: no such file");
  EXPECT_STREQ(Error(ErrorCode::kSyntax, "no").at({.line = 2, .column = 1}).what(), "line 2:1: error: no");
  EXPECT_STREQ(Error(ErrorCode::kCheck, "index 7 of 3").at({.node = "h1"}).what(), "h1: error: index 7 of 3");
  EXPECT_FALSE(Place{}.known());
  EXPECT_TRUE(Place{.node = "x"}.known());
}

TEST(Error, CaretKeepsTabsAndCountsCharacters) {
  const Error tabs = Error(ErrorCode::kSyntax, "m").at({.line = 1, .column = 3, .source_line = "\ta b"});
  EXPECT_STREQ(tabs.what(), "line 1:3: error: m\n  \ta b\n  \t ^");
  const Error umlaut = Error(ErrorCode::kSyntax, "m").at({.line = 1, .column = 4, .source_line = "\xC3\xA4\xC3\xA4 b"});
  EXPECT_STREQ(umlaut.what(), "line 1:4: error: m\n  \xC3\xA4\xC3\xA4 b\n     ^");
}

TEST(Error, VeryLongLinesAreCut) {
  std::string line(1000000, 'x');
  line[500000] = 'Y';
  const std::string text = Error(ErrorCode::kSyntax, "m").at({.line = 1, .column = 500001, .source_line = line}).what();
  ASSERT_LT(text.size(), 1000u);
  const size_t first = text.find('\n') + 1, second = text.find('\n', first) + 1;
  EXPECT_EQ(text[first + (text.find('^') - second)], 'Y');
}

TEST(Error, CodesHaveNames) {
  EXPECT_EQ(name(ErrorCode::kSyntax), "syntax");
  EXPECT_EQ(name(ErrorCode::kInterrupted), "interrupted");
}

TEST(InternalError, NamesPlaceAndWork) {
  const WorkingOn outer("pass fuse");
  const WorkingOn inner("function step");
  EXPECT_EQ(WorkingOn::current(), "pass fuse, function step");
  std::string elsewhere = "unset";
  std::thread([&] { elsewhere = WorkingOn::current(); }).join();
  EXPECT_EQ(elsewhere, "");
  try {
    SINTER_CHECK(1 + 1 == 3, "sum of " + std::to_string(1));
    FAIL();
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find("internal error: sum of 1 (tests/base/error_test.cpp:"), 0u) << text;
    EXPECT_NE(text.find(") in pass fuse, function step"), std::string::npos) << text;
  }
}

TEST(InternalError, MessageIsMadeOnlyWhenNeeded) {
  bool made = false;
  const auto message = [&] {
    made = true;
    return std::string("m");
  };
  SINTER_CHECK(true, message());
  EXPECT_FALSE(made);
}

}  // namespace
}  // namespace sinter
