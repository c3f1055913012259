// Views: none that changes nothing, one instead of two of a kind, and none of a scalar spread over a shape, which is
// spread over the new shape at once.
#include <algorithm>

#include "passes/simplify/rule.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

bool all_zero(const Shape& dims) {
  return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim == Dim(0); });
}

std::optional<Value> identity_reshape(RuleContext& context, const Candidate& c) {
  if (context.type(c.operands[0]) == c.type) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> reshape_of_reshape(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "reshape");
  if (!inner) return std::nullopt;
  return context.reshape(inner->operands[0], c.type.shape);
}

std::optional<Value> identity_transpose(RuleContext&, const Candidate& c) {
  if (is_identity(c.get<Integers>("permutation"), c.type.shape.rank())) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> transpose_of_transpose(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "transpose");
  if (!inner) return std::nullopt;
  Integers permutation = c.get<Integers>("permutation");
  for (int64_t& axis : permutation) axis = inner->get<Integers>("permutation")[static_cast<size_t>(axis)];
  return context.emit("transpose", {inner->operands[0]}, {{"permutation", permutation}});
}

std::optional<Value> identity_slice(RuleContext& context, const Candidate& c) {
  const Integers& strides = c.get<Integers>("strides");
  const bool dense = std::all_of(strides.begin(), strides.end(), [](int64_t stride) { return stride == 1; });
  if (dense && all_zero(c.get<Shape>("starts")) && context.type(c.operands[0]) == c.type) return c.operands[0];
  return std::nullopt;
}

/// Entry k of the outer slice is entry start + stride * k of the inner one.
std::optional<Value> slice_of_slice(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "slice");
  if (!inner) return std::nullopt;
  Shape starts = c.get<Shape>("starts"), limits = c.get<Shape>("limits");
  Integers strides = c.get<Integers>("strides");
  for (size_t i = 0; i < strides.size(); ++i) {
    const Dim begin = inner->get<Shape>("starts")[i];
    const int64_t step = inner->get<Integers>("strides")[i];
    if (step != 1) return std::nullopt;  // with steps the end of one is not simply the end of the other
    starts[i] = begin + starts[i];
    limits[i] = begin + limits[i];
  }
  return context.emit("slice", {inner->operands[0]}, {{"starts", starts}, {"limits", limits}, {"strides", strides}});
}

bool at_least(const Dim& a, const Dim& b) { return (a - b).lower_bound().value_or(-1) >= 0; }

/// Entries that were padded on are sliced off again.
std::optional<Value> slice_of_pad(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "pad");
  if (!inner) return std::nullopt;
  const Shape &low = inner->get<Shape>("low"), data = context.shape(inner->operands[0]);
  Shape starts = c.get<Shape>("starts"), limits = c.get<Shape>("limits");
  for (size_t i = 0; i < data.rank(); ++i) {
    if (!at_least(starts[i], low[i]) || !at_least(low[i] + data[i], limits[i])) return std::nullopt;
    starts[i] = starts[i] - low[i];
    limits[i] = limits[i] - low[i];
  }
  return context.emit("slice", {inner->operands[0]},
                      {{"starts", starts}, {"limits", limits}, {"strides", c.get<Integers>("strides")}});
}

std::optional<Value> empty_pad(RuleContext&, const Candidate& c) {
  if (all_zero(c.get<Shape>("low")) && all_zero(c.get<Shape>("high"))) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> concatenate_one(RuleContext&, const Candidate& c) {
  if (c.operands.size() == 1) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> reverse_nothing(RuleContext&, const Candidate& c) {
  const Integers& axes = c.get<Integers>("axes");
  const bool nothing = std::all_of(axes.begin(), axes.end(),
                                   [&](int64_t axis) { return c.type.shape[static_cast<size_t>(axis)] == Dim(1); });
  if (nothing) return c.operands[0];
  return std::nullopt;
}

std::optional<Value> reverse_of_reverse(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "reverse");
  if (!inner) return std::nullopt;
  const Integers &outer_axes = c.get<Integers>("axes"), &inner_axes = inner->get<Integers>("axes");
  Integers axes;
  std::set_symmetric_difference(outer_axes.begin(), outer_axes.end(), inner_axes.begin(), inner_axes.end(),
                                std::back_inserter(axes));
  return context.emit("reverse", {inner->operands[0]}, {{"axes", axes}});
}

std::optional<Value> view_of_spread_scalar(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "broadcast");
  if (!inner || !inner->get<Integers>("axes").empty()) return std::nullopt;
  return context.broadcast(inner->operands[0], c.type.shape, {});
}

/// All operands (the padding too) are the same number throughout.
std::optional<Value> joined_numbers(RuleContext& context, const Candidate& c) {
  const auto number = context.number(c.operands[0]);
  for (const Value operand : c.operands) {
    const auto other = context.number(operand);
    if (!number || !other || !same_number(*number, *other)) return std::nullopt;
  }
  return context.full(*number, c.type);
}

}  // namespace

std::vector<Rule> view_rules() {
  return {
      {"reshape to the same shape", {"reshape"}, identity_reshape},
      {"reshape of reshape", {"reshape"}, reshape_of_reshape},
      {"transpose in order", {"transpose"}, identity_transpose},
      {"transpose of transpose", {"transpose"}, transpose_of_transpose},
      {"slice of everything", {"slice"}, identity_slice},
      {"slice of slice", {"slice"}, slice_of_slice},
      {"slice of pad", {"slice"}, slice_of_pad},
      {"pad by nothing", {"pad"}, empty_pad},
      {"concatenate one", {"concatenate"}, concatenate_one},
      {"reverse nothing", {"reverse"}, reverse_nothing},
      {"reverse of reverse", {"reverse"}, reverse_of_reverse},
      {"view of a spread scalar", {"reshape", "slice", "reverse"}, view_of_spread_scalar},
      {"numbers put together", {"pad", "concatenate"}, joined_numbers},
  };
}

}  // namespace sinter::passes
