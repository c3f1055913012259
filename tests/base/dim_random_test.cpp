// Random expressions against an oracle: a plain tree, evaluated step by step without any rewriting.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "base/dim.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

namespace sinter {
namespace {

struct Tree {
  char kind;  // 'c' constant, 's' symbol, + - * / % m(in) M(ax)
  int64_t constant = 0;
  std::string symbol;
  std::shared_ptr<Tree> left, right;
};
using TreePointer = std::shared_ptr<Tree>;

const std::vector<std::string> kSymbols = {"a", "b", "i", "j", "k"};

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed, 1) {}

  TreePointer tree(int depth) {
    if (depth == 0 || random_.below(6) == 0) {
      if (random_.below(2) == 0) return leaf('s', 0, kSymbols[random_.below(static_cast<uint32_t>(kSymbols.size()))]);
      static constexpr int64_t kConstants[] = {0, 1, 2, 3, 4, 8, 12, 32, -1, -2, -8};
      return leaf('c', kConstants[random_.below(std::size(kConstants))], "");
    }
    static constexpr char kKinds[] = {'+', '+', '-', '*', '*', '/', '/', '%', '%', 'm', 'M'};
    auto node = std::make_shared<Tree>();
    node->kind = kKinds[random_.below(std::size(kKinds))];
    node->left = tree(depth - 1);
    node->right = tree(depth - 1);
    if (node->kind == '*' && random_.below(2) == 0) node->right = leaf('c', 1 + random_.below(32), "");
    if ((node->kind == '/' || node->kind == '%') && random_.below(3) != 0) node->right = leaf('c', 1 + random_.below(16), "");
    return node;
  }

  /// Values inside the bounds below: i < 4, j < a, k < min(8, a*b); nothing when a range is empty.
  std::optional<SymbolValues> values() {
    SymbolValues values;
    const int64_t a = random_.below(9), b = random_.below(40), k = std::min<int64_t>(8, a * b);
    if (a == 0 || k == 0) return std::nullopt;
    values["a"] = a;
    values["b"] = b;
    values["i"] = random_.below(4);
    values["j"] = random_.below(static_cast<uint32_t>(a));
    values["k"] = random_.below(static_cast<uint32_t>(k));
    return values;
  }

 private:
  static TreePointer leaf(char kind, int64_t constant, std::string symbol) {
    return std::make_shared<Tree>(Tree{kind, constant, std::move(symbol), nullptr, nullptr});
  }
  RandomSequence random_;
};

int64_t floor_quotient(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/// Nothing where a division by zero happens.
std::optional<int64_t> evaluate(const Tree& tree, const SymbolValues& values) {
  if (tree.kind == 'c') return tree.constant;
  if (tree.kind == 's') return values.find(tree.symbol)->second;
  const auto left = evaluate(*tree.left, values), right = evaluate(*tree.right, values);
  if (!left || !right) return std::nullopt;
  const int64_t a = *left, b = *right;
  switch (tree.kind) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return b == 0 ? std::nullopt : std::optional(floor_quotient(a, b));
    case '%': return b == 0 ? std::nullopt : std::optional(a - b * floor_quotient(a, b));
    case 'm': return std::min(a, b);
    default: return std::max(a, b);
  }
}

Dim build(const Tree& tree) {
  if (tree.kind == 'c') return tree.constant;
  if (tree.kind == 's') return Dim::symbol(tree.symbol);
  const Dim a = build(*tree.left), b = build(*tree.right);
  switch (tree.kind) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return floor_div(a, b);
    case '%': return mod(a, b);
    case 'm': return min(a, b);
    default: return max(a, b);
  }
}

TEST(DimRandom, AgreesWithTheOracle) {
  const Dim a = Dim::symbol("a"), b = Dim::symbol("b");
  const DimMap bounds = {{"i", 4}, {"j", a}, {"k", min(8, a * b)}};
  int compared = 0, simplified = 0;
  for (uint32_t seed = 0; seed < 6000; ++seed) {
    Generator generator(seed);
    const TreePointer tree = generator.tree(1 + static_cast<int>(seed % 5));
    Dim dim, simple;
    try {
      dim = build(*tree);
      simple = simplify(dim, bounds);
    } catch (const Error&) {
      continue;  // a constant division by zero; that it is right to refuse is tested elsewhere
    }
    const std::string text = dim.to_string();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + text + "  simplified: " + simple.to_string());
    ASSERT_EQ(parse_dim(text), dim);
    ASSERT_EQ(parse_dim(simple.to_string()), simple);
    ASSERT_EQ(simplify(simple, bounds), simple);
    if (simple != dim) ++simplified;
    const auto lower = dim.lower_bound(), upper = dim.upper_bound(bounds);
    const bool nonnegative = is_nonnegative(dim), nonnegative_inside = is_nonnegative(dim, bounds);
    for (int sample = 0; sample < 12; ++sample) {
      const auto values = generator.values();
      if (!values) continue;
      const auto expected = evaluate(*tree, *values);
      if (!expected) continue;
      ++compared;
      ASSERT_EQ(dim.evaluate(*values), *expected);
      ASSERT_EQ(simple.evaluate(*values), *expected);
      if (lower) ASSERT_LE(*lower, *expected);
      if (upper) ASSERT_GE(*upper, *expected);
      if (nonnegative || nonnegative_inside) ASSERT_GE(*expected, 0);
    }
  }
  EXPECT_GT(compared, 20000);
  EXPECT_GT(simplified, 500);
}

TEST(DimRandom, LawsOfArithmetic) {
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    Generator generator(seed + 100000);
    try {
      const Dim x = build(*generator.tree(2)), y = build(*generator.tree(2)), z = build(*generator.tree(2));
      SCOPED_TRACE("seed " + std::to_string(seed) + ": " + x.to_string() + " | " + y.to_string() + " | " + z.to_string());
      ASSERT_EQ(x + y, y + x);
      ASSERT_EQ(x * y, y * x);
      ASSERT_EQ(x - x, 0);
      ASSERT_EQ(x + y - y, x);
      ASSERT_EQ((x + y) + z, x + (y + z));
      ASSERT_EQ(x * (y + z), x * y + x * z);
      ASSERT_EQ(min(x, y), min(y, x));
      ASSERT_EQ(max(x, y), max(y, x));
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace sinter
