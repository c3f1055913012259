#include "base/dim.h"

#include <algorithm>

#include "base/dim_build.h"
#include "base/error.h"

namespace sinter {
namespace {

const char* function_name(DimAtom::Kind kind) {
  switch (kind) {
    case DimAtom::Kind::kSymbol: break;
    case DimAtom::Kind::kFloorDiv: return "floordiv";
    case DimAtom::Kind::kMod: return "mod";
    case DimAtom::Kind::kMin: return "min";
    case DimAtom::Kind::kMax: return "max";
  }
  return "";
}

int64_t evaluate_atom(const DimAtom& atom, const SymbolValues& symbols) {
  if (atom.kind == DimAtom::Kind::kSymbol) {
    const auto found = symbols.find(atom.symbol);
    if (found == symbols.end()) throw Error(ErrorCode::kCheck, "the dim '" + atom.symbol + "' has no value");
    return found->second;
  }
  const int64_t a = atom.args[0].evaluate(symbols), b = atom.args[1].evaluate(symbols);
  if (atom.kind == DimAtom::Kind::kMin) return std::min(a, b);
  if (atom.kind == DimAtom::Kind::kMax) return std::max(a, b);
  if (b == 0) throw Error(ErrorCode::kCheck, "division of a dim by zero: '" + atom.args[1].to_string() + "' is 0");
  return atom.kind == DimAtom::Kind::kFloorDiv ? checked_floor_div(a, b) : checked_mod(a, b);
}

std::string spell(const DimAtom& atom) {
  if (atom.kind == DimAtom::Kind::kSymbol) return atom.symbol;
  return std::string(function_name(atom.kind)) + "(" + atom.args[0].to_string() + ", " + atom.args[1].to_string() + ")";
}

/// Appends " + text" or " - text"; the smallest integer has no opposite and keeps its sign.
void append_term(std::string& text, int64_t coefficient, const std::string& product) {
  const bool minus = coefficient < 0 && coefficient != INT64_MIN;
  const std::string magnitude = std::to_string(minus ? -coefficient : coefficient);
  text += text.empty() ? (minus ? "-" : "") : (minus ? " - " : " + ");
  text += product.empty() ? magnitude : magnitude == "1" ? product : magnitude + "*" + product;
}

}  // namespace

Dim Dim::symbol(std::string_view name) {
  SINTER_CHECK(!name.empty(), "Dim::symbol: empty name");
  return DimBuilder::from_atom({.kind = DimAtom::Kind::kSymbol, .symbol = std::string(name), .args = {}});
}

int64_t Dim::constant() const {
  SINTER_CHECK(is_constant(), "Dim::constant of " + to_string());
  return constant_;
}

std::optional<int64_t> Dim::as_constant() const { return is_constant() ? std::optional(constant_) : std::nullopt; }

std::optional<std::string> Dim::as_symbol() const {
  const DimAtom* atom = constant_ == 0 ? DimBuilder::single_atom(*this) : nullptr;
  return atom != nullptr && atom->kind == DimAtom::Kind::kSymbol ? std::optional(atom->symbol) : std::nullopt;
}

std::vector<DimTerm> Dim::terms() const {
  std::vector<DimTerm> result;
  for (const DimSum& term : DimBuilder::terms(*this)) {
    result.push_back({term.coefficient, {}});
    for (const DimAtomPointer& factor : term.product->factors) result.back().factors.push_back(*factor);
  }
  if (constant_ != 0) result.push_back({constant_, {}});
  return result;
}

int64_t Dim::evaluate(const SymbolValues& symbols) const {
  int64_t total = constant_;
  for (const DimSum& term : DimBuilder::terms(*this)) {
    int64_t value = term.coefficient;
    for (const DimAtomPointer& factor : term.product->factors) value = checked_multiply(value, evaluate_atom(*factor, symbols));
    total = checked_add(total, value);
  }
  return total;
}

Dim Dim::substitute(const DimMap& map) const {
  for (const auto& [name, replacement] : map) {
    if (depends_on(name)) return DimBuilder().rebuild(*this, &map);
  }
  return *this;
}

void Dim::collect_symbols(std::set<std::string>& into) const {
  for (const DimSum& term : DimBuilder::terms(*this)) {
    for (const DimAtomPointer& factor : term.product->factors) {
      if (factor->kind == DimAtom::Kind::kSymbol) into.insert(factor->symbol);
      for (const Dim& arg : factor->args) arg.collect_symbols(into);
    }
  }
}

bool Dim::depends_on(std::string_view symbol) const {
  for (const DimSum& term : DimBuilder::terms(*this)) {
    for (const DimAtomPointer& factor : term.product->factors) {
      if (factor->kind == DimAtom::Kind::kSymbol && factor->symbol == symbol) return true;
      for (const Dim& arg : factor->args) {
        if (arg.depends_on(symbol)) return true;
      }
    }
  }
  return false;
}

std::optional<int64_t> Dim::lower_bound() const { return DimBuilder().range(*this).lower; }

std::optional<int64_t> Dim::upper_bound(const DimMap& exclusive_upper) const { return DimBuilder(&exclusive_upper).range(*this).upper; }

std::optional<Dim> Dim::divide_exactly(int64_t divisor) const {
  if (divisor == 0 || checked_mod(constant_, divisor) != 0) return std::nullopt;
  std::vector<DimSum> quotient = DimBuilder::terms(*this);
  for (DimSum& term : quotient) {
    if (checked_mod(term.coefficient, divisor) != 0) return std::nullopt;
    term.coefficient = checked_floor_div(term.coefficient, divisor);
  }
  return DimBuilder::make(std::move(quotient), checked_floor_div(constant_, divisor));
}

std::string Dim::to_string() const {
  std::string text;
  for (const DimSum& term : DimBuilder::terms(*this)) {
    std::string product;
    for (const DimAtomPointer& factor : term.product->factors) product += (product.empty() ? "" : "*") + spell(*factor);
    append_term(text, term.coefficient, product);
  }
  if (constant_ != 0 || text.empty()) append_term(text, constant_, "");
  return text;
}

bool operator==(const Dim& a, const Dim& b) { return compare(a, b) == 0; }
bool operator<(const Dim& a, const Dim& b) { return compare(a, b) < 0; }

Dim operator+(const Dim& a, const Dim& b) { return DimBuilder().recombine(DimBuilder::add(a, b)); }
Dim operator-(const Dim& a, const Dim& b) { return DimBuilder().recombine(DimBuilder::subtract(a, b)); }
Dim operator-(const Dim& a) { return DimBuilder::scale(a, -1); }
Dim operator*(const Dim& a, const Dim& b) { return DimBuilder().recombine(DimBuilder::multiply(a, b)); }

Dim floor_div(const Dim& a, const Dim& b) {
  const DimBuilder build;
  return build.recombine(build.floor_div(a, b));
}

Dim mod(const Dim& a, const Dim& b) {
  const DimBuilder build;
  return build.recombine(build.mod(a, b));
}


Dim ceil_div(const Dim& a, const Dim& b) {
  const auto divisor = b.as_constant();
  return divisor && *divisor < 0 ? ceil_div(-a, -b) : floor_div(a + b - 1, b);
}

Dim min(const Dim& a, const Dim& b) { return DimBuilder().extremum(DimAtom::Kind::kMin, a, b); }
Dim max(const Dim& a, const Dim& b) { return DimBuilder().extremum(DimAtom::Kind::kMax, a, b); }

Dim simplify(const Dim& dim, const DimMap& exclusive_upper) { return DimBuilder(&exclusive_upper).rebuild(dim, nullptr); }

bool is_nonnegative(const Dim& dim, const DimMap& exclusive_upper) { return DimBuilder(&exclusive_upper).is_nonnegative(dim); }

}  // namespace sinter
