// Normalisations: over batches, channels, groups, the last axes.
#include <cmath>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

Integers axes_from(size_t first, size_t rank) {
  Integers axes;
  for (size_t i = first; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

Expression mean_over(const Expression& x, const Integers& axes) { return {*x.builder, x.builder->call("mean", {x}, {{"axes", axes}})}; }

/// A value without `axes`, spread over them again.
Expression spread_over(const Expression& x, const Shape& shape, const Integers& axes) {
  Shape ones = shape;
  for (const int64_t axis : axes) ones[static_cast<size_t>(axis)] = 1;
  ir::Builder& b = *x.builder;
  return {b, b.broadcast_to(b.reshape(x, ones), shape)};
}

struct Moments {
  Expression centred, variance;  // the variance has the axes reduced
  Expression mean;
};

Moments moments(const Expression& x, const Integers& axes) {
  const Shape shape = x.builder->shape(x);
  const Expression mean = mean_over(x, axes);
  const Expression centred = x - spread_over(mean, shape, axes);
  return {centred, mean_over(centred * centred, axes), mean};
}

Expression normalised(const Expression& x, const Integers& axes, double epsilon) {
  const Moments m = moments(x, axes);
  return m.centred * spread_over((m.variance + epsilon).call("rsqrt"), x.builder->shape(x), axes);
}

/// A value of rank 1, along one axis of a shape.
Expression along(Call& call, Value value, const Shape& shape, size_t axis) {
  if (call.b.shape(value).rank() != 1) call.wrong("it has parameters of type " + call.b.type(value).to_string());
  call.equal(call.b.shape(value)[0], shape[axis], "the channels and the sizes of parameters");
  return {call.b, call.b.broadcast(value, shape, {static_cast<int64_t>(axis)})};
}

void import_batch_normalization(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  if (shape.rank() < 1) call.wrong("its input has no axes");
  const size_t channel = shape.rank() == 1 ? 0 : 1;
  const double epsilon = call.number("epsilon", 1e-5);
  const bool training = call.version >= 14 ? call.integer("training_mode", 0) != 0
                                           : call.version < 7 && call.integer("is_test", 0) == 0 && call.results.size() > 1;
  if (call.version < 9 && call.integer("spatial", 1) == 0) call.unsupported("statistics per element, spatial = 0");
  const DType dtype = call.dtype(0);
  const Expression x = call.expression(0);
  Expression mean = call.expression(3), variance = call.expression(4);
  if (training) {
    Integers axes = axes_from(0, shape.rank());
    axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(channel));
    const Moments m = moments(x, axes);
    const double momentum = call.number("momentum", 0.9);
    const auto running = [&](const Expression& old, const Expression& now) {
      const Expression fresh(b, b.cast(now, b.dtype(old)));
      return momentum * old + (1 - momentum) * fresh;
    };
    call.set(1, running(mean, m.mean));
    call.set(2, running(variance, m.variance));
    mean = m.mean;
    variance = m.variance;
  } else if (call.results.size() > 1 && call.version >= 14) {
    call.unsupported("statistics as results while nothing is trained");
  }
  const auto in_dtype = [&](const Expression& value) { return Expression(b, b.cast(value, dtype)); };
  // One factor and one summand per channel: what a convolution before it can take over.
  const Expression factor = in_dtype(call.expression(1)) * (in_dtype(variance) + epsilon).call("rsqrt");
  const Expression summand = in_dtype(call.expression(2)) - in_dtype(mean) * factor;
  call.set(0, x * along(call, factor, shape, channel) + along(call, summand, shape, channel));
}

void import_instance_normalization(Call& call) {
  const Shape shape = call.shape(0);
  if (shape.rank() < 3) call.wrong("its input is " + call.type(0).to_string());
  const Expression y = normalised(call.expression(0), axes_from(2, shape.rank()), call.number("epsilon", 1e-5));
  call.set(0, y * along(call, call.value(1), shape, 1) + along(call, call.value(2), shape, 1));
}

/// Parameters per group before version 21, per channel from there on.
void import_group_normalization(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  const int64_t groups = call.integer("num_groups");
  if (shape.rank() < 2 || groups < 1) call.wrong("its input is " + call.type(0).to_string() + ", in " + std::to_string(groups) + " groups");
  const auto channels = shape[1].divide_exactly(groups);
  if (!channels) call.wrong("its channels cannot be divided into " + std::to_string(groups) + " groups");
  Shape grouped{shape[0], Dim(groups), *channels};
  for (size_t i = 2; i < shape.rank(); ++i) grouped.push_back(shape[i]);
  Expression y = normalised({b, b.reshape(call.value(0), grouped)}, axes_from(2, grouped.rank()), call.number("epsilon", 1e-5));
  const bool per_channel = call.version >= 21;
  if (!per_channel) y = y * along(call, call.value(1), grouped, 1) + along(call, call.value(2), grouped, 1);
  y = {b, b.reshape(y, shape)};
  if (per_channel) y = y * along(call, call.value(1), shape, 1) + along(call, call.value(2), shape, 1);
  call.set(0, y);
}

/// Statistics are computed in f32 or wider, as the attribute stash_type says of narrower floats.
void import_layer_normalization(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  const size_t axis = call.axis(call.integer("axis", -1), shape.rank());
  const Integers axes = axes_from(axis, shape.rank());
  const double epsilon = call.number("epsilon", 1e-5);
  const DType dtype = call.dtype(0), wide = is_narrow(dtype) ? DType::kF32 : dtype;
  const Shape normal(Dims(shape.begin() + static_cast<std::ptrdiff_t>(axis), shape.end()));
  const Value x = b.cast(call.value(0), wide), scale = call.value(1);
  const auto has_normal_shape = [&](size_t input) { return call.shape(input) == normal; };
  const bool whole = call.results.size() == 1 && has_normal_shape(1) && (!call.has(2) || has_normal_shape(2));
  if (whole) {
    const Value bias = call.has(2) ? b.cast(call.value(2), wide) : b.full(0, wide, normal);
    const Value y = b.call("layer_norm", {x, b.cast(scale, wide), bias}, {{"axis", static_cast<int64_t>(axis)}, {"epsilon", epsilon}});
    return call.set(0, b.cast(y, dtype));
  }
  const Moments m = moments({b, x}, axes);
  const Expression inverse = (m.variance + epsilon).call("rsqrt");
  Expression y(b, b.cast(m.centred * spread_over(inverse, shape, axes), dtype));
  y = y * Expression(b, call.spread(scale, shape));
  if (call.has(2)) y = y + Expression(b, call.spread(call.value(2), shape));
  call.set(0, y);
  Shape ones = shape;
  for (const int64_t reduced : axes) ones[static_cast<size_t>(reduced)] = 1;
  call.set(1, b.reshape(m.mean, ones));
  call.set(2, b.reshape(inverse, ones));
}

void import_rms_normalization(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  const size_t axis = call.axis(call.integer("axis", -1), shape.rank());
  const Integers axes = axes_from(axis, shape.rank());
  const DType dtype = call.dtype(0), wide = is_narrow(dtype) ? DType::kF32 : dtype;
  const Expression x(b, b.cast(call.value(0), wide));
  const Expression inverse = (mean_over(x * x, axes) + call.number("epsilon", 1e-5)).call("rsqrt");
  const Expression y(b, b.cast(x * spread_over(inverse, shape, axes), dtype));
  call.set(0, y * Expression(b, call.spread(call.value(1), shape)));
}

/// The deviation gets no epsilon but the one that the specification's own formula has.
void import_mean_variance_normalization(Call& call) {
  const Shape shape = call.shape(0);
  const Integers axes = call.axes(call.integers("axes").value_or(Integers{0, 2, 3}), shape.rank());
  const Moments m = moments(call.expression(0), axes);
  call.set(0, m.centred / spread_over(m.variance.call("sqrt") + 1e-9, shape, axes));
}

void import_lp_normalization(Call& call) {
  const Shape shape = call.shape(0);
  const Integers axes{static_cast<int64_t>(call.axis(call.integer("axis", -1), shape.rank()))};
  const int64_t p = call.integer("p", 2);
  if (p != 1 && p != 2) call.wrong("a norm of order " + std::to_string(p));
  const Expression x = call.expression(0);
  const Expression sum(call.b, call.b.reduce("reduce_sum", p == 1 ? x.call("abs") : x * x, axes));
  call.set(0, x / spread_over(p == 1 ? sum : sum.call("sqrt"), shape, axes));
}

/// Each entry by a power of the sum of squares of the channels around it.
void import_lrn(Call& call) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0);
  if (shape.rank() < 2) call.wrong("its input is " + call.type(0).to_string());
  const int64_t size = call.integer("size");
  if (size < 1 || size > INT32_MAX) call.wrong("a size of " + std::to_string(size));
  const double alpha = call.number("alpha", 1e-4), beta = call.number("beta", 0.75), bias = call.number("bias", 1);
  const Expression x = call.expression(0);
  const ir::Attributes windows{{"axes", Integers{1}},
                               {"window", Integers{size}},
                               {"stride", Integers{1}},
                               {"padding_low", Shape{Dim((size - 1) / 2)}},
                               {"padding_high", Shape{Dim(size / 2)}},
                               {"dilation", Integers{1}},
                               {"input_dilation", Integers{1}}};
  const Expression base = (alpha / static_cast<double>(size)) * Expression(b, b.call("reduce_window_sum", {x * x}, windows)) + bias;
  call.set(0, x / apply("power", base, Expression(b, b.full_like(beta, base))));
}

}  // namespace

void add_normalisations(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import) {
    table.push_back({name, since, std::move(import)});
  };
  row("BatchNormalization", 1, import_batch_normalization);
  row("InstanceNormalization", 1, import_instance_normalization);
  row("GroupNormalization", 18, import_group_normalization);
  row("LayerNormalization", 1, import_layer_normalization);
  row("RMSNormalization", 23, import_rms_normalization);
  row("MeanVarianceNormalization", 9, import_mean_variance_normalization);
  row("LpNormalization", 1, import_lp_normalization);
  row("LRN", 1, import_lrn);
}

}  // namespace sinter::onnx
