// Reductions over axes, positions of extremes, sums along an axis, softmax and its kin.
#include <algorithm>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

/// The axes of a reduction: an attribute, from version `as_input` on an input. None stand for all, or for nothing when the node says so.
std::optional<Integers> reduced_axes(Call& call, int64_t as_input) {
  std::optional<Integers> given;
  if (call.version >= as_input) {
    if (call.has(1)) given = call.known_integers(1);
  } else {
    given = call.integers("axes");
  }
  if (given && !given->empty()) return call.axes(*given, call.rank(0));
  if (call.integer("noop_with_empty_axes", 0) != 0) return std::nullopt;
  Integers all;
  for (size_t i = 0; i < call.rank(0); ++i) all.push_back(static_cast<int64_t>(i));
  return all;
}

Shape with_ones(const Shape& shape, const Integers& axes) {
  Shape kept = shape;
  for (const int64_t axis : axes) kept[static_cast<size_t>(axis)] = 1;
  return kept;
}

using Formula = Expression (*)(const Expression& x, const Integers& axes);

Expression over(const char* op, const Expression& x, const Integers& axes) { return {*x.builder, x.builder->reduce(op, x, axes)}; }

Expression sum(const Expression& x, const Integers& axes) { return over("reduce_sum", x, axes); }
Expression product(const Expression& x, const Integers& axes) { return over("reduce_product", x, axes); }
Expression largest(const Expression& x, const Integers& axes) { return over("reduce_max", x, axes); }
Expression smallest(const Expression& x, const Integers& axes) { return over("reduce_min", x, axes); }
Expression l1(const Expression& x, const Integers& axes) { return sum(x.call("abs"), axes); }
Expression sum_square(const Expression& x, const Integers& axes) { return sum(x * x, axes); }
Expression l2(const Expression& x, const Integers& axes) { return sum_square(x, axes).call("sqrt"); }
Expression log_sum(const Expression& x, const Integers& axes) { return sum(x, axes).call("log"); }

Expression mean(const Expression& x, const Integers& axes) {
  ir::Builder& b = *x.builder;
  if (is_float(b.dtype(x))) return {b, b.call("mean", {x}, {{"axes", axes}})};
  Dim count = 1;
  for (const int64_t axis : axes) count = count * b.shape(x)[static_cast<size_t>(axis)];
  return sum(x, axes) / Expression(b, b.dim(count, b.dtype(x)));
}

/// Without overflow: exp of what lies below the largest, which may be infinite.
Expression log_sum_exp(const Expression& x, const Integers& axes) {
  ir::Builder& b = *x.builder;
  const Expression top = largest(x, axes);
  const Expression finite = select(Expression(b, b.call("is_finite", {top})), top, Expression(b, b.full_like(0, top)));
  const Shape shape = b.shape(x), ones = with_ones(shape, axes);
  const Expression spread(b, b.broadcast_to(b.reshape(finite, ones), shape));
  return sum((x - spread).call("exp"), axes).call("log") + finite;
}

std::function<void(Call&)> reduction(Formula compute, int64_t axes_as_input) {
  return [=](Call& call) {
    const auto axes = reduced_axes(call, axes_as_input);
    if (!axes) return call.set(0, call.value(0));
    const Shape shape = call.shape(0);
    Value result = compute(call.expression(0), *axes);
    if (call.integer("keepdims", 1) != 0) result = call.b.reshape(result, with_ones(shape, *axes));
    call.set(0, result);
  };
}

bool fold_product(Call& call) {
  if (!call.dims(0) || call.rank(0) != 1 || (call.has(1) && call.tensor(1) == nullptr)) return false;
  Dim all = 1;
  for (const Dim& dim : *call.dims(0)) all = all * dim;
  call.set_dims(0, {all}, call.integer("keepdims", 1) == 0, call.dtype(0));
  return true;
}

/// The first position of an extreme, or the last one: then counted from the end.
std::function<void(Call&)> position(const char* op) {
  return [op](Call& call) {
    ir::Builder& b = call.b;
    const size_t axis = call.axis(call.integer("axis", 0), call.rank(0));
    const Integers axes{static_cast<int64_t>(axis)};
    const Shape shape = call.shape(0);
    const bool last = call.integer("select_last_index", 0) != 0;
    Value x = call.value(0);
    if (last) x = b.call("reverse", {x}, {{"axes", axes}});
    Value place = b.cast(b.call(op, {x}, {{"axis", static_cast<int64_t>(axis)}}), DType::kI64);
    if (last) place = Expression(b, b.dim(shape[axis] - 1, DType::kI64)) - Expression(b, place);
    if (call.integer("keepdims", 1) != 0) place = b.reshape(place, with_ones(shape, axes));
    call.set(0, place);
  };
}

/// Before version 13 the axes from `axis` on count as one.
std::function<void(Call&)> normalised_exponentials(Value (*compute)(ir::Builder& b, Value x, int64_t axis)) {
  return [compute](Call& call) {
    const Shape shape = call.shape(0);
    const bool one_axis = call.version >= 13;
    const size_t axis = call.axis(call.integer("axis", one_axis ? -1 : 1), std::max<size_t>(shape.rank(), 1));
    if (one_axis) return call.set(0, compute(call.b, call.value(0), static_cast<int64_t>(axis)));
    const Shape matrix{shape.element_count(0, axis), shape.element_count(axis, shape.rank())};
    call.set(0, call.b.reshape(compute(call.b, call.b.reshape(call.value(0), matrix), 1), shape));
  };
}

Value softmax(ir::Builder& b, Value x, int64_t axis) { return b.call("softmax", {x}, {{"axis", axis}}); }
Value log_softmax(ir::Builder& b, Value x, int64_t axis) { return b.call("log_softmax", {x}, {{"axis", axis}}); }

/// 1 at the first largest entry, 0 elsewhere.
Value hardmax(ir::Builder& b, Value x, int64_t axis) {
  const Shape shape = b.shape(x);
  const Value place = b.cast(b.call("argmax", {x}, {{"axis", axis}}), DType::kI64);
  const Value spread = b.broadcast_to(b.reshape(place, with_ones(shape, {axis})), shape);
  const Value index = b.call("iota", {}, {{"shape", shape}, {"axis", axis}, {"dtype", DType::kI64}});
  return b.cast(b.call("equal", {index, spread}), b.dtype(x));
}

/// Sums of all entries up to each: the entries 1, 2, 4, ... places before are added, until all are in.
void import_cumulative_sum(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  const Integers given = call.known_integers(1);
  if (given.size() != 1) call.wrong("it takes one axis");
  const size_t axis = call.axis(given[0], shape.rank());
  const Integers axes{static_cast<int64_t>(axis)};
  const auto size = shape[axis].as_constant();
  if (!size) call.unsupported("sums along an axis whose size is known at run time only");
  const bool reverse = call.integer("reverse", 0) != 0;
  Value x = call.value(0);
  const Value zero = b.scalar(0, call.dtype(0));
  const auto later = [&](Value value, int64_t places) {
    Shape low(Dims(shape.rank(), Dim(0))), high = low, limits = shape;
    low[axis] = places;
    limits[axis] = *size - places;
    const Value kept = b.call("slice", {value}, {{"starts", high}, {"limits", limits}, {"strides", Integers(shape.rank(), 1)}});
    return b.call("pad", {kept, zero}, {{"low", low}, {"high", high}});
  };
  if (reverse) x = b.call("reverse", {x}, {{"axes", axes}});
  if (call.integer("exclusive", 0) != 0 && *size > 0) x = later(x, 1);
  for (int64_t places = 1; places < *size; places *= 2) x = b.call("add", {x, later(x, places)});
  if (reverse) x = b.call("reverse", {x}, {{"axes", axes}});
  call.set(0, x);
}

}  // namespace

void add_reductions(OperatorTable& table) {
  struct Row {
    const char* name;
    Formula compute;
    int64_t axes_as_input;
  };
  for (const Row& row : {Row{"ReduceSum", sum, 13},
                         {"ReduceMean", mean, 18},
                         {"ReduceMax", largest, 18},
                         {"ReduceMin", smallest, 18},
                         {"ReduceL1", l1, 18},
                         {"ReduceL2", l2, 18},
                         {"ReduceSumSquare", sum_square, 18},
                         {"ReduceLogSum", log_sum, 18},
                         {"ReduceLogSumExp", log_sum_exp, 18}})
    table.push_back({row.name, 1, reduction(row.compute, row.axes_as_input)});
  table.push_back({"ReduceProd", 1, reduction(product, 18), fold_product});
  table.push_back({"ArgMax", 1, position("argmax")});
  table.push_back({"ArgMin", 1, position("argmin")});
  table.push_back({"Softmax", 1, normalised_exponentials(softmax)});
  table.push_back({"LogSoftmax", 1, normalised_exponentials(log_softmax)});
  table.push_back({"Hardmax", 1, normalised_exponentials(hardmax)});
  table.push_back({"CumSum", 11, import_cumulative_sum});
}

}  // namespace sinter::onnx
