#include "backend/loop/loop_ir.h"

#include "backend/loop/scalar_eval.h"

namespace sinter::loop {
namespace {

ExpressionRef make(Expression expression) { return std::make_shared<const Expression>(std::move(expression)); }


}  // namespace

ExpressionRef constant(DType dtype, double value) {
  if (!is_float(dtype)) return integer_constant(dtype, to_integer(from_number(value, dtype), dtype));
  Expression e;
  e.kind = Expression::Kind::kConstant;
  e.dtype = dtype;
  e.number = value;
  return make(std::move(e));
}

ExpressionRef integer_constant(DType dtype, int64_t value) {
  if (is_float(dtype)) return constant(dtype, static_cast<double>(value));
  Expression e;
  e.kind = Expression::Kind::kConstant;
  e.dtype = dtype;
  e.integer = value;
  return make(std::move(e));
}

int contract_group(DType a, DType b) {
  if (b != DType::kU32) return 1;
  return a == DType::kBF16 ? 2 : a == DType::kI8 || a == DType::kU8 ? 4 : 1;
}

ExpressionRef index_value(Dim index) {
  Expression e;
  e.kind = Expression::Kind::kIndex;
  e.dtype = DType::kI64;
  e.index = std::move(index);
  return make(std::move(e));
}

ExpressionRef load(int32_t buffer, DType dtype, std::vector<Dim> indices) {
  Expression e;
  e.kind = Expression::Kind::kLoad;
  e.dtype = dtype;
  e.buffer = buffer;
  e.indices = std::move(indices);
  return make(std::move(e));
}

ExpressionRef apply(ScalarOp op, std::vector<ExpressionRef> arguments) {
  std::vector<DType> dtypes;
  for (const ExpressionRef& argument : arguments) dtypes.push_back(argument->dtype);
  Expression e;
  e.kind = Expression::Kind::kApply;
  e.op = op;
  e.dtype = result_dtype(op, dtypes);
  e.arguments = std::move(arguments);
  return make(std::move(e));
}

ExpressionRef cast(ExpressionRef value, DType dtype) {
  if (value->dtype == dtype) return value;
  Expression e;
  e.kind = Expression::Kind::kApply;
  e.op = ScalarOp::kCast;
  e.dtype = dtype;
  e.arguments = {std::move(value)};
  return make(std::move(e));
}

ExpressionRef bitcast(ExpressionRef value, DType dtype) {
  if (value->dtype == dtype) return value;
  SINTER_CHECK(size_in_bytes(value->dtype) == size_in_bytes(dtype), "bitcast between unequal sizes");
  Expression e;
  e.kind = Expression::Kind::kApply;
  e.op = ScalarOp::kBitcast;
  e.dtype = dtype;
  e.arguments = {std::move(value)};
  return make(std::move(e));
}

ExpressionRef named(std::string name, DType dtype) {
  Expression e;
  e.kind = Expression::Kind::kName;
  e.dtype = dtype;
  e.name = std::move(name);
  return make(std::move(e));
}

ExpressionRef guarded(std::vector<Range> ranges, ExpressionRef then, ExpressionRef otherwise) {
  if (ranges.empty()) return then;
  SINTER_CHECK(then->dtype == otherwise->dtype, "guarded sides have unequal dtypes");
  Expression e;
  e.kind = Expression::Kind::kGuarded;
  e.dtype = then->dtype;
  e.ranges = std::move(ranges);
  e.arguments = {std::move(then), std::move(otherwise)};
  return make(std::move(e));
}

}  // namespace sinter::loop
