#include "ir/ops/scalar_record.h"

namespace sinter::ir {
namespace {

std::vector<Sample> samples_of(const ScalarRow& row) {
  const Dim n = Dim::symbol("n");
  std::vector<Sample> samples;
  const auto add = [&](DType dtype, const Shape& shape) {
    Sample sample;
    for (size_t i = 0; i < row.operands.size(); ++i) {
      const Fill fill = is_float(dtype) ? row.fills[i] : dtype == DType::kBool ? Fill::kBool : Fill::kSmallInteger;
      sample.operands.push_back({{dtype, shape}, fill});
    }
    sample.differentiable = is_float(dtype) && std::holds_alternative<GradientRule>(row.gradient);
    samples.push_back(std::move(sample));
  };
  for (const DType dtype : sample_dtypes(row.domain)) {
    add(dtype, {n});
    if (is_float(dtype)) add(dtype, {Dim::symbol("m"), 3, n});
  }
  add(sample_dtypes(row.domain).front(), {});
  return samples;
}

std::vector<BadSample> bad_samples_of(const ScalarRow& row) {
  const size_t count = row.operands.size();
  const DType dtype = sample_dtypes(row.domain).front();
  std::vector<BadSample> bad;
  if (count == 2) {
    bad.push_back({"C1", {{dtype, {2, 3}}, {dtype, {3, 2}}}});
    bad.push_back({"C1", {{dtype, {Dim::symbol("n")}}, {dtype, {Dim::symbol("m")}}}});
    bad.push_back({"C1", {{DType::kI32, {2}}, {DType::kBool, {2}}}});
    bad.push_back({"C1", {{dtype, {2}}, {dtype, {}}}});
  }
  if (row.domain != Domain::kAny) {
    bad.push_back({count == 2 ? "C2" : "C1", std::vector<TensorType>(count, {outsider(row.domain), {2}})});
  }
  return bad;
}

/// Which rule of shapes was broken, said in the words of what helps.
std::string shape_hint(const TypeRequest& request) {
  if (request.dtype(0) != request.dtype(1)) return "cast one of them";
  if (request.shape(0).rank() != request.shape(1).rank()) return "nothing is spread implicitly; use broadcast";
  return "";
}

}  // namespace

OpDef scalar_record(ScalarRow row) {
  const bool pair = row.operands.size() == 2, any = row.domain == Domain::kAny;
  OpDef def;
  def.name = row.name;
  def.doc = row.doc;
  if (pair) def.rules.push_back({"C1", "the operands have equal types"});
  if (!any) def.rules.push_back({pair ? "C2" : "C1", std::string("the dtype is ") + words(row.domain)});
  def.samples = samples_of(row);
  def.bad_samples = bad_samples_of(row);
  std::vector<ScalarBody> body;
  for (size_t i = 0; i < row.operands.size(); ++i) body.push_back(ScalarBody::operand(static_cast<int>(i)));
  def.lowering = Elementwise{ScalarBody::apply(row.op, std::move(body))};
  def.type = [pair, any, domain = row.domain, result = row.result](const TypeRequest& request) {
    if (pair) {
      request.require(request.operands[0] == request.operands[1], "C1", "the operands' types differ", shape_hint(request));
    }
    if (!any) require_domain(request, 0, domain, pair ? "C2" : "C1");
    return std::vector<TensorType>{{result.value_or(request.dtype(0)), request.shape(0)}};
  };
  def.operands = std::move(row.operands);
  def.evaluate = std::move(row.evaluate);
  def.gradient = std::move(row.gradient);
  def.ulp = row.ulp;
  return def;
}

Gradient derivative(UnaryDerivative by_x) {
  return GradientRule([by_x](const GradientRequest& request) {
    Builder& b = request.builder;
    return std::vector<Value>{by_x({b, request.operands[0]}, {b, request.results[0]}, {b, request.cotangents[0]})};
  });
}

Gradient derivative(BinaryDerivative by_lhs, BinaryDerivative by_rhs) {
  return GradientRule([by_lhs, by_rhs](const GradientRequest& request) {
    Builder& builder = request.builder;
    const Expression a{builder, request.operands[0]}, b{builder, request.operands[1]};
    const Expression y{builder, request.results[0]}, dy{builder, request.cotangents[0]};
    std::vector<Value> result(2);
    if (request.wanted[0]) result[0] = by_lhs(a, b, y, dy);
    if (request.wanted[1]) result[1] = by_rhs(a, b, y, dy);
    return result;
  });
}

Gradient zero_derivative() {
  return GradientRule([](const GradientRequest& request) { return std::vector<Value>(request.operands.size()); });
}

Expression constant_like(double value, E like) { return {*like.builder, like.builder->full_like(value, like)}; }

}  // namespace sinter::ir
