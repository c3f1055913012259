#include "passes/recognise/forms.h"

#include <algorithm>
#include <cmath>

namespace sinter::passes {

using ir::Integers;
using ir::Value;

std::optional<Value> Raise::whole(const std::string& name) const {
  const auto& [value, labels] = match.values.at(name);
  for (size_t k = 0; k < labels.size(); ++k)
    if (labels[k] != static_cast<int>(k)) return std::nullopt;
  return from.type(value).shape == shape() ? std::optional(at(value)) : std::nullopt;
}

namespace {

using Found = std::optional<Value>;

std::vector<Pattern> parse_all(std::initializer_list<std::string> texts) {
  std::vector<Pattern> patterns;
  for (const std::string& text : texts) patterns.push_back(parse_pattern(text));
  return patterns;
}

// ---- what each is raised to ----

Found unary(const Raise& raise, const char* op, ir::Attributes attributes = {}) {
  const auto x = raise.whole("x");
  if (!x) return std::nullopt;
  return raise.builder.call(op, {*x}, std::move(attributes));
}

Found along_axis(const Raise& raise, const char* op) {
  const Integers axes = raise.match.axes();
  if (axes.size() != 1) return std::nullopt;
  return unary(raise, op, {{"axis", axes[0]}});
}

Found raise_gelu_erf(const Raise& raise) { return unary(raise, "gelu", {{"form", std::string("erf")}}); }
Found raise_gelu_tanh(const Raise& raise) { return unary(raise, "gelu", {{"form", std::string("tanh")}}); }
Found raise_silu(const Raise& raise) { return unary(raise, "silu"); }
Found raise_sigmoid(const Raise& raise) { return unary(raise, "sigmoid"); }
Found raise_softplus(const Raise& raise) { return unary(raise, "softplus"); }
Found raise_softmax(const Raise& raise) { return along_axis(raise, "softmax"); }
Found raise_log_softmax(const Raise& raise) { return along_axis(raise, "log_softmax"); }

Shape without_ones(const Shape& shape) {
  Shape others;
  for (const Dim& dim : shape)
    if (dim != Dim(1)) others.push_back(dim);
  return others;
}

/// A sum divided by how many it takes together.
Found raise_mean(const Raise& raise) {
  const auto& [x, labels] = raise.match.values.at("x");
  const Shape shape = raise.from.type(x).shape;
  Integers axes;
  double count = 1;
  for (size_t k = 0; k < labels.size(); ++k) {
    const auto& reduced = *raise.match.reduced;
    if (std::find(reduced.begin(), reduced.end(), labels[k]) == reduced.end()) continue;
    const auto extent = shape[k].as_constant();
    if (!extent) return std::nullopt;
    count *= static_cast<double>(*extent);
    axes.push_back(static_cast<int64_t>(k));
  }
  const double factor = raise.match.numbers.at("share") * count;
  if (std::abs(factor - 1) > (raise.from.type(x).dtype == DType::kF64 ? 1e-15 : 1e-7)) return std::nullopt;
  Shape kept;
  for (size_t k = 0; k < labels.size(); ++k)
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(k)) == axes.end()) kept.push_back(shape[k]);
  if (without_ones(kept) != without_ones(raise.shape()) || !std::is_sorted(labels.begin(), labels.end())) return std::nullopt;
  return raise.builder.reshape(raise.builder.call("mean", {raise.at(x)}, {{"axes", axes}}), raise.shape());
}

/// The first of the axes, when they are the last ones of the root.
std::optional<int64_t> last_axes(const Raise& raise) {
  const Integers axes = raise.match.axes();
  const auto rank = static_cast<int64_t>(raise.shape().rank());
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != rank - static_cast<int64_t>(axes.size() - i)) return std::nullopt;
  return axes.empty() ? std::nullopt : std::optional(axes[0]);
}

struct Neutral {
  const char* parameter;
  double value;  // what a form without the parameter has in its place
};

/// `op` of x and parameters of one row each.
Found normalised(const Raise& raise, const char* op, std::initializer_list<Neutral> parameters) {
  const auto axis = last_axes(raise);
  const auto x = raise.whole("x");
  const double epsilon = raise.match.numbers.at("epsilon");
  if (!axis || !x || epsilon <= 0) return std::nullopt;
  const Shape shape = raise.shape();
  Shape row;
  for (auto k = static_cast<size_t>(*axis); k < shape.rank(); ++k) row.push_back(shape[k]);
  std::vector<Value> operands{*x};
  for (const auto& [name, neutral] : parameters)
    operands.push_back(raise.match.values.contains(name) ? raise.bound(name) : raise.builder.full(neutral, raise.from.type(raise.root).dtype, row));
  return raise.builder.call(op, operands, {{"axis", *axis}, {"epsilon", epsilon}});
}

// -0 changes nothing, 0 the sign of -0.
Found raise_layer_norm(const Raise& raise) { return normalised(raise, "layer_norm", {{"scale", 1}, {"bias", -0.0}}); }
Found raise_rms_norm(const Raise& raise) { return normalised(raise, "rms_norm", {{"scale", 1}}); }

Found raise_cross_entropy(const Raise& raise) {
  const auto& [logits, labels] = raise.match.values.at("x");
  const auto label = raise.whole("label");
  if (!label || labels.size() != raise.shape().rank() + 1 || raise.match.reduced->at(0) != labels.back()) return std::nullopt;
  return raise.builder.call("negate", {raise.builder.call("cross_entropy", {raise.at(logits), *label})});
}

// ---- the table ----

const std::string kRms = "x / sqrt(mean(x * x) + @epsilon)";
const std::string kNormal = "(x - mean(x)) / sqrt(mean((x - mean(x)) * (x - mean(x))) + @epsilon)";

std::vector<Form> make_forms() {
  return {
      {"gelu",
       parse_all({"x * 0.5 * (1 + erf(x * 0.70710678118654752))", "x * (0.5 + 0.5 * erf(x * 0.70710678118654752))",
                  "0.5 * x + 0.5 * x * erf(x * 0.70710678118654752)"}),
       raise_gelu_erf},
      {"gelu",
       parse_all({"x * 0.5 * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)))",
                  "x * 0.5 * (1 + tanh(0.79788456080286536 * x + 0.035677408136300125 * x * x * x))",
                  "x * 0.5 * (1 + tanh(0.79788456080286536 * x * (1 + 0.044715 * x * x)))",
                  "x * (0.5 + 0.5 * tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)))",
                  "x * sigmoid(1.5957691216057307 * (x + 0.044715 * x * x * x))"}),
       raise_gelu_tanh},
      {"silu", parse_all({"x * sigmoid(x)", "x / (1 + exp(-x))"}), raise_silu},
      {"softmax",
       parse_all({"exp(x - max(x)) / sum(exp(x - max(x)))", "exp(x - stop_gradient(max(x))) / sum(exp(x - stop_gradient(max(x))))",
                  "exp(x) / sum(exp(x))"}),
       raise_softmax},
      {"sigmoid",
       parse_all({"1 / (1 + exp(-x))", "0.5 + 0.5 * tanh(0.5 * x)", "0.5 * (1 + tanh(0.5 * x))", "exp(x) / (1 + exp(x))"}),
       raise_sigmoid},
      {"log_softmax",
       parse_all({"x - max(x) - log(sum(exp(x - max(x))))", "x - stop_gradient(max(x)) - log(sum(exp(x - stop_gradient(max(x)))))",
                  "x - log(sum(exp(x)))"}),
       raise_log_softmax},
      {"log_softmax", parse_all({"log(softmax(x))"}), raise_log_softmax, true},
      {"softplus", parse_all({"log(1 + exp(x))", "log1p(exp(x))"}), raise_softplus},
      {"layer_norm", parse_all({kNormal + " * columns(scale) + columns(bias)", kNormal + " * columns(scale)", kNormal}), raise_layer_norm},
      {"rms_norm", parse_all({kRms + " * columns(scale)", kRms}), raise_rms_norm},
      {"cross_entropy", parse_all({"pick(log_softmax(x), label)"}), raise_cross_entropy},
      {"mean", parse_all({"sum(x) * @share"}), raise_mean, false, true},
  };
}

}  // namespace

const std::vector<Form>& forms() {
  static const std::vector<Form> table = make_forms();
  return table;
}

}  // namespace sinter::passes
