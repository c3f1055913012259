// The inside of Dim: shared terms, and the builder that keeps them canonical. Included by dim*.cpp only.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/dim.h"

namespace sinter {

/// What is known of a value: lower <= value <= upper, each side optional.
struct DimInterval {
  std::optional<int64_t> lower, upper;
  bool is_nonnegative() const { return lower && *lower >= 0; }
};

using DimAtomPointer = std::shared_ptr<const DimAtom>;

/// A sorted product of one or more atoms, shared by all terms that contain it.
struct DimProduct {
  std::vector<DimAtomPointer> factors;
  DimInterval range;  // for symbols >= 0, no other bounds
  int size = 0;       // atoms in the whole tree, counting shared ones each time
  int depth = 0;      // nesting of functions
  bool has_floor_div = false, has_mod = false;
};
using DimProductPointer = std::shared_ptr<const DimProduct>;

struct DimSum {
  int64_t coefficient;
  DimProductPointer product;
};

struct Dim::Terms {
  std::vector<DimSum> list;  // sorted by product, no coefficient zero, never empty
};

/// Longer sums are left as they are by the rewrites that compare terms with each other.
inline constexpr size_t kMostTermsToSearch = 32;

/// Builds canonical Dims, under exclusive upper bounds of symbols when given.
struct DimBuilder {
  explicit DimBuilder(const DimMap* exclusive_upper = nullptr) : upper(exclusive_upper) {}

  // Taking Dims apart and putting them together.
  static const std::vector<DimSum>& terms(const Dim& dim);
  static int64_t constant_part(const Dim& dim) { return dim.constant_; }
  static Dim make(std::vector<DimSum> sorted_terms, int64_t constant);
  static Dim from_term(const DimSum& term) { return make({term}, 0); }
  static Dim from_atom(DimAtom atom);
  static Dim from_factors(std::vector<DimAtomPointer> factors);
  static bool shares_terms(const Dim& a, const Dim& b) { return a.terms_ == b.terms_; }
  /// The only atom of a Dim that is 1 * atom + constant; null otherwise.
  static const DimAtom* single_atom(const Dim& dim);

  // Ring operations without the rewrite of recombine().
  static Dim add(const Dim& a, const Dim& b);
  static Dim subtract(const Dim& a, const Dim& b) { return add(a, scale(b, -1)); }
  static Dim scale(const Dim& a, int64_t factor);
  static Dim multiply(const Dim& a, const Dim& b);

  // The functions, with their rewrites.
  Dim floor_div(const Dim& a, const Dim& b) const;
  Dim mod(const Dim& a, const Dim& b) const;
  Dim extremum(DimAtom::Kind kind, const Dim& a, const Dim& b) const;
  /// Replaces m*c*floordiv(x, c) + m*mod(x, c) by m*x wherever both stand in the sum.
  Dim recombine(const Dim& sum) const;
  /// Rebuilds `dim` bottom up with the symbols in `replaced` (may be null) exchanged.
  Dim rebuild(const Dim& dim, const DimMap* replaced) const;

  // Bounds.
  DimInterval range(const Dim& dim) const;
  bool is_nonnegative(const Dim& dim) const;
  bool is_within(const Dim& dim, const Dim& limit) const;  // 0 <= dim < limit

  const DimMap* upper;

 private:
  struct Division {
    Dim quotient, remainder;
  };
  static Division split(const Dim& a, const Dim& b);
  /// a = factor * inner + small, b = factor * divisor, where small = 0, or 0 <= small < factor and divisor >= 0.
  struct Nesting {
    Dim factor, inner, small, divisor;
  };
  std::optional<Nesting> find_nesting(const Dim& a, const Dim& b) const;

  DimInterval range(const Dim& dim, int depth) const;
  DimInterval range(const DimProduct& product, int depth) const;
  DimInterval range(const DimAtom& atom, int depth) const;
  bool prove_nonnegative(const Dim& dim, int& budget) const;
  std::vector<std::pair<Dim, Dim>> relaxations(const Dim& dim) const;
  std::optional<Dim> eliminate_symbol(const Dim& dim) const;
};

// A total order of canonical forms: negative, zero or positive.
int compare(const DimAtom& a, const DimAtom& b);
int compare(const DimProduct& a, const DimProduct& b);
int compare(const Dim& a, const Dim& b);

// Arithmetic in 64 bits; Error kCheck when the result does not fit.
int64_t checked_add(int64_t a, int64_t b);
int64_t checked_multiply(int64_t a, int64_t b);
int64_t checked_floor_div(int64_t a, int64_t b);  // b is not zero
int64_t checked_mod(int64_t a, int64_t b);        // b is not zero

}  // namespace sinter
