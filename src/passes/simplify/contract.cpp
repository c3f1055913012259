// Contractions: dot_general names the axes it sums over, so that no operand needs to be transposed for it.
#include <algorithm>
#include <numeric>

#include "passes/simplify/rule.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

struct Dot {
  Value operands[2];
  Integers batch[2], contract[2];
  bool wide;

  template <class Made>
  explicit Dot(const Made& made)
      : operands{made.operands[0], made.operands[1]},
        batch{made.template get<Integers>("lhs_batch"), made.template get<Integers>("rhs_batch")},
        contract{made.template get<Integers>("lhs_contract"), made.template get<Integers>("rhs_contract")},
        wide(made.template get<bool>("wide")) {}

  Value emit(RuleContext& context) const {
    ir::Attributes attributes{
        {"lhs_batch", batch[0]}, {"rhs_batch", batch[1]}, {"lhs_contract", contract[0]}, {"rhs_contract", contract[1]}};
    if (wide) attributes["wide"] = true;
    return context.emit("dot_general", {operands[0], operands[1]}, std::move(attributes));
  }

  /// Axes of an operand of this rank that are neither batch nor contracted.
  Integers free(size_t side, size_t rank) const {
    Integers axes;
    for (int64_t axis = 0; axis < static_cast<int64_t>(rank); ++axis) {
      const auto names = [axis](const Integers& list) {
        return std::find(list.begin(), list.end(), axis) != list.end();
      };
      if (!names(batch[side]) && !names(contract[side])) axes.push_back(axis);
    }
    return axes;
  }
};

Integers mapped(const Integers& axes, const Integers& map) {
  Integers result;
  for (const int64_t axis : axes) result.push_back(map[static_cast<size_t>(axis)]);
  return result;
}

/// The transpose of an operand goes into the axis numbers, where the free axes keep their order.
std::optional<Value> dot_of_transpose(RuleContext& context, const Candidate& c) {
  Dot dot(c);
  bool changed = false;
  for (size_t side = 0; side < 2; ++side) {
    const auto inner = context.made_by(dot.operands[side], "transpose");
    if (!inner) continue;
    const Integers& permutation = inner->get<Integers>("permutation");
    const Integers free = mapped(dot.free(side, permutation.size()), permutation);
    if (!std::is_sorted(free.begin(), free.end())) continue;
    dot.operands[side] = inner->operands[0];
    dot.batch[side] = mapped(dot.batch[side], permutation);
    dot.contract[side] = mapped(dot.contract[side], permutation);
    changed = true;
  }
  return changed ? std::optional(dot.emit(context)) : std::nullopt;
}

/// Pairs of contracted axes in the order of the lhs.
std::optional<Value> contracted_axes_in_order(RuleContext& context, const Candidate& c) {
  Dot dot(c);
  if (std::is_sorted(dot.contract[0].begin(), dot.contract[0].end())) return std::nullopt;
  Integers order(dot.contract[0].size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return dot.contract[0][static_cast<size_t>(a)] < dot.contract[0][static_cast<size_t>(b)];
  });
  for (Integers& axes : dot.contract) axes = mapped(order, axes);
  return dot.emit(context);
}

/// A transposed result: the operands exchanged, the batch axes in another order, or both.
std::optional<Value> transpose_of_dot(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "dot_general");
  if (!inner || !context.used_once(c.operands[0])) return std::nullopt;  // else there would be two dot_generals
  Dot dot(*inner);
  const Integers& permutation = c.get<Integers>("permutation");
  const auto batches = static_cast<int64_t>(dot.batch[0].size());
  const auto left = static_cast<int64_t>(dot.free(0, context.shape(dot.operands[0]).rank()).size());
  const auto total = static_cast<int64_t>(permutation.size());

  const auto end_of_batch = permutation.begin() + batches;
  if (!std::all_of(permutation.begin(), end_of_batch, [&](int64_t axis) { return axis < batches; }))
    return std::nullopt;
  Integers straight(static_cast<size_t>(total - batches));
  std::iota(straight.begin(), straight.end(), batches);
  Integers exchanged = straight;
  std::rotate(exchanged.begin(), exchanged.begin() + left, exchanged.end());
  const Integers rest(end_of_batch, permutation.end());
  if (rest != straight && rest != exchanged) return std::nullopt;
  const bool mixed = context.dtype(dot.operands[0]) != context.dtype(dot.operands[1]);
  if (rest != straight && mixed) return std::nullopt;  // u8 by i8 has instructions, i8 by u8 has none

  const Integers batch_order(permutation.begin(), end_of_batch);
  for (Integers& axes : dot.batch) axes = mapped(batch_order, axes);
  if (rest != straight) {
    std::swap(dot.operands[0], dot.operands[1]);
    std::swap(dot.batch[0], dot.batch[1]);
    std::swap(dot.contract[0], dot.contract[1]);
  }
  return dot.emit(context);
}

}  // namespace

std::vector<Rule> contract_rules() {
  return {
      {"dot_general of transpose", {"dot_general"}, dot_of_transpose},
      {"contracted axes in order", {"dot_general"}, contracted_axes_in_order},
      {"transpose of dot_general", {"transpose"}, transpose_of_dot},
  };
}

}  // namespace sinter::passes
