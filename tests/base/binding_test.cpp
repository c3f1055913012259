// Binding symbols at entry.
#include "base/binding.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"

namespace sinter {
namespace {

const Dim n = Dim::symbol("n"), k = Dim::symbol("k");

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheck);
    return error.what();
  }
  return "no error";
}

TEST(Binding, BindsSingleSymbols) {
  SymbolValues symbols;
  bind_symbols("x", {n, 2, k + 1, n}, {3, 2, 100, 3}, symbols);
  EXPECT_EQ(symbols, (SymbolValues{{"n", 3}}));  // k + 1 is left to check_extents
  bind_symbols("y", {k}, {0}, symbols);
  EXPECT_EQ(symbols, (SymbolValues{{"n", 3}, {"k", 0}}));
}

TEST(Binding, RefusesContradictions) {
  SymbolValues symbols = {{"n", 3}};
  EXPECT_NE(message_of([&] { bind_symbols("input x", {n}, {4}, symbols); }).find("input x has extents [4], its shape is [n]: axis 0 is 4 instead of n = 3"),
            std::string::npos);
  EXPECT_NE(message_of([&] { bind_symbols("x", {2}, {4}, symbols); }).find("axis 0 is 4 instead of 2"), std::string::npos);
  EXPECT_NE(message_of([&] { bind_symbols("x", {n}, {3, 1}, symbols); }).find("ranks differ"), std::string::npos);
  EXPECT_NE(message_of([&] { bind_symbols("x", {k}, {-1}, symbols); }).find("negative"), std::string::npos);
  symbols.erase("k");
  EXPECT_NE(message_of([&] { bind_symbols("x", {k, k}, {1, 2}, symbols); }).find("axis 1 is 2 instead of k = 1"), std::string::npos);
}

TEST(Binding, ChecksExpressions) {
  const SymbolValues symbols = {{"n", 3}, {"k", 5}};
  check_extents("x", {2 * n + k, n, 7}, {11, 3, 7}, symbols);
  EXPECT_NE(message_of([&] { check_extents("x", {2 * n + k}, {12}, symbols); }).find("= 11"), std::string::npos);
  EXPECT_NE(message_of([&] { check_extents("x", {n}, {3, 3}, symbols); }).find("ranks differ"), std::string::npos);
  EXPECT_NE(message_of([&] { check_extents("x", {Dim::symbol("m")}, {3}, symbols); }).find("m"), std::string::npos);
}

}  // namespace
}  // namespace sinter
