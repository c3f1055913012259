// Losses: of log-probabilities, and of logits.
#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

/// Minus the log-probability of each target, by its weight; [batch, classes, places..] and [batch, places..].
void set_loss(Call& call, Value log_probabilities, size_t target_input, size_t weight_input) {
  ir::Builder& b = call.b;
  const Shape shape = b.shape(log_probabilities);
  const DType dtype = b.dtype(log_probabilities);
  if (shape.rank() < 2) call.wrong("its input is " + b.type(log_probabilities).to_string());
  Shape rest;
  for (size_t i = 0; i < shape.rank(); ++i)
    if (i != 1) rest.push_back(shape[i]);
  if (call.rank(target_input) != rest.rank()) call.wrong("its targets are " + call.type(target_input).to_string());
  for (size_t i = 0; i < rest.rank(); ++i) call.equal(rest[i], call.shape(target_input)[i], "the sizes of input and targets");
  Expression target(b, b.cast(call.value(target_input), DType::kI64));
  Expression weight(b, b.full(1, dtype, rest));
  const bool ignores = call.has_attribute("ignore_index");
  std::optional<Expression> ignored;
  if (ignores) {
    // What is ignored reads class 0 and weighs nothing.
    ignored = apply("equal", target, Expression(b, b.full_like(static_cast<double>(call.integer("ignore_index")), target)));
    target = select(*ignored, Expression(b, b.full_like(0, target)), target);
  }
  if (call.has(weight_input)) weight = {b, b.call("gather", {call.value(weight_input), target}, {{"axis", int64_t{0}}})};
  if (ignored) weight = select(*ignored, Expression(b, b.full_like(0, weight)), weight);
  const Expression picked(b, b.call("pick", {log_probabilities, target}, {{"axis", int64_t{1}}}));
  Expression loss = -(picked * weight);
  if (ignored) loss = select(*ignored, Expression(b, b.full_like(0, loss)), loss);
  const std::string reduction = call.text("reduction", "mean");
  if (reduction == "none") return call.set(0, loss);
  if (reduction != "sum" && reduction != "mean") call.wrong("its reduction is \"" + reduction + "\"");
  Integers all;
  for (size_t i = 0; i < rest.rank(); ++i) all.push_back(static_cast<int64_t>(i));
  const Expression sum(b, b.reduce("reduce_sum", loss, all));
  if (reduction == "sum") return call.set(0, sum);
  call.set(0, sum / Expression(b, b.reduce("reduce_sum", weight, all)));
}

void import_negative_log_likelihood(Call& call) { set_loss(call, call.value(0), 1, 2); }

void import_softmax_cross_entropy(Call& call) {
  const Value log_probabilities = call.b.call("log_softmax", {call.value(0)}, {{"axis", int64_t{1}}});
  set_loss(call, log_probabilities, 1, 2);
  call.set(1, log_probabilities);
}

}  // namespace

void add_losses(OperatorTable& table) {
  table.push_back({"NegativeLogLikelihoodLoss", 12, import_negative_log_likelihood});
  table.push_back({"SoftmaxCrossEntropyLoss", 12, import_softmax_cross_entropy});
}

}  // namespace sinter::onnx
