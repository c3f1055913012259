#include "backend/loop/index_code.h"

#include <algorithm>

#include "backend/loop/evaluate_memory.h"

namespace sinter::loop {

IndexCode::IndexCode(const Dim& dim, const std::function<int32_t(const std::string&)>& slot_of_symbol) { append(dim, slot_of_symbol); }

void IndexCode::append(const Dim& dim, const std::function<int32_t(const std::string&)>& slot_of_symbol) {
  using Kind = Step::Kind;
  bool first_term = true;
  for (const DimTerm& term : dim.terms()) {
    const bool plain = term.coefficient == 1 && !term.factors.empty();
    if (!plain) steps_.push_back({Kind::kConstant, term.coefficient});
    bool first_factor = plain;
    for (const DimAtom& factor : term.factors) {
      if (factor.kind == DimAtom::Kind::kSymbol) {
        steps_.push_back({Kind::kSymbol, slot_of_symbol(factor.symbol)});
      } else {
        for (const Dim& argument : factor.args) append(argument, slot_of_symbol);
        switch (factor.kind) {
          case DimAtom::Kind::kFloorDiv: steps_.push_back({Kind::kFloorDiv}); break;
          case DimAtom::Kind::kMod: steps_.push_back({Kind::kMod}); break;
          case DimAtom::Kind::kMin: steps_.push_back({Kind::kMin}); break;
          default: steps_.push_back({Kind::kMax}); break;
        }
      }
      if (!first_factor) steps_.push_back({Kind::kMultiply});
      first_factor = false;
    }
    if (!first_term) steps_.push_back({Kind::kAdd});
    first_term = false;
  }
  if (first_term) steps_.push_back({Kind::kConstant, 0});
}

void IndexCode::combine(Step::Kind kind) const {
  const int64_t b = stack_.back();
  stack_.pop_back();
  int64_t& a = stack_.back();
  bool overflows = false;
  switch (kind) {
    case Step::Kind::kAdd: overflows = __builtin_add_overflow(a, b, &a); break;
    case Step::Kind::kMultiply: overflows = __builtin_mul_overflow(a, b, &a); break;
    case Step::Kind::kMin: a = std::min(a, b); break;
    case Step::Kind::kMax: a = std::max(a, b); break;
    default: {
      if (b == 0) throw Fault{"an integer is divided by zero"};
      overflows = a == INT64_MIN && b == -1;
      if (overflows) break;
      const int64_t remainder = a % b;
      const bool steps_down = remainder != 0 && (remainder < 0) != (b < 0);
      a = kind == Step::Kind::kMod ? remainder + (steps_down ? b : 0) : a / b - (steps_down ? 1 : 0);
    }
  }
  if (overflows) throw Fault{"an integer leaves 64 bits"};
}

}  // namespace sinter::loop
