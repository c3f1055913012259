// Quantisation: numbers as 8-bit integers with a scale and a zero point, for a whole tensor or per entry of an axis.
#include <limits>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

struct Range {
  double low, high;
};

Range range_of(Call& call, DType dtype) {
  switch (dtype) {
    case DType::kU8: return {0, 255};
    case DType::kI8: return {-128, 127};
    case DType::kU16: return {0, 65535};
    case DType::kI16: return {-32768, 32767};
    default: call.unsupported("quantised numbers of " + std::string(name(dtype)));
  }
}

/// A scale or zero point in f32, spread over a shape: one number, or one per entry of the axis.
Expression spread_parameter(Call& call, Value value, const Shape& shape, int64_t axis) {
  ir::Builder& b = call.b;
  const Value wide = b.cast(value, DType::kF32);
  const Shape from = b.shape(wide);
  if (from.rank() == 0 || from.element_count() == Dim(1)) return {b, b.broadcast(b.reshape(wide, Shape{}), shape, {})};
  if (from.rank() != 1) call.unsupported("scales per block");
  const size_t at = call.axis(axis, shape.rank());
  call.equal(from[0], shape[at], "the scales and the entries of their axis");
  return {b, b.broadcast(wide, shape, {static_cast<int64_t>(at)})};
}

Value quantised(Call& call, const Expression& x, const Expression& scale, const Expression& zero, DType dtype) {
  const Range range = range_of(call, dtype);
  const Expression rounded = (x / scale).call("round") + zero;
  return call.b.cast(call.b.call("clamp", {rounded}, {{"low", range.low}, {"high", range.high}}), dtype);
}

Expression dequantised(Call& call, size_t input, size_t scale, size_t zero, int64_t axis) {
  const Shape shape = call.shape(input);
  Expression x(call.b, call.b.cast(call.value(input), DType::kF32));
  if (call.has(zero)) x = x - spread_parameter(call, call.value(zero), shape, axis);
  return x * spread_parameter(call, call.value(scale), shape, axis);
}

void import_quantize(Call& call) {
  if (call.integer("block_size", 0) != 0) call.unsupported("scales per block");
  const Shape shape = call.shape(0);
  const int64_t axis = call.integer("axis", 1);
  if (!call.has(2) && call.has_attribute("output_dtype") && call.integer("output_dtype") > 2) call.unsupported("its output_dtype");
  const DType dtype = call.has(2) ? call.dtype(2) : DType::kU8;
  const Expression x(call.b, call.b.cast(call.value(0), DType::kF32));
  const Expression zero =
      call.has(2) ? spread_parameter(call, call.value(2), shape, axis) : Expression(call.b, call.b.full(0, DType::kF32, shape));
  call.set(0, quantised(call, x, spread_parameter(call, call.value(1), shape, axis), zero, dtype));
}

void import_dequantize(Call& call) {
  if (call.integer("block_size", 0) != 0) call.unsupported("scales per block");
  call.set(0, call.b.cast(dequantised(call, 0, 1, 2, call.integer("axis", 1)), call.dtype(1)));
}

/// Scale and zero point from the range of the input, which is made to hold 0.
void import_dynamic_quantize(Call& call) {
  ir::Builder& b = call.b;
  const Expression x = call.expression(0);
  Integers all;
  for (size_t i = 0; i < call.rank(0); ++i) all.push_back(static_cast<int64_t>(i));
  const Expression nothing(b, b.scalar(0, DType::kF32));
  const Expression low = apply("minimum", Expression(b, b.reduce("reduce_min", x, all)), nothing);
  const Expression high = apply("maximum", Expression(b, b.reduce("reduce_max", x, all)), nothing);
  const Expression scale = (high - low) / 255.0;
  const Expression zero(b, b.call("clamp", {(-low / scale).call("round")}, {{"low", 0.0}, {"high", 255.0}}));
  const Shape shape = call.shape(0);
  const Expression wide_scale(b, b.broadcast(scale, shape, {})), wide_zero(b, b.broadcast(zero, shape, {}));
  call.set(0, quantised(call, x, wide_scale, wide_zero, DType::kU8));
  call.set(1, scale);
  call.set(2, b.cast(zero, DType::kU8));
}

}  // namespace

void add_quantisation(OperatorTable& table) {
  table.push_back({"QuantizeLinear", 10, import_quantize});
  table.push_back({"DequantizeLinear", 10, import_dequantize});
  table.push_back({"DynamicQuantizeLinear", 11, import_dynamic_quantize});
}

}  // namespace sinter::onnx
