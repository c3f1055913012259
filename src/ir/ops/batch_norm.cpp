// batch_norm: each entry of the last axis normalised over all other axes. A composite with a gradient of its own.
#include <cmath>

#include "ir/builder.h"
#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"

namespace sinter::ir {
namespace {

/// What a tensor whose rows are the last axis and its statistics have to do with each other.
struct Rows {
  Builder& builder;
  Shape shape;
  Integers axes;  // all but the last

  Rows(Builder& builder, Value x)
      : builder(builder),
        shape(builder.shape(x)),
        axes(other_axes({static_cast<int64_t>(shape.rank()) - 1}, shape.rank())) {}
  Expression of(Value value) const { return {builder, value}; }
  Expression spread(const Expression& feature) const {
    return of(builder.broadcast(feature, shape, {static_cast<int64_t>(shape.rank()) - 1}));
  }
  Expression sum(const Expression& x) const { return of(builder.reduce("reduce_sum", x, axes)); }
  Expression divided(const Expression& feature) const {
    Dim count = 1;
    for (const int64_t axis : axes) count = count * shape[static_cast<size_t>(axis)];
    return feature / of(builder.dim(count, builder.dtype(feature)));
  }
};

std::vector<TensorType> infer(const TypeRequest& request) {
  require_domain(request, 0, Domain::kFloat, "C1");
  const Shape& x = request.shape(0);
  request.require(x.rank() >= 2, "C2", "there is nothing to normalise over");
  const TensorType feature{request.dtype(0), {x[x.rank() - 1]}};
  request.require(request.operands[1] == feature && request.operands[2] == feature, "C3", "scale and bias must be " + feature.to_string());
  request.require(request.get<double>("epsilon") > 0, "C4", "epsilon must be above 0");
  return {request.operands[0], feature, feature};
}

std::vector<Tensor> evaluate(const EvaluateRequest& request) {
  const Tensor &x = request.operands[0], &scale = request.operands[1], &bias = request.operands[2];
  Tensor y = request.make_result(0), mean = request.make_result(1), variance = request.make_result(2);
  const int64_t features = mean.size(), rows = features == 0 ? 0 : x.size() / features;
  for (int64_t c = 0; c < features; ++c) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; ++i) sum += x.get(i * features + c);
    const double center = sum / static_cast<double>(rows);
    for (int64_t i = 0; i < rows; ++i) squares += (x.get(i * features + c) - center) * (x.get(i * features + c) - center);
    const double spread = squares / static_cast<double>(rows), deviation = std::sqrt(spread + request.get<double>("epsilon"));
    mean.set(c, center);
    variance.set(c, spread);
    for (int64_t i = 0; i < rows; ++i) y.set(i * features + c, (x.get(i * features + c) - center) / deviation * scale.get(c) + bias.get(c));
  }
  return {y, mean, variance};
}

// Differences from the mean are written another way at each use: kernels make each of them anew from x, where one that
// is shared would be stored, as large as x.

std::vector<Value> expand(const ExpandRequest& request) {
  const Rows rows(request.builder, request.operands[0]);
  const Expression x = rows.of(request.operands[0]), scale = rows.of(request.operands[1]), bias = rows.of(request.operands[2]);
  const Expression mean = rows.divided(rows.sum(x)), below = rows.spread(mean) - x, variance = rows.divided(rows.sum(below * below));
  const Expression slope = (variance + request.get<double>("epsilon")).call("rsqrt") * scale;
  return {(x - rows.spread(mean)) * rows.spread(slope) + rows.spread(bias), mean, variance};
}

/// With n = (x - mean) / deviation, of y: scale / deviation * (dy - mean of dy - n * mean of dy * n). The means are the
/// gradients of bias and scale: x and dy are read once for both sums, and once for the result, which is dy and x by
/// factors per feature. Mean and variance add a share to each row.
std::vector<Value> differentiate(const GradientRequest& request) {
  const Rows rows(request.builder, request.operands[0]);
  const Expression x = rows.of(request.operands[0]), mean = rows.of(request.results[1]), variance = rows.of(request.results[2]);
  std::vector<Value> gradients(3);
  Value of_x;
  const auto add = [&](const Expression& term) { of_x = of_x.valid() ? Value(rows.of(of_x) + term) : Value(term); };
  if (request.cotangents[0].valid()) {
    const Expression dy = rows.of(request.cotangents[0]), factor = (variance + request.get<double>("epsilon")).call("rsqrt");
    const Expression normal = x * rows.spread(factor) - rows.spread(mean * factor);
    const Expression of_bias = rows.sum(dy), of_scale = rows.sum(dy * normal);
    gradients[1] = of_scale;
    gradients[2] = of_bias;
    if (request.wanted[0]) {
      const Expression slope = factor * rows.of(request.operands[1]), by_x = -slope * factor * rows.divided(of_scale);
      add(dy * rows.spread(slope) + (x * rows.spread(by_x) - rows.spread(by_x * mean + slope * rows.divided(of_bias))));
    }
  }
  if (request.wanted[0] && request.cotangents[1].valid()) add(rows.spread(rows.divided(rows.of(request.cotangents[1]))));
  if (request.wanted[0] && request.cotangents[2].valid())
    add((x - rows.spread(mean)) * rows.spread(rows.divided(rows.of(request.cotangents[2]) * 2.0)));
  if (request.wanted[0]) gradients[0] = of_x;
  return gradients;
}

OpDef record() {
  OpDef op;
  op.name = "batch_norm";
  op.doc =
      "(x - mean) / sqrt(variance + epsilon) * scale + bias for each entry of the last axis, with mean and (biased) "
      "variance over all other axes, which "
      "are results, too.";
  op.operands = {{"x", "a float, features along the last axis"}, {"scale", "one per feature"}, {"bias", "one per feature"}};
  op.attributes = {{"epsilon", AttributeKind::kNumber, "keeps the deviation from zero", 1e-5}};
  op.rules = {{"C1", "x is a float dtype"},
              {"C2", "x has rank 2 or more"},
              {"C3", "scale and bias have the dtype of x and its last dim"},
              {"C4", "epsilon is above 0"}};
  op.type = infer;
  op.evaluate = evaluate;
  op.gradient = GradientRule(differentiate);
  op.lowering = Composite{expand};
  op.samples = in_both_floats({sample({"f32[n, 5]", "f32[5]", "f32[5]"}),
                               sample({"f32[2, n, 3, 7]", "f32[7]", "f32[7]"}, {{"epsilon", 0.01}}),
                               sample({"f32[3, n]", "f32[n]", "f32[n]"}), sample({"f32[6, 17]", "f32[17]", "f32[17]"}),
                               sample_without_gradient({"f32[0, 4]", "f32[4]", "f32[4]"})});
  op.bad_samples = {bad("C1", {"i32[2, 3]", "i32[3]", "i32[3]"}), bad("C2", {"f32[3]", "f32[3]", "f32[3]"}),
                    bad("C3", {"f32[2, 3]", "f32[2]", "f32[3]"}), bad("C3", {"f32[2, 3]", "f32[3]", "f64[3]"}),
                    bad("C4", {"f32[2, 3]", "f32[3]", "f32[3]"}, {{"epsilon", 0.0}})};
  return op;
}

}  // namespace

void add_batch_norm_ops(OpRegistry& registry) { registry.add(record()); }

}  // namespace sinter::ir
