// Pools: extremes, means and norms over windows that slide along the spatial axes, or over all of them.
#include <cmath>

#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/windows.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

Integers spatial_axes(size_t rank) {
  Integers axes;
  for (size_t i = 2; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

Windows pool_windows(Call& call) {
  if (call.rank(0) < 3) call.wrong("its input is " + call.type(0).to_string());
  const size_t axes = call.rank(0) - 2;
  if (!call.has_attribute("kernel_shape")) call.wrong("its kernel_shape is missing");
  const Dims sizes(call.shape(0).begin() + 2, call.shape(0).end());
  return windows_of(call, sizes, per_axis(call, "kernel_shape", axes, 1), call.integer("ceil_mode", 0) != 0);
}

Value slide(Call& call, const char* op, Value value, const Windows& windows, const Dims& low, const Dims& high) {
  const size_t axes = windows.window.size();
  return call.b.call(op, {value}, {{"axes", spatial_axes(axes + 2)},
                                   {"window", windows.window},
                                   {"stride", windows.strides},
                                   {"padding_low", Shape(low)},
                                   {"padding_high", Shape(high)},
                                   {"dilation", windows.dilations},
                                   {"input_dilation", Integers(axes, 1)}});
}

Value slide(Call& call, const char* op, Value value, const Windows& windows) {
  return slide(call, op, value, windows, windows.low, windows.high);
}

Expression index_along(Call& call, const Shape& shape, size_t axis) {
  return {call.b, call.b.call("iota", {}, {{"shape", shape}, {"axis", static_cast<int64_t>(axis)}, {"dtype", DType::kI64}})};
}

/// Where in the whole input the largest entries stand, from their numbers within the windows.
Value places_in_input(Call& call, const Expression& number, const Windows& windows) {
  ir::Builder& b = call.b;
  const Shape shape = call.shape(0), result = b.shape(number);
  const size_t axes = windows.window.size();
  const bool columns_first = call.integer("storage_order", 0) != 0;
  Expression place = index_along(call, result, 0) * Expression(b, b.dim(shape[1], DType::kI64)) + index_along(call, result, 1);
  place = place * Expression(b, b.dim(shape.element_count(2, shape.rank()), DType::kI64));
  int64_t entries = 1;
  std::vector<Expression> along(axes, number);
  for (size_t i = axes; i-- > 0;) {
    const Expression step = apply("remainder", number / static_cast<double>(entries),
                                  Expression(b, b.full_like(static_cast<double>(windows.window[i]), number)));
    const Expression low(b, b.dim(windows.low[i], DType::kI64));
    along[i] =
        index_along(call, result, i + 2) * static_cast<double>(windows.strides[i]) + step * static_cast<double>(windows.dilations[i]) - low;
    entries *= windows.window[i];
  }
  Dim distance = 1;
  for (size_t k = 0; k < axes; ++k) {
    const size_t i = columns_first ? k : axes - 1 - k;
    place = place + along[i] * Expression(b, b.dim(distance, DType::kI64));
    distance = distance * shape[i + 2];
  }
  return place;
}

void import_max_pool(Call& call) {
  ir::Builder& b = call.b;
  const Windows windows = pool_windows(call);
  const DType dtype = call.dtype(0);
  const Value x = b.cast(call.value(0), is_float(dtype) ? dtype : DType::kF32);
  call.set(0, b.cast(slide(call, "reduce_window_max", x, windows), dtype));
  if (!call.wants(1)) return;
  const Expression number(b, b.cast(slide(call, "reduce_window_argmax", x, windows), DType::kI64));
  call.set(1, places_in_input(call, number, windows));
}

/// The padding counts when the node says so; what ceil_mode adds at the end never does.
void import_average_pool(Call& call) {
  ir::Builder& b = call.b;
  const Windows windows = pool_windows(call);
  const Expression sum(b, slide(call, "reduce_window_sum", call.value(0), windows));
  const bool count_padding = call.integer("count_include_pad", 0) != 0;
  Shape counted{Dim(1), Dim(1)};
  Dims low, high;
  bool all_full = true;
  for (size_t i = 0; i < windows.window.size(); ++i) {
    const Dim size = call.shape(0)[i + 2], given = windows.high[i] - windows.extra[i];
    counted.push_back(count_padding ? size + windows.low[i] + given : size);
    low.push_back(count_padding ? Dim(0) : windows.low[i]);
    high.push_back(count_padding ? windows.extra[i] : windows.high[i]);
    all_full = all_full && low.back() == Dim(0) && high.back() == Dim(0);
  }
  if (all_full) {
    int64_t entries = 1;
    for (const int64_t size : windows.window) entries *= size;
    return call.set(0, sum / static_cast<double>(entries));
  }
  const Value count = slide(call, "reduce_window_sum", b.full(1, call.dtype(0), counted), windows, low, high);
  call.set(0, sum / Expression(b, call.spread(count, b.shape(sum))));
}

Expression to_power(const Expression& x, double exponent) {
  return apply("power", x, Expression(*x.builder, x.builder->full_like(exponent, x)));
}

void import_lp_pool(Call& call) {
  const Windows windows = pool_windows(call);
  const double p = call.version < 2 ? call.number("p", 2) : static_cast<double>(call.integer("p", 2));
  const Expression powers = to_power(call.expression(0).call("abs"), p);
  call.set(0, to_power({call.b, slide(call, "reduce_window_sum", powers, windows)}, 1 / p));
}

template <class Reduce> void import_global(Call& call, Reduce&& reduce) {
  Shape shape = call.shape(0);
  if (shape.rank() < 2) call.wrong("its input is " + call.type(0).to_string());
  const Value result = reduce(spatial_axes(shape.rank()));
  for (size_t i = 2; i < shape.rank(); ++i) shape[i] = 1;
  call.set(0, call.b.reshape(result, shape));
}

void import_global_average(Call& call) {
  import_global(call, [&](const Integers& axes) { return call.b.call("mean", {call.value(0)}, {{"axes", axes}}); });
}
void import_global_max(Call& call) {
  import_global(call, [&](const Integers& axes) { return call.b.reduce("reduce_max", call.value(0), axes); });
}
void import_global_lp(Call& call) {
  const double p = call.version < 2 ? call.number("p", 2) : static_cast<double>(call.integer("p", 2));
  import_global(call, [&](const Integers& axes) -> Value {
    const Expression sum(call.b, call.b.reduce("reduce_sum", to_power(call.expression(0).call("abs"), p), axes));
    return to_power(sum, 1 / p);
  });
}

}  // namespace

void add_pools(OperatorTable& table) {
  table.push_back({"MaxPool", 1, import_max_pool});
  table.push_back({"AveragePool", 1, import_average_pool});
  table.push_back({"LpPool", 1, import_lp_pool});
  table.push_back({"GlobalAveragePool", 1, import_global_average});
  table.push_back({"GlobalMaxPool", 1, import_global_max});
  table.push_back({"GlobalLpPool", 1, import_global_lp});
}

}  // namespace sinter::onnx
