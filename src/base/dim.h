// Dims: integer expressions over named symbols, in a canonical form that can be compared.
//
// The same type serves as the size of an axis (`batch`, `past + seq`), as an index in the loop language (there
// loop variables are symbols too) and as a size or tile count in a plan. Symbols are integers >= 0.
//
// Canonical form: a sum of terms, each an integer coefficient times a sorted product of atoms, terms sorted and
// merged, no zero coefficients. Atoms are symbols and the functions floordiv, mod, min, max of canonical Dims, with the
// rewrites listed in dim_build.cpp applied while building. Two Dims are equal when their canonical forms are;
// expressions that are equal only by deeper reasoning compare unequal and become checks at run time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sinter {

class Dim;

/// Looks up a symbol's value.
using SymbolValues = std::map<std::string, int64_t, std::less<>>;
using DimMap = std::map<std::string, Dim, std::less<>>;

/// One factor of a term: a symbol, or a function of two Dims.
struct DimAtom {
  enum class Kind { kSymbol, kFloorDiv, kMod, kMin, kMax };
  Kind kind;
  std::string symbol;     // kSymbol
  std::vector<Dim> args;  // the two operands of the other kinds
};

/// coefficient * product of factors; a constant term has no factors.
struct DimTerm {
  int64_t coefficient;
  std::vector<DimAtom> factors;
};

class Dim {
 public:
  Dim(int64_t constant = 0) : constant_(constant) {}  // NOLINT: implicit on purpose
  static Dim symbol(std::string_view name);

  bool is_constant() const { return terms_ == nullptr; }
  /// The value of a constant; broken invariant otherwise.
  int64_t constant() const;
  std::optional<int64_t> as_constant() const;
  /// The symbol's name when this is exactly one symbol.
  std::optional<std::string> as_symbol() const;

  /// All terms, the constant one last (absent when zero), for printers and emitters.
  std::vector<DimTerm> terms() const;

  /// The value under `symbols`. Raises Error kCheck for an unknown symbol, division by zero or overflow of 64 bits.
  int64_t evaluate(const SymbolValues& symbols) const;
  /// Replaces symbols that `map` names, canonicalises.
  Dim substitute(const DimMap& map) const;
  void collect_symbols(std::set<std::string>& into) const;
  bool depends_on(std::string_view symbol) const;

  /// Bounds provable from symbols >= 0 (and `upper` exclusive bounds for some symbols); nullopt when unbounded.
  std::optional<int64_t> lower_bound() const;
  std::optional<int64_t> upper_bound(const DimMap& exclusive_upper = {}) const;
  /// this / divisor when every coefficient divides and the result is exact for all symbol values.
  std::optional<Dim> divide_exactly(int64_t divisor) const;

  std::string to_string() const;  // e.g. "4*batch + 1", "floordiv(seq, 2)"; parses back (parse_dim in text.h)

  friend bool operator==(const Dim& a, const Dim& b);
  friend bool operator!=(const Dim& a, const Dim& b) { return !(a == b); }
  friend bool operator<(const Dim& a, const Dim& b);  // a total order on canonical forms, not on values

 private:
  struct Terms;
  friend struct DimBuilder;
  int64_t constant_ = 0;
  std::shared_ptr<const Terms> terms_;  // null when constant
};

// Each raises Error kCheck when a coefficient leaves 64 bits.
Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator-(const Dim& a);
Dim operator*(const Dim& a, const Dim& b);
/// Floor division and its modulo (result has the divisor's sign). A constant zero divisor raises Error kType.
Dim floor_div(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);
/// a / b rounded up; b is a constant or >= 0.
Dim ceil_div(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);

/// `dim` rebuilt with what follows from exclusive upper bounds of symbols (loop variables): mod(i, n) is i where i < n.
/// A bound may be symbolic and may mention other bounded symbols.
Dim simplify(const Dim& dim, const DimMap& exclusive_upper);
/// Whether dim >= 0 is provable for all values of the symbols, each >= 0 and below its bound; `false` says nothing.
bool is_nonnegative(const Dim& dim, const DimMap& exclusive_upper = {});

}  // namespace sinter
