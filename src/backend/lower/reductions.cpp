#include "backend/lower/reductions.h"

#include <algorithm>
#include <limits>

namespace sinter::backend {

using loop::ExpressionRef;

Reductions find_reductions(const ir::Graph& body) {
  Reductions found;
  found.value_level.assign(static_cast<size_t>(body.value_count()), 0);
  for (const ir::Node& node : body.nodes()) {
    int level = 0;
    for (const ir::Value operand : node.operands) level = std::max(level, found.value_level[static_cast<size_t>(operand.id)]);
    const auto* lowering = std::get_if<ir::Reduce>(&node.op->lowering);
    if (lowering != nullptr && lowering->blocks) {
      found.domain = body.type(node.operands[0]).shape;
      found.axes.clear();
      for (auto axis = ir::get_attribute<int64_t>(*node.op, node.attributes, "leading"); axis < static_cast<int64_t>(found.domain.rank()); ++axis)
        found.axes.push_back(axis);
      found.blocks.push_back({node.operands[0], node.results[0], ir::get_attribute<int64_t>(*node.op, node.attributes, "rows")});
    } else if (lowering != nullptr) {
      ++level;
      found.list.push_back({&node, lowering, node.operands[0], node.results[0], level});
      found.levels = std::max(found.levels, level);
      found.domain = body.type(node.operands[0]).shape;
      found.axes = lowering->argument ? ir::Integers{ir::get_attribute<int64_t>(*node.op, node.attributes, "axis")}
                                      : ir::get_attribute<ir::Integers>(*node.op, node.attributes, "axes");
    }
    for (const ir::Value result : node.results) found.value_level[static_cast<size_t>(result.id)] = level;
  }
  SINTER_CHECK(!found.list.empty() || !found.blocks.empty(), "a body of kind rows or columns without a reduction");
  return found;
}

bool Reductions::is_blocks(ir::Value value) const {
  return std::any_of(blocks.begin(), blocks.end(), [&](const BlockSum& sum) { return sum.result == value; });
}

ExpressionRef initial_value(const ir::Reduce& lowering, DType dtype) {
  switch (lowering.initial) {
    case ir::Reduce::Initial::kZero: return loop::constant(dtype, 0);
    case ir::Reduce::Initial::kOne: return loop::constant(dtype, 1);
    default: break;
  }
  const bool lowest = lowering.initial == ir::Reduce::Initial::kLowest;
  if (is_float(dtype)) return loop::constant(dtype, lowest ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity());
  if (dtype == DType::kBool) return loop::integer_constant(dtype, lowest ? 0 : 1);
  const int bits = static_cast<int>(size_in_bytes(dtype)) * 8;
  if (!is_signed_integer(dtype)) return loop::integer_constant(dtype, lowest ? 0 : bits == 64 ? -1 : (int64_t{1} << bits) - 1);
  const int64_t smallest = std::numeric_limits<int64_t>::min() >> (64 - bits);
  return loop::integer_constant(dtype, lowest ? smallest : -(smallest + 1));
}

ExpressionRef beats(ScalarOp combine, const ExpressionRef& x, const ExpressionRef& best) {
  const ScalarOp compare = combine == ScalarOp::kMaximum ? ScalarOp::kGreater : ScalarOp::kLess;
  ExpressionRef better = loop::apply(compare, {x, best});
  if (!is_float(x->dtype)) return better;
  const ExpressionRef first_nan =
      loop::apply(ScalarOp::kAnd, {loop::apply(ScalarOp::kIsNan, {x}), loop::apply(ScalarOp::kNot, {loop::apply(ScalarOp::kIsNan, {best})})});
  return loop::apply(ScalarOp::kOr, {better, first_nan});
}

}  // namespace sinter::backend
