// Entries by indices: gathers, scatters, one-hot, reversed sequences. Gathers of several axes go through the place of an entry in the
// flattened tensor.
#include <algorithm>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

Expression dim_number(Call& call, const Dim& dim) { return {call.b, call.b.dim(dim, DType::kI64)}; }

/// Indices as i64, those below zero counted from the end of an axis of `size`.
Expression places(Call& call, Value indices, const Dim& size) {
  const Expression index(call.b, call.b.cast(indices, DType::kI64));
  const Expression zero(call.b, call.b.full_like(0, index));
  return select(apply("less", index, zero), index + dim_number(call, size), index);
}

Value index_along(Call& call, const Shape& shape, size_t axis) {
  return call.b.call("iota", {}, {{"shape", shape}, {"axis", static_cast<int64_t>(axis)}, {"dtype", DType::kI64}});
}

Value flat(Call& call, Value value) { return call.b.reshape(value, Shape{call.b.shape(value).element_count()}); }

void import_gather(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  const size_t axis = call.axis(call.integer("axis", 0), shape.rank());
  const Tensor* known = call.tensor(1);
  if (known != nullptr && known->rank() == 0) {  // one entry: a slice
    const int64_t given = known->get_integer(0);
    const Dim at = given < 0 ? shape[axis] + given : Dim(given);
    if (is_nonnegative(at) && is_nonnegative(shape[axis] - 1 - at)) {
      Shape starts(Dims(shape.rank(), Dim(0))), limits = shape, rest;
      starts[axis] = at;
      limits[axis] = at + 1;
      for (size_t i = 0; i < shape.rank(); ++i)
        if (i != axis) rest.push_back(shape[i]);
      const Value entry =
          b.call("slice", {call.value(0)}, {{"starts", starts}, {"limits", limits}, {"strides", Integers(shape.rank(), 1)}});
      return call.set(0, b.reshape(entry, rest));
    }
  }
  if (known != nullptr && !is_integer(known->dtype())) call.wrong("its indices are " + known->type_string());
  bool any_negative = known == nullptr;
  for (int64_t i = 0; known != nullptr && i < known->size(); ++i) any_negative = any_negative || known->get_integer(i) < 0;
  const Value indices = any_negative ? places(call, call.value(1), shape[axis]).value : b.cast(call.value(1), DType::kI64);
  call.set(0, b.call("gather", {call.value(0), indices}, {{"axis", static_cast<int64_t>(axis)}}));
}

bool fold_gather(Call& call) {
  if (!call.dims(0) || call.rank(0) != 1 || call.tensor(1) == nullptr || call.rank(1) > 1) return false;
  const Dims& from = *call.dims(0);
  const int64_t size = static_cast<int64_t>(from.size());
  Dims chosen;
  for (int64_t i = 0; i < call.tensor(1)->size(); ++i) {
    const int64_t index = call.tensor(1)->get_integer(i), at = index < 0 ? index + size : index;
    if (at < 0 || at >= size) call.wrong("index " + std::to_string(index) + " of " + std::to_string(size) + " entries");
    chosen.push_back(from[static_cast<size_t>(at)]);
  }
  call.set_dims(0, std::move(chosen), call.rank(1) == 0, call.dtype(0));
  return true;
}

/// Where data[.., indices[i..], ..] stands in the flattened data, for each element of indices, along one axis.
Expression element_places(Call& call, const Shape& data, Value indices, size_t axis) {
  const Shape shape = call.b.shape(indices);
  if (shape.rank() != data.rank())
    call.wrong("its indices have rank " + std::to_string(shape.rank()) + ", its data " + std::to_string(data.rank()));
  std::optional<Expression> place;
  for (size_t i = 0; i < data.rank(); ++i) {
    const Expression at = i == axis ? places(call, indices, data[axis]) : Expression(call.b, index_along(call, shape, i));
    const Expression moved = at * dim_number(call, data.element_count(i + 1, data.rank()));
    place = place ? *place + moved : moved;
  }
  return *place;
}

void import_gather_elements(Call& call) {
  const Shape data = call.shape(0);
  const size_t axis = call.axis(call.integer("axis", 0), data.rank());
  const Value place = element_places(call, data, call.value(1), axis);
  call.set(0, call.b.call("gather", {flat(call, call.value(0)), place}, {{"axis", int64_t{0}}}));
}

/// Where slices that tuples of indices name begin, counted in slices. `batch` leading axes are the same in both.
Expression tuple_places(Call& call, const Shape& data, Value indices, size_t batch) {
  const Shape shape = call.b.shape(indices);
  const size_t rank = shape.rank();
  const auto length = rank == 0 ? std::nullopt : shape[rank - 1].as_constant();
  if (!length) call.unsupported("tuples of a length known at run time only");
  if (*length < 1 || batch + static_cast<size_t>(*length) > data.rank() || batch >= rank)
    call.wrong("tuples of " + std::to_string(*length) + " indices for rank " + std::to_string(data.rank()));
  const Shape tuples(Dims(shape.begin(), shape.end() - 1));
  const size_t last = batch + static_cast<size_t>(*length);
  Expression place(call.b, call.b.full(0, DType::kI64, tuples));
  for (size_t i = 0; i < last; ++i) {
    Expression at(call.b, Value{});
    if (i < batch) {
      call.equal(data[i], tuples[i], "the leading sizes of data and indices");
      at = {call.b, index_along(call, tuples, i)};
    } else {
      Shape starts(Dims(rank, Dim(0))), limits = shape;
      starts[rank - 1] = static_cast<int64_t>(i - batch);
      limits[rank - 1] = static_cast<int64_t>(i - batch) + 1;
      const Value column = call.b.call("slice", {indices}, {{"starts", starts}, {"limits", limits}, {"strides", Integers(rank, 1)}});
      at = places(call, call.b.reshape(column, tuples), data[i]);
    }
    place = place + at * dim_number(call, data.element_count(i + 1, last));
  }
  return place;
}

Shape slices_of(const Shape& data, size_t last) {
  Shape shape{data.element_count(0, last)};
  for (size_t i = last; i < data.rank(); ++i) shape.push_back(data[i]);
  return shape;
}

void import_gather_nd(Call& call) {
  const Shape data = call.shape(0);
  const int64_t batch = call.integer("batch_dims", 0);
  if (batch < 0) call.wrong("batch_dims of " + std::to_string(batch));
  const Expression place = tuple_places(call, data, call.value(1), static_cast<size_t>(batch));
  const size_t last = static_cast<size_t>(batch + call.shape(1)[call.rank(1) - 1].constant());
  call.set(0, call.b.call("gather", {call.b.reshape(call.value(0), slices_of(data, last)), place}, {{"axis", int64_t{0}}}));
}

/// Data with updates at places along the first axis. Without a reduction places are named once, as the specification asks.
Value scattered(Call& call, Value data, Value place, Value updates) {
  ir::Builder& b = call.b;
  const std::string reduction = call.text("reduction", "none");
  const auto add_to = [&](Value base, Value what) { return b.call("scatter_add", {base, place, what}, {{"axis", int64_t{0}}}); };
  if (!is_float(b.dtype(data)) && !is_integer(b.dtype(data))) call.unsupported("scatters of " + std::string(name(b.dtype(data))));
  if (reduction == "add") return add_to(data, updates);
  if (reduction != "none") call.unsupported("a reduction by " + reduction);
  const Value sums = add_to(b.full_like(0, data), updates);
  const Shape shape = b.shape(data), updated = b.shape(updates);
  const Value counts = add_to(b.full(0, DType::kI32, shape), b.full(1, DType::kI32, updated));
  return b.call("select", {b.call("greater", {counts, b.full_like(0, counts)}), sums, data});
}

void import_scatter_elements(Call& call) {
  const Shape data = call.shape(0);
  const size_t axis = call.axis(call.integer("axis", 0), data.rank());
  const Value place = flat(call, element_places(call, data, call.value(1), axis));
  call.set(0, call.b.reshape(scattered(call, flat(call, call.value(0)), place, flat(call, call.value(2))), data));
}

void import_scatter_nd(Call& call) {
  const Shape data = call.shape(0);
  const Value place = tuple_places(call, data, call.value(1), 0);
  const size_t last = static_cast<size_t>(call.shape(1)[call.rank(1) - 1].constant());
  const Value base = call.b.reshape(call.value(0), slices_of(data, last));
  call.set(0, call.b.reshape(scattered(call, base, place, call.value(2)), data));
}

void import_one_hot(Call& call) {
  ir::Builder& b = call.b;
  const Dims depth = [&] {
    if (!is_integer(call.dtype(1)) || call.tensor(1) != nullptr) return Dims{Dim(static_cast<int64_t>(call.known_number(1)))};
    return call.known_dims(1);
  }();
  if (depth.size() != 1) call.wrong("it takes one depth");
  const Shape from = call.shape(0);
  const size_t axis = call.axis(call.integer("axis", -1), from.rank() + 1);
  Shape shape = Shape(Dims(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(axis)));
  shape.push_back(depth[0]);
  for (size_t i = axis; i < from.rank(); ++i) shape.push_back(from[i]);
  Integers spread;
  for (size_t i = 0; i <= from.rank(); ++i)
    if (i != axis) spread.push_back(static_cast<int64_t>(i));
  const Value at = b.broadcast(places(call, call.value(0), depth[0]), shape, spread);
  const Value is_hot = b.call("equal", {at, index_along(call, shape, axis)});
  const auto choice = [&](int64_t which) {
    const Value pair =
        b.call("slice", {call.value(2)}, {{"starts", Shape{Dim(which)}}, {"limits", Shape{Dim(which + 1)}}, {"strides", Integers{1}}});
    return b.broadcast(b.reshape(pair, Shape{}), shape, {});
  };
  if (call.shape(2) != Shape{Dim(2)}) call.wrong("its values are " + call.type(2).to_string());
  call.set(0, b.call("select", {is_hot, choice(1), choice(0)}));
}

/// Entries of an axis that a known list of bools keeps.
void import_compress(Call& call) {
  const Tensor& keep = call.known_tensor(1);
  const bool flattened = !call.has_attribute("axis");
  const Value data = flattened ? flat(call, call.value(0)) : call.value(0);
  const size_t axis = flattened ? 0 : call.axis(call.integer("axis"), call.rank(0));
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < keep.size(); ++i)
    if (keep.get_integer(i) != 0) kept.push_back(i);
  const Value indices = call.b.constant(Tensor::of<int64_t>({static_cast<int64_t>(kept.size())}, kept));
  call.set(0, call.b.call("gather", {data, indices}, {{"axis", static_cast<int64_t>(axis)}}));
}

/// The first entries of each sequence, as many as its length, in the other order.
void import_reverse_sequence(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  const size_t time = call.axis(call.integer("time_axis", 0), shape.rank()), batch = call.axis(call.integer("batch_axis", 1), shape.rank());
  const Expression at(b, index_along(call, shape, time));
  const Expression length(b, b.broadcast(b.cast(call.value(1), DType::kI64), shape, {static_cast<int64_t>(batch)}));
  const Expression from = select(apply("less", at, length), length - at - 1.0, at);
  const Value place = element_places(call, shape, from, time);
  call.set(0, b.call("gather", {flat(call, call.value(0)), place}, {{"axis", int64_t{0}}}));
}

}  // namespace

void add_indexing(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import, std::function<bool(Call&)> fold = {}) {
    table.push_back({name, since, std::move(import), std::move(fold)});
  };
  row("Gather", 1, import_gather, fold_gather);
  row("GatherElements", 11, import_gather_elements);
  row("GatherND", 11, import_gather_nd);
  row("Scatter", 9, import_scatter_elements);
  row("ScatterElements", 11, import_scatter_elements);
  row("ScatterND", 11, import_scatter_nd);
  row("OneHot", 9, import_one_hot);
  row("Compress", 9, import_compress);
  row("ReverseSequence", 10, import_reverse_sequence);
}

}  // namespace sinter::onnx
