// Composites over axes: means, softmax and its loss, normalisation of rows, one-hot; and dropout. Each carries its expansion into other ops;
// the evaluators are independent loops in binary64. None states a bound in ULP: they sum, and differences of what they sum may cancel.
#include <cmath>
#include <limits>

#include "base/random.h"
#include "ir/builder.h"
#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"

namespace sinter::ir {

namespace {

Expression reduce(std::string_view op, const Expression& x, const Integers& axes) { return {*x.builder, x.builder->reduce(op, x, axes)}; }

/// `x`, from which a reduction over `axes` of a tensor of this shape made the axes vanish, spread over it again.
Expression spread(const Expression& x, const Shape& shape, const Integers& axes) {
  return {*x.builder, x.builder->broadcast(x, shape, other_axes(axes, shape.rank()))};
}

/// The shape of a value, safe against the graph's growth.
Shape shape_of(const Expression& x) { return x.builder->shape(x); }

// ---- mean ----

/// How many elements a reduction over `axes` takes together.
Dim count_of(const Shape& shape, const Integers& axes) {
  Dim count = 1;
  for (const int64_t axis : axes) count = count * shape[static_cast<size_t>(axis)];
  return count;
}

Expression divided_by(const Expression& x, const Dim& count) {
  return x / Expression(*x.builder, x.builder->dim(count, x.builder->dtype(x)));
}

Expression mean_of(const Expression& x, const Integers& axes) {
  const Dim count = count_of(shape_of(x), axes);
  return divided_by(reduce("reduce_sum", x, axes), count);
}

std::vector<Tensor> evaluate_mean(const EvaluateRequest& request) {
  const Tensor& x = request.operands[0];
  const Extents strides = row_major_strides(x.extents());
  Tensor result = request.make_result();
  std::vector<double> sums(static_cast<size_t>(result.size()), 0);
  for (int64_t i = 0; i < x.size(); ++i) {
    size_t place = 0;  // of element i's sum, by the axes that are kept
    for (const int64_t axis : other_axes(request.get<Integers>("axes"), x.rank())) {
      const size_t k = static_cast<size_t>(axis);
      place = place * static_cast<size_t>(x.extents()[k]) + static_cast<size_t>(i / strides[k] % x.extents()[k]);
    }
    sums[place] += x.get(i);
  }
  double count = 1;
  for (const int64_t axis : request.get<Integers>("axes")) count *= static_cast<double>(x.extents()[static_cast<size_t>(axis)]);
  for (int64_t i = 0; i < result.size(); ++i) result.set(i, sums[static_cast<size_t>(i)] / count);
  return {result};
}

OpDef mean() {
  OpDef op;
  op.name = "mean";
  op.doc = "The mean over axes, which vanish; NaN over no elements.";
  op.operands = {{"x", "a float"}};
  op.attributes = {{"axes", AttributeKind::kIntegers, "that are taken together, strictly increasing"}};
  op.rules = {{"C1", "x is a float dtype"}, {"C2", "axes are axes of x, strictly increasing"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_domain(request, 0, Domain::kFloat, "C1");
    const Integers& axes = request.get<Integers>("axes");
    request.require(are_axes(axes, request.shape(0).rank()), "C2", "axes must be axes of x in increasing order");
    return {{request.dtype(0), without(request.shape(0), axes)}};
  };
  op.evaluate = evaluate_mean;
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    const Shape shape = request.builder.shape(request.operands[0]);
    const Integers& axes = request.get<Integers>("axes");
    return {spread(divided_by({request.builder, request.cotangents[0]}, count_of(shape, axes)), shape, axes)};
  });
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    return {mean_of({request.builder, request.operands[0]}, request.get<Integers>("axes"))};
  }};
  op.samples = in_both_floats({sample({"f32[5]"}, {{"axes", Integers{0}}}),
                               sample({"f32[n, 3]"}, {{"axes", Integers{0}}}),
                               sample({"f32[n, 1, 7]"}, {{"axes", Integers{1, 2}}}),
                               sample({"f32[n, 3, m]"}, {{"axes", Integers{0, 2}}}),
                               sample({"f32[n, 2]"}, {{"axes", Integers{}}}),
                               sample({"f32[]"}, {{"axes", Integers{}}})});
  op.samples.push_back(sample_without_gradient({"f32[0, 3]"}, {{"axes", Integers{0}}}));
  op.bad_samples = {bad("C1", {"i32[3]"}, {{"axes", Integers{0}}}),
                    bad("C2", {"f32[3]"}, {{"axes", Integers{1}}}),
                    bad("C2", {"f32[3, 3]"}, {{"axes", Integers{1, 0}}})};
  return op;
}

// ---- softmax and log_softmax ----

/// x minus its maximum along the axis, the exponentials of that, and their sum spread over x.
struct Exponentials {
  Expression shifted, powers, sum;  // `sum` without the axis
  Shape shape;
  Integers axes;
  Exponentials(const Expression& x, int64_t axis)
      : shifted(x), powers(x), sum(x), shape(shape_of(x)), axes{axis} {
    shifted = x - spread(reduce("reduce_max", x, axes), shape, axes);
    powers = shifted.call("exp");
    sum = reduce("reduce_sum", powers, axes);
  }
  Expression softmax() const { return powers * spread(sum.call("reciprocal"), shape, axes); }  // one division per line
  Expression log_softmax() const { return shifted - spread(sum.call("log"), shape, axes); }
};

/// The parts of a softmax along one line of x: the maximum, and the logarithm of the sum of exp(x - maximum).
struct LineSum {
  double maximum = -std::numeric_limits<double>::infinity(), log_sum = 0;
  template <class At> LineSum(int64_t size, At at) {
    for (int64_t i = 0; i < size; ++i) maximum = std::isnan(at(i)) || at(i) > maximum ? at(i) : maximum;
    double sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += std::exp(at(i) - maximum);
    log_sum = std::log(sum);
  }
  double log_share(double x) const { return x - maximum - log_sum; }
};

template <bool logarithm> std::vector<Tensor> evaluate_softmax(const EvaluateRequest& request) {
  const Tensor& x = request.operands[0];
  const AxisView view(x.extents(), request.get<int64_t>("axis"));
  Tensor result = request.make_result();
  for (int64_t o = 0; o < view.outer; ++o) {
    for (int64_t n = 0; n < view.inner; ++n) {
      const LineSum line(view.size, [&](int64_t i) { return x.get(view.position(o, i, n)); });
      for (int64_t i = 0; i < view.size; ++i) {
        const int64_t at = view.position(o, i, n);
        const double log_share = line.log_share(x.get(at));
        result.set(at, logarithm ? log_share : std::exp(log_share));
      }
    }
  }
  return {result};
}

OpDef softmax_op(const char* name, const char* doc) {
  OpDef op;
  op.name = name;
  op.doc = doc;
  op.operands = {{"x", "a float"}};
  op.attributes = {{"axis", AttributeKind::kInteger, "along which the shares add up to 1"}};
  op.rules = {{"C1", "x is a float dtype"}, {"C2", "axis is an axis of x"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_domain(request, 0, Domain::kFloat, "C1");
    const int64_t axis = request.get<int64_t>("axis");
    request.require(is_axis(axis, request.shape(0).rank()), "C2", "x has no axis " + std::to_string(axis));
    return {request.operands[0]};
  };
  op.samples = in_both_floats({sample({"f32[n, 10]"}, {{"axis", 1}}),
                               sample({"f32[7, n]"}, {{"axis", 0}}),
                               sample({"f32[n, m, 3]"}, {{"axis", 1}}),
                               sample({"f32[5]"}, {{"axis", 0}}),
                               sample({"f32[n, 0]"}, {{"axis", 1}})});
  op.samples.push_back(sample_without_gradient({"f32[n, 1]"}, {{"axis", 1}}));  // a constant: its gradient is zero
  op.bad_samples = {bad("C1", {"i64[n, 3]"}, {{"axis", 1}}), bad("C2", {"f32[n, 3]"}, {{"axis", 2}}), bad("C2", {"f32[]"}, {{"axis", 0}})};
  return op;
}

OpDef softmax() {
  OpDef op = softmax_op("softmax", "exp(x) divided by its sum along the axis, without overflow.");
  op.evaluate = evaluate_softmax<false>;
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    const Expression y{request.builder, request.results[0]}, dy{request.builder, request.cotangents[0]};
    const Integers axes{request.get<int64_t>("axis")};
    return {y * (dy - spread(reduce("reduce_sum", dy * y, axes), shape_of(y), axes))};
  });
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    return {Exponentials({request.builder, request.operands[0]}, request.get<int64_t>("axis")).softmax()};
  }};
  return op;
}

OpDef log_softmax() {
  OpDef op = softmax_op("log_softmax", "The logarithm of softmax, without overflow or underflow.");
  op.evaluate = evaluate_softmax<true>;
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    // The softmax shares its exponentials with the expansion of the forward op; exp(y) would be computed beside them.
    const Expression x{request.builder, request.operands[0]}, dy{request.builder, request.cotangents[0]};
    const Integers axes{request.get<int64_t>("axis")};
    return {dy - Exponentials(x, axes[0]).softmax() * spread(reduce("reduce_sum", dy, axes), shape_of(x), axes)};
  });
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    return {Exponentials({request.builder, request.operands[0]}, request.get<int64_t>("axis")).log_softmax()};
  }};
  return op;
}

// ---- cross_entropy ----

std::vector<TensorType> cross_entropy_type(const TypeRequest& request) {
  require_domain(request, 0, Domain::kFloat, "C1");
  const Shape& logits = request.shape(0);
  request.require(logits.rank() >= 1, "C2", "logits have no class axis");
  require_indices(request, 1, "C3");
  const Shape samples = without(logits, {static_cast<int64_t>(logits.rank()) - 1});
  request.require(request.shape(1) == samples, "C4", "label must have shape " + samples.to_string() + ", one per row of logits");
  return {{request.dtype(0), samples}};
}

std::vector<Tensor> evaluate_cross_entropy(const EvaluateRequest& request) {
  const Tensor& logits = request.operands[0];
  const int64_t classes = logits.extents().back();
  Tensor result = request.make_result();
  for (int64_t row = 0; row < result.size(); ++row) {
    const int64_t label = request.operands[1].get_integer(row);
    check_index(request, "label", label, "classes", classes);
    const LineSum line(classes, [&](int64_t i) { return logits.get(row * classes + i); });
    result.set(row, -line.log_share(logits.get(row * classes + label)));
  }
  return {result};
}

/// (softmax - one_hot) * dy. The softmax shares its parts with the expansion of the forward op.
std::vector<Value> cross_entropy_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Expression logits{builder, request.operands[0]};
  const Value label = request.operands[1];
  const Shape shape = shape_of(logits);
  const Integers axes{static_cast<int64_t>(shape.rank()) - 1};
  const Expression dy = spread({builder, request.cotangents[0]}, shape, axes);
  const Expression classes{builder, builder.call("iota", {}, {{"shape", shape}, {"axis", axes[0]}, {"dtype", builder.dtype(label)}})};
  const Expression is_label = apply("equal", classes, spread({builder, label}, shape, axes));
  const Expression softmax = Exponentials(logits, axes[0]).softmax();
  return {select(is_label, softmax - 1.0, softmax) * dy, {}};
}

OpDef cross_entropy() {
  OpDef op;
  op.name = "cross_entropy";
  op.doc =
      "The loss of each sample: minus log_softmax(logits) over the last axis, at its label. A label that is no class stops the run with "
      "the node's name.";
  op.operands = {{"logits", "a float; classes along the last axis"}, {"label", "i32 or i64, the class of each sample"}};
  op.rules = {{"C1", "logits are a float dtype"},
              {"C2", "logits have a last axis"},
              {"C3", "label is i32 or i64"},
              {"C4", "label has the shape of logits without the last axis"}};
  op.type = cross_entropy_type;
  op.evaluate = evaluate_cross_entropy;
  op.gradient = GradientRule(cross_entropy_gradient);
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    const Expression logits{request.builder, request.operands[0]};
    const int64_t axis = static_cast<int64_t>(shape_of(logits).rank()) - 1;
    const Value shares = Exponentials(logits, axis).log_softmax();
    return {-Expression(request.builder, request.builder.call("pick", {shares, request.operands[1]}, {{"axis", axis}}))};
  }};
  op.samples = in_both_floats({sample({"f32[n, 10]", {"i64[n]", Fill::kIndex, 10}}),
                               sample({"f32[n, m, 3]", {"i32[n, m]", Fill::kIndex, 3}}),
                               sample({"f32[5]", {"i64[]", Fill::kIndex, 5}}),
                               sample({"f32[0, 4]", {"i64[0]", Fill::kIndex, 4}})});
  op.samples.push_back(sample_without_gradient({"f32[n, 1]", {"i64[n]", Fill::kIndex, 1}}));  // a constant: its gradient is zero
  op.bad_samples = {bad("C1", {"i32[n, 3]", "i64[n]"}),
                    bad("C2", {"f32[]", "i64[]"}),
                    bad("C3", {"f32[n, 3]", "f32[n]"}),
                    bad("C4", {"f32[n, 3]", "i64[n, 1]"}),
                    bad("C4", {"f32[n, 3]", "i64[m]"})};
  return op;
}

// ---- layer_norm ----

/// The axes from `axis` to the last.
Integers axes_from(int64_t axis, size_t rank) {
  Integers axes;
  for (; axis < static_cast<int64_t>(rank); ++axis) axes.push_back(axis);
  return axes;
}

/// x - mean and 1 / deviation along the rows, the latter per row and spread over x; and the product of both.
struct Normalised {
  Expression value, centered, row_factor, factor;
  Normalised(const Expression& x, const Integers& axes, double epsilon) : value(x), centered(x), row_factor(x), factor(x) {
    const Shape shape = shape_of(x);
    centered = x - spread(mean_of(x, axes), shape, axes);
    const Expression variance = mean_of(centered * centered, axes);
    row_factor = (variance + epsilon).call("rsqrt");
    factor = spread(row_factor, shape, axes);
    value = centered * factor;
  }
};

/// scale or bias, whose axes are the last ones of x, spread over x.
Expression spread_rows(const Expression& parameter, const Shape& shape, const Integers& axes) {
  return {*parameter.builder, parameter.builder->broadcast(parameter, shape, axes)};
}

/// The operands after x are parameters of the shape that x has from `axis` on.
std::vector<TensorType> normalised_type(const TypeRequest& request, const std::string& parameters) {
  require_domain(request, 0, Domain::kFloat, "C1");
  const Shape& x = request.shape(0);
  const int64_t axis = request.get<int64_t>("axis");
  request.require(is_axis(axis, x.rank()), "C2", "x has no axis " + std::to_string(axis));
  TensorType parameter{request.dtype(0), {}};
  for (const int64_t k : axes_from(axis, x.rank())) parameter.shape.push_back(x[static_cast<size_t>(k)]);
  for (size_t i = 1; i < request.operands.size(); ++i)
    request.require(request.operands[i] == parameter, "C3", parameters + " must be " + parameter.to_string());
  request.require(request.get<double>("epsilon") > 0, "C4", "epsilon must be above 0");
  return {request.operands[0]};
}

std::vector<TensorType> layer_norm_type(const TypeRequest& request) { return normalised_type(request, "scale and bias"); }

std::vector<Tensor> evaluate_layer_norm(const EvaluateRequest& request) {
  const Tensor &x = request.operands[0], &scale = request.operands[1], &bias = request.operands[2];
  Tensor result = request.make_result();
  const int64_t size = scale.size();
  for (int64_t begin = 0; begin < x.size(); begin += size) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < size; ++i) sum += x.get(begin + i);
    const double mean = sum / static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i) squares += (x.get(begin + i) - mean) * (x.get(begin + i) - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(size) + request.get<double>("epsilon"));
    for (int64_t i = 0; i < size; ++i) result.set(begin + i, (x.get(begin + i) - mean) / deviation * scale.get(i) + bias.get(i));
  }
  return {result};
}

std::vector<Value> layer_norm_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Expression x{builder, request.operands[0]}, dy{builder, request.cotangents[0]};
  const Shape shape = shape_of(x);
  const Integers axes = axes_from(request.get<int64_t>("axis"), shape.rank()), rows = other_axes(axes, shape.rank());
  const auto over_rows = [&](const Expression& e) { return rows.empty() ? e : reduce("reduce_sum", e, rows); };
  std::vector<Value> gradients(3);
  if (request.wanted[2]) gradients[2] = over_rows(dy);
  if (!request.wanted[0] && !request.wanted[1]) return gradients;
  const Normalised normal(x, axes, request.get<double>("epsilon"));
  if (request.wanted[1]) gradients[1] = over_rows(dy * normal.value);
  if (request.wanted[0]) {
    const Expression d = dy * spread_rows({builder, request.operands[1]}, shape, axes);
    // The mean of d * value, whose sum need not wait for the deviation.
    const Expression slope = normal.row_factor * mean_of(d * normal.centered, axes);
    gradients[0] = normal.factor * (d - spread(mean_of(d, axes), shape, axes) - normal.value * spread(slope, shape, axes));
  }
  return gradients;
}

OpDef layer_norm() {
  OpDef op;
  op.name = "layer_norm";
  op.doc = "(x - mean) / sqrt(variance + epsilon) * scale + bias, with mean and (biased) variance over the axes from `axis` to the last.";
  op.operands = {{"x", "a float"}, {"scale", "of the shape of the normalised axes"}, {"bias", "like scale"}};
  op.attributes = {{"axis", AttributeKind::kInteger, "the first normalised axis"},
                   {"epsilon", AttributeKind::kNumber, "keeps the deviation from zero", 1e-5}};
  op.rules = {{"C1", "x is a float dtype"},
              {"C2", "axis is an axis of x"},
              {"C3", "scale and bias have the dtype of x and its dims from axis"},
              {"C4", "epsilon is above 0"}};
  op.type = layer_norm_type;
  op.evaluate = evaluate_layer_norm;
  op.gradient = GradientRule(layer_norm_gradient);
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    const auto operand = [&](size_t i) { return Expression(request.builder, request.operands[i]); };
    const Shape shape = shape_of(operand(0));
    const Integers axes = axes_from(request.get<int64_t>("axis"), shape.rank());
    const Normalised normal(operand(0), axes, request.get<double>("epsilon"));
    return {normal.value * spread_rows(operand(1), shape, axes) + spread_rows(operand(2), shape, axes)};
  }};
  op.samples = in_both_floats({sample({"f32[n, 8]", "f32[8]", "f32[8]"}, {{"axis", 1}}),
                               sample({"f32[n, 3, 5]", "f32[3, 5]", "f32[3, 5]"}, {{"axis", 1}, {"epsilon", 0.01}}),
                               sample({"f32[2, n, 7]", "f32[7]", "f32[7]"}, {{"axis", 2}}),
                               sample({"f32[n]", "f32[n]", "f32[n]"}, {{"axis", 0}}),
                               sample_without_gradient({"f32[0, 4]", "f32[4]", "f32[4]"}, {{"axis", 1}})});
  op.bad_samples = {bad("C1", {"i32[2, 3]", "i32[3]", "i32[3]"}, {{"axis", 1}}),
                    bad("C2", {"f32[2, 3]", "f32[3]", "f32[3]"}, {{"axis", 2}}),
                    bad("C3", {"f32[2, 3]", "f32[2]", "f32[3]"}, {{"axis", 1}}),
                    bad("C3", {"f32[2, 3]", "f32[3]", "f64[3]"}, {{"axis", 1}}),
                    bad("C4", {"f32[2, 3]", "f32[3]", "f32[3]"}, {{"axis", 1}, {"epsilon", 0.0}})};
  return op;
}

// ---- rms_norm ----

/// 1 / sqrt(mean of squares + epsilon), per row.
Expression rms_factor(const Expression& x, const Integers& axes, double epsilon) { return (mean_of(x * x, axes) + epsilon).call("rsqrt"); }

std::vector<TensorType> rms_norm_type(const TypeRequest& request) { return normalised_type(request, "scale"); }

std::vector<Tensor> evaluate_rms_norm(const EvaluateRequest& request) {
  const Tensor &x = request.operands[0], &scale = request.operands[1];
  Tensor result = request.make_result();
  const int64_t size = scale.size();
  for (int64_t begin = 0; begin < x.size(); begin += size) {
    double squares = 0;
    for (int64_t i = 0; i < size; ++i) squares += x.get(begin + i) * x.get(begin + i);
    const double root = std::sqrt(squares / static_cast<double>(size) + request.get<double>("epsilon"));
    for (int64_t i = 0; i < size; ++i) result.set(begin + i, x.get(begin + i) / root * scale.get(i));
  }
  return {result};
}

std::vector<Value> rms_norm_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Expression x{builder, request.operands[0]}, dy{builder, request.cotangents[0]};
  const Shape shape = shape_of(x);
  const Integers axes = axes_from(request.get<int64_t>("axis"), shape.rank()), rows = other_axes(axes, shape.rank());
  const Expression row_factor = rms_factor(x, axes, request.get<double>("epsilon")), factor = spread(row_factor, shape, axes), normal = x * factor;
  std::vector<Value> gradients(2);
  if (request.wanted[1]) gradients[1] = rows.empty() ? dy * normal : reduce("reduce_sum", dy * normal, rows);
  if (request.wanted[0]) {
    const Expression d = dy * spread_rows({builder, request.operands[1]}, shape, axes);
    const Expression slope = row_factor * mean_of(d * x, axes);  // the mean of d * normal
    gradients[0] = factor * (d - normal * spread(slope, shape, axes));
  }
  return gradients;
}

OpDef rms_norm() {
  OpDef op;
  op.name = "rms_norm";
  op.doc = "x / sqrt(mean of x squared + epsilon) * scale, with the mean over the axes from `axis` to the last.";
  op.operands = {{"x", "a float"}, {"scale", "of the shape of the normalised axes"}};
  op.attributes = {{"axis", AttributeKind::kInteger, "the first normalised axis"},
                   {"epsilon", AttributeKind::kNumber, "keeps the divisor from zero", 1e-5}};
  op.rules = {{"C1", "x is a float dtype"},
              {"C2", "axis is an axis of x"},
              {"C3", "scale has the dtype of x and its dims from axis"},
              {"C4", "epsilon is above 0"}};
  op.type = rms_norm_type;
  op.evaluate = evaluate_rms_norm;
  op.gradient = GradientRule(rms_norm_gradient);
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    const Expression x{request.builder, request.operands[0]}, scale{request.builder, request.operands[1]};
    const Shape shape = shape_of(x);
    const Integers axes = axes_from(request.get<int64_t>("axis"), shape.rank());
    return {x * spread(rms_factor(x, axes, request.get<double>("epsilon")), shape, axes) * spread_rows(scale, shape, axes)};
  }};
  op.samples = in_both_floats({sample({"f32[n, 8]", "f32[8]"}, {{"axis", 1}}),
                               sample({"f32[n, 3, 5]", "f32[3, 5]"}, {{"axis", 1}, {"epsilon", 0.01}}),
                               sample({"f32[2, n, 7]", "f32[7]"}, {{"axis", 2}}),
                               sample({"f32[n]", "f32[n]"}, {{"axis", 0}, {"epsilon", 0.5}}),
                               sample_without_gradient({"f32[0, 4]", "f32[4]"}, {{"axis", 1}})});
  op.bad_samples = {bad("C1", {"i32[2, 3]", "i32[3]"}, {{"axis", 1}}),
                    bad("C2", {"f32[2, 3]", "f32[3]"}, {{"axis", 2}}),
                    bad("C3", {"f32[2, 3]", "f32[2]"}, {{"axis", 1}}),
                    bad("C3", {"f32[2, 3]", "f64[3]"}, {{"axis", 1}}),
                    bad("C4", {"f32[2, 3]", "f32[3]"}, {{"axis", 1}, {"epsilon", 0.0}})};
  return op;
}

// ---- dropout ----

/// Words below this drop their element: a share of `rate` of all words.
uint32_t first_kept_word(double rate) { return static_cast<uint32_t>(std::min(std::floor(rate * 0x1p32), 0x1p32 - 1)); }

std::vector<TensorType> dropout_type(const TypeRequest& request) {
  require_domain(request, 0, Domain::kFloat, "C1");
  const TensorType word{DType::kU32, {}};
  request.require(request.operands[1] == word && request.operands[2] == word, "C2", "seed and step must be u32[]");
  const int64_t stream = request.get<int64_t>("stream");
  request.require(stream >= 0 && stream <= int64_t{UINT32_MAX}, "C3", "stream " + std::to_string(stream) + " is not a 32-bit number");
  const double rate = request.get<double>("rate");
  request.require(rate >= 0 && rate < 1, "C4", "the rate is " + std::to_string(rate));
  return {request.operands[0]};
}

std::vector<Tensor> evaluate_dropout(const EvaluateRequest& request) {
  const Tensor& x = request.operands[0];
  const uint32_t seed = request.operands[1].data<uint32_t>()[0], step = request.operands[2].data<uint32_t>()[0];
  const auto stream = static_cast<uint32_t>(request.get<int64_t>("stream"));
  const double rate = request.get<double>("rate");
  Tensor result = request.make_result();
  for (int64_t i = 0; i < x.size(); ++i) result.set(i, random_word(seed, stream, step, i) >= first_kept_word(rate) ? x.get(i) / (1 - rate) : 0);
  return {result};
}

OpDef dropout() {
  OpDef op;
  op.name = "dropout";
  op.doc =
      "A share of about `rate` of the elements becomes 0, the others are divided by 1 - rate. Element i, in row-major order, is kept when "
      "word i of random_bits under seed, step and stream is at least rate * 2^32: the gradient drops the same elements, and nothing is stored for it.";
  op.operands = {{"x", "a float"}, {"seed", "u32[], the user's"}, {"step", "u32[], counts the runs that draw anew"}};
  op.attributes = {{"stream", AttributeKind::kInteger, "keeps ops of one program apart, 0 .. 2^32 - 1"},
                   {"rate", AttributeKind::kNumber, "the share that is dropped", 0.5}};
  op.rules = {{"C1", "x is a float dtype"}, {"C2", "seed and step are u32[]"}, {"C3", "stream is a 32-bit number"}, {"C4", "rate is from 0, below 1"}};
  op.type = dropout_type;
  op.evaluate = evaluate_dropout;
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    return {request.builder.call("dropout", {request.cotangents[0], request.operands[1], request.operands[2]}, request.attributes), {}, {}};
  });
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    Builder& builder = request.builder;
    const Expression x{builder, request.operands[0]};
    const double rate = request.get<double>("rate");
    const Attributes counter{{"stream", request.get<int64_t>("stream")}, {"shape", shape_of(x)}};
    const Expression words{builder, builder.call("random_bits", {request.operands[1], request.operands[2]}, counter)};
    const Expression first{builder, builder.full_like(first_kept_word(rate), words)};
    return {select(apply("greater_equal", words, first), x * (1 / (1 - rate)), Expression(builder, builder.full_like(0, x)))};
  }};
  const auto at = [](int64_t stream, double rate) -> Attributes { return {{"stream", stream}, {"rate", rate}}; };
  const In word{"u32[]", Fill::kSmallInteger};
  op.samples = in_both_floats({sample({"f32[n, 8]", word, word}, at(3, 0.25)),
                               sample({"f32[n, 3, 5]", word, word}, at(UINT32_MAX, 0.5)),
                               sample({"f32[13]", word, word}, at(0, 0.9)),
                               sample({"f32[n]", word, word}, at(7, 0.0)),
                               sample_without_gradient({"f32[0, 4]", word, word}, at(1, 0.5))});
  op.bad_samples = {bad("C1", {"i32[2]", "u32[]", "u32[]"}, at(0, 0.5)),
                    bad("C2", {"f32[2]", "i32[]", "u32[]"}, at(0, 0.5)),
                    bad("C2", {"f32[2]", "u32[]", "u32[1]"}, at(0, 0.5)),
                    bad("C3", {"f32[2]", "u32[]", "u32[]"}, at(-1, 0.5)),
                    bad("C3", {"f32[2]", "u32[]", "u32[]"}, at(int64_t{1} << 32, 0.5)),
                    bad("C4", {"f32[2]", "u32[]", "u32[]"}, at(0, 1.0)),
                    bad("C4", {"f32[2]", "u32[]", "u32[]"}, at(0, -0.5))};
  return op;
}

// ---- one_hot ----

OpDef one_hot() {
  OpDef op;
  op.name = "one_hot";
  op.doc = "A new last axis of `classes` entries: 1 at the index, 0 elsewhere; all 0 for an index that is no class.";
  op.operands = {{"indices", "i32 or i64"}};
  op.attributes = {{"classes", AttributeKind::kInteger, "how many"}, {"dtype", AttributeKind::kDType, "of the result"}};
  op.rules = {{"C1", "indices are i32 or i64"}, {"C2", "classes is 0 or more"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_indices(request, 0, "C1");
    request.require(request.get<int64_t>("classes") >= 0, "C2", "classes is negative");
    Shape shape = request.shape(0);
    shape.push_back(request.get<int64_t>("classes"));
    return {{request.get<DType>("dtype"), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor& indices = request.operands[0];
    const int64_t classes = request.get<int64_t>("classes");
    Tensor result = request.make_result();
    for (int64_t i = 0; i < indices.size(); ++i) {
      const int64_t index = indices.get_integer(i);
      if (index >= 0 && index < classes) result.set_integer(i * classes + index, 1);
    }
    return {result};
  };
  op.gradient = NotDifferentiable{"its operand is an integer"};
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    Builder& builder = request.builder;
    const Expression indices{builder, request.operands[0]};
    Shape shape = shape_of(indices);
    const int64_t axis = static_cast<int64_t>(shape.rank());
    shape.push_back(request.get<int64_t>("classes"));
    const Expression classes{builder, builder.call("iota", {}, {{"shape", shape}, {"axis", axis}, {"dtype", builder.dtype(indices)}})};
    return {builder.cast(apply("equal", classes, spread(indices, shape, {axis})), request.get<DType>("dtype"))};
  }};
  const auto of = [](int64_t classes, DType dtype) -> Attributes { return {{"classes", classes}, {"dtype", dtype}}; };
  op.samples = {sample_without_gradient({{"i64[n]", Fill::kIndex, 10}}, of(10, DType::kF32)),
                sample_without_gradient({{"i32[n, 3]", Fill::kIndex, 5}}, of(5, DType::kF64)),
                sample_without_gradient({{"i64[]", Fill::kIndex, 4}}, of(4, DType::kBool)),
                sample_without_gradient({{"i32[7]", Fill::kSmallInteger}}, of(3, DType::kI32)),
                sample_without_gradient({{"i64[2]", Fill::kIndex, 1}}, of(0, DType::kF32))};
  op.bad_samples = {bad("C1", {"f32[2]"}, of(3, DType::kF32)), bad("C2", {"i64[2]"}, of(-1, DType::kF32))};
  return op;
}

}  // namespace

void add_composite_ops(OpRegistry& registry) {
  for (OpDef (*make)() : {mean, softmax, log_softmax, cross_entropy, layer_norm, rms_norm, dropout, one_hot}) registry.add(make());
}

}  // namespace sinter::ir
