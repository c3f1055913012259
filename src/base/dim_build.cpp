// Canonical sums and products, and the rewrites of floordiv, mod, min and max:
//   floordiv(q*b + r, b) = q + floordiv(r, b)         mod(q*b + r, b) = mod(r, b)
//   floordiv(r, b) = 0, mod(r, b) = r                 when 0 <= r < b is provable
//   floordiv(g*x + s, g*c) = floordiv(x, c)           mod(g*x + s, g*c) = g*mod(x, c) + s       when s = 0, or 0 <= s < g and c >= 0
//   floordiv(floordiv(x, a) + k, b) = floordiv(x + a*k, a*b)                                    when a, b >= 0
//   floordiv(mod(x, m*b), b) = mod(floordiv(x, b), m) for constants m, b > 0
//   mod(k*mod(y, a) + r, b) = mod(k*y + r, b)         when the constant b divides the constant k*a
//   m*c*floordiv(x, c) + m*mod(x, c) = m*x
//   min and max: nested ones are flattened, equal and provably ordered arguments dropped, the rest sorted
// None of them makes a tree larger by more than a factor of the arguments it names, and a symbolic divisor that may
// be zero keeps its division only while it is needed: floordiv(b, b) is 1.
#include "base/dim_build.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "base/error.h"

namespace sinter {
namespace {

// Far above any expression of a compiler, far below what costs noticeable time: products of sums and hostile texts grow
// exponentially without a limit.
constexpr int kMostAtoms = 4096, kDeepest = 250;
constexpr size_t kMostLeaves = 16;  // of one flattened min or max

[[noreturn]] void raise_overflow() { throw Error(ErrorCode::kCheck, "a dim leaves 64 bits"); }

int total_size(const std::vector<DimSum>& terms) {
  int size = 0;
  for (const DimSum& term : terms) size = std::min(size + term.product->size, kMostAtoms + 1);
  return size;
}

int total_depth(const Dim& dim) {
  int depth = 0;
  for (const DimSum& term : DimBuilder::terms(dim)) depth = std::max(depth, term.product->depth);
  return depth;
}

bool less(const DimAtomPointer& a, const DimAtomPointer& b) { return compare(*a, *b) < 0; }

/// The factors of `of` without those of `divisor`; nothing when some are missing.
std::optional<std::vector<DimAtomPointer>> without(const std::vector<DimAtomPointer>& of, const std::vector<DimAtomPointer>& divisor) {
  if (!std::includes(of.begin(), of.end(), divisor.begin(), divisor.end(), less)) return std::nullopt;
  std::vector<DimAtomPointer> rest;
  std::set_difference(of.begin(), of.end(), divisor.begin(), divisor.end(), std::back_inserter(rest), less);
  return rest;
}

/// A coefficient and factors: a term, or the constant with no factors.
struct Monomial {
  int64_t coefficient;
  std::vector<DimAtomPointer> factors;

  bool is_one() const { return coefficient == 1 && factors.empty(); }
  Dim dim() const { return DimBuilder::scale(DimBuilder::from_factors(factors), coefficient); }
};

Monomial common_divisor(const Monomial& a, const Monomial& b) {
  Monomial result{0, {}};
  if (a.coefficient != INT64_MIN && b.coefficient != INT64_MIN) result.coefficient = std::gcd(a.coefficient, b.coefficient);
  if (result.coefficient == 0) result.coefficient = 1;
  std::set_intersection(a.factors.begin(), a.factors.end(), b.factors.begin(), b.factors.end(), std::back_inserter(result.factors), less);
  return result;
}

std::vector<Monomial> monomials(const Dim& dim) {
  std::vector<Monomial> result;
  for (const DimSum& term : DimBuilder::terms(dim)) result.push_back({term.coefficient, term.product->factors});
  if (DimBuilder::constant_part(dim) != 0) result.push_back({DimBuilder::constant_part(dim), {}});
  return result;
}

/// The largest monomial that divides every term; of zero, 1.
Monomial content(const Dim& dim) {
  std::vector<Monomial> parts = monomials(dim);
  if (parts.empty()) return {1, {}};
  Monomial result = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) result = common_divisor(result, parts[i]);
  if (result.coefficient < 0 && result.coefficient != INT64_MIN) result.coefficient = -result.coefficient;
  return result;
}

std::optional<Dim> divide_term(const Monomial& term, const Monomial& divisor) {
  if (term.coefficient == INT64_MIN || term.coefficient % divisor.coefficient != 0) return std::nullopt;
  auto rest = without(term.factors, divisor.factors);
  if (!rest) return std::nullopt;
  return Monomial{term.coefficient / divisor.coefficient, *std::move(rest)}.dim();
}

/// The coefficient of `product` in `dim`; 0 when absent.
int64_t coefficient_of(const Dim& dim, const DimProduct& product) {
  const auto& terms = DimBuilder::terms(dim);
  const auto found = std::lower_bound(terms.begin(), terms.end(), product,
                                      [](const DimSum& term, const DimProduct& p) { return compare(*term.product, p) < 0; });
  return found != terms.end() && compare(*found->product, product) == 0 ? found->coefficient : 0;
}

/// Every term of `part` stands in `whole` with the same coefficient, and its constant is zero, or of the same sign and no larger.
bool contains(const Dim& whole, const Dim& part) {
  for (const DimSum& term : DimBuilder::terms(part)) {
    if (coefficient_of(whole, *term.product) != term.coefficient) return false;
  }
  const int64_t inner = DimBuilder::constant_part(part), outer = DimBuilder::constant_part(whole);
  return inner == 0 || (inner > 0 ? outer >= inner : outer <= inner);
}

void require_depth(const Dim& a, const Dim& b) {
  if (std::max(total_depth(a), total_depth(b)) >= kDeepest) throw Error(ErrorCode::kCheck, "a dim is nested too deeply");
}

}  // namespace

int64_t checked_add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) raise_overflow();
  return result;
}

int64_t checked_multiply(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) raise_overflow();
  return result;
}

int64_t checked_floor_div(int64_t a, int64_t b) {
  if (b == -1) return checked_multiply(a, -1);
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

int64_t checked_mod(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

int compare(const DimAtom& a, const DimAtom& b) {
  if (&a == &b) return 0;
  if (a.kind != b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.kind == DimAtom::Kind::kSymbol) return a.symbol.compare(b.symbol);
  const int first = compare(a.args[0], b.args[0]);
  return first != 0 ? first : compare(a.args[1], b.args[1]);
}

int compare(const DimProduct& a, const DimProduct& b) {
  if (&a == &b) return 0;
  if (a.factors.size() != b.factors.size()) return a.factors.size() > b.factors.size() ? -1 : 1;  // higher degree first
  for (size_t i = 0; i < a.factors.size(); ++i) {
    if (const int order = compare(*a.factors[i], *b.factors[i])) return order;
  }
  return 0;
}

int compare(const Dim& a, const Dim& b) {
  if (!DimBuilder::shares_terms(a, b)) {
    const auto &left = DimBuilder::terms(a), &right = DimBuilder::terms(b);
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
      if (const int order = compare(*left[i].product, *right[i].product)) return order;
      if (left[i].coefficient != right[i].coefficient) return left[i].coefficient < right[i].coefficient ? -1 : 1;
    }
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
  }
  const int64_t left = DimBuilder::constant_part(a), right = DimBuilder::constant_part(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

const std::vector<DimSum>& DimBuilder::terms(const Dim& dim) {
  static const std::vector<DimSum> none;
  return dim.terms_ == nullptr ? none : dim.terms_->list;
}

Dim DimBuilder::make(std::vector<DimSum> sorted_terms, int64_t constant) {
  Dim dim(constant);
  if (sorted_terms.empty()) return dim;
  if (total_size(sorted_terms) > kMostAtoms) throw Error(ErrorCode::kCheck, "a dim has too many terms");
  dim.terms_ = std::make_shared<Dim::Terms>(Dim::Terms{std::move(sorted_terms)});
  return dim;
}

Dim DimBuilder::from_atom(DimAtom atom) { return from_factors({std::make_shared<const DimAtom>(std::move(atom))}); }

Dim DimBuilder::from_factors(std::vector<DimAtomPointer> factors) {
  if (factors.empty()) return 1;
  auto product = std::make_shared<DimProduct>();
  product->factors = std::move(factors);
  for (const DimAtomPointer& factor : product->factors) {
    product->size += 1;
    for (const Dim& arg : factor->args) {
      product->size += total_size(terms(arg));
      product->depth = std::max(product->depth, total_depth(arg) + 1);
    }
    if (product->size > kMostAtoms) throw Error(ErrorCode::kCheck, "a dim has too many terms");
    product->has_floor_div |= factor->kind == DimAtom::Kind::kFloorDiv;
    product->has_mod |= factor->kind == DimAtom::Kind::kMod;
  }
  product->range = DimBuilder().range(*product, 0);
  return make({{1, std::move(product)}}, 0);
}

const DimAtom* DimBuilder::single_atom(const Dim& dim) {
  const auto& list = terms(dim);
  const bool single = list.size() == 1 && list[0].coefficient == 1 && list[0].product->factors.size() == 1;
  return single ? list[0].product->factors[0].get() : nullptr;
}

Dim DimBuilder::add(const Dim& a, const Dim& b) {
  const int64_t constant = checked_add(a.constant_, b.constant_);
  if (a.is_constant() || b.is_constant()) {
    Dim result = a.is_constant() ? b : a;
    result.constant_ = constant;
    return result;
  }
  const auto &left = terms(a), &right = terms(b);
  std::vector<DimSum> sum;
  sum.reserve(left.size() + right.size());
  size_t i = 0, j = 0;
  while (i < left.size() && j < right.size()) {
    const int order = compare(*left[i].product, *right[j].product);
    if (order == 0) {
      const int64_t coefficient = checked_add(left[i].coefficient, right[j].coefficient);
      if (coefficient != 0) sum.push_back({coefficient, left[i].product});
      ++i, ++j;
    } else {
      sum.push_back(order < 0 ? left[i++] : right[j++]);
    }
  }
  sum.insert(sum.end(), left.begin() + static_cast<std::ptrdiff_t>(i), left.end());
  sum.insert(sum.end(), right.begin() + static_cast<std::ptrdiff_t>(j), right.end());
  return make(std::move(sum), constant);
}

Dim DimBuilder::scale(const Dim& a, int64_t factor) {
  if (factor == 0) return 0;
  if (factor == 1) return a;
  if (a.is_constant()) return checked_multiply(a.constant_, factor);
  std::vector<DimSum> scaled = terms(a);
  for (DimSum& term : scaled) term.coefficient = checked_multiply(term.coefficient, factor);
  return make(std::move(scaled), checked_multiply(a.constant_, factor));
}

Dim DimBuilder::multiply(const Dim& a, const Dim& b) {
  if (a.is_constant()) return scale(b, a.constant_);
  if (b.is_constant()) return scale(a, b.constant_);
  Dim total = add(scale(make(terms(a), 0), b.constant_), scale(b, a.constant_));
  for (const DimSum& left : terms(a)) {
    for (const DimSum& right : terms(b)) {
      std::vector<DimAtomPointer> factors;
      std::merge(left.product->factors.begin(), left.product->factors.end(), right.product->factors.begin(), right.product->factors.end(),
                 std::back_inserter(factors), less);
      total = add(total, scale(from_factors(std::move(factors)), checked_multiply(left.coefficient, right.coefficient)));
    }
  }
  return total;
}

DimBuilder::Division DimBuilder::split(const Dim& a, const Dim& b) {
  Division result{0, a};
  if (b.is_constant()) {
    const int64_t divisor = b.constant_;
    std::vector<DimSum> quotient, remainder;
    for (const DimSum& term : terms(a)) {
      if (term.coefficient % divisor == 0) {
        quotient.push_back({term.coefficient / divisor, term.product});
      } else {
        remainder.push_back(term);
      }
    }
    return {make(std::move(quotient), checked_floor_div(a.constant_, divisor)), make(std::move(remainder), checked_mod(a.constant_, divisor))};
  }
  // The leading term of b names the candidates; each is taken only when all of its product with b stands in a.
  const DimSum& lead = terms(b)[0];
  for (const DimSum& term : terms(a)) {
    const auto candidate = divide_term({term.coefficient, term.product->factors}, {lead.coefficient, lead.product->factors});
    if (!candidate) continue;
    const Dim part = multiply(*candidate, b);
    if (!contains(result.remainder, part)) continue;
    result.quotient = add(result.quotient, *candidate);
    result.remainder = subtract(result.remainder, part);
  }
  return result;
}

std::optional<DimBuilder::Nesting> DimBuilder::find_nesting(const Dim& a, const Dim& b) const {
  const Monomial divisor = content(b);
  if (divisor.is_one() || terms(a).size() > kMostTermsToSearch) return std::nullopt;
  std::vector<Monomial> candidates;
  for (const DimSum& term : terms(a)) candidates.push_back(common_divisor({term.coefficient, term.product->factors}, divisor));
  candidates.push_back(common_divisor(content(make(terms(a), 0)), divisor));
  for (const Monomial& candidate : candidates) {
    if (candidate.is_one()) continue;
    Nesting nesting{candidate.dim(), 0, 0, 0};
    for (const Monomial& term : monomials(a)) {
      if (const auto quotient = divide_term(term, candidate)) {
        nesting.inner = add(nesting.inner, *quotient);
      } else if (term.factors.empty() && candidate.factors.empty()) {
        nesting.inner = add(nesting.inner, checked_floor_div(term.coefficient, candidate.coefficient));
        nesting.small = add(nesting.small, checked_mod(term.coefficient, candidate.coefficient));
      } else {
        nesting.small = add(nesting.small, term.dim());
      }
    }
    for (const Monomial& term : monomials(b)) nesting.divisor = add(nesting.divisor, *divide_term(term, candidate));
    const bool exact = nesting.small == 0;
    if (!exact && !(range(nesting.divisor).is_nonnegative() && is_within(nesting.small, nesting.factor))) continue;
    return nesting;
  }
  return std::nullopt;
}

Dim DimBuilder::floor_div(const Dim& a, const Dim& b) const {
  if (b == 0) throw Error(ErrorCode::kType, "division of a dim by zero: floordiv(" + a.to_string() + ", 0)");
  if (a.is_constant() && b.is_constant()) return checked_floor_div(a.constant_, b.constant_);
  if (b.is_constant() && b.constant_ < 0) return floor_div(scale(a, -1), checked_multiply(b.constant_, -1));
  const auto [quotient, remainder] = split(a, b);
  if (remainder == 0 || is_within(remainder, b)) return quotient;
  if (quotient != 0) return add(quotient, floor_div(remainder, b));
  if (const auto nesting = find_nesting(a, b)) return floor_div(nesting->inner, nesting->divisor);
  if (const DimAtom* atom = single_atom(a)) {
    if (atom->kind == DimAtom::Kind::kFloorDiv && range(b).is_nonnegative() && range(atom->args[1]).is_nonnegative()) {
      const Dim &inner = atom->args[0], &first = atom->args[1];
      return floor_div(add(inner, scale(first, a.constant_)), multiply(first, b));
    }
    if (atom->kind == DimAtom::Kind::kMod && a.constant_ == 0 && b.is_constant() && atom->args[1].is_constant() &&
        atom->args[1].constant_ % b.constant_ == 0) {
      return mod(floor_div(atom->args[0], b), atom->args[1].constant_ / b.constant_);
    }
  }
  require_depth(a, b);
  return from_atom({.kind = DimAtom::Kind::kFloorDiv, .symbol = {}, .args = {a, b}});
}

Dim DimBuilder::mod(const Dim& a, const Dim& b) const {
  if (b == 0) throw Error(ErrorCode::kType, "division of a dim by zero: mod(" + a.to_string() + ", 0)");
  if (a.is_constant() && b.is_constant()) return checked_mod(a.constant_, b.constant_);
  if (b.is_constant() && b.constant_ < 0) return scale(mod(scale(a, -1), checked_multiply(b.constant_, -1)), -1);
  const Dim rest = split(a, b).remainder;
  if (rest == 0 || is_within(rest, b)) return rest;
  if (b.is_constant()) {
    for (const DimSum& term : terms(rest)) {
      for (const DimAtomPointer& factor : term.product->factors) {
        if (factor->kind != DimAtom::Kind::kMod || !factor->args[1].is_constant()) continue;
        if (checked_multiply(term.coefficient, factor->args[1].constant_) % b.constant_ != 0) continue;
        const Monomial others{term.coefficient, *without(term.product->factors, {factor})};
        return mod(add(subtract(rest, from_term(term)), multiply(others.dim(), factor->args[0])), b);
      }
    }
  }
  if (const auto nesting = find_nesting(rest, b)) {
    return add(multiply(nesting->factor, mod(nesting->inner, nesting->divisor)), nesting->small);
  }
  require_depth(rest, b);
  return from_atom({.kind = DimAtom::Kind::kMod, .symbol = {}, .args = {rest, b}});
}

Dim DimBuilder::extremum(DimAtom::Kind kind, const Dim& a, const Dim& b) const {
  if (b < a) return extremum(kind, b, a);  // so that of two provably equal ones the same is taken
  const auto wins = [&](const Dim& x, const Dim& y) {
    return is_nonnegative(kind == DimAtom::Kind::kMin ? subtract(y, x) : subtract(x, y));
  };
  if (wins(a, b)) return a;
  if (wins(b, a)) return b;
  std::vector<Dim> open = {a, b}, leaves;
  while (!open.empty()) {
    const Dim next = std::move(open.back());
    open.pop_back();
    const DimAtom* atom = next.constant_ == 0 ? single_atom(next) : nullptr;
    if (atom != nullptr && atom->kind == kind) {
      open.insert(open.end(), atom->args.begin(), atom->args.end());
    } else if (std::none_of(leaves.begin(), leaves.end(), [&](const Dim& leaf) { return wins(leaf, next); })) {
      std::erase_if(leaves, [&](const Dim& leaf) { return wins(next, leaf); });
      leaves.push_back(next);
    }
    if (leaves.size() > kMostLeaves) {
      leaves = {a, b};
      break;
    }
  }
  std::sort(leaves.begin(), leaves.end());
  Dim result = leaves[0];
  for (size_t i = 1; i < leaves.size(); ++i) {
    require_depth(result, leaves[i]);
    result = from_atom({.kind = kind, .symbol = {}, .args = {result, leaves[i]}});
  }
  return result;
}

Dim DimBuilder::recombine(const Dim& sum) const {
  const auto& list = terms(sum);
  if (list.size() < 2 || list.size() > kMostTermsToSearch) return sum;
  if (std::none_of(list.begin(), list.end(), [](const DimSum& term) { return term.product->has_floor_div; })) return sum;
  for (const DimSum& term : list) {
    if (!term.product->has_mod) continue;
    for (const DimAtomPointer& factor : term.product->factors) {
      if (factor->kind != DimAtom::Kind::kMod) continue;
      const Dim &value = factor->args[0], &divisor = factor->args[1];
      const Dim others = Monomial{term.coefficient, *without(term.product->factors, {factor})}.dim();
      const Dim partner = multiply(others, multiply(divisor, floor_div(value, divisor)));
      if (partner.is_constant() || partner.constant_ != 0 || !contains(sum, partner)) continue;
      return recombine(add(subtract(subtract(sum, partner), from_term(term)), multiply(others, value)));
    }
  }
  return sum;
}

Dim DimBuilder::rebuild(const Dim& dim, const DimMap* replaced) const {
  Dim total = dim.constant_;
  for (const DimSum& term : terms(dim)) {
    Dim product = term.coefficient;
    for (const DimAtomPointer& factor : term.product->factors) {
      Dim value;
      if (factor->kind == DimAtom::Kind::kSymbol) {
        const bool exchange = replaced != nullptr && replaced->contains(factor->symbol);
        value = exchange ? replaced->find(factor->symbol)->second : from_factors({factor});
      } else {
        const Dim a = rebuild(factor->args[0], replaced), b = rebuild(factor->args[1], replaced);
        value = factor->kind == DimAtom::Kind::kFloorDiv ? floor_div(a, b)
                : factor->kind == DimAtom::Kind::kMod    ? mod(a, b)
                                                         : extremum(factor->kind, a, b);
      }
      product = recombine(multiply(product, value));
    }
    total = add(total, product);
  }
  return recombine(total);
}

}  // namespace sinter
