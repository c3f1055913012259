// Arithmetic per element: one or two operands, and variadic ones, with broadcasting; folding of integers that are expressions.
#include <cmath>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

/// Before version 7 the second operand is spread only where `broadcast` says so, and lies at `axis`.
std::vector<Value> operands(Call& call) {
  std::vector<Value> values{call.value(0), call.value(1)};
  if (call.version < 7 && call.integer("broadcast", 0) != 0 && call.has_attribute("axis")) {
    Shape shape = call.b.shape(values[1]);
    const size_t rank = call.rank(0), at = call.axis(call.integer("axis"), std::max<size_t>(rank, 1));
    if (at + shape.rank() > rank) call.wrong("its second operand does not fit at axis " + std::to_string(at));
    while (at + shape.rank() < rank) shape.push_back(Dim(1));
    values[1] = call.b.reshape(values[1], shape);
  }
  return call.spread_all(values);
}

void require_equal_dtypes(Call& call) {
  for (size_t i = 1; i < call.inputs(); ++i)
    if (call.dtype(i) != call.dtype(0)) call.wrong("its operands are " + call.type(0).to_string() + " and " + call.type(i).to_string());
}

std::function<void(Call&)> binary(const char* op) {
  return [op](Call& call) {
    require_equal_dtypes(call);
    call.set(0, call.b.call(op, operands(call)));
  };
}

std::function<void(Call&)> unary(const char* op) {
  return [op](Call& call) { call.set(0, call.b.call(op, {call.value(0)})); };
}

std::function<void(Call&)> formula(Expression (*compute)(Expression)) {
  return [compute](Call& call) { call.set(0, compute(call.expression(0))); };
}

std::function<void(Call&)> variadic(const char* op) {
  return [op](Call& call) {
    require_equal_dtypes(call);
    const std::vector<Value> values = call.spread_all(call.values());
    Value sum = values[0];
    for (size_t i = 1; i < values.size(); ++i) sum = call.b.call(op, {sum, values[i]});
    call.set(0, sum);
  };
}

void import_mean(Call& call) {
  const std::vector<Value> values = call.spread_all(call.values());
  Expression sum(call.b, values[0]);
  for (size_t i = 1; i < values.size(); ++i) sum = sum + Expression(call.b, values[i]);
  call.set(0, sum / static_cast<double>(values.size()));
}

/// Of integers through f64: their powers beyond 2^53 are not exact, as in C.
void import_power(Call& call) {
  const std::vector<Value> values = operands(call);
  const DType dtype = call.dtype(0);
  const DType wide = is_float(dtype) ? dtype : DType::kF64;
  const auto as_wide = [&](Value value) { return call.b.cast(value, wide); };
  call.set(0, call.b.cast(call.b.call("power", {as_wide(values[0]), as_wide(values[1])}), dtype));
}

/// The remainder with the sign of the divisor; with fmod, of the dividend.
void import_mod(Call& call) {
  require_equal_dtypes(call);
  const std::vector<Value> values = operands(call);
  const Expression divisor(call.b, values[1]), left(call.b, call.b.call("remainder", values));
  const DType dtype = call.dtype(0);
  const bool is_signed = is_float(dtype) || is_signed_integer(dtype);
  if (call.integer("fmod", 0) != 0 || !is_signed) return call.set(0, left);
  const Value zero = call.b.full_like(0, left.value);
  const Value other_sign = call.b.call("not_equal", {call.b.call("less", {left, zero}), call.b.call("less", {divisor, zero})});
  const Value wrong = call.b.call("and", {call.b.call("not_equal", {left, zero}), other_sign});
  call.set(0, select(Expression(call.b, wrong), left + divisor, left));
}

Expression asinh(Expression x) {
  const Expression a = x.call("abs");
  return x.call("sign") * (a + a * a / (1.0 + (a * a + 1.0).call("sqrt"))).call("log1p");
}
Expression acosh(Expression x) {
  const Expression t = x - 1.0;
  return (t + (2.0 * t + t * t).call("sqrt")).call("log1p");
}
Expression atanh(Expression x) { return 0.5 * (x.call("log1p") - (-x).call("log1p")); }
Expression reciprocal(Expression x) { return 1.0 / x; }

// ---- integers that are expressions ----

using DimFunction = Dim (*)(const Dim&, const Dim&);

std::function<bool(Call&)> fold_binary(DimFunction compute) {
  return [compute](Call& call) {
    if (call.inputs() != 2 || !call.dims(0) || !call.dims(1)) return false;
    const Dims a = *call.dims(0), b = *call.dims(1);
    const size_t count = a.size() == 1 ? b.size() : a.size();
    if (a.size() != count && a.size() != 1) return false;
    if (b.size() != count && b.size() != 1) return false;
    Dims results;
    for (size_t i = 0; i < count; ++i) results.push_back(compute(a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]));
    call.set_dims(0, std::move(results), call.rank(0) == 0 && call.rank(1) == 0, call.dtype(0));
    return true;
  };
}

Dim add(const Dim& a, const Dim& b) { return a + b; }
Dim subtract(const Dim& a, const Dim& b) { return a - b; }
Dim multiply(const Dim& a, const Dim& b) { return a * b; }
Dim smaller(const Dim& a, const Dim& b) { return min(a, b); }
Dim larger(const Dim& a, const Dim& b) { return max(a, b); }

/// Division towards zero is floor division where neither is negative.
bool fold_divide(Call& call) {
  if (!call.dims(0) || !call.dims(1)) return false;
  for (const Dim& dim : *call.dims(0))
    if (!is_nonnegative(dim)) return false;
  for (const Dim& dim : *call.dims(1))
    if (!is_nonnegative(dim - 1)) return false;
  return fold_binary([](const Dim& a, const Dim& b) { return floor_div(a, b); })(call);
}

bool fold_modulo(Call& call) {
  if (!call.dims(1) || call.integer("fmod", 0) != 0) return false;
  for (const Dim& dim : *call.dims(1))
    if (!is_nonnegative(dim - 1)) return false;
  return fold_binary([](const Dim& a, const Dim& b) { return mod(a, b); })(call);
}

}  // namespace

void add_arithmetic(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import, std::function<bool(Call&)> fold = {}) {
    table.push_back({name, since, std::move(import), std::move(fold)});
  };
  row("Add", 1, binary("add"), fold_binary(add));
  row("Sub", 1, binary("subtract"), fold_binary(subtract));
  row("Mul", 1, binary("multiply"), fold_binary(multiply));
  row("Div", 1, binary("divide"), fold_divide);
  row("Mod", 10, import_mod, fold_modulo);
  row("Pow", 1, import_power);
  row("Sum", 1, variadic("add"));
  row("Max", 1, variadic("maximum"), fold_binary(larger));
  row("Min", 1, variadic("minimum"), fold_binary(smaller));
  row("Mean", 1, import_mean);
  for (const auto& [name, op] : {std::pair{"Abs", "abs"},
                                 {"Neg", "negate"},
                                 {"Sign", "sign"},
                                 {"Exp", "exp"},
                                 {"Log", "log"},
                                 {"Sqrt", "sqrt"},
                                 {"Sin", "sin"},
                                 {"Cos", "cos"},
                                 {"Tan", "tan"},
                                 {"Asin", "asin"},
                                 {"Acos", "acos"},
                                 {"Atan", "atan"},
                                 {"Sinh", "sinh"},
                                 {"Cosh", "cosh"},
                                 {"Erf", "erf"},
                                 {"Floor", "floor"},
                                 {"Ceil", "ceil"},
                                 {"Round", "round"}})
    row(name, 1, unary(op));
  row("Reciprocal", 1, formula(reciprocal));
  row("Asinh", 9, formula(asinh));
  row("Acosh", 9, formula(acosh));
  row("Atanh", 9, formula(atanh));
}

}  // namespace sinter::onnx
