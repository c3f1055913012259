// What can be proved about a Dim: intervals with integer ends, and a small search for symbolic bounds.
#include <algorithm>

#include "base/dim_build.h"
#include "base/error.h"

namespace sinter {
namespace {

using Bound = std::optional<int64_t>;

// A bound that leaves 64 bits is no bound.
Bound sum(Bound a, Bound b) {
  int64_t result;
  return a && b && !__builtin_add_overflow(*a, *b, &result) ? Bound(result) : std::nullopt;
}

Bound product(Bound a, Bound b) {
  int64_t result;
  return a && b && !__builtin_mul_overflow(*a, *b, &result) ? Bound(result) : std::nullopt;
}

Bound quotient(Bound a, int64_t b) {
  return a && !(*a == INT64_MIN && b == -1) ? Bound(checked_floor_div(*a, b)) : std::nullopt;
}

Bound smaller(Bound a, Bound b) { return a && b ? Bound(std::min(*a, *b)) : std::nullopt; }
Bound larger(Bound a, Bound b) { return a && b ? Bound(std::max(*a, *b)) : std::nullopt; }
/// The better of two bounds that both hold.
Bound smallest_known(Bound a, Bound b) { return a && b ? Bound(std::min(*a, *b)) : a ? a : b; }
Bound largest_known(Bound a, Bound b) { return a && b ? Bound(std::max(*a, *b)) : a ? a : b; }

DimInterval scaled(const DimInterval& interval, int64_t factor) {
  const Bound lower = product(interval.lower, factor), upper = product(interval.upper, factor);
  return factor > 0 ? DimInterval{lower, upper} : DimInterval{upper, lower};
}

DimInterval multiplied(const DimInterval& a, const DimInterval& b) {
  if (a.is_nonnegative() && b.is_nonnegative()) return {product(a.lower, b.lower), product(a.upper, b.upper)};
  const Bound corners[] = {product(a.lower, b.lower), product(a.lower, b.upper), product(a.upper, b.lower), product(a.upper, b.upper)};
  Bound low = corners[0], high = corners[0];
  for (const Bound& corner : corners) {
    low = smaller(low, corner);
    high = larger(high, corner);
  }
  return {low, high};
}

DimInterval divided(const DimInterval& a, const DimInterval& b) {
  if (!b.is_nonnegative()) return {};
  const int64_t least = std::max<int64_t>(*b.lower, 1);  // zero would have raised
  const Bound most = b.upper ? Bound(std::max(*b.upper, least)) : std::nullopt;
  DimInterval result;
  if (a.lower) result.lower = *a.lower < 0 ? quotient(a.lower, least) : most ? quotient(a.lower, *most) : Bound(0);
  if (a.upper) result.upper = *a.upper >= 0 ? quotient(a.upper, least) : most ? quotient(a.upper, *most) : Bound(-1);
  return result;
}

DimInterval remainder(const DimInterval& a, const DimInterval& b) {
  DimInterval result;
  if (b.is_nonnegative()) {
    result = {0, sum(b.upper, -1)};
    if (a.is_nonnegative()) result.upper = smallest_known(result.upper, a.upper);
  } else if (b.lower && b.upper) {
    result = {std::min<int64_t>(0, *b.lower + 1), std::max<int64_t>(0, *b.upper - 1)};
  }
  return result;
}

// Steps of the search for a proof, and the nesting of bounds that mention other bounded symbols.
constexpr int kProofSteps = 40, kDeepestBound = 6;

}  // namespace

DimInterval DimBuilder::range(const DimAtom& atom, int depth) const {
  if (atom.kind == DimAtom::Kind::kSymbol) {
    DimInterval result{0, std::nullopt};
    if (upper == nullptr || depth >= kDeepestBound) return result;
    const auto bound = upper->find(atom.symbol);
    if (bound != upper->end()) result.upper = sum(range(bound->second, depth + 1).upper, -1);
    return result;
  }
  const DimInterval a = range(atom.args[0], depth), b = range(atom.args[1], depth);
  switch (atom.kind) {
    case DimAtom::Kind::kFloorDiv: return divided(a, b);
    case DimAtom::Kind::kMod: return remainder(a, b);
    case DimAtom::Kind::kMin: return {smaller(a.lower, b.lower), smallest_known(a.upper, b.upper)};
    default: return {largest_known(a.lower, b.lower), larger(a.upper, b.upper)};
  }
}

DimInterval DimBuilder::range(const DimProduct& product, int depth) const {
  DimInterval result = range(*product.factors[0], depth);
  for (size_t i = 1; i < product.factors.size(); ++i) result = multiplied(result, range(*product.factors[i], depth));
  return result;
}

DimInterval DimBuilder::range(const Dim& dim, int depth) const {
  DimInterval result{dim.constant_, dim.constant_};
  const bool bounded = upper != nullptr && !upper->empty();
  for (const DimSum& term : terms(dim)) {
    const DimInterval part = scaled(bounded ? range(*term.product, depth) : term.product->range, term.coefficient);
    result = {sum(result.lower, part.lower), sum(result.upper, part.upper)};
  }
  return result;
}

DimInterval DimBuilder::range(const Dim& dim) const { return range(dim, 0); }

bool DimBuilder::is_nonnegative(const Dim& dim) const {
  if (dim.is_constant()) return dim.constant_ >= 0;
  int budget = kProofSteps;
  try {
    return prove_nonnegative(dim, budget);
  } catch (const Error&) {  // a step left 64 bits or grew too large: nothing is proved
    return false;
  }
}

bool DimBuilder::is_within(const Dim& dim, const Dim& limit) const {
  return is_nonnegative(dim) && is_nonnegative(add(subtract(limit, dim), -1));
}

/// Searches for Dims that are provably <= `dim` until one has a lower bound >= 0.
bool DimBuilder::prove_nonnegative(const Dim& dim, int& budget) const {
  if (range(dim).is_nonnegative()) return true;
  if (--budget < 0) return false;
  for (const auto& [first, second] : relaxations(dim)) {
    if (prove_nonnegative(first, budget) && (second == first || prove_nonnegative(second, budget))) return true;
  }
  const auto eliminated = eliminate_symbol(dim);
  return eliminated && prove_nonnegative(*eliminated, budget);
}

/// Pairs of Dims such that `dim` is at least the smaller of the two, from the functions among its terms.
std::vector<std::pair<Dim, Dim>> DimBuilder::relaxations(const Dim& dim) const {
  std::vector<std::pair<Dim, Dim>> result;
  if (terms(dim).size() > kMostTermsToSearch) return result;
  for (const DimSum& term : terms(dim)) {
    if (term.product->factors.size() != 1) continue;
    const DimAtom& atom = *term.product->factors[0];
    if (atom.kind == DimAtom::Kind::kSymbol) continue;
    const Dim &a = atom.args[0], &b = atom.args[1], rest = subtract(dim, from_term(term));
    const auto with = [&](const Dim& value) { return add(rest, scale(value, term.coefficient)); };
    if (atom.kind == DimAtom::Kind::kMin || atom.kind == DimAtom::Kind::kMax) {
      // Of -min and of max either argument is a bound below; of min and -max only both together are.
      if ((atom.kind == DimAtom::Kind::kMin) == (term.coefficient < 0)) {
        result.emplace_back(with(a), with(a));
        result.emplace_back(with(b), with(b));
      } else {
        result.emplace_back(with(a), with(b));
      }
    } else if (atom.kind == DimAtom::Kind::kFloorDiv && b.is_constant() && term.coefficient % b.constant_ == 0) {
      // x - (c - 1) <= c*floordiv(x, c) <= x
      const Dim bound = term.coefficient < 0 ? a : add(a, 1 - b.constant_);
      const Dim relaxed = add(rest, scale(bound, term.coefficient / b.constant_));
      result.emplace_back(relaxed, relaxed);
    }
  }
  return result;
}

/// Replaces one bounded symbol by 0 in terms that grow with it and by its largest value in those that shrink: an inner
/// loop's variable before those that its bound mentions, so that the bound's own terms can cancel.
std::optional<Dim> DimBuilder::eliminate_symbol(const Dim& dim) const {
  if (upper == nullptr) return std::nullopt;
  const DimMap::value_type* chosen = nullptr;
  for (const auto& entry : *upper) {
    const auto stands_alone = [&](const DimSum& term) {
      return std::any_of(term.product->factors.begin(), term.product->factors.end(),
                         [&](const DimAtomPointer& factor) { return factor->kind == DimAtom::Kind::kSymbol && factor->symbol == entry.first; });
    };
    if (!std::any_of(terms(dim).begin(), terms(dim).end(), stands_alone)) continue;
    if (chosen == nullptr || entry.second.depends_on(chosen->first)) chosen = &entry;
  }
  if (chosen == nullptr) return std::nullopt;
  const Dim largest = add(chosen->second, -1);
  Dim result = dim.constant_;
  for (const DimSum& term : terms(dim)) {
    std::vector<DimAtomPointer> others;
    int degree = 0;
    for (const DimAtomPointer& factor : term.product->factors) {
      const bool is_chosen = factor->kind == DimAtom::Kind::kSymbol && factor->symbol == chosen->first;
      is_chosen ? static_cast<void>(++degree) : others.push_back(factor);
    }
    if (degree == 0) {
      result = add(result, from_term(term));
      continue;
    }
    Dim product = from_factors(std::move(others));
    if (!range(product).is_nonnegative()) return std::nullopt;
    if (term.coefficient > 0) continue;
    for (int i = 0; i < degree; ++i) product = multiply(product, largest);
    result = add(result, scale(product, term.coefficient));
  }
  return result;
}

}  // namespace sinter
