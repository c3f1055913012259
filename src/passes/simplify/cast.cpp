// Casts: none to the same dtype, and one instead of two where the first loses nothing.
#include "passes/simplify/rule.h"

namespace sinter::passes {
namespace {

using ir::Value;

/// Bits of an integer's magnitude.
int magnitude_bits(DType dtype) {
  return static_cast<int>(8 * size_in_bytes(dtype)) - (is_signed_integer(dtype) ? 1 : 0);
}

int significant_bits(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return 53;
    case DType::kF32:
      return 24;
    case DType::kF16:
      return 11;
    default:
      return 8;  // bf16
  }
}

/// Each value of `from` exists in `to`.
bool holds_all(DType to, DType from) {
  if (to == from || from == DType::kBool) return true;
  if (to == DType::kBool) return false;
  if (is_float(from)) return to == DType::kF64 || (to == DType::kF32 && from != DType::kF64);
  if (is_float(to)) return to != DType::kF16 && significant_bits(to) >= magnitude_bits(from);
  if (is_signed_integer(from) && !is_signed_integer(to)) return false;
  return magnitude_bits(to) >= magnitude_bits(from);
}

std::optional<Value> cast_to_itself(RuleContext& context, const Candidate& c) {
  if (context.dtype(c.operands[0]) == c.type.dtype) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> cast_of_cast(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "cast");
  if (!inner || !holds_all(context.dtype(c.operands[0]), context.dtype(inner->operands[0]))) return std::nullopt;
  return context.emit("cast", {inner->operands[0]}, {{"dtype", c.type.dtype}});
}

}  // namespace

std::vector<Rule> cast_rules() {
  return {{"cast to the same dtype", {"cast"}, cast_to_itself}, {"cast of an exact cast", {"cast"}, cast_of_cast}};
}

}  // namespace sinter::passes
