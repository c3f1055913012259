// Reductions: over what really has to be read. Floats are summed in no defined order, so sums may be merged and moved;
// a sum of n equal numbers is their product with n.
#include <algorithm>
#include <cmath>

#include "passes/simplify/rule.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

constexpr std::string_view kReductions[] = {"reduce_sum", "reduce_product", "reduce_max",
                                            "reduce_min", "reduce_all",     "reduce_any"};

bool contains(const Integers& axes, size_t axis) {
  return std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) != axes.end();
}

/// Where axes of a tensor are once `removed` are gone.
Integers after_removing(const Integers& removed, const Integers& axes) {
  Integers result;
  for (const int64_t axis : axes) {
    result.push_back(axis - std::count_if(removed.begin(), removed.end(), [&](int64_t gone) { return gone < axis; }));
  }
  return result;
}

/// No axes, or axes of one entry each.
std::optional<Value> reduce_over_nothing(RuleContext& context, const Candidate& c) {
  for (const int64_t axis : c.get<Integers>("axes")) {
    if (context.shape(c.operands[0])[static_cast<size_t>(axis)] != Dim(1)) return std::nullopt;
  }
  return context.reshape(c.operands[0], c.type.shape);
}

std::optional<Value> reduce_of_reduce(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], c.op->name);
  if (!inner || !context.used_once(c.operands[0]))
    return std::nullopt;  // else both sums would be computed from all elements
  Integers axes = inner->get<Integers>("axes"), kept;
  for (size_t axis = 0; axis < context.shape(inner->operands[0]).rank(); ++axis) {
    if (!contains(axes, axis)) kept.push_back(static_cast<int64_t>(axis));
  }
  for (const int64_t axis : c.get<Integers>("axes")) axes.push_back(kept[static_cast<size_t>(axis)]);
  std::sort(axes.begin(), axes.end());
  return context.emit(c.op->name, {inner->operands[0]}, {{"axes", axes}});
}

/// The order of axes that are gone afterwards does not matter; the others are put in order after the reduction, when
/// they are fewer.
std::optional<Value> reduce_of_transpose(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "transpose");
  if (!inner) return std::nullopt;
  const Integers &permutation = inner->get<Integers>("permutation"), &reduced = c.get<Integers>("axes");
  Integers axes, kept;
  for (size_t axis = 0; axis < permutation.size(); ++axis)
    (contains(reduced, axis) ? axes : kept).push_back(permutation[axis]);
  std::sort(axes.begin(), axes.end());
  const Value value = context.emit(c.op->name, {inner->operands[0]}, {{"axes", axes}});
  return context.emit("transpose", {value}, {{"permutation", after_removing(axes, kept)}});
}

/// `count` equal operands reduce to something that is known: to themselves or, of a sum, to their product with the
/// count.
bool can_reduce_equal(RuleContext& context, const Candidate& c, Value value, const Dim& count) {
  const bool some = count.lower_bound().value_or(0) >= 1;
  if (!c.is("reduce_sum")) return some && !c.is("reduce_product");
  if (!is_float(c.type.dtype)) return c.type.dtype == DType::kI64;  // a narrow count may wrap
  const auto number = context.number(value);
  return some || (number && std::isfinite(*number));  // inf * 0 is not the empty sum
}

std::optional<Value> reduce_of_broadcast(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "broadcast");
  if (!inner) return std::nullopt;
  const Integers &spread = inner->get<Integers>("axes"), &reduced = c.get<Integers>("axes");
  const Shape from = context.shape(inner->operands[0]), to = context.shape(c.operands[0]);
  Integers inner_axes, kept;  // axes of `from` that are reduced; axes of `to` that come from `from` and stay
  Dim count = 1;
  for (const int64_t axis : reduced) {
    const auto found = std::find(spread.begin(), spread.end(), axis);
    const bool is_spread =
        found == spread.end() || from[static_cast<size_t>(found - spread.begin())] != to[static_cast<size_t>(axis)];
    if (is_spread) count = count * to[static_cast<size_t>(axis)];
    if (found != spread.end()) inner_axes.push_back(found - spread.begin());
  }
  if (count != Dim(1) && !can_reduce_equal(context, c, inner->operands[0], count)) return std::nullopt;
  for (const int64_t axis : spread) {
    if (!contains(reduced, static_cast<size_t>(axis))) kept.push_back(axis);
  }
  Value value = context.emit(c.op->name, {inner->operands[0]}, {{"axes", inner_axes}});
  if (c.is("reduce_sum") && count != Dim(1)) {
    const Value factor = context.builder().dim(count, c.type.dtype);
    const Shape shape = context.shape(value);
    value = context.emit("multiply", {value, context.broadcast(factor, shape, {})});
  }
  return context.broadcast(value, c.type.shape, after_removing(reduced, kept));
}

}  // namespace

std::vector<Rule> reduce_rules() {
  const std::vector<std::string_view> all(std::begin(kReductions), std::end(kReductions));
  return {
      {"reduce over nothing", all, reduce_over_nothing},
      {"reduce of reduce", all, reduce_of_reduce},
      {"reduce of transpose", all, reduce_of_transpose},
      {"reduce of broadcast", all, reduce_of_broadcast},
  };
}

}  // namespace sinter::passes
