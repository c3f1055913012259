#include "ir/builder.h"

#include <bit>
#include <numeric>

#include "base/error.h"

namespace sinter::ir {

namespace {

constexpr int64_t kExactInDouble = int64_t{1} << 53;

bool same_number(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

bool is_identity(const Integers& axes) {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

}  // namespace

std::vector<Value> Builder::apply(std::string_view op, std::vector<Value> operands, Attributes attributes, std::vector<Graph> regions) {
  return apply(OpRegistry::instance().get(op), std::move(operands), std::move(attributes), std::move(regions));
}

std::vector<Value> Builder::apply(const OpDef& op, std::vector<Value> operands, Attributes attributes, std::vector<Graph> regions) {
  std::vector<TensorType> operand_types;
  for (const Value operand : operands) {
    SINTER_CHECK(operand.valid() && operand.id < graph_.value_count(), "op " + op.name + " is given a value that does not exist");
    operand_types.push_back(graph_.type(operand));
  }
  const std::vector<TensorType> result_types = infer_types(op, operand_types, attributes, regions);
  Node node;
  node.op = &op;
  node.operands = std::move(operands);
  node.attributes = std::move(attributes);
  node.regions = std::move(regions);
  node.name = name_;
  return graph_.append(std::move(node), result_types).results;
}

Value Builder::call(std::string_view op, std::vector<Value> operands, Attributes attributes, std::vector<Graph> regions) {
  const std::vector<Value> results = apply(op, std::move(operands), std::move(attributes), std::move(regions));
  SINTER_CHECK(results.size() == 1, "op " + std::string(op) + " has not exactly one result");
  return results.front();
}

Value Builder::scalar(double value, DType dtype) {
  for (const auto& [key, known] : scalars_) {
    if (same_number(key.first, value) && key.second == dtype) return known;
  }
  Tensor tensor(dtype, {});
  tensor.set(0, value);
  const Value made = constant(std::move(tensor));
  scalars_.push_back({{value, dtype}, made});
  return made;
}

Value Builder::full(double value, DType dtype, const Shape& shape) {
  const Shape target = shape;  // a copy: it may be the graph's own, which grows
  return broadcast(scalar(value, dtype), target, {});
}

Value Builder::constant(Tensor value) { return call("constant", {}, {{"value", std::move(value)}}); }

Value Builder::dim(const Dim& value, DType dtype) {
  const std::optional<int64_t> known = value.as_constant();
  if (!known) return call("dim_size", {}, {{"value", value}, {"dtype", dtype}});
  if (*known > -kExactInDouble && *known < kExactInDouble) return scalar(static_cast<double>(*known), dtype);
  Tensor tensor(dtype, {});
  tensor.set_integer(0, *known);
  return constant(std::move(tensor));
}

Value Builder::broadcast_to(Value value, const Shape& target) {
  const Shape& source = shape(value);
  bool fits = source.rank() <= target.rank();
  Integers axes(source.rank());
  for (size_t i = 0; fits && i < source.rank(); ++i) {
    const size_t axis = target.rank() - source.rank() + i;
    axes[i] = static_cast<int64_t>(axis);
    fits = source[i] == target[axis] || source[i] == Dim(1);
  }
  if (!fits) {
    throw Error(ErrorCode::kType, type(value).to_string() + " does not spread to " + target.to_string())
        .hint("aligned at the right, each dim is equal or the constant 1; a symbol is never spread");
  }
  return broadcast(value, target, axes);
}

Value Builder::broadcast(Value value, const Shape& target, const Integers& axes) {
  if (shape(value) == target && is_identity(axes)) return value;
  return call("broadcast", {value}, {{"shape", target}, {"axes", axes}});
}

Value Builder::reshape(Value value, const Shape& target) {
  if (shape(value) == target) return value;
  return call("reshape", {value}, {{"shape", target}});
}

Value Builder::cast(Value value, DType target) {
  if (dtype(value) == target) return value;
  return call("cast", {value}, {{"dtype", target}});
}

Value Builder::reduce(std::string_view op, Value value, const Integers& axes) { return call(op, {value}, {{"axes", axes}}); }

namespace {

/// Applies `op` to two operands of which one may be of rank 0 where the other is not.
Expression combine(std::string_view op, const Expression& a, const Expression& b) {
  Builder& builder = *a.builder;
  SINTER_CHECK(a.builder == b.builder, "an expression over two builders");
  Value left = a.value, right = b.value;
  if (builder.shape(left).rank() == 0) left = builder.broadcast_to(left, builder.shape(right));
  if (builder.shape(right).rank() == 0) right = builder.broadcast_to(right, builder.shape(left));
  return {builder, builder.call(op, {left, right})};
}

Expression number_like(double number, const Expression& like) { return {*like.builder, like.builder->full_like(number, like.value)}; }

}  // namespace

Expression operator+(const Expression& a, const Expression& b) { return combine("add", a, b); }
Expression operator-(const Expression& a, const Expression& b) { return combine("subtract", a, b); }
Expression operator*(const Expression& a, const Expression& b) { return combine("multiply", a, b); }
Expression operator/(const Expression& a, const Expression& b) { return combine("divide", a, b); }
Expression operator-(const Expression& a) { return a.call("negate"); }
Expression operator+(const Expression& a, double b) { return a + number_like(b, a); }
Expression operator-(const Expression& a, double b) { return a - number_like(b, a); }
Expression operator*(const Expression& a, double b) { return a * number_like(b, a); }
Expression operator/(const Expression& a, double b) { return a / number_like(b, a); }
Expression operator+(double a, const Expression& b) { return number_like(a, b) + b; }
Expression operator-(double a, const Expression& b) { return number_like(a, b) - b; }
Expression operator*(double a, const Expression& b) { return number_like(a, b) * b; }
Expression operator/(double a, const Expression& b) { return number_like(a, b) / b; }

Expression apply(std::string_view op, const Expression& a, const Expression& b) { return combine(op, a, b); }

Expression select(const Expression& condition, const Expression& then, const Expression& otherwise) {
  Builder& builder = *condition.builder;
  const Shape* widest = &builder.shape(condition.value);
  for (const Value value : {then.value, otherwise.value}) {
    if (widest->rank() == 0) widest = &builder.shape(value);
  }
  const Shape shape = *widest;  // a copy: the graph grows
  const auto spread = [&](Value value) { return builder.shape(value).rank() == 0 ? builder.broadcast_to(value, shape) : value; };
  const Value c = spread(condition.value), t = spread(then.value), o = spread(otherwise.value);
  return {builder, builder.call("select", {c, t, o})};
}

}  // namespace sinter::ir
