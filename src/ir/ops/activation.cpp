// Composites of one operand that apply a formula to each element: activations and short forms.
#include <cmath>
#include <limits>
#include <numbers>

#include "ir/builder.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/scalar_record.h"

namespace sinter::ir {

namespace {

using Value1 = double (*)(double x, const EvaluateRequest& request);
using Expand1 = Expression (*)(E x, const ExpandRequest& request);
/// The cotangent of x from y = op(x) and dy; null: the expansion's.
using Gradient1 = Expression (*)(E x, E y, E dy, const GradientRequest& request);

/// One row of the table below.
struct Activation {
  const char* name;
  const char* doc;
  Value1 value;
  Expand1 expand;
  Gradient1 gradient;
  int ulp = 0;  // of the native f32 expansion, from the bounds of its functions; 0 where it is exact, or has no bound because it cancels
  Fill fill = Fill::kNormal;
  std::vector<AttributeDef> attributes = {};
  std::vector<Attributes> sampled = {{}};  // attributes of samples
  bool flat = false;                       // has stretches of gradient 0, on which a sample of few elements may lie entirely
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRootHalf = 0.5 * std::numbers::sqrt2;
constexpr double kRootTwoOverPi = std::numbers::inv_sqrtpi * std::numbers::sqrt2;
constexpr double kGeluCube = 0.044715;

Expression compare(std::string_view op, E x, double number) { return apply(op, x, constant_like(number, x)); }

double gelu_value(double x, const EvaluateRequest& request) {
  if (request.get<std::string>("form") == "erf") return 0.5 * x * (1 + std::erf(kRootHalf * x));
  return 0.5 * x * (1 + std::tanh(kRootTwoOverPi * (x + kGeluCube * x * x * x)));
}

Expression gelu_expansion(E x, const ExpandRequest& request) {
  if (request.get<std::string>("form") == "erf") return 0.5 * x * (1.0 + (kRootHalf * x).call("erf"));
  return 0.5 * x * (1.0 + (kRootTwoOverPi * (x + kGeluCube * x * x * x)).call("tanh"));
}

double clamp_value(double x, const EvaluateRequest& request) {
  if (std::isnan(x)) return x;
  return std::fmin(std::fmax(x, request.get<double>("low")), request.get<double>("high"));
}

Expression clamp_expansion(E x, const ExpandRequest& request) {
  const Expression above = apply("maximum", x, constant_like(request.get<double>("low"), x));
  return apply("minimum", above, constant_like(request.get<double>("high"), x));
}

Expression clamp_gradient(E x, E, E dy, const GradientRequest& request) {
  const Expression above = compare("greater_equal", x, request.get<double>("low"));
  const Expression below = compare("less_equal", x, request.get<double>("high"));
  return select(apply("and", above, below), dy, constant_like(0, x));
}

std::vector<Activation> activations() {
  return {
      {.name = "relu",
       .doc = "max(x, 0). The gradient at 0 is 0.",
       .value = [](double x, const EvaluateRequest&) { return x <= 0 ? 0 : x; },
       .expand = [](E x, const ExpandRequest&) { return apply("maximum", x, constant_like(0, x)); },
       .gradient = [](E x, E, E dy, const GradientRequest&) { return select(compare("greater", x, 0), dy, constant_like(0, x)); },
       .fill = Fill::kAwayFromZero,
       .flat = true},
      {.name = "leaky_relu",
       .doc = "x where x > 0, else slope * x.",
       .value = [](double x, const EvaluateRequest& request) { return x > 0 ? x : request.get<double>("slope") * x; },
       .expand = [](E x, const ExpandRequest& request) { return select(compare("greater", x, 0), x, request.get<double>("slope") * x); },
       .gradient = [](E x, E, E dy,
                      const GradientRequest& request) { return select(compare("greater", x, 0), dy, request.get<double>("slope") * dy); },
       .fill = Fill::kAwayFromZero,
       .attributes = {{"slope", AttributeKind::kNumber, "factor of negative x", 0.01}},
       .sampled = {{}, {{"slope", 0.2}}}},
      {.name = "elu",
       .doc = "x where x > 0, else alpha * (exp(x) - 1).",
       .value = [](double x, const EvaluateRequest& request) { return x > 0 ? x : request.get<double>("alpha") * std::expm1(x); },
       .expand =
           [](E x, const ExpandRequest& request) {
             const Expression below = apply("minimum", x, constant_like(0, x)).call("expm1");  // no overflow where x > 0
             return select(compare("greater", x, 0), x, request.get<double>("alpha") * below);
           },
       .gradient =
           [](E x, E y, E dy, const GradientRequest& request) {
             return select(compare("greater", x, 0), dy, dy * (y + request.get<double>("alpha")));
           },
       .fill = Fill::kAwayFromZero,
       .attributes = {{"alpha", AttributeKind::kNumber, "minus the limit far below zero", 1.0}},
       .sampled = {{}, {{"alpha", 0.5}}}},
      {.name = "silu",
       .doc = "x * sigmoid(x), also called swish.",
       .value = [](double x, const EvaluateRequest&) { return x / (1 + std::exp(-x)); },
       .expand = [](E x, const ExpandRequest&) { return x * x.call("sigmoid"); },
       .gradient = nullptr},
      {.name = "gelu",
       .doc = "x times the normal distribution's share below x: 0.5 x (1 + erf(x / sqrt 2)), or 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 "
              "x^3))). "
              "Far below zero the factor cancels: the result is accurate to 1e-7 of x.",
       .value = gelu_value,
       .expand = gelu_expansion,
       .gradient = nullptr,
       .attributes = {{"form", AttributeKind::kString, "erf (exact) or tanh (an approximation)", "erf"}},
       .sampled = {{}, {{"form", "tanh"}}}},
      {.name = "softplus",
       .doc = "log(1 + exp(x)), without overflow.",
       .value = [](double x, const EvaluateRequest&) { return (x < 0 ? 0 : x) + std::log1p(std::exp(-std::abs(x))); },
       .expand = [](E x,
                    const ExpandRequest&) { return apply("maximum", x, constant_like(0, x)) + (-x.call("abs")).call("exp").call("log1p"); },
       .gradient = [](E x, E, E dy, const GradientRequest&) { return dy * x.call("sigmoid"); },
       .ulp = 8},
      {.name = "square",
       .doc = "x * x.",
       .value = [](double x, const EvaluateRequest&) { return x * x; },
       .expand = [](E x, const ExpandRequest&) { return x * x; },
       .gradient = [](E x, E, E dy, const GradientRequest&) { return 2.0 * x * dy; }},
      {.name = "reciprocal",
       .doc = "1 / x.",
       .value = [](double x, const EvaluateRequest&) { return 1 / x; },
       .expand = [](E x, const ExpandRequest&) { return 1.0 / x; },
       .gradient = [](E, E y, E dy, const GradientRequest&) { return -dy * y * y; },
       .fill = Fill::kAwayFromZero},
      {.name = "clamp",
       .doc = "The nearest number to x in [low, high]. The gradient passes within the interval, its ends included.",
       .value = clamp_value,
       .expand = clamp_expansion,
       .gradient = clamp_gradient,
       .fill = Fill::kAwayFromInteger,
       .attributes = {{"low", AttributeKind::kNumber, "the smallest result", -kInfinity},
                      {"high", AttributeKind::kNumber, "the largest result", kInfinity}},
       .sampled = {{{"low", -1.0}, {"high", 1.0}}, {{"low", 0.0}}, {{"high", 2.0}}},
       .flat = true},
  };
}

Gradient gradient_of(Gradient1 rule) {
  if (rule == nullptr) return GradientOfExpansion{};
  return GradientRule([rule](const GradientRequest& request) -> std::vector<Value> {
    const auto expression = [&](Value value) { return Expression(request.builder, value); };
    return {rule(expression(request.operands[0]), expression(request.results[0]), expression(request.cotangents[0]), request)};
  });
}

/// What `value` says, element by element: computed in f64 and rounded once.
EvaluateRule evaluation_of(Value1 value) {
  return [value](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor& x = request.operands[0];
    Tensor result = request.make_result();
    for (int64_t i = 0; i < x.size(); ++i) result.set(i, value(x.get(i), request));
    return {result};
  };
}

OpDef record_of(const Activation& row) {
  OpDef op;
  op.name = row.name;
  op.doc = row.doc;
  op.operands = {{"x", "floats of any shape"}};
  op.attributes = row.attributes;
  op.rules = {{"C1", "x is a float dtype"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_domain(request, 0, Domain::kFloat, "C1");
    return {request.operands[0]};
  };
  op.evaluate = evaluation_of(row.value);
  op.gradient = gradient_of(row.gradient);
  op.lowering = Composite{[expand = row.expand](const ExpandRequest& request) -> std::vector<Value> {
    return {expand({request.builder, request.operands[0]}, request)};
  }};
  for (const Attributes& attributes : row.sampled) {
    op.samples.push_back(sample({{"f32[3, n, 5]", row.fill}}, attributes));
    for (const char* type : {"f32[n]", "f32[]", "f32[0, 2]"}) {
      op.samples.push_back(row.flat ? sample_without_gradient({{type, row.fill}}, attributes) : sample({{type, row.fill}}, attributes));
    }
  }
  op.samples = in_both_floats(std::move(op.samples));
  op.bad_samples = {bad("C1", {"i32[n]"}, row.sampled[0]), bad("C1", {"bool[2]"}, row.sampled[0])};
  op.ulp = row.ulp;
  return op;
}

/// Adds the rule C2 about attributes to a record.
void add_rule(OpDef& op, const char* text, std::function<bool(const TypeRequest&)> holds, const Attributes& broken) {
  op.rules.push_back({"C2", text});
  op.type = [base = op.type, text = std::string(text), holds = std::move(holds)](const TypeRequest& request) {
    request.require(holds(request), "C2", text + " is broken");
    return base(request);
  };
  op.bad_samples.push_back(bad("C2", {"f32[2]"}, broken));
}

}  // namespace

void add_activation_ops(OpRegistry& registry) {
  for (const Activation& row : activations()) {
    OpDef op = record_of(row);
    if (op.name == "gelu") {
      const auto holds = [](const TypeRequest& r) { return r.get<std::string>("form") == "erf" || r.get<std::string>("form") == "tanh"; };
      add_rule(op, "form is \"erf\" or \"tanh\"", holds, {{"form", "sigmoid"}});
    }
    if (op.name == "clamp") {
      const auto holds = [](const TypeRequest& r) { return r.get<double>("low") <= r.get<double>("high"); };
      add_rule(op, "low <= high", holds, {{"low", 1.0}, {"high", 0.0}});
    }
    registry.add(std::move(op));
  }
}

}  // namespace sinter::ir
