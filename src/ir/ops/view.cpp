// Views: ops that only move elements. Each says twice where a result element comes from: as a walk over strides (the evaluator's truth)
// and as pieces over Dims (what kernels are made of); tests/ir/view_pieces_test.cpp holds one against the other.
#include <algorithm>

#include "ir/builder.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"

namespace sinter::ir {

namespace {

size_t at(int64_t axis) { return static_cast<size_t>(axis); }

/// Row-major order of a tensor itself.
Walk walk_all(const Tensor& tensor) { return {0, row_major_strides(tensor.extents())}; }

/// The only result: element i from the data (the first operand) at the walk's i.
std::vector<Tensor> read_along(const EvaluateRequest& request, const Walk& walk) {
  Tensor result = request.make_result();
  copy_elements(result, walk_all(result), request.operands[0], walk, result.extents());
  return {result};
}

std::vector<Piece> one_piece(std::vector<Dim> index) { return {Piece{{}, 0, std::move(index)}}; }

/// Of an op with one operand.
Gradient gradient_of_data(Value (*rule)(const GradientRequest&)) {
  return GradientRule([rule](const GradientRequest& request) { return std::vector<Value>{rule(request)}; });
}

// ---- reshape ----

/// The axes of a shape that are not the constant 1, with their dims: only these matter to where an element is.
struct Axes {
  std::vector<size_t> axes;
  std::vector<Dim> dims;
  explicit Axes(const Shape& shape) {
    for (size_t axis = 0; axis < shape.rank(); ++axis) {
      if (is_one(shape[axis])) continue;
      axes.push_back(axis);
      dims.push_back(shape[axis]);
    }
  }
  size_t size() const { return axes.size(); }
};

Dim product(const std::vector<Dim>& dims, size_t begin, size_t end) {
  Dim result = 1;
  for (size_t i = begin; i < end; ++i) result = result * dims[i];
  return result;
}

/// The shortest runs of dims from `a_begin` and `b_begin` with provably equal products: their ends. All that is left when there are none.
std::pair<size_t, size_t> matching_run(const std::vector<Dim>& a, size_t a_begin, const std::vector<Dim>& b, size_t b_begin) {
  for (size_t a_end = a_begin + 1; a_end <= a.size(); ++a_end) {
    for (size_t b_end = b_begin + 1; b_end <= b.size(); ++b_end) {
      if (product(a, a_begin, a_end) == product(b, b_begin, b_end)) return {a_end, b_end};
    }
  }
  return {a.size(), b.size()};
}

/// Runs of operand axes and result axes of equal size correspond; within a run, by the row-major position. A run of one axis on both sides
/// passes its index through, so that an axis which the reshape does not touch stays plain.
std::vector<Piece> reshape_pieces(const AccessRequest& request) {
  const Shape& shape = request.operands[0].shape;
  std::vector<Dim> index(shape.rank(), 0);
  if (shape.element_count() == Dim(0)) return one_piece(std::move(index));  // nobody asks, and the strides would be zero
  const Axes from(shape), to(request.result.shape);
  for (size_t i = 0, k = 0; i < from.size();) {
    const auto [i_end, k_end] = matching_run(from.dims, i, to.dims, k);
    Dim position = 0;
    for (size_t j = k; j < k_end; ++j) position = position * to.dims[j] + request.index[to.axes[j]];
    for (size_t j = i; j < i_end; ++j) {
      Dim& entry = index[from.axes[j]];
      entry = floor_div(position, product(from.dims, j + 1, i_end));
      if (j > i) entry = mod(entry, from.dims[j]);
    }
    i = i_end, k = k_end;
  }
  return one_piece(std::move(index));
}

OpDef reshape() {
  OpDef op;
  op.name = "reshape";
  op.doc = "The same elements, in row-major order, under another shape.";
  op.operands = {{"data", "any dtype and rank"}};
  op.attributes = {{"shape", AttributeKind::kShape, "of the result"}};
  op.rules = {{"C1", "no dim of shape is negative"}, {"C2", "shape has as many elements as data, provably"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const Shape& shape = request.get<Shape>("shape");
    request.require(never_negative(shape), "C1", "negative dim in " + shape.to_string());
    const Dim from = request.shape(0).element_count(), to = shape.element_count();
    request.require(from == to, "C2", shape.to_string() + " has " + to.to_string() + " elements, data has " + from.to_string());
    return {{request.dtype(0), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    return {request.operands[0].reshaped(request.result_types[0].shape.evaluate(request.symbols))};
  };
  op.gradient =
      gradient_of_data([](const GradientRequest& r) { return r.builder.reshape(r.cotangents[0], Shape(r.builder.shape(r.operands[0]))); });
  op.lowering = View{reshape_pieces};
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  op.samples = in_both_floats({sample({"f32[6]"}, {{"shape", Shape{2, 3}}}),
                               sample({"f32[n, 3, 5]"}, {{"shape", Shape{n, 15}}}),
                               sample({"f32[n, 12]"}, {{"shape", Shape{n, 3, 1, 4}}}),
                               sample({"f32[4, n, 3]"}, {{"shape", Shape{4 * n, 3}}}),
                               sample({"f32[n, m]"}, {{"shape", Shape{m, n}}}),
                               sample({"f32[n, 6, 5]"}, {{"shape", Shape{2 * n, 15}}}),
                               sample({"f32[1, n, m, 1]"}, {{"shape", Shape{n * m, 1}}}),
                               sample({"f32[1, 1]"}, {{"shape", Shape{}}}),
                               sample({"f32[]"}, {{"shape", Shape{1}}}),
                               sample({"f32[3, 0]"}, {{"shape", Shape{0, 5, 2}}})});
  op.samples.push_back(sample_without_gradient({"bool[n, 4]"}, {{"shape", Shape{4, n}}}));
  op.bad_samples = {bad("C1", {"f32[2, 3]"}, {{"shape", Shape{-2, -3}}}),
                    bad("C2", {"f32[2, 3]"}, {{"shape", Shape{5}}}),
                    bad("C2", {"f32[n, 3]"}, {{"shape", Shape{m, 3}}})};
  return op;
}

// ---- transpose ----

OpDef transpose() {
  OpDef op;
  op.name = "transpose";
  op.doc = "Reorders axes: axis k of the result is axis permutation[k] of data.";
  op.operands = {{"data", "any dtype and rank"}};
  op.attributes = {{"permutation", AttributeKind::kIntegers, "an axis of data per axis of the result"}};
  op.rules = {{"C1", "permutation names each axis of data once"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    Integers sorted = request.get<Integers>("permutation");
    std::sort(sorted.begin(), sorted.end());
    const size_t rank = request.shape(0).rank();
    request.require(sorted.size() == rank && are_axes(sorted, rank), "C1", "not a permutation of the axes of data");
    Shape shape;
    for (const int64_t axis : request.get<Integers>("permutation")) shape.push_back(request.shape(0)[at(axis)]);
    return {{request.dtype(0), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) {
    const Extents strides = row_major_strides(request.operands[0].extents());
    Walk walk;
    for (const int64_t axis : request.get<Integers>("permutation")) walk.steps.push_back(strides[at(axis)]);
    return read_along(request, walk);
  };
  op.gradient = gradient_of_data([](const GradientRequest& request) {
    const Integers& permutation = request.get<Integers>("permutation");
    Integers inverse(permutation.size());
    for (size_t k = 0; k < permutation.size(); ++k) inverse[at(permutation[k])] = static_cast<int64_t>(k);
    return request.builder.call("transpose", {request.cotangents[0]}, {{"permutation", inverse}});
  });
  op.lowering = View{[](const AccessRequest& request) {
    const Integers& permutation = request.get<Integers>("permutation");
    std::vector<Dim> index(permutation.size());
    for (size_t k = 0; k < permutation.size(); ++k) index[at(permutation[k])] = request.index[k];
    return one_piece(std::move(index));
  }};
  op.samples = in_both_floats({sample({"f32[n, 3]"}, {{"permutation", Integers{1, 0}}}),
                               sample({"f32[2, n, 5]"}, {{"permutation", Integers{2, 0, 1}}}),
                               sample({"f32[n, 1, m, 2, 3]"}, {{"permutation", Integers{4, 2, 0, 3, 1}}}),
                               sample({"f32[]"}, {{"permutation", Integers{}}})});
  op.samples.push_back(sample_without_gradient({"i64[n, 0, 2]"}, {{"permutation", Integers{1, 2, 0}}}));
  op.bad_samples = {bad("C1", {"f32[2, 3]"}, {{"permutation", Integers{0}}}),
                    bad("C1", {"f32[2, 3]"}, {{"permutation", Integers{0, 0}}}),
                    bad("C1", {"f32[2, 3]"}, {{"permutation", Integers{1, 2}}})};
  return op;
}

// ---- broadcast ----

/// Axis i of data has one entry that the whole axis of the result repeats.
bool is_spread(const Shape& data, const Shape& result, const Integers& axes, size_t i) {
  return is_one(data[i]) && !is_one(result[at(axes[i])]);
}

std::vector<TensorType> broadcast_type(const TypeRequest& request) {
  const Shape &shape = request.get<Shape>("shape"), &data = request.shape(0);
  const Integers& axes = request.get<Integers>("axes");
  request.require(never_negative(shape), "C1", "negative dim in " + shape.to_string());
  request.require(axes.size() == data.rank() && are_axes(axes, shape.rank()), "C2",
                  "axes must give an increasing axis of " + shape.to_string() + " to each axis of data");
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim& wanted = shape[at(axes[i])];
    request.require(
        data[i] == wanted || is_one(data[i]), "C3",
        "axis " + std::to_string(i) + " of data does not spread to axis " + std::to_string(axes[i]) + " of " + shape.to_string(),
        "only the constant 1 is spread, never a symbol");
  }
  return {{request.dtype(0), shape}};
}

Value broadcast_gradient(const GradientRequest& request) {
  const Integers& axes = request.get<Integers>("axes");
  const Shape data = request.builder.shape(request.operands[0]), &result = request.get<Shape>("shape");
  Integers kept;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!is_spread(data, result, axes, i)) kept.push_back(axes[i]);
  }
  const Integers summed = other_axes(kept, result.rank());
  if (summed.empty()) return request.cotangents[0];
  return request.builder.reshape(request.builder.reduce("reduce_sum", request.cotangents[0], summed), data);
}

OpDef broadcast() {
  OpDef op;
  op.name = "broadcast";
  op.doc = "Spreads data over a shape: axis i of data lies along axis axes[i] of the result, all other axes repeat.";
  op.operands = {{"data", "any dtype and rank"}};
  op.attributes = {{"shape", AttributeKind::kShape, "of the result"},
                   {"axes", AttributeKind::kIntegers, "an axis of the result per axis of data, strictly increasing"}};
  op.rules = {{"C1", "no dim of shape is negative"},
              {"C2", "axes has one axis of shape per axis of data, strictly increasing"},
              {"C3", "each dim of data equals its dim of shape or is the constant 1"}};
  op.type = broadcast_type;
  op.evaluate = [](const EvaluateRequest& request) {
    const Tensor& data = request.operands[0];
    const Integers& axes = request.get<Integers>("axes");
    const Extents strides = row_major_strides(data.extents());
    Walk walk{0, Extents(request.result_types[0].shape.rank(), 0)};
    for (size_t i = 0; i < axes.size(); ++i) walk.steps[at(axes[i])] = data.extents()[i] == 1 ? 0 : strides[i];
    return read_along(request, walk);
  };
  op.gradient = gradient_of_data(broadcast_gradient);
  op.lowering = View{[](const AccessRequest& request) {
    const Integers& axes = request.get<Integers>("axes");
    std::vector<Dim> index;
    for (size_t i = 0; i < axes.size(); ++i) {
      index.push_back(is_spread(request.operands[0].shape, request.result.shape, axes, i) ? Dim(0) : request.index[at(axes[i])]);
    }
    return one_piece(std::move(index));
  }};
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  op.samples = in_both_floats({sample({"f32[]"}, {{"shape", Shape{2, 3}}, {"axes", Integers{}}}),
                               sample({"f32[n]"}, {{"shape", Shape{3, n}}, {"axes", Integers{1}}}),
                               sample({"f32[n]"}, {{"shape", Shape{n, 3}}, {"axes", Integers{0}}}),
                               sample({"f32[n, 1]"}, {{"shape", Shape{n, n + 1}}, {"axes", Integers{0, 1}}}),
                               sample({"f32[1, n, 1]"}, {{"shape", Shape{2, 3, 1, n, 5}}, {"axes", Integers{1, 3, 4}}}),
                               sample_without_gradient({"f32[1]"}, {{"shape", Shape{0}}, {"axes", Integers{0}}}),
                               sample({"f32[n, 1]"}, {{"shape", Shape{n, 1}}, {"axes", Integers{0, 1}}})});
  op.samples.push_back(sample_without_gradient({"bool[n]"}, {{"shape", Shape{2, n}}, {"axes", Integers{1}}}));
  op.bad_samples = {bad("C1", {"f32[]"}, {{"shape", Shape{-1}}, {"axes", Integers{}}}),
                    bad("C2", {"f32[3]"}, {{"shape", Shape{2, 3}}, {"axes", Integers{}}}),
                    bad("C2", {"f32[2, 3]"}, {{"shape", Shape{3, 2}}, {"axes", Integers{1, 0}}}),
                    bad("C3", {"f32[4]"}, {{"shape", Shape{2, 3}}, {"axes", Integers{1}}}),
                    bad("C3", {"f32[n]"}, {{"shape", Shape{m}}, {"axes", Integers{0}}})};
  return op;
}

// ---- slice ----

std::vector<TensorType> slice_type(const TypeRequest& request) {
  const Shape &data = request.shape(0), &starts = request.get<Shape>("starts"), &limits = request.get<Shape>("limits");
  const Integers& strides = request.get<Integers>("strides");
  const size_t rank = data.rank();
  request.require(starts.rank() == rank && limits.rank() == rank && strides.size() == rank, "C1",
                  "starts, limits and strides must have " + std::to_string(rank) + " entries");
  Shape shape;
  for (size_t k = 0; k < rank; ++k) {
    const std::string axis = "axis " + std::to_string(k) + ": ";
    request.require(strides[k] >= 1, "C2", axis + "stride " + std::to_string(strides[k]));
    request.require(
        is_nonnegative(starts[k]) && is_nonnegative(data[k] - limits[k]), "C3",
        axis + "cannot prove that " + starts[k].to_string() + " .. " + limits[k].to_string() + " lies within 0 .. " + data[k].to_string(),
        "min(" + limits[k].to_string() + ", " + data[k].to_string() + ") is a limit that always fits");
    const Dim length = limits[k] - starts[k];
    request.require(length.upper_bound().value_or(0) >= 0, "C4",
                    axis + "limit " + limits[k].to_string() + " is below start " + starts[k].to_string());
    shape.push_back(ceil_div(length, strides[k]));
  }
  return {{request.dtype(0), shape}};
}

/// Entries back to where they were taken from. An axis with a stride is scattered into zeros, the others are padded with them.
Value slice_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Shape data = builder.shape(request.operands[0]);
  const Integers& strides = request.get<Integers>("strides");
  Value gradient = request.cotangents[0];
  Shape low, high;
  for (size_t k = 0; k < data.rank(); ++k) {
    const Dim &start = request.get<Shape>("starts")[k], &limit = request.get<Shape>("limits")[k];
    low.push_back(strides[k] == 1 ? start : Dim(0));
    high.push_back(strides[k] == 1 ? data[k] - limit : Dim(0));
    if (strides[k] == 1) continue;
    Shape target = builder.shape(gradient);
    const Shape entries{target[k]};
    const Expression number{builder, builder.call("iota", {}, {{"shape", entries}, {"axis", 0}, {"dtype", DType::kI64}})};
    const Expression position = number * static_cast<double>(strides[k]) + Expression(builder, builder.dim(start, DType::kI64));
    target[k] = data[k];
    const Value zeros = builder.full(0, builder.dtype(gradient), target);
    gradient = builder.call("scatter_add", {zeros, position, gradient}, {{"axis", static_cast<int64_t>(k)}});
  }
  const auto is_zero = [](const Dim& dim) { return dim == Dim(0); };
  if (std::all_of(low.begin(), low.end(), is_zero) && std::all_of(high.begin(), high.end(), is_zero)) return gradient;
  return builder.call("pad", {gradient, builder.scalar(0, builder.dtype(gradient))}, {{"low", low}, {"high", high}});
}

Attributes slice_attributes(Shape starts, Shape limits, Integers strides) {
  return {{"starts", std::move(starts)}, {"limits", std::move(limits)}, {"strides", std::move(strides)}};
}

Value slice_of(Builder& builder, Value data, Shape starts, Shape limits) {
  Integers ones(starts.rank(), 1);
  return builder.call("slice", {data}, slice_attributes(std::move(starts), std::move(limits), std::move(ones)));
}

OpDef slice() {
  OpDef op;
  op.name = "slice";
  op.doc = "A box of data: along axis k the entries starts[k], starts[k] + strides[k], ... below limits[k]. "
           "A length that turns out negative at run time is refused at entry.";
  op.operands = {{"data", "any dtype and rank"}};
  op.attributes = {{"starts", AttributeKind::kShape, "the first entry per axis"},
                   {"limits", AttributeKind::kShape, "the end per axis, exclusive"},
                   {"strides", AttributeKind::kIntegers, "the step per axis"}};
  op.rules = {{"C1", "starts, limits and strides have one entry per axis"},
              {"C2", "strides are 1 or more"},
              {"C3", "0 <= starts and limits <= the dims of data, provably"},
              {"C4", "no limit is known to be below its start"}};
  op.type = slice_type;
  op.evaluate = [](const EvaluateRequest& request) {
    const Extents starts = request.get<Shape>("starts").evaluate(request.symbols);
    const Extents strides = row_major_strides(request.operands[0].extents());
    Walk walk;
    for (size_t k = 0; k < starts.size(); ++k) {
      walk.base += starts[k] * strides[k];
      walk.steps.push_back(request.get<Integers>("strides")[k] * strides[k]);
    }
    return read_along(request, walk);
  };
  op.gradient = gradient_of_data(slice_gradient);
  op.lowering = View{[](const AccessRequest& request) {
    std::vector<Dim> index;
    for (size_t k = 0; k < request.index.size(); ++k) {
      index.push_back(request.get<Shape>("starts")[k] + request.index[k] * request.get<Integers>("strides")[k]);
    }
    return one_piece(std::move(index));
  }};
  const Dim n = Dim::symbol("n");
  op.samples = in_both_floats({sample({"f32[7]"}, slice_attributes({2}, {6}, {1})),
                               sample({"f32[n, 5]"}, slice_attributes({0, 1}, {n, 5}, {1, 2})),
                               sample({"f32[n, n + 1]"}, slice_attributes({0, 1}, {n, n + 1}, {1, 1})),
                               sample({"f32[2*n, n, 4]"}, slice_attributes({n, 0, 0}, {2 * n, n, 4}, {1, 1, 3})),
                               sample({"f32[n, 9, 4]"}, slice_attributes({0, 1, 1}, {min(n, 3), 8, 3}, {1, 3, 1})),
                               sample({"f32[n, n + 2]"}, slice_attributes({0, 1}, {n, n + 2}, {1, 2})),
                               sample_without_gradient({"f32[4, 3]"}, slice_attributes({2, 0}, {2, 3}, {1, 1})),
                               sample({"f32[]"}, slice_attributes({}, {}, {}))});
  op.samples.push_back(sample_without_gradient({"u32[n, 2]"}, slice_attributes({0, 1}, {n, 2}, {1, 1})));
  op.bad_samples = {bad("C1", {"f32[4, 4]"}, slice_attributes({0}, {4}, {1})),
                    bad("C2", {"f32[4]"}, slice_attributes({0}, {4}, {0})),
                    bad("C3", {"f32[4]"}, slice_attributes({0}, {5}, {1})),
                    bad("C3", {"f32[4]"}, slice_attributes({-1}, {4}, {1})),
                    bad("C3", {"f32[n]"}, slice_attributes({0}, {2}, {1})),
                    bad("C4", {"f32[4]"}, slice_attributes({3}, {2}, {1}))};
  return op;
}

// ---- pad ----

/// Where data lies inside the padded result: starts (= low) and limits.
Shape limits_of_data(const Shape& low, const Shape& data) {
  Shape limits;
  for (size_t k = 0; k < low.rank(); ++k) limits.push_back(low[k] + data[k]);
  return limits;
}

std::vector<Value> pad_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Value cotangent = request.cotangents[0];
  const Shape &low = request.get<Shape>("low"), data = builder.shape(request.operands[0]);
  std::vector<Value> gradients(2);
  if (request.wanted[0]) gradients[0] = slice_of(builder, cotangent, low, limits_of_data(low, data));
  if (request.wanted[1]) {
    const Value inside = builder.full(0, DType::kBool, data), outside = builder.scalar(1, DType::kBool);
    const Expression is_padding{builder, builder.call("pad", {inside, outside}, request.attributes)};
    const Expression dy{builder, cotangent}, zero{builder, builder.full_like(0, cotangent)};
    gradients[1] = builder.reduce("reduce_sum", select(is_padding, dy, zero), other_axes({}, data.rank()));
  }
  return gradients;
}

std::vector<Piece> pad_pieces(const AccessRequest& request) {
  const Shape &low = request.get<Shape>("low"), &high = request.get<Shape>("high"), &data = request.operands[0].shape;
  Piece inside;
  for (size_t k = 0; k < data.rank(); ++k) {
    inside.index.push_back(request.index[k] - low[k]);
    if (low[k] != Dim(0) || high[k] != Dim(0)) inside.guards.push_back({request.index[k], low[k], low[k] + data[k]});
  }
  if (inside.guards.empty()) return {inside};
  return {inside, Piece{{}, 1, {}}};
}

OpDef pad() {
  OpDef op;
  op.name = "pad";
  op.doc = "Data with low[k] entries of padding before and high[k] after it along axis k.";
  op.operands = {{"data", "any dtype and rank"}, {"padding", "what surrounds it, of rank 0"}};
  op.attributes = {{"low", AttributeKind::kShape, "entries before, per axis"}, {"high", AttributeKind::kShape, "entries after, per axis"}};
  op.rules = {{"C1", "padding has the dtype of data and rank 0"},
              {"C2", "low and high have one entry per axis"},
              {"C3", "low and high are 0 or more, provably"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const Shape &low = request.get<Shape>("low"), &high = request.get<Shape>("high"), &data = request.shape(0);
    request.require(request.operands[1] == TensorType{request.dtype(0), {}}, "C1",
                    "padding must be " + TensorType{request.dtype(0), {}}.to_string());
    request.require(low.rank() == data.rank() && high.rank() == data.rank(), "C2",
                    "low and high must have " + std::to_string(data.rank()) + " entries");
    Shape shape;
    for (size_t k = 0; k < data.rank(); ++k) {
      request.require(
          is_nonnegative(low[k]) && is_nonnegative(high[k]), "C3",
          "axis " + std::to_string(k) + ": cannot prove that " + low[k].to_string() + " and " + high[k].to_string() + " are 0 or more",
          "slice takes entries away");
      shape.push_back(low[k] + data[k] + high[k]);
    }
    return {{request.dtype(0), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor& data = request.operands[0];
    Tensor result = request.make_result();
    for (int64_t i = 0; i < result.size(); ++i) copy_element(result, i, request.operands[1], 0);
    const Extents low = request.get<Shape>("low").evaluate(request.symbols);
    Walk inside = walk_all(result);
    for (size_t k = 0; k < low.size(); ++k) inside.base += low[k] * inside.steps[k];
    copy_elements(result, inside, data, walk_all(data), data.extents());
    return {result};
  };
  op.gradient = GradientRule(pad_gradient);
  op.lowering = View{pad_pieces};
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  op.samples = in_both_floats({sample({"f32[3]", "f32[]"}, {{"low", Shape{2}}, {"high", Shape{1}}}),
                               sample({"f32[n, 3]", "f32[]"}, {{"low", Shape{1, 0}}, {"high", Shape{0, 2}}}),
                               sample({"f32[2, n, 1]", "f32[]"}, {{"low", Shape{0, 2 * n, 0}}, {"high", Shape{0, n, 3}}}),
                               sample({"f32[0, 2]", "f32[]"}, {{"low", Shape{1, 1}}, {"high", Shape{1, 0}}}),
                               sample_without_gradient({"f32[n]", "f32[]"}, {{"low", Shape{0}}, {"high", Shape{0}}})});
  op.samples.push_back(sample_without_gradient({"i32[n]", "i32[]"}, {{"low", Shape{1}}, {"high", Shape{0}}}));
  op.bad_samples = {bad("C1", {"f32[3]", "f64[]"}, {{"low", Shape{1}}, {"high", Shape{1}}}),
                    bad("C1", {"f32[3]", "f32[1]"}, {{"low", Shape{1}}, {"high", Shape{1}}}),
                    bad("C2", {"f32[3]", "f32[]"}, {{"low", Shape{1, 1}}, {"high", Shape{1}}}),
                    bad("C3", {"f32[3]", "f32[]"}, {{"low", Shape{-1}}, {"high", Shape{1}}}),
                    bad("C3", {"f32[n]", "f32[]"}, {{"low", Shape{0}}, {"high", Shape{n - m}}})};
  return op;
}

// ---- concatenate ----

std::vector<TensorType> concatenate_type(const TypeRequest& request) {
  const int64_t axis = request.get<int64_t>("axis");
  request.require(!request.operands.empty(), "C1", "needs an operand");
  request.require(is_axis(axis, request.shape(0).rank()), "C2", "no axis " + std::to_string(axis));
  TensorType result = request.operands[0];
  for (size_t i = 1; i < request.operands.size(); ++i) {
    const TensorType& part = request.operands[i];
    request.require(part.dtype == result.dtype && part.shape.rank() == result.shape.rank() &&
                        without(part.shape, {axis}) == without(result.shape, {axis}),
                    "C3", "operand " + std::to_string(i) + " differs in more than axis " + std::to_string(axis));
    result.shape[at(axis)] = result.shape[at(axis)] + part.shape[at(axis)];
  }
  return {result};
}

/// The part of `whole` from `start` to `limit` along `axis`. Where the limit cannot be proved to fit, entries are gathered, which is
/// checked.
Value part_of(Builder& builder, Value whole, size_t axis, const Dim& start, const Dim& length) {
  const Shape shape = builder.shape(whole);
  Shape starts(std::vector<Dim>(shape.rank(), 0)), limits = shape;
  starts[axis] = start;
  limits[axis] = start + length;
  if (is_nonnegative(start) && is_nonnegative(shape[axis] - limits[axis])) return slice_of(builder, whole, starts, limits);
  const Expression number{builder, builder.call("iota", {}, {{"shape", Shape{length}}, {"axis", 0}, {"dtype", DType::kI64}})};
  const Value entries = number + Expression(builder, builder.dim(start, DType::kI64));
  return builder.call("gather", {whole, entries}, {{"axis", static_cast<int64_t>(axis)}});
}

OpDef concatenate() {
  OpDef op;
  op.name = "concatenate";
  op.doc = "The operands one after another along an axis.";
  op.operands = {{"parts", "one or more, of equal dtype and of shapes that differ along the axis only", true}};
  op.attributes = {{"axis", AttributeKind::kInteger, "along which they follow each other"}};
  op.rules = {{"C1", "there is an operand"},
              {"C2", "axis is an axis of the operands"},
              {"C3", "the operands have equal dtypes and, but for axis, equal shapes"}};
  op.type = concatenate_type;
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const size_t axis = at(request.get<int64_t>("axis"));
    Tensor result = request.make_result();
    Walk place = walk_all(result);
    for (const Tensor& part : request.operands) {
      copy_elements(result, place, part, walk_all(part), part.extents());
      place.base += part.extents()[axis] * place.steps[axis];
    }
    return {result};
  };
  op.gradient = GradientRule([](const GradientRequest& request) {
    const size_t axis = at(request.get<int64_t>("axis"));
    std::vector<Value> gradients(request.operands.size());
    Dim start = 0;
    for (size_t i = 0; i < request.operands.size(); ++i) {
      const Dim length = request.builder.shape(request.operands[i])[axis];
      if (request.wanted[i]) gradients[i] = part_of(request.builder, request.cotangents[0], axis, start, length);
      start = start + length;
    }
    return gradients;
  });
  op.lowering = View{[](const AccessRequest& request) {
    const size_t axis = at(request.get<int64_t>("axis"));
    std::vector<Piece> pieces;
    Dim start = 0;
    for (size_t i = 0; i < request.operands.size(); ++i) {
      const Dim limit = start + request.operands[i].shape[axis];
      Piece piece{{{request.index[axis], start, limit}}, static_cast<int>(i), request.index};
      piece.index[axis] = request.index[axis] - start;
      pieces.push_back(std::move(piece));
      start = limit;
    }
    return pieces;
  }};
  op.samples = in_both_floats({sample({"f32[3]", "f32[2]"}, {{"axis", 0}}),
                               sample({"f32[n, 2]", "f32[m, 2]", "f32[n, 2]"}, {{"axis", 0}}),
                               sample({"f32[n, 2, 3]", "f32[n, 0, 3]", "f32[n, 5, 3]"}, {{"axis", 1}}),
                               sample({"f32[2, n]", "f32[2, 1]"}, {{"axis", 1}}),
                               sample({"f32[n, n - 1]", "f32[n, 1]"}, {{"axis", 1}}),
                               sample({"f32[n, 3]"}, {{"axis", 1}})});
  op.samples.push_back(sample_without_gradient({"bool[n]", "bool[1]"}, {{"axis", 0}}));
  op.bad_samples = {bad("C1", {}, {{"axis", 0}}),
                    bad("C2", {"f32[3]", "f32[3]"}, {{"axis", 1}}),
                    bad("C2", {"f32[]"}, {{"axis", 0}}),
                    bad("C3", {"f32[3]", "f64[3]"}, {{"axis", 0}}),
                    bad("C3", {"f32[3, 2]", "f32[3]"}, {{"axis", 0}}),
                    bad("C3", {"f32[3, n]", "f32[3, m]"}, {{"axis", 0}})};
  return op;
}

// ---- reverse ----

OpDef reverse() {
  OpDef op;
  op.name = "reverse";
  op.doc = "Data with the order of its entries turned around along axes.";
  op.operands = {{"data", "any dtype and rank"}};
  op.attributes = {{"axes", AttributeKind::kIntegers, "that are turned around, strictly increasing"}};
  op.rules = {{"C1", "axes are axes of data, strictly increasing"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    request.require(are_axes(request.get<Integers>("axes"), request.shape(0).rank()), "C1",
                    "axes must be axes of data in increasing order");
    return {request.operands[0]};
  };
  op.evaluate = [](const EvaluateRequest& request) {
    const Tensor& data = request.operands[0];
    Walk walk = walk_all(data);
    for (const int64_t axis : request.get<Integers>("axes")) {
      walk.base += (data.extents()[at(axis)] - 1) * walk.steps[at(axis)];
      walk.steps[at(axis)] *= -1;
    }
    return read_along(request, walk);
  };
  op.gradient = gradient_of_data(
      [](const GradientRequest& request) { return request.builder.call("reverse", {request.cotangents[0]}, request.attributes); });
  op.lowering = View{[](const AccessRequest& request) {
    std::vector<Dim> index = request.index;
    for (const int64_t axis : request.get<Integers>("axes")) index[at(axis)] = request.result.shape[at(axis)] - 1 - index[at(axis)];
    return one_piece(std::move(index));
  }};
  op.samples = in_both_floats({sample({"f32[5]"}, {{"axes", Integers{0}}}),
                               sample({"f32[n, 3, m]"}, {{"axes", Integers{0, 2}}}),
                               sample({"f32[2, n]"}, {{"axes", Integers{}}}),
                               sample({"f32[0, 3]"}, {{"axes", Integers{0, 1}}})});
  op.samples.push_back(sample_without_gradient({"u8[n]"}, {{"axes", Integers{0}}}));
  op.bad_samples = {bad("C1", {"f32[2]"}, {{"axes", Integers{1}}}),
                    bad("C1", {"f32[2, 2]"}, {{"axes", Integers{1, 0}}}),
                    bad("C1", {"f32[2, 2]"}, {{"axes", Integers{0, 0}}})};
  return op;
}

}  // namespace

void add_view_ops(OpRegistry& registry) {
  for (OpDef (*make)() : {reshape, transpose, broadcast, slice, pad, concatenate, reverse}) registry.add(make());
}

}  // namespace sinter::ir
