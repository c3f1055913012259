#include "base/dim.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "base/text.h"

namespace sinter {
namespace {

const Dim batch = Dim::symbol("batch"), seq = Dim::symbol("seq"), i = Dim::symbol("i"), j = Dim::symbol("j"), tile = Dim::symbol("tile");

std::string canonical(const char* text) { return parse_dim(text).to_string(); }

TEST(Dim, ConstantsFold) {
  EXPECT_EQ(Dim(3) + 4, 7);
  EXPECT_EQ(Dim(3) * 4 - 5, 7);
  EXPECT_EQ(floor_div(-7, 2), -4);
  EXPECT_EQ(mod(-7, 2), 1);
  EXPECT_EQ(mod(7, -2), -1);
  EXPECT_EQ(ceil_div(7, 2), 4);
  EXPECT_EQ(ceil_div(7, -2), -3);
  EXPECT_EQ(min(3, 4), 3);
  EXPECT_EQ(max(3, 4), 4);
  EXPECT_TRUE(Dim().is_constant());
  EXPECT_EQ(Dim(5).constant(), 5);
  EXPECT_EQ((batch - batch).as_constant(), 0);
  EXPECT_THROW(batch.constant(), InternalError);
}

TEST(Dim, SumsAndProductsAreCanonical) {
  EXPECT_EQ(batch + seq, seq + batch);
  EXPECT_EQ((batch + 1) * (seq + 2), batch * seq + 2 * batch + seq + 2);
  EXPECT_EQ(batch * seq * i, i * batch * seq);
  EXPECT_NE(batch, seq);
  EXPECT_NE(batch, batch + 1);
  EXPECT_EQ(canonical("(a + b)*(a - b)"), "a*a - b*b");
  EXPECT_EQ(canonical("b + a*c + 3 - 1"), "a*c + b + 2");
  EXPECT_EQ(canonical("-x*2 - 1"), "-2*x - 1");
  EXPECT_EQ(canonical("0*x"), "0");
}

TEST(Dim, SymbolsAndTerms) {
  EXPECT_EQ(batch.as_symbol(), "batch");
  EXPECT_FALSE((batch + 1).as_symbol());
  EXPECT_FALSE((2 * batch).as_symbol());
  EXPECT_FALSE(Dim(1).as_symbol());
  const Dim dim = 4 * batch * seq + floor_div(seq, 2) - 7;
  const auto terms = dim.terms();
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[0].coefficient, 4);
  ASSERT_EQ(terms[0].factors.size(), 2u);
  EXPECT_EQ(terms[0].factors[0].symbol, "batch");
  EXPECT_EQ(terms[1].factors[0].kind, DimAtom::Kind::kFloorDiv);
  EXPECT_EQ(terms[1].factors[0].args[0], seq);
  EXPECT_EQ(terms[2].coefficient, -7);
  EXPECT_TRUE(terms[2].factors.empty());
  std::set<std::string> symbols;
  dim.collect_symbols(symbols);
  EXPECT_EQ(symbols, (std::set<std::string>{"batch", "seq"}));
  EXPECT_TRUE(mod(i, seq).depends_on("seq"));
  EXPECT_FALSE(mod(i, seq).depends_on("batch"));
}

TEST(Dim, Division) {
  EXPECT_EQ(floor_div(batch, 1), batch);
  EXPECT_EQ(mod(batch, 1), 0);
  EXPECT_EQ(floor_div(batch, -1), -batch);
  EXPECT_EQ(floor_div(32 * tile + 5, 32), tile);
  EXPECT_EQ(mod(32 * tile + 5, 32), 5);
  EXPECT_EQ(floor_div(32 * tile + i, 32), tile + floor_div(i, 32));
  EXPECT_EQ(mod(32 * tile + i, 32), mod(i, 32));
  EXPECT_EQ(floor_div(floor_div(i, 4), 8), floor_div(i, 32));
  EXPECT_EQ(floor_div(mod(i, 32), 8), mod(floor_div(i, 8), 4));
  EXPECT_EQ(mod(mod(i, 32), 8), mod(i, 8));
  EXPECT_EQ(mod(3 * mod(i, 32) + j, 8), mod(3 * i + j, 8));
  EXPECT_EQ(floor_div(mod(i, 32), 32), 0);
  EXPECT_EQ(mod(mod(i, 32), 64), mod(i, 32));
  EXPECT_EQ(floor_div(8 * i + mod(j, 8), 32), floor_div(i, 4));
  EXPECT_EQ(mod(8 * i + mod(j, 8), 32), 8 * mod(i, 4) + mod(j, 8));
  EXPECT_EQ(floor_div(6 * i + 10 * j + 15, 30), floor_div(3 * i + 5 * j + 7, 15));
  EXPECT_EQ(floor_div(i, -4), floor_div(-1 * i, 4));
}

TEST(Dim, SymbolicDivision) {
  EXPECT_EQ(floor_div(batch * i + j, batch), i + floor_div(j, batch));
  EXPECT_EQ(mod(batch * i + j, batch), mod(j, batch));
  EXPECT_EQ(floor_div(batch, batch), 1);
  EXPECT_EQ(mod(batch, batch), 0);
  EXPECT_EQ(mod(seq * batch + seq + i - 3, batch + 1), mod(i - 3, batch + 1));  // whatever the constant is
  EXPECT_EQ(floor_div((batch + seq) * i + j, batch + seq), i + floor_div(j, batch + seq));
  EXPECT_EQ(floor_div(batch * i, batch * seq), floor_div(i, seq));
  EXPECT_EQ(mod(batch * i, batch * seq), batch * mod(i, seq));
  EXPECT_EQ(floor_div(floor_div(i, seq), batch), floor_div(i, seq * batch));
  // What does not divide stays as it was written.
  EXPECT_EQ(floor_div(batch, batch + seq).to_string(), "floordiv(batch, batch + seq)");
  EXPECT_EQ(floor_div(batch + 3, batch + 1).to_string(), "floordiv(2, batch + 1) + 1");
  EXPECT_EQ(floor_div(batch, batch + 1), 0);
}

TEST(Dim, QuotientAndRemainderComeTogetherAgain) {
  EXPECT_EQ(32 * floor_div(i, 32) + mod(i, 32), i);
  EXPECT_EQ(batch * floor_div(i, batch) + mod(i, batch), i);
  EXPECT_EQ(seq * (32 * floor_div(i, 32) + mod(i, 32)), seq * i);
  EXPECT_EQ(-64 * floor_div(i + 1, 32) - 2 * mod(i + 1, 32), -2 * i - 2);
  // A flat index taken apart along three axes and put together again, as reshape does.
  const Dim h = Dim::symbol("h"), w = Dim::symbol("w");
  EXPECT_EQ(h * w * floor_div(i, h * w) + w * mod(floor_div(i, w), h) + mod(i, w), i);
  EXPECT_EQ(20 * floor_div(i, 20) + 5 * mod(floor_div(i, 5), 4) + mod(i, 5), i);
  EXPECT_EQ(20 * floor_div(i, 20) + 5 * floor_div(mod(i, 20), 5) + mod(mod(i, 20), 5), i);
}

TEST(Dim, MinAndMax) {
  EXPECT_EQ(min(batch, batch), batch);
  EXPECT_EQ(min(batch, batch + 1), batch);
  EXPECT_EQ(max(batch, batch + seq), batch + seq);
  EXPECT_EQ(max(batch, 0), batch);
  EXPECT_EQ(min(batch, seq), min(seq, batch));
  EXPECT_EQ(min(min(batch, seq), i), min(batch, min(i, seq)));
  EXPECT_EQ(min(min(batch, 8), 5), min(batch, 5));
  EXPECT_EQ(max(max(batch, 8), batch + 2), max(batch + 2, 8));
  EXPECT_EQ(min(32, batch - 32 * tile).to_string(), "min(32, batch - 32*tile)");
}

TEST(Dim, Evaluate) {
  const SymbolValues values = {{"batch", 7}, {"seq", 3}, {"i", -5}};
  EXPECT_EQ((batch * seq + 2).evaluate(values), 23);
  EXPECT_EQ(floor_div(i, 2).evaluate(values), -3);
  EXPECT_EQ(mod(i, seq).evaluate(values), 1);
  EXPECT_EQ(max(min(batch, seq), i).evaluate(values), 3);
  EXPECT_THROW(tile.evaluate(values), Error);
  EXPECT_THROW(floor_div(batch, tile).evaluate({{"batch", 1}, {"tile", 0}}), Error);
  EXPECT_THROW(mod(batch, tile).evaluate({{"batch", 1}, {"tile", 0}}), Error);
  EXPECT_THROW((batch * batch).evaluate({{"batch", int64_t{1} << 40}}), Error);
  EXPECT_THROW(floor_div(batch, i).evaluate({{"batch", INT64_MIN}, {"i", -1}}), Error);
  EXPECT_EQ(mod(batch, i).evaluate({{"batch", INT64_MIN}, {"i", -1}}), 0);
}

TEST(Dim, MistakesAreErrors) {
  EXPECT_THROW(floor_div(batch, 0), Error);
  EXPECT_THROW(mod(batch, 0), Error);
  EXPECT_THROW(Dim(INT64_MAX) + 1, Error);
  EXPECT_THROW(Dim(INT64_MIN) * -1, Error);
  EXPECT_THROW((INT64_MAX * batch) + batch, Error);
  EXPECT_THROW(floor_div(INT64_MIN, -1), Error);
  try {
    floor_div(batch, 0);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kType);
  }
}

TEST(Dim, Substitute) {
  EXPECT_EQ((batch * seq + 1).substitute({{"batch", 4}}), 4 * seq + 1);
  EXPECT_EQ(floor_div(i, 32).substitute({{"i", 32 * tile + 3}}), tile);
  EXPECT_EQ((batch + seq).substitute({{"batch", seq}, {"seq", batch}}), batch + seq);  // all at once
  EXPECT_EQ(min(batch, seq).substitute({{"seq", batch + 1}}), batch);
  EXPECT_EQ(batch.substitute({{"seq", 1}}), batch);
  EXPECT_THROW(floor_div(i, batch).substitute({{"batch", 0}}), Error);
}

TEST(Dim, Bounds) {
  EXPECT_EQ(batch.lower_bound(), 0);
  EXPECT_EQ((2 * batch + 3).lower_bound(), 3);
  EXPECT_EQ((3 - batch).lower_bound(), std::nullopt);
  EXPECT_EQ((3 - batch).upper_bound(), 3);
  EXPECT_EQ(batch.upper_bound(), std::nullopt);
  EXPECT_EQ(mod(i, 32).upper_bound(), 31);
  EXPECT_EQ(i.upper_bound({{"i", 10}}), 9);
  EXPECT_EQ((3 * i + j).upper_bound({{"i", 10}, {"j", 4}}), 30);
  EXPECT_EQ(floor_div(i, 4).upper_bound({{"i", 10}}), 2);
  EXPECT_EQ(min(i, seq).upper_bound({{"i", 10}}), 9);
  EXPECT_EQ(max(i, 20).upper_bound({{"i", 10}}), 20);
  EXPECT_EQ((i * j).upper_bound({{"i", 10}, {"j", 10}}), 81);
  EXPECT_EQ(j.upper_bound({{"j", i + 1}, {"i", 10}}), 9);
  EXPECT_EQ(i.upper_bound({{"i", i}}), std::nullopt);  // a bound that mentions itself says nothing
  EXPECT_EQ((INT64_MAX * batch + 1).upper_bound({{"batch", 100}}), std::nullopt);
}

TEST(Dim, DivideExactly) {
  EXPECT_EQ((8 * batch + 4).divide_exactly(4), 2 * batch + 1);
  EXPECT_EQ((8 * batch + 4).divide_exactly(8), std::nullopt);
  EXPECT_EQ((8 * batch + 4).divide_exactly(-4), -2 * batch - 1);
  EXPECT_EQ(batch.divide_exactly(0), std::nullopt);
  EXPECT_EQ(Dim(0).divide_exactly(5), Dim(0));
}

TEST(Dim, SimplifyUnderBounds) {
  const DimMap bounds = {{"i", batch}, {"j", 32}};
  EXPECT_EQ(simplify(floor_div(i, batch), bounds), 0);
  EXPECT_EQ(simplify(mod(i, batch), bounds), i);
  EXPECT_EQ(simplify(floor_div(i + batch * j, batch), bounds), j);
  EXPECT_EQ(simplify(mod(i + batch * j, batch), bounds), i);
  EXPECT_EQ(simplify(mod(floor_div(i * 32 + j, 32), batch), bounds), i);
  EXPECT_EQ(simplify(mod(j, 16), bounds), mod(j, 16));
  EXPECT_EQ(simplify(min(j, 31), bounds), j);
  EXPECT_EQ(simplify(max(batch - i, 1), bounds), batch - i);
  EXPECT_EQ(simplify(floor_div(j + batch * i, batch * batch), {{"j", batch}, {"i", batch}}), 0);
}

TEST(Dim, ProofsAboutTiles) {
  // tile < ceil_div(batch, 32), i < min(32, batch - 32*tile): row 32*tile + i is inside, the next one may not be.
  const DimMap bounds = {{"tile", ceil_div(batch, 32)}, {"i", min(32, batch - 32 * tile)}};
  EXPECT_TRUE(is_nonnegative(batch - 1 - 32 * tile, bounds));
  EXPECT_TRUE(is_nonnegative(batch - 1 - 32 * tile - i, bounds));
  EXPECT_FALSE(is_nonnegative(batch - 2 - 32 * tile - i, bounds));
  EXPECT_TRUE(is_nonnegative(31 - i, bounds));
  EXPECT_TRUE(is_nonnegative(min(32, batch - 32 * tile) - 1, bounds));
  EXPECT_TRUE(is_nonnegative(batch * seq - 1 - seq * tile - j, {{"tile", batch}, {"j", seq}}));
  EXPECT_FALSE(is_nonnegative(batch - 1));
  EXPECT_TRUE(is_nonnegative(max(batch, 1) - 1));
}

TEST(Dim, OrderIsTotal) {
  const std::vector<Dim> dims = {0, 1, -1, batch, seq, batch + 1, 2 * batch, batch * seq, floor_div(i, 2), mod(i, 2), min(i, j), max(i, j)};
  for (const Dim& a : dims) {
    for (const Dim& b : dims) {
      EXPECT_EQ((a < b) + (b < a) + (a == b), 1) << a.to_string() << " and " << b.to_string();
      for (const Dim& c : dims) {
        if (a < b && b < c) EXPECT_LT(a, c);
      }
    }
  }
}

TEST(Dim, ExpressionsThatExplodeAreErrors) {
  Dim sum = 1;
  for (int n = 0; n < 30; ++n) sum = sum + Dim::symbol("s" + std::to_string(n));
  EXPECT_THROW(sum * sum * sum * sum, Error);
  // Each level holds the one below twice: the shared form is small, the text would not be.
  Dim nested = i;
  const auto double_often = [&] {
    for (int n = 0; n < 60; ++n) nested = floor_div((batch + seq) * nested, 3);
  };
  EXPECT_THROW(double_often(), Error);
  Dim deep = i;
  const auto nest_deeply = [&] {
    for (int n = 0; n < 1000; ++n) deep = mod(deep + n, Dim::symbol("m" + std::to_string(n)));
  };
  EXPECT_THROW(nest_deeply(), Error);
}

TEST(Dim, ManySmallStepsAreCheap) {
  // An upper limit a hundred times above what is expected, to notice a change of complexity.
  const auto start = std::chrono::steady_clock::now();
  Dim total = 0;
  for (int n = 0; n < 20000; ++n) total = total + mod(32 * tile + i, 32) + floor_div(32 * tile + i + n, 32) - tile;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_TRUE(total.depends_on("i"));
}

}  // namespace
}  // namespace sinter
