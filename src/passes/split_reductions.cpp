#include "passes/split_reductions.h"

#include <set>

#include "ir/op_def.h"
#include "passes/fuse/node_facts.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

/// What is known of a product of dims: its constant factor and its symbolic ones.
struct Extent {
  int64_t constant = 1;
  int symbolic = 0;
};

Extent extent_of(const Shape& shape, const Integers& axes) {
  Extent extent;
  for (const int64_t axis : axes) {
    const Dim& dim = shape[static_cast<size_t>(axis)];
    if (const auto known = dim.as_constant()) {
      if (__builtin_mul_overflow(extent.constant, *known, &extent.constant)) extent.constant = INT64_MAX;
    } else {
      ++extent.symbolic;
    }
  }
  return extent;
}

bool is_long(const Extent& extent) {
  if (extent.symbolic == 0) return extent.constant > kLongTotal;
  return extent.symbolic > 1 || extent.constant >= kShortRow;
}

/// The first of `axes` that the first step takes: so few trailing ones that each of its results has a row of some
/// length.
size_t split_of(const Shape& shape, const Integers& axes) {
  size_t first = axes.size() - 1;
  for (; first > 1; --first) {
    const Extent row = extent_of(shape, {axes.begin() + static_cast<std::ptrdiff_t>(first), axes.end()});
    if (row.symbolic > 0 || row.constant >= kShortRow) break;
  }
  return first;
}

/// The largest length of rows that divides an axis, of those that are good for a tile; 0: none.
int64_t row_length(int64_t count) {
  for (int64_t length = 16384; length >= 1024; --length)
    if (count % length == 0) return length;
  return 0;
}

Value reduce(Rewriter& rewriter, const ir::Node& node, Value value, const Integers& axes) {
  ir::Attributes attributes = node.attributes;
  attributes["axes"] = axes;
  return rewriter.builder().apply(*node.op, {value}, std::move(attributes))[0];
}

Integers count_up(size_t count) {
  Integers axes;
  for (size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

/// The value of `node` reduced from `value` over `axes`, in as many steps as it takes; or nothing when one step is
/// right.
std::optional<Value> split(Rewriter& rewriter, const ir::Node& node, Value value, const Integers& axes) {
  const Shape shape = rewriter.builder().shape(value);
  const bool total = axes.size() == shape.rank(), leading = !axes.empty() && axes == count_up(axes.size());
  if (!leading || !is_long(extent_of(shape, axes))) return std::nullopt;
  if (axes.size() == 1) {
    const int64_t length = total && shape.is_constant() ? row_length(shape[0].constant()) : 0;
    if (length == 0) return std::nullopt;
    const Value rows = rewriter.builder().reshape(value, Shape{shape[0].constant() / length, length});
    return reduce(rewriter, node, reduce(rewriter, node, rows, {1}), {0});
  }
  const size_t first = total ? split_of(shape, axes) : 1;
  const Value part = reduce(rewriter, node, value, {axes.begin() + static_cast<std::ptrdiff_t>(first), axes.end()});
  const Integers rest = count_up(first);
  if (const auto steps = split(rewriter, node, part, rest)) return steps;
  return reduce(rewriter, node, part, rest);
}

}  // namespace

ir::Graph split_reductions(const ir::Graph& graph) {
  return rewrite(graph, [&graph](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<Value>> {
    const auto* lowering = std::get_if<ir::Reduce>(&node.op->lowering);
    if (lowering == nullptr || lowering->argument || lowering->blocks || reduces_rhs(graph, node)) return std::nullopt;
    const auto value = split(rewriter, node, rewriter.at(node.operands[0]), ir::get_attribute<Integers>(*node.op, node.attributes, "axes"));
    if (!value) return std::nullopt;
    return std::vector<Value>{*value};
  });
}

}  // namespace sinter::passes
