// Broadcasts: done as late as they can be, so that what comes before works on fewer elements, and one instead of two.
#include <algorithm>

#include "passes/simplify/rule.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

std::optional<Value> identity_broadcast(RuleContext& context, const Candidate& c) {
  if (context.type(c.operands[0]) == c.type)
    return c.operands[0];  // axes increase strictly: they are all axes in order
  return std::nullopt;
}

std::optional<Value> broadcast_of_broadcast(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "broadcast");
  if (!inner) return std::nullopt;
  Integers axes = inner->get<Integers>("axes");
  for (int64_t& axis : axes) axis = c.get<Integers>("axes")[static_cast<size_t>(axis)];
  return context.broadcast(inner->operands[0], c.type.shape, axes);
}

/// The axis of `to` of each axis of `from`, when `to` is `from` with 1s put in.
std::optional<Integers> where_ones_were_put(const Shape& from, const Shape& to) {
  Integers axes;
  for (size_t axis = 0; axis < to.rank(); ++axis) {
    if (axes.size() < from.rank() && from[axes.size()] == to[axis]) {
      axes.push_back(static_cast<int64_t>(axis));
    } else if (to[axis] != Dim(1)) {
      return std::nullopt;
    }
  }
  if (axes.size() < from.rank()) return std::nullopt;
  return axes;
}

std::optional<Value> broadcast_of_inserted_ones(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "reshape");
  if (!inner) return std::nullopt;
  auto axes = where_ones_were_put(context.shape(inner->operands[0]), context.shape(c.operands[0]));
  if (!axes) return std::nullopt;
  for (int64_t& axis : *axes) axis = c.get<Integers>("axes")[static_cast<size_t>(axis)];
  return context.broadcast(inner->operands[0], c.type.shape, *axes);
}

/// Nothing is spread: a reshape says that plainly. Scalars are the exception, they are always spread.
std::optional<Value> broadcast_that_inserts_ones(RuleContext& context, const Candidate& c) {
  const Integers& axes = c.get<Integers>("axes");
  if (axes.empty()) return std::nullopt;
  for (size_t axis = 0, next = 0; axis < c.type.shape.rank(); ++axis) {
    if (next < axes.size() && axes[next] == static_cast<int64_t>(axis)) {
      if (context.shape(c.operands[0])[next++] != c.type.shape[axis]) return std::nullopt;
    } else if (c.type.shape[axis] != Dim(1)) {
      return std::nullopt;
    }
  }
  return context.reshape(c.operands[0], c.type.shape);
}

std::optional<Value> reshape_of_scalar(RuleContext& context, const Candidate& c) {
  if (context.shape(c.operands[0]).rank() > 0 || c.type.shape.rank() == 0) return std::nullopt;
  return context.broadcast(c.operands[0], c.type.shape, {});
}

/// A constant that repeats one number is that number, spread.
std::optional<Value> constant_of_one_number(RuleContext& context, const Candidate& c) {
  const Tensor& tensor = c.get<Tensor>("value");
  if (tensor.rank() == 0 || tensor.size() == 0) return std::nullopt;
  const size_t size = size_in_bytes(tensor.dtype());
  const char* bytes = static_cast<const char*>(tensor.raw());
  for (int64_t i = 1; i < tensor.size(); ++i) {
    if (!std::equal(bytes, bytes + size, bytes + static_cast<size_t>(i) * size)) return std::nullopt;
  }
  Tensor scalar = Tensor::uninitialized(tensor.dtype(), {});
  std::copy(bytes, bytes + size, static_cast<char*>(scalar.raw()));
  return context.broadcast(context.builder().constant(scalar), c.type.shape, {});
}

/// transpose(broadcast(x)) is broadcast(transpose(x)).
std::optional<Value> transpose_of_broadcast(RuleContext& context, const Candidate& c) {
  const auto inner = context.made_by(c.operands[0], "broadcast");
  if (!inner) return std::nullopt;
  const Integers &spread = inner->get<Integers>("axes"), &permutation = c.get<Integers>("permutation");
  Integers axes, order;  // in the order of the result
  for (size_t axis = 0; axis < permutation.size(); ++axis) {
    const auto found = std::find(spread.begin(), spread.end(), permutation[axis]);
    if (found == spread.end()) continue;
    axes.push_back(static_cast<int64_t>(axis));
    order.push_back(found - spread.begin());
  }
  const Value transposed = context.emit("transpose", {inner->operands[0]}, {{"permutation", order}});
  return context.broadcast(transposed, c.type.shape, axes);
}

/// op(broadcast(a), broadcast(b), number) is broadcast(op(a, b, number)) when a and b were spread alike.
std::optional<Value> elementwise_of_broadcasts(RuleContext& context, const Candidate& c) {
  if (c.operands.empty() || !std::holds_alternative<ir::Elementwise>(c.op->lowering)) return std::nullopt;
  std::optional<Shape> from;  // the shape before the broadcast, of the operand that is more than a scalar
  Integers axes;
  std::vector<Value> operands;
  for (const Value operand : c.operands) {
    const auto inner = context.made_by(operand, "broadcast");
    if (!inner) return std::nullopt;
    operands.push_back(inner->operands[0]);
    const Shape shape = context.shape(inner->operands[0]);
    if (shape.rank() == 0) continue;
    if (from && (*from != shape || axes != inner->get<Integers>("axes"))) return std::nullopt;
    from = shape;
    axes = inner->get<Integers>("axes");
  }
  for (Value& operand : operands) {
    if (from && context.shape(operand).rank() == 0) operand = context.broadcast(operand, *from, {});
  }
  return context.broadcast(context.emit(c.op->name, std::move(operands), c.attributes), c.type.shape, axes);
}

}  // namespace

std::vector<Rule> broadcast_rules() {
  return {
      {"broadcast to the same shape", {"broadcast"}, identity_broadcast},
      {"broadcast of broadcast", {"broadcast"}, broadcast_of_broadcast},
      {"broadcast of inserted ones", {"broadcast"}, broadcast_of_inserted_ones},
      {"broadcast that only inserts ones", {"broadcast"}, broadcast_that_inserts_ones},
      {"reshape of a scalar", {"reshape"}, reshape_of_scalar},
      {"constant of one number", {"constant"}, constant_of_one_number},
      {"transpose of broadcast", {"transpose"}, transpose_of_broadcast},
      {"elementwise of broadcasts", {}, elementwise_of_broadcasts},
  };
}

}  // namespace sinter::passes
