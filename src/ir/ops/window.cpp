// Windows that slide over axes: the view skew, reductions of windows, and the entries of windows that a maximum came from
// (docs/decisions/014-convolution.md).
#include <algorithm>
#include <limits>

#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/reference.h"
#include "ir/ops/sliding.h"

namespace sinter::ir {
namespace {

size_t at(int64_t axis) { return static_cast<size_t>(axis); }

// ---- skew ----

/// The attributes of skew, an entry per pair of axes.
struct Skew {
  Integers axes, window_axes, stride, dilation, input_dilation;
  Shape sizes, offset;

  template <class Request> static Skew of(const Request& request) {
    return {request.template get<Integers>("axes"), request.template get<Integers>("window_axes"), request.template get<Integers>("stride"),
            request.template get<Integers>("dilation"), request.template get<Integers>("input_dilation"), request.template get<Shape>("sizes"),
            request.template get<Shape>("offset")};
  }
};

std::vector<TensorType> skew_type(const TypeRequest& request) {
  const Skew skew = Skew::of(request);
  Shape shape = request.shape(0);
  request.require(request.operands[1] == TensorType{request.dtype(0), {}}, "C1", "padding must be " + TensorType{request.dtype(0), {}}.to_string());
  Integers named = skew.axes;
  named.insert(named.end(), skew.window_axes.begin(), skew.window_axes.end());
  std::sort(named.begin(), named.end());
  request.require(skew.axes.size() == skew.window_axes.size() && are_axes(named, shape.rank()), "C2",
                  "axes and window_axes must name axes of data, as many, each once");
  const size_t count = skew.axes.size();
  request.require(skew.stride.size() == count && skew.dilation.size() == count && skew.input_dilation.size() == count && skew.sizes.rank() == count &&
                      skew.offset.rank() == count,
                  "C3", "sizes, stride, dilation, offset and input_dilation must have " + std::to_string(count) + " entries");
  constexpr int64_t kMost = int64_t{1} << 31;
  const auto small = [](int64_t step) { return std::abs(step) <= kMost; };
  for (size_t k = 0; k < count; ++k) {
    request.require(skew.stride[k] >= 1 && skew.input_dilation[k] >= 1 && small(skew.stride[k]) && small(skew.input_dilation[k]), "C4",
                    "stride " + std::to_string(skew.stride[k]) + ", input_dilation " + std::to_string(skew.input_dilation[k]));
    request.require(small(skew.dilation[k]) && (!skew.offset[k].is_constant() || small(skew.offset[k].constant())), "C4",
                    "dilation " + std::to_string(skew.dilation[k]) + ", offset " + skew.offset[k].to_string());
    shape[at(skew.axes[k])] = skew.sizes[k];
  }
  request.require(never_negative(skew.sizes), "C5", "negative dim in " + skew.sizes.to_string());
  return {{request.dtype(0), shape}};
}

std::vector<Tensor> evaluate_skew(const EvaluateRequest& request) {
  const Tensor& data = request.operands[0];
  const Skew skew = Skew::of(request);
  Tensor result = request.make_result();
  const Extents strides = row_major_strides(data.extents());
  int64_t next = 0;
  for_each_index(result.extents(), [&](const Extents& index) {
    Extents source = index;
    bool inside = true;
    for (size_t k = 0; k < skew.axes.size(); ++k) {
      const SlidingAxis axis{skew.stride[k], skew.dilation[k], skew.input_dilation[k], skew.offset[k].evaluate(request.symbols)};
      source[at(skew.axes[k])] = axis.source(index[at(skew.axes[k])], index[at(skew.window_axes[k])], data.extents()[at(skew.axes[k])]);
      inside = inside && source[at(skew.axes[k])] >= 0;
    }
    if (inside) copy_element(result, next, data, offset_of(source, strides));
    else copy_element(result, next, request.operands[1], 0);
    ++next;
  });
  return {result};
}

std::vector<Piece> skew_pieces(const AccessRequest& request) {
  const Skew skew = Skew::of(request);
  Piece inside{{}, 0, request.index};
  for (size_t k = 0; k < skew.axes.size(); ++k) {
    const Dim &size = request.operands[0].shape[at(skew.axes[k])], &step = skew.input_dilation[k];
    const Dim place = request.index[at(skew.axes[k])] * skew.stride[k] + request.index[at(skew.window_axes[k])] * skew.dilation[k];
    const Dim position = place - skew.offset[k];
    inside.guards.push_back({place, skew.offset[k], skew.offset[k] + (size - 1) * step + 1});
    if (step != Dim(1)) inside.guards.push_back({mod(position, step), 0, 1});
    inside.index[at(skew.axes[k])] = floor_div(position, step);
  }
  if (inside.guards.empty()) return {inside};
  return {inside, Piece{{}, 1, {}}};
}

Integers negated(Integers list) {
  for (int64_t& entry : list) entry = -entry;
  return list;
}

std::vector<Value> skew_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Value cotangent = request.cotangents[0];
  const Skew skew = Skew::of(request);
  const Shape data = builder.shape(request.operands[0]);
  std::vector<Value> gradients(2);
  if (request.wanted[0]) {
    Shape sizes, offset;
    for (size_t k = 0; k < skew.axes.size(); ++k) {
      sizes.push_back(data[at(skew.axes[k])]);
      offset.push_back(-skew.offset[k]);
    }
    gradients[0] = builder.call("skew", {cotangent, builder.scalar(0, builder.dtype(cotangent))},
                                {{"axes", skew.axes},
                                 {"window_axes", skew.window_axes},
                                 {"sizes", sizes},
                                 {"stride", skew.input_dilation},
                                 {"dilation", negated(skew.dilation)},
                                 {"offset", offset},
                                 {"input_dilation", skew.stride}});
  }
  if (request.wanted[1]) {
    const Value inside = builder.full(0, DType::kBool, data), outside = builder.scalar(1, DType::kBool);
    const Expression is_padding{builder, builder.call("skew", {inside, outside}, request.attributes)};
    const Expression dy{builder, cotangent}, zero{builder, builder.full_like(0, cotangent)};
    gradients[1] = builder.reduce("reduce_sum", select(is_padding, dy, zero), other_axes({}, data.rank()));
  }
  return gradients;
}

OpDef skew_op() {
  OpDef op;
  op.name = "skew";
  op.doc =
      "Entries moved along `axes` by how far one is along `window_axes`: result[.., a, .., w, ..] = "
      "data[.., (a * stride + w * dilation - offset) / input_dilation, .., w, ..] where that divides and lies inside data, else the padding. Of data that is "
      "broadcast along the window axes these are the windows that slide over it; the gradient goes back by a skew.";
  op.operands = {{"data", "any dtype"}, {"padding", "what stands outside of it, of rank 0"}};
  op.attributes = {{"axes", AttributeKind::kIntegers, "along which entries move", std::nullopt},
                   {"window_axes", AttributeKind::kIntegers, "for each of them, the axis that says how far", std::nullopt},
                   {"sizes", AttributeKind::kShape, "of the result along axes", std::nullopt},
                   {"stride", AttributeKind::kIntegers, "per axis", std::nullopt},
                   {"dilation", AttributeKind::kIntegers, "per axis, of either sign", std::nullopt},
                   {"offset", AttributeKind::kShape, "per axis, of either sign", std::nullopt},
                   {"input_dilation", AttributeKind::kIntegers, "per axis", std::nullopt}};
  op.rules = {{"C1", "padding has the dtype of data and rank 0"},
              {"C2", "axes and window_axes are as many, and name axes of data, each once"},
              {"C3", "the other attributes have an entry per axis"},
              {"C4", "stride and input_dilation are 1 or more; all but sizes are at most 2^31"},
              {"C5", "no size is known to be negative"}};
  op.type = skew_type;
  op.evaluate = evaluate_skew;
  op.gradient = GradientRule(skew_gradient);
  op.lowering = View{skew_pieces};
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  const auto of = [](Integers axes, Integers window_axes, Shape sizes, Integers stride, Integers dilation, Shape offset, Integers input_dilation) -> Attributes {
    return {{"axes", std::move(axes)}, {"window_axes", std::move(window_axes)}, {"sizes", std::move(sizes)}, {"stride", std::move(stride)},
            {"dilation", std::move(dilation)}, {"offset", std::move(offset)}, {"input_dilation", std::move(input_dilation)}};
  };
  op.samples = in_both_floats({sample({"f32[5, 3]", "f32[]"}, of({0}, {1}, {3}, {1}, {1}, {0}, {1})),
                               sample({"f32[n, 3]", "f32[]"}, of({0}, {1}, {n}, {1}, {1}, {1}, {1})),
                               sample({"f32[2, n, 2, 3]", "f32[]"}, of({1}, {2}, {floor_div(n, 2) + 1}, {2}, {3}, {1}, {1})),
                               sample({"f32[n, 4, 3, 2, 2]", "f32[]"}, of({1, 2}, {3, 4}, {7, 4}, {1, 2}, {-1, -2}, {-1, 0}, {2, 3})),
                               sample({"f32[3, m, 9]", "f32[]"}, of({2}, {0}, {m + 2}, {1}, {-2}, {-3}, {1})),
                               sample_without_gradient({"f32[0, 3]", "f32[]"}, of({0}, {1}, {2}, {1}, {1}, {0}, {2})),
                               sample_without_gradient({"f32[n, 3]", "f32[]"}, of({}, {}, {}, {}, {}, {}, {}))});
  op.samples.push_back(sample_without_gradient({"i32[n, 2]", "i32[]"}, of({0}, {1}, {n + 1}, {1}, {1}, {1}, {1})));
  const char* table = "f32[5, 3]";
  op.bad_samples = {bad("C1", {table, "f64[]"}, of({0}, {1}, {3}, {1}, {1}, {0}, {1})),    bad("C2", {table, "f32[]"}, of({0}, {0}, {3}, {1}, {1}, {0}, {1})),
                    bad("C2", {table, "f32[]"}, of({0}, {}, {3}, {1}, {1}, {0}, {1})),     bad("C2", {table, "f32[]"}, of({0}, {2}, {3}, {1}, {1}, {0}, {1})),
                    bad("C3", {table, "f32[]"}, of({0}, {1}, {3, 1}, {1}, {1}, {0}, {1})), bad("C4", {table, "f32[]"}, of({0}, {1}, {3}, {0}, {1}, {0}, {1})),
                    bad("C4", {table, "f32[]"}, of({0}, {1}, {3}, {1}, {1}, {0}, {-1})),   bad("C5", {table, "f32[]"}, of({0}, {1}, {-3}, {1}, {1}, {0}, {1}))};
  return op;
}

// ---- what ops of windows over any axes share ----

struct Windows {
  Integers axes, window;
  Sliding sliding;

  template <class Request> static Windows of(const Request& request) {
    return {request.template get<Integers>("axes"), request.template get<Integers>("window"), Sliding::of(request)};
  }
  Attributes attributes() const {
    Attributes made = sliding.attributes();
    made["axes"] = axes;
    made["window"] = window;
    return made;
  }
  Shape window_shape() const { return Shape(std::vector<Dim>(window.begin(), window.end())); }
  Shape sizes_of(const Shape& shape) const {
    Shape sizes;
    for (const int64_t axis : axes) sizes.push_back(shape[at(axis)]);
    return sizes;
  }
  /// `shape` with these sizes along the axes.
  Shape with_sizes(Shape shape, const Shape& sizes) const {
    for (size_t k = 0; k < axes.size(); ++k) shape[at(axes[k])] = sizes[k];
    return shape;
  }
  Shape results(const Shape& shape) const { return with_sizes(shape, sliding.counts(sizes_of(shape), window_shape())); }
  Integers window_axes() const { return window_axes_of(axes); }
  int64_t entries() const {
    int64_t count = 1;
    for (const int64_t size : window) count *= size;
    return count;
  }
  /// Of [.., o.., w.., ..], the window axes as one; the number of an entry in its window along it.
  Value merged(Builder& builder, Value windows) const {
    const Shape shape = builder.shape(windows);
    const size_t first = at(axes.back()) + 1;
    Shape merged;
    for (size_t k = 0; k < shape.rank(); ++k) {
      if (k == first) merged.push_back(entries());
      if (k < first || k >= first + window.size()) merged.push_back(shape[k]);
    }
    return builder.reshape(windows, merged);
  }
  int64_t merged_axis() const { return axes.back() + 1; }
  Value numbers(Builder& builder, const Shape& merged) const {
    return builder.call("iota", {}, {{"shape", merged}, {"axis", merged_axis()}, {"dtype", DType::kI64}});
  }
};

constexpr int64_t kMostEntries = int64_t{1} << 31;

/// The types of results of windows over an operand of this shape; rules C1 to C5.
Shape require_windows(const TypeRequest& request, const Shape& shape) {
  const Windows windows = Windows::of(request);
  request.require(!windows.axes.empty() && are_axes(windows.axes, shape.rank()), "C1", "axes must be axes of the operand in increasing order, one or more");
  request.require(windows.window.size() == windows.axes.size(), "C2", "the window must have an entry per axis");
  require_entries(request, windows.sliding, windows.axes.size(), "C2");
  require_steps(request, windows.sliding, "C3");
  int64_t entries = 1;
  for (const int64_t size : windows.window) {
    request.require(size >= 1 && size <= kMostEntries / entries, "C3", "a window of " + std::to_string(size) + " entries along an axis");
    entries *= size;
  }
  require_counts(request, windows.sliding, windows.sizes_of(shape), windows.window_shape(), "C4");
  const Shape results = windows.results(shape);
  request.require(never_negative(results), "C4", "a size of the result is negative");
  return results;
}

std::vector<AttributeDef> windows_attributes() {
  std::vector<AttributeDef> attributes = sliding_attributes();
  attributes.insert(attributes.begin(), {{"axes", AttributeKind::kIntegers, "over which windows slide, increasing", std::nullopt},
                                         {"window", AttributeKind::kIntegers, "its entries along each of them", std::nullopt}});
  return attributes;
}

std::vector<Rule> windows_rules() {
  return {{"C1", "axes are in increasing order, one or more"},
          {"C2", "window, stride, paddings and dilations have one entry per axis"},
          {"C3", "window, strides and dilations are 1 or more; they and paddings are at most 2^31"},
          {"C4", "no window is known to be larger than its padded input"},
          {"C5", std::string("the operand is ") + words(Domain::kFloat)}};
}

struct Steps {
  Integers stride, dilation, input_dilation;
};
Attributes attributes(Integers axes, Integers window, Shape low, Shape high, Steps steps = {}) {
  const Integers ones(window.size(), 1);
  const auto or_ones = [&](Integers& list) { return list.empty() ? ones : list; };
  return Windows{std::move(axes), std::move(window), {or_ones(steps.stride), or_ones(steps.dilation), or_ones(steps.input_dilation), std::move(low), std::move(high)}}
      .attributes();
}

std::vector<BadSample> bad_windows(std::vector<const char*> operands) {
  const auto refused = [&](const char* label, Attributes attributes) {
    BadSample made{label, {}, std::move(attributes), {}};
    for (const char* operand : operands) made.operands.push_back(type_of_text(operand));
    return made;
  };
  return {refused("C1", attributes({}, {}, {}, {})),
          refused("C1", attributes({2, 1}, {2, 2}, {0, 0}, {0, 0})),
          refused("C1", attributes({3}, {2}, {0}, {0})),
          refused("C2", attributes({1, 2}, {2}, {0, 0}, {0, 0}, {.stride = {1, 1}, .dilation = {1, 1}, .input_dilation = {1, 1}})),
          refused("C2", attributes({1, 2}, {2, 2}, {0}, {0, 0})),
          refused("C3", attributes({1}, {0}, {0}, {0})),
          refused("C3", attributes({1, 2}, {int64_t{1} << 20, int64_t{1} << 20}, {0, 0}, {0, 0})),
          refused("C3", attributes({1}, {2}, {0}, {0}, {.stride = {0}})),
          refused("C3", attributes({1}, {2}, {int64_t{1} << 40}, {0})),
          refused("C4", attributes({1}, {9}, {0}, {-1}))};
}

// ---- references: each asks body(window number, its first element's place in the data, or -1 for padding) in order of the window ----

struct WindowWalk {
  Extents data, results, strides;
  Integers axes, window;
  std::vector<SlidingAxis> sliding;

  WindowWalk(const EvaluateRequest& request, const Extents& data, const Extents& results)
      : data(data), results(results), strides(row_major_strides(data)), axes(request.get<Integers>("axes")), window(request.get<Integers>("window")),
        sliding(sliding_axes(Sliding::of(request), request.symbols)) {}

  /// body(result's position, number of the entry, position in the data or -1).
  template <class Body> void each(Body&& body) const {
    int64_t result = 0;
    for_each_index(results, [&](const Extents& index) {
      int64_t number = 0;
      for_each_index(window, [&](const Extents& w) {
        Extents source = index;
        bool inside = true;
        for (size_t k = 0; k < axes.size(); ++k) {
          source[at(axes[k])] = sliding[k].source(index[at(axes[k])], w[k], data[at(axes[k])]);
          inside = inside && source[at(axes[k])] >= 0;
        }
        body(result, number, inside ? offset_of(source, strides) : -1);
        ++number;
      });
      ++result;
    });
  }
};

// ---- reductions of windows ----

struct WindowReduction {
  const char* name;
  ScalarOp scalar;
  Reduce::Initial start;
  const char* argument;  // the record that tells the winner, of a maximum or minimum
  double initial;
  double (*combine)(double, double);
  const char* doc;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const WindowReduction kReductions[] = {
    {"reduce_window_sum", ScalarOp::kAdd, Reduce::Initial::kZero, nullptr, 0, [](double a, double b) { return a + b; }, "The sum of each window; padding adds nothing."},
    {"reduce_window_max", ScalarOp::kMaximum, Reduce::Initial::kLowest, "reduce_window_argmax", -kInfinity, [](double a, double b) { return maximum(a, b); },
     "The largest of each window; NaN wins; padding counts as -inf. The gradient goes to the first of equals."},
    {"reduce_window_min", ScalarOp::kMinimum, Reduce::Initial::kHighest, "reduce_window_argmin", kInfinity, [](double a, double b) { return minimum(a, b); },
     "The smallest of each window; NaN wins; padding counts as inf. The gradient goes to the first of equals."},
};

std::vector<Value> reduction_gradient(const GradientRequest& request, const WindowReduction& reduction) {
  Builder& builder = request.builder;
  const Windows windows = Windows::of(request);
  const Shape sizes = windows.sizes_of(builder.shape(request.operands[0]));
  if (sizes.element_count() == Dim(0) || builder.shape(request.cotangents[0]).element_count() == Dim(0)) return {Value()};  // nothing was read
  if (reduction.argument == nullptr) {
    const Windows back{windows.axes, windows.window, windows.sliding.transposed(sizes, windows.window_shape())};
    return {builder.call(reduction.name, {request.cotangents[0]}, back.attributes())};
  }
  const Value number = builder.call(reduction.argument, {request.operands[0]}, request.attributes);
  Attributes attributes = request.attributes;
  attributes["sizes"] = sizes;
  return {builder.call("scatter_window", {request.cotangents[0], number}, std::move(attributes))};
}

std::vector<Sample> window_samples(Fill fill) {
  return in_both_floats({
      sample({{"f32[n, 6, 4, 3]", fill}}, attributes({1, 2}, {2, 2}, {0, 0}, {0, 0}, {.stride = {2, 2}})),
      sample({{"f32[n, 5, 5, 17]", fill}}, attributes({1, 2}, {3, 3}, {1, 1}, {1, 1}, {.stride = {2, 2}})),
      sample({{"f32[2, h, 4]", fill}}, attributes({1}, {3}, {1}, {0}, {.stride = {2}})),
      sample({{"f32[n, 2, 7, 3]", fill}}, attributes({2, 3}, {2, 2}, {1, 0}, {0, 1}, {.stride = {3, 1}, .dilation = {2, 1}})),
      sample({{"f32[3, n, 2]", fill}}, attributes({0, 1}, {2, 3}, {0, 2}, {0, 0}, {.dilation = {1, 2}})),
      sample({{"f32[2, 4, 3]", fill}}, attributes({1}, {3}, {2}, {1}, {.input_dilation = {2}})),
      sample({{"f32[n, 8]", fill}}, attributes({1}, {2}, {-1}, {-2}, {.stride = {3}})),
      sample({{"f32[2, 3, 2, 3, 2]", fill}}, attributes({1, 2, 3}, {2, 1, 2}, {0, 0, 1}, {0, 0, 0})),
      sample_without_gradient({{"f32[n, 3]", fill}}, attributes({0}, {3}, {0}, {0})),  // where no window may fit
      sample_without_gradient({{"f32[0, 4, 3]", fill}}, attributes({1}, {2}, {0}, {0})),
      sample_without_gradient({{"f32[2, 0, 3]", fill}}, attributes({1}, {2}, {1}, {1})),  // padding alone
  });
}

OpDef reduction_op(const WindowReduction& reduction) {
  OpDef op;
  op.name = reduction.name;
  op.doc = reduction.doc;
  op.operands = {{"x", words(Domain::kFloat)}};
  op.attributes = windows_attributes();
  op.rules = windows_rules();
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_domain(request, 0, Domain::kFloat, "C5");
    return {{request.dtype(0), require_windows(request, request.shape(0))}};
  };
  op.evaluate = [reduction](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor& x = request.operands[0];
    Tensor result = request.make_result();
    std::vector<double> values(static_cast<size_t>(result.size()), reduction.initial);
    WindowWalk(request, x.extents(), result.extents()).each([&](int64_t window, int64_t, int64_t source) {
      double& value = values[static_cast<size_t>(window)];
      if (source >= 0) value = reduction.combine(value, x.get(source));
    });
    for (int64_t i = 0; i < result.size(); ++i) result.set(i, values[static_cast<size_t>(i)]);
    return {result};
  };
  op.gradient = GradientRule([reduction](const GradientRequest& request) { return reduction_gradient(request, reduction); });
  op.lowering = Window{Window::Kind::kReduce, reduction.scalar, reduction.start};
  op.samples = window_samples(reduction.argument == nullptr ? Fill::kNormal : Fill::kDistinct);
  op.bad_samples = bad_windows({"f32[2, 5, 4]"});
  op.bad_samples.push_back(bad("C5", {"i32[2, 5, 4]"}, attributes({1}, {2}, {0}, {0})));
  return op;
}

/// reduce_window_argmax or argmin; `wins(a, b)`: a beats b.
OpDef argument_op(const char* name, ScalarOp combine, Reduce::Initial start, double padding, bool (*wins)(double, double), const char* doc) {
  OpDef op;
  op.name = name;
  op.doc = doc;
  op.operands = {{"x", words(Domain::kFloat)}};
  op.attributes = windows_attributes();
  op.rules = windows_rules();
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_domain(request, 0, Domain::kFloat, "C5");
    return {{DType::kI64, require_windows(request, request.shape(0))}};
  };
  op.evaluate = [padding, wins](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor& x = request.operands[0];
    Tensor result = request.make_result();
    double best = 0;
    WindowWalk(request, x.extents(), result.extents()).each([&](int64_t window, int64_t number, int64_t source) {
      const double value = source >= 0 ? x.get(source) : padding;
      if (number > 0 && (is_nan(best) || !(is_nan(value) || wins(value, best)))) return;
      best = value;
      result.set_integer(window, number);
    });
    return {result};
  };
  op.gradient = NotDifferentiable{"a position has no derivative"};
  op.lowering = Window{Window::Kind::kArgument, combine, start};
  for (Sample& made : op.samples = window_samples(Fill::kNormal)) made.differentiable = false;
  op.bad_samples = bad_windows({"f32[2, 5, 4]"});
  op.bad_samples.push_back(bad("C5", {"i32[2, 5, 4]"}, attributes({1}, {2}, {0}, {0})));
  return op;
}

// ---- numbered entries of windows ----

/// Rules C5 and C6 of ops with a number per window.
void require_numbers(const TypeRequest& request, const Shape& results) {
  require_domain(request, 0, Domain::kFloat, "C5");
  const TensorType expected{DType::kI64, results};
  request.require(request.operands[1] == expected, "C6", "the numbers must be " + expected.to_string());
}

std::vector<Value> pick_gradient(const GradientRequest& request) {
  Attributes attributes = request.attributes;
  attributes["sizes"] = Windows::of(request).sizes_of(request.builder.shape(request.operands[0]));
  return {request.builder.call("scatter_window", {request.cotangents[0], request.operands[1]}, std::move(attributes)), {}};
}

OpDef pick_op() {
  OpDef op;
  op.name = "pick_window";
  op.doc = "Of each window of x, the entry of this number, counted in row-major order; 0 where that is padding, or no entry.";
  op.operands = {{"x", words(Domain::kFloat)}, {"number", "i64, one per window"}};
  op.attributes = windows_attributes();
  op.rules = windows_rules();
  op.rules.push_back({"C6", "number is i64, of the shape of the result"});
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const Shape results = require_windows(request, request.shape(0));
    require_numbers(request, results);
    return {{request.dtype(0), results}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor &x = request.operands[0], &chosen = request.operands[1];
    Tensor result = request.make_result();
    WindowWalk(request, x.extents(), result.extents()).each([&](int64_t window, int64_t number, int64_t source) {
      if (source >= 0 && chosen.get_integer(window) == number) result.set(window, x.get(source));
    });
    return {result};
  };
  op.gradient = GradientRule(pick_gradient);
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    Builder& builder = request.builder;
    const Windows windows = Windows::of(request);
    const Value zero = builder.scalar(0, builder.dtype(request.operands[0]));
    const Value all = windows.merged(builder, windows_of(builder, request.operands[0], zero, windows.axes, windows.window_shape(), windows.sliding));
    const Shape shape = builder.shape(all);
    const Value chosen = builder.broadcast(request.operands[1], shape, other_axes({windows.merged_axis()}, shape.rank()));
    const Expression hit = apply("equal", {builder, chosen}, {builder, windows.numbers(builder, shape)});
    return {builder.reduce("reduce_sum", select(hit, {builder, all}, {builder, builder.full_like(0, all)}), {windows.merged_axis()})};
  }};
  op.samples = in_both_floats({
      sample({"f32[n, 6, 4, 3]", {"i64[n, 3, 2, 3]", Fill::kIndex, 4}}, attributes({1, 2}, {2, 2}, {0, 0}, {0, 0}, {.stride = {2, 2}})),
      sample({"f32[n, 5, 5, 7]", {"i64[n, 3, 3, 7]", Fill::kIndex, 9}}, attributes({1, 2}, {3, 3}, {1, 1}, {1, 1}, {.stride = {2, 2}})),
      sample({"f32[2, h, 4]", {"i64[2, h, 4]", Fill::kIndex, 3}}, attributes({1}, {3}, {1}, {1})),
      sample({"f32[2, 4, 3]", {"i64[2, 8, 3]", Fill::kSmallInteger}}, attributes({1}, {3}, {2}, {1}, {.input_dilation = {2}})),
      sample_without_gradient({"f32[0, 4, 3]", "i64[0, 3, 3]"}, attributes({1}, {2}, {0}, {0})),
  });
  op.bad_samples = bad_windows({"f32[2, 5, 4]", "i64[2, 4, 4]"});
  op.bad_samples.push_back(bad("C5", {"i32[2, 5, 4]", "i64[2, 4, 4]"}, attributes({1}, {2}, {0}, {0})));
  op.bad_samples.push_back(bad("C6", {"f32[2, 5, 4]", "i64[2, 5, 4]"}, attributes({1}, {2}, {0}, {0})));
  op.bad_samples.push_back(bad("C6", {"f32[2, 5, 4]", "i32[2, 4, 4]"}, attributes({1}, {2}, {0}, {0})));
  return op;
}

OpDef scatter_op() {
  OpDef op;
  op.name = "scatter_window";
  op.doc =
      "Zeros of a shape over which windows slide, plus each update at the entry of its window that has this number, counted in row-major order; updates at "
      "padding, or at no entry, are dropped.";
  op.operands = {{"updates", std::string(words(Domain::kFloat)) + ", one per window"}, {"number", "i64, of its shape"}};
  op.attributes = windows_attributes();
  op.attributes.push_back({"sizes", AttributeKind::kShape, "of the result along axes", std::nullopt});
  op.rules = windows_rules();
  op.rules.push_back({"C6", "updates and number have the shape of windows over the result, which has sizes along axes"});
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const Windows windows = Windows::of(request);
    const Shape& sizes = request.get<Shape>("sizes");
    Shape shape = request.shape(0);
    request.require(sizes.rank() == windows.axes.size() && never_negative(sizes), "C6", "sizes " + sizes.to_string());
    for (size_t k = 0; k < sizes.rank(); ++k)
      if (is_axis(windows.axes[k], shape.rank())) shape[at(windows.axes[k])] = sizes[k];
    const Shape results = require_windows(request, shape);
    request.require(results == request.shape(0), "C6", "windows over " + shape.to_string() + " are " + results.to_string());
    require_numbers(request, results);
    return {{request.dtype(0), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor &updates = request.operands[0], &chosen = request.operands[1];
    Tensor result = request.make_result();
    std::vector<double> sums(static_cast<size_t>(result.size()), 0);
    WindowWalk(request, result.extents(), updates.extents()).each([&](int64_t window, int64_t number, int64_t target) {
      if (target >= 0 && chosen.get_integer(window) == number) sums[static_cast<size_t>(target)] += updates.get(window);
    });
    for (int64_t i = 0; i < result.size(); ++i) result.set(i, sums[static_cast<size_t>(i)]);
    return {result};
  };
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    return {request.builder.call("pick_window", {request.cotangents[0], request.operands[1]}, Windows::of(request).attributes()), {}};
  });
  op.lowering = Window{Window::Kind::kScatter};
  const auto onto = [](Shape sizes, Attributes attributes) {
    attributes["sizes"] = std::move(sizes);
    return attributes;
  };
  const Dim h = Dim::symbol("h");
  op.samples = in_both_floats({
      sample({"f32[n, 3, 2, 3]", {"i64[n, 3, 2, 3]", Fill::kIndex, 4}}, onto({6, 4}, attributes({1, 2}, {2, 2}, {0, 0}, {0, 0}, {.stride = {2, 2}}))),
      sample({"f32[n, 3, 3, 7]", {"i64[n, 3, 3, 7]", Fill::kIndex, 9}}, onto({5, 5}, attributes({1, 2}, {3, 3}, {1, 1}, {1, 1}, {.stride = {2, 2}}))),
      sample({"f32[2, h, 4]", {"i64[2, h, 4]", Fill::kIndex, 3}}, onto({h}, attributes({1}, {3}, {1}, {1}))),
      sample({"f32[2, 8, 3]", {"i64[2, 8, 3]", Fill::kSmallInteger}}, onto({4}, attributes({1}, {3}, {2}, {1}, {.input_dilation = {2}}))),
      sample_without_gradient({"f32[0, 3, 3]", "i64[0, 3, 3]"}, onto({4}, attributes({1}, {2}, {0}, {0}))),
  });
  const char *updates = "f32[2, 4, 4]", *numbers = "i64[2, 4, 4]";
  const Attributes pairs = attributes({1}, {2}, {0}, {0});
  op.bad_samples = {bad("C1", {updates, numbers}, onto({5}, attributes({3}, {2}, {0}, {0}))),
                    bad("C2", {updates, numbers}, onto({5}, attributes({1}, {2}, {0, 0}, {0}))),
                    bad("C3", {updates, numbers}, onto({5}, attributes({1}, {0}, {0}, {0}))),
                    bad("C4", {updates, numbers}, onto({5}, attributes({1}, {9}, {0}, {0}))),
                    bad("C5", {"i32[2, 4, 4]", numbers}, onto({5}, pairs)),
                    bad("C6", {updates, numbers}, onto({6}, pairs)),
                    bad("C6", {updates, numbers}, onto({5, 1}, pairs)),
                    bad("C6", {updates, "i64[2, 4, 3]"}, onto({5}, pairs))};
  return op;
}

}  // namespace

void add_window_ops(OpRegistry& registry) {
  registry.add(skew_op());
  for (const WindowReduction& reduction : kReductions) registry.add(reduction_op(reduction));
  registry.add(argument_op("reduce_window_argmax", ScalarOp::kMaximum, Reduce::Initial::kLowest, -kInfinity, [](double a, double b) { return a > b; },
                           "The number of the largest entry of each window, counted in row-major order: the first of equals; a NaN wins; padding counts as -inf."));
  registry.add(argument_op("reduce_window_argmin", ScalarOp::kMinimum, Reduce::Initial::kHighest, kInfinity, [](double a, double b) { return a < b; },
                           "The number of the smallest entry of each window, counted in row-major order: the first of equals; a NaN wins; padding counts as inf."));
  registry.add(pick_op());
  registry.add(scatter_op());
}

}  // namespace sinter::ir
