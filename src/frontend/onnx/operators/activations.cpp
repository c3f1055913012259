// Activations, and what acts like one per element: clipping and dropout as they are when nothing is trained.
#include <limits>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

std::function<void(Call&)> unary(const char* op) {
  return [op](Call& call) { call.set(0, call.b.call(op, {call.value(0)})); };
}

std::function<void(Call&)> formula(Expression (*compute)(Call& call, Expression)) {
  return [compute](Call& call) { call.set(0, compute(call, call.expression(0))); };
}

Expression is_above(const Expression& x, double limit) {
  return {*x.builder, x.builder->call("greater", {x, x.builder->full_like(limit, x)})};
}
Expression is_below(const Expression& x, double limit) {
  return {*x.builder, x.builder->call("less", {x, x.builder->full_like(limit, x)})};
}
Expression like(double value, const Expression& x) { return {*x.builder, x.builder->full_like(value, x)}; }
Expression bounded(const Expression& x, double low, double high) {
  return apply("minimum", apply("maximum", x, like(low, x)), like(high, x));
}

Expression relu(Call&, Expression x) { return apply("maximum", x, like(0, x)); }
/// alpha * (exp(x / scale) - 1) where x is below 0.
Expression exponential_below(const Expression& x, double alpha, double scale) {
  const Expression below = apply("minimum", x, like(0, x));
  return select(is_above(x, 0), x, alpha * (below / scale).call("expm1"));
}
Expression elu(Call& call, Expression x) { return exponential_below(x, call.number("alpha", 1), 1); }
Expression celu(Call& call, Expression x) { return exponential_below(x, call.number("alpha", 1), call.number("alpha", 1)); }
Expression selu(Call& call, Expression x) {
  return call.number("gamma", 1.05070102214813232421875) * exponential_below(x, call.number("alpha", 1.67326319217681884765625), 1);
}
Expression leaky_relu(Call& call, Expression x) { return select(is_below(x, 0), call.number("alpha", 0.01) * x, x); }
Expression thresholded_relu(Call& call, Expression x) { return select(is_above(x, call.number("alpha", 1)), x, like(0, x)); }
Expression hard_sigmoid(Call& call, Expression x) { return bounded(call.number("alpha", 0.2) * x + call.number("beta", 0.5), 0, 1); }
Expression hard_swish(Call&, Expression x) { return x * bounded(x / 6.0 + 0.5, 0, 1); }
Expression softsign(Call&, Expression x) { return x / (1.0 + x.call("abs")); }
Expression mish(Call&, Expression x) { return x * x.call("softplus").call("tanh"); }
Expression swish(Call& call, Expression x) { return x * (call.number("alpha", 1) * x).call("sigmoid"); }
Expression shrink(Call& call, Expression x) {
  const double limit = call.number("lambd", 0.5), bias = call.number("bias", 0);
  const DType dtype = x.builder->dtype(x);
  // The limits are floats, whatever x is.
  const Expression wide(*x.builder, is_float(dtype) ? x.value : x.builder->cast(x, DType::kF32));
  const Expression result = select(is_below(wide, -limit), wide + bias, select(is_above(wide, limit), wide - bias, like(0, wide)));
  return {*x.builder, x.builder->cast(result, dtype)};
}

void import_gelu(Call& call) {
  const std::string form = call.text("approximate", "none");
  if (form != "none" && form != "tanh") call.wrong("its attribute approximate is \"" + form + "\"");
  call.set(0, call.b.call("gelu", {call.value(0)}, {{"form", std::string(form == "tanh" ? "tanh" : "erf")}}));
}

/// The slope is spread to x; before version 7 one of rank 1 lies along the channels.
void import_prelu(Call& call) {
  const Expression x = call.expression(0);
  Value slope = call.value(1);
  const Shape shape = call.shape(0);
  if (call.version < 7 && call.rank(1) == 1 && shape.rank() > 1 && call.shape(1)[0] != Dim(1)) {
    Shape along(Dims(shape.rank() - 1, Dim(1)));
    along[0] = call.shape(1)[0];
    slope = call.b.reshape(slope, along);
  }
  slope = call.spread(slope, call.common_shape(shape, call.b.shape(slope)));
  call.set(0, select(is_below(x, 0), x * Expression(call.b, slope), x));
}

/// Bounds are attributes before version 11, inputs from there on.
void import_clip(Call& call) {
  Value x = call.value(0);
  const Shape shape = call.shape(0);
  const DType dtype = call.dtype(0);
  const auto bound = [&](size_t input, const char* attribute, const char* op) {
    Value limit;
    if (call.version >= 11 && call.has(input)) limit = call.spread(call.b.reshape(call.value(input), Shape{}), shape);
    else if (call.version < 11 && call.has_attribute(attribute)) limit = call.b.full(call.number(attribute, 0), dtype, shape);
    if (limit.valid()) x = call.b.call(op, {x, limit});
  };
  bound(1, "min", "maximum");
  bound(2, "max", "minimum");
  call.set(0, x);
}

void import_dropout(Call& call) {
  if (call.has(2)) {
    const Tensor* training = call.tensor(2);
    if (training == nullptr) call.unsupported("whether it trains is known at run time only");
    const bool nothing_dropped = call.has(1) && call.tensor(1) != nullptr && call.tensor(1)->size() == 1 && call.tensor(1)->get(0) == 0;
    if (training->size() == 1 && training->get_integer(0) != 0 && !nothing_dropped)
      call.unsupported("dropout while training draws numbers that the specification does not define");
  }
  if (call.version < 7 && call.integer("is_test", 0) == 0)
    call.unsupported("dropout while training draws numbers that the specification does not define");
  call.set(0, call.value(0));
  if (call.wants(1)) call.set(1, call.b.full(1, call.version >= 10 ? DType::kBool : call.dtype(0), call.shape(0)));
}

}  // namespace

void add_activations(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import) {
    table.push_back({name, since, std::move(import)});
  };
  row("Sigmoid", 1, unary("sigmoid"));
  row("Tanh", 1, unary("tanh"));
  row("Softplus", 1, unary("softplus"));
  row("Relu", 1, formula(relu));
  row("Elu", 1, formula(elu));
  row("Celu", 12, formula(celu));
  row("Selu", 1, formula(selu));
  row("LeakyRelu", 1, formula(leaky_relu));
  row("ThresholdedRelu", 1, formula(thresholded_relu));
  row("HardSigmoid", 1, formula(hard_sigmoid));
  row("HardSwish", 14, formula(hard_swish));
  row("Softsign", 1, formula(softsign));
  row("Mish", 18, formula(mish));
  row("Swish", 24, formula(swish));
  row("Shrink", 9, formula(shrink));
  row("Gelu", 20, import_gelu);
  row("PRelu", 1, import_prelu);
  row("Clip", 1, import_clip);
  row("Dropout", 1, import_dropout);
}

}  // namespace sinter::onnx
