// Arithmetic, logic and select. Every rule here gives the same bits, zeros with their signs and NaNs included
// (docs/decisions/004-numbers.md), but power(x, 2), whose product is closer to the truth.
#include <cmath>
#include <limits>

#include "passes/simplify/rule.h"

namespace sinter::passes {
namespace {

using ir::Value;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum Kind : unsigned { kFloat = 1, kInteger = 2, kBool = 4, kAny = 7 };
unsigned kind_of(DType dtype) { return is_float(dtype) ? kFloat : is_integer(dtype) ? kInteger : kBool; }

/// op(x, number) gives x, or gives the number.
struct Special {
  std::string_view op;
  double number;
  unsigned kinds;
};

constexpr Special kNeutral[] = {
    {"add", 0.0, kInteger},
    {"add", -0.0, kFloat},  // -0 + 0 is 0, so 0 is not neutral for floats; -0 is
    {"subtract", 0.0, kAny},
    {"multiply", 1, kAny},
    {"divide", 1, kAny},
    {"power", 1, kFloat},
    {"and", 1, kBool},
    {"or", 0.0, kAny},
    {"xor", 0.0, kAny},
    {"shift_left", 0.0, kAny},
    {"shift_right", 0.0, kAny},
    {"maximum", -kInfinity, kFloat},
    {"minimum", kInfinity, kFloat},
};
constexpr Special kAbsorbing[] = {
    {"multiply", 0.0, kInteger},  // of floats not: NaN and infinities times 0 are NaN
    {"and", 0.0, kInteger | kBool},
    {"or", 1, kBool},
};

constexpr std::string_view kCommutative[] = {"add", "multiply", "maximum", "minimum",  "and",
                                             "or",  "xor",      "equal",   "not_equal"};
constexpr std::string_view kInvolutions[] = {"negate", "not"};
constexpr std::string_view kIdempotentUnary[] = {"abs", "floor", "ceil", "trunc", "round", "sign"};
constexpr std::string_view kIdempotentBinary[] = {"maximum", "minimum", "and", "or"};

template <size_t n>
std::vector<std::string_view> list(const std::string_view (&names)[n]) {
  return {std::begin(names), std::end(names)};
}
template <size_t n>
std::vector<std::string_view> ops_of(const Special (&table)[n]) {
  std::vector<std::string_view> ops;
  for (const Special& entry : table) {
    if (ops.empty() || ops.back() != entry.op) ops.push_back(entry.op);
  }
  return ops;
}

template <size_t n>
bool stands_in(const Special (&table)[n], const Candidate& c, double number) {
  for (const Special& entry : table) {
    if (c.is(entry.op) && (entry.kinds & kind_of(c.type.dtype)) && same_number(entry.number, number)) return true;
  }
  return false;
}

std::optional<Value> neutral(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[1]);
  if (number && stands_in(kNeutral, c, *number) && context.type(c.operands[0]) == c.type) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> absorbing(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[1]);
  if (number && stands_in(kAbsorbing, c, *number) && context.type(c.operands[1]) == c.type) return c.operands[1];
  return std::nullopt;
}

std::optional<Value> constant_to_the_right(RuleContext& context, const Candidate& c) {
  if (!context.number(c.operands[0]) || context.number(c.operands[1])) return std::nullopt;
  return context.emit(c.op->name, {c.operands[1], c.operands[0]});
}

std::optional<Value> involution(RuleContext& context, const Candidate& c) {
  if (const auto inner = context.made_by(c.operands[0], c.op->name)) return inner->operands[0];
  return std::nullopt;
}

std::optional<Value> idempotent_unary(RuleContext& context, const Candidate& c) {
  if (context.made_by(c.operands[0], c.op->name)) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> idempotent_binary(RuleContext& context, const Candidate& c) {
  if (c.operands[0] == c.operands[1] && context.type(c.operands[0]) == c.type) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> abs_of_negate(RuleContext& context, const Candidate& c) {
  if (const auto inner = context.made_by(c.operands[0], "negate")) return context.emit("abs", {inner->operands[0]});
  return std::nullopt;
}

std::optional<Value> add_of_negate(RuleContext& context, const Candidate& c) {
  if (const auto right = context.made_by(c.operands[1], "negate"))
    return context.emit("subtract", {c.operands[0], right->operands[0]});
  if (const auto left = context.made_by(c.operands[0], "negate"))
    return context.emit("subtract", {c.operands[1], left->operands[0]});
  return std::nullopt;
}

std::optional<Value> subtract_of_negate(RuleContext& context, const Candidate& c) {
  if (const auto right = context.made_by(c.operands[1], "negate"))
    return context.emit("add", {c.operands[0], right->operands[0]});
  return std::nullopt;
}

/// Of floats only -0 - x, which has the sign of -x where x is a zero.
std::optional<Value> subtract_from_zero(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[0]);
  if (!number || !same_number(*number, is_float(c.type.dtype) ? -0.0 : 0.0)) return std::nullopt;
  return context.emit("negate", {c.operands[1]});
}

std::optional<Value> integer_difference_with_itself(RuleContext& context, const Candidate& c) {
  if (c.operands[0] != c.operands[1] || is_float(c.type.dtype)) return std::nullopt;
  return context.full(0.0, c.type);
}

std::optional<Value> multiply_by_minus_one(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[1]);
  if (!number || *number != -1 || !is_float(c.type.dtype) || context.type(c.operands[0]) != c.type) return std::nullopt;
  return context.emit("negate", {c.operands[0]});
}

/// Only by powers of two, whose reciprocals are exact.
std::optional<Value> divide_by_number(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[1]);
  if (!number || !is_float(c.type.dtype)) return std::nullopt;
  int exponent = 0;
  if (std::abs(std::frexp(*number, &exponent)) != 0.5 || std::abs(exponent) > 100) return std::nullopt;
  return context.emit("multiply", {c.operands[0], context.full(1 / *number, context.type(c.operands[1]))});
}

std::optional<Value> square(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[1]);
  if (!number || *number != 2 || context.type(c.operands[0]) != c.type) return std::nullopt;
  return context.emit("multiply", {c.operands[0], c.operands[0]});
}

std::optional<Value> select_known(RuleContext& context, const Candidate& c) {
  std::optional<Value> chosen;
  if (const auto condition = context.number(c.operands[0])) chosen = c.operands[*condition != 0 ? 1 : 2];
  if (c.operands[1] == c.operands[2]) chosen = c.operands[1];
  return chosen && context.type(*chosen) == c.type ? chosen : std::nullopt;
}

std::optional<Value> select_not(RuleContext& context, const Candidate& c) {
  const auto condition = context.made_by(c.operands[0], "not");
  if (!condition) return std::nullopt;
  return context.emit("select", {condition->operands[0], c.operands[2], c.operands[1]});
}

std::optional<Value> stop_gradient(RuleContext& context, const Candidate& c) {
  if (context.before_grad()) return std::nullopt;
  return c.operands[0];
}

}  // namespace

std::vector<Rule> arithmetic_rules() {
  return {
      {"constant to the right", list(kCommutative), constant_to_the_right},
      {"neutral operand", ops_of(kNeutral), neutral},
      {"absorbing operand", ops_of(kAbsorbing), absorbing},
      {"involution", list(kInvolutions), involution},
      {"idempotent function", list(kIdempotentUnary), idempotent_unary},
      {"equal operands", list(kIdempotentBinary), idempotent_binary},
      {"abs of negate", {"abs"}, abs_of_negate},
      {"add of negate", {"add"}, add_of_negate},
      {"subtract of negate", {"subtract"}, subtract_of_negate},
      {"subtract from zero", {"subtract"}, subtract_from_zero},
      {"difference with itself", {"subtract", "xor"}, integer_difference_with_itself},
      {"multiply by -1", {"multiply"}, multiply_by_minus_one},
      {"divide by a power of two", {"divide"}, divide_by_number},
      {"square", {"power"}, square},
      {"select with a known side", {"select"}, select_known},
      {"select with not", {"select"}, select_not},
      {"stop_gradient after grad", {"stop_gradient"}, stop_gradient},
  };
}

}  // namespace sinter::passes
