// Resampling: along one axis after the other, each result entry is a sum of a few entries by weights, both known while compiling.
#include <algorithm>
#include <cmath>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

struct Axis {
  size_t axis = 0;
  int64_t from = 0, to = 0;
  double scale = 1;
  double roi_begin = 0, roi_end = 1;
};

struct Method {
  std::string mode = "nearest", coordinates = "half_pixel", nearest = "round_prefer_floor";
  double cubic = -0.75;
  bool exclude_outside = false;
};

/// Where entry `i` of the result lies on the axis it comes from (the operator's section on coordinate_transformation_mode). The length of
/// the result is not rounded where it is given by a scale.
double coordinate(const Method& method, const Axis& axis, int64_t i) {
  const double x = static_cast<double>(i), from = static_cast<double>(axis.from), length = from * axis.scale;
  if (method.coordinates == "asymmetric") return x / axis.scale;
  if (method.coordinates == "align_corners") return length == 1 ? 0 : x * (from - 1) / (length - 1);
  if (method.coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
  if (method.coordinates == "tf_crop_and_resize") {
    const double extent = (axis.roi_end - axis.roi_begin) * (from - 1);
    return axis.roi_begin * (from - 1) + (axis.to == 1 ? extent / 2 : x * extent / (length - 1));
  }
  if (method.coordinates == "pytorch_half_pixel" && axis.to == 1) return 0;
  const double middle = (x + 0.5) / axis.scale - 0.5;
  if (method.coordinates == "half_pixel_symmetric") return middle + from / 2 * (1 - static_cast<double>(axis.to) / length);
  return middle;
}

double nearest_entry(const Method& method, double x) {
  if (method.nearest == "floor") return std::floor(x);
  if (method.nearest == "ceil") return std::ceil(x);
  return method.nearest == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

/// Weights of the entries from `first` on, by how far x lies behind an entry.
std::vector<double> weights(const Method& method, double x, int64_t& first) {
  if (method.mode == "nearest") {
    first = static_cast<int64_t>(nearest_entry(method, x));
    return {1};
  }
  const double base = std::floor(x), t = x - base;
  first = static_cast<int64_t>(base);
  if (method.mode == "linear") return {1 - t, t};
  --first;
  const double a = method.cubic;
  const auto inner = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto outer = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {outer(t + 1), inner(t), inner(1 - t), outer(2 - t)};
}

/// One axis: as many gathers as there are weights.
Value resample(Call& call, Value value, const Axis& axis, const Method& method) {
  ir::Builder& b = call.b;
  const size_t taps = method.mode == "nearest" ? 1 : method.mode == "linear" ? 2 : 4;
  std::vector<Tensor> places(taps, Tensor()), factors(taps, Tensor());
  for (size_t tap = 0; tap < taps; ++tap) places[tap] = Tensor(DType::kI64, {axis.to}), factors[tap] = Tensor(DType::kF64, {axis.to});
  for (int64_t i = 0; i < axis.to; ++i) {
    int64_t first = 0;
    std::vector<double> w = weights(method, coordinate(method, axis, i), first);
    double sum = 1;
    if (method.exclude_outside) {
      sum = 0;
      for (size_t tap = 0; tap < taps; ++tap) {
        const int64_t place = first + static_cast<int64_t>(tap);
        if (place < 0 || place >= axis.from) w[tap] = 0;
        sum += w[tap];
      }
    }
    for (size_t tap = 0; tap < taps; ++tap) {
      places[tap].set_integer(i, std::clamp<int64_t>(first + static_cast<int64_t>(tap), 0, axis.from - 1));
      factors[tap].set(i, sum == 0 ? 0 : w[tap] / sum);
    }
  }
  const auto entries = [&](size_t tap) {
    return b.call("gather", {value, b.constant(places[tap])}, {{"axis", static_cast<int64_t>(axis.axis)}});
  };
  if (taps == 1) return entries(0);
  std::optional<Expression> sum;
  for (size_t tap = 0; tap < taps; ++tap) {
    const Expression part(b, entries(tap));
    const Shape shape = b.shape(part);
    const Expression factor(b, b.broadcast(b.cast(b.constant(factors[tap]), b.dtype(part)), shape, {static_cast<int64_t>(axis.axis)}));
    sum = sum ? *sum + part * factor : part * factor;
  }
  return *sum;
}

/// Entries that lie outside of the region's axis get a number of their own.
Value with_outside(Call& call, Value value, const Axis& axis, const Method& method, double outside) {
  ir::Builder& b = call.b;
  Tensor is_outside(DType::kBool, {axis.to});
  for (int64_t i = 0; i < axis.to; ++i) {
    const double x = coordinate(method, axis, i);
    is_outside.set_integer(i, x < 0 || x > static_cast<double>(axis.from - 1));
  }
  const Shape shape = b.shape(value);
  return b.call("select",
                {b.broadcast(b.constant(is_outside), shape, {static_cast<int64_t>(axis.axis)}), b.full_like(outside, value), value});
}

void resize(Call& call, const std::vector<Axis>& axes, const Method& method) {
  ir::Builder& b = call.b;
  const DType dtype = call.dtype(0);
  Value value = call.value(0);
  if (method.mode != "nearest" && !is_float(dtype)) value = b.cast(value, DType::kF32);
  const bool crops = method.coordinates == "tf_crop_and_resize";
  for (const Axis& axis : axes)
    if (axis.from != axis.to || axis.scale != 1 || crops) value = resample(call, value, axis, method);
  for (const Axis& axis : axes)
    if (crops) value = with_outside(call, value, axis, method, call.number("extrapolation_value", 0));
  call.set(0, b.cast(value, dtype));
}

/// Axes that change, from a scale for each.
std::vector<Axis> scaled_axes(Call& call, const Integers& axes, const std::vector<double>& scales) {
  if (axes.size() != scales.size())
    call.wrong("it has " + std::to_string(scales.size()) + " scales for " + std::to_string(axes.size()) + " axes");
  std::vector<Axis> scaled;
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = call.axis(axes[i], call.rank(0));
    const auto from = call.shape(0)[axis].as_constant();
    if (!from && scales[i] == 1) continue;
    if (!from) call.unsupported("resampling along an axis whose size is known at run time only");
    if (!(scales[i] > 0) || !(scales[i] * static_cast<double>(*from) < 1e9)) call.wrong("a scale of " + std::to_string(scales[i]));
    // A scale is a float: what is meant as whole may lie a little below.
    scaled.push_back({axis, *from, static_cast<int64_t>(std::floor(scales[i] * static_cast<double>(*from) + 1e-6)), scales[i]});
  }
  return scaled;
}

std::vector<Axis> sized_axes(Call& call, const Integers& axes, const Dims& sizes) {
  if (axes.size() != sizes.size())
    call.wrong("it has " + std::to_string(sizes.size()) + " sizes for " + std::to_string(axes.size()) + " axes");
  std::vector<Axis> sized;
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = call.axis(axes[i], call.rank(0));
    const Dim from = call.shape(0)[axis];
    if (from == sizes[i] && !from.is_constant()) continue;
    if (!from.is_constant() || !sizes[i].is_constant()) call.unsupported("resampling along an axis whose size is known at run time only");
    if (from.constant() < 1 || sizes[i].constant() < 0 || sizes[i].constant() > 1'000'000'000)
      call.wrong("a size of " + sizes[i].to_string() + " from " + from.to_string());
    sized.push_back(
        {axis, from.constant(), sizes[i].constant(), static_cast<double>(sizes[i].constant()) / static_cast<double>(from.constant())});
  }
  const std::string policy = call.text("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch" || sized.empty()) return sized;
  const auto by_scale = [](const Axis& a, const Axis& b) { return a.scale < b.scale; };
  const double scale = policy == "not_larger" ? std::min_element(sized.begin(), sized.end(), by_scale)->scale
                                              : std::max_element(sized.begin(), sized.end(), by_scale)->scale;
  for (Axis& axis : sized) {
    axis.scale = scale;
    axis.to = static_cast<int64_t>(std::floor(scale * static_cast<double>(axis.from) + 0.5));
  }
  return sized;
}

std::vector<double> known_numbers(Call& call, size_t input) {
  const Tensor& known = call.known_tensor(input);
  std::vector<double> numbers;
  for (int64_t i = 0; i < known.size(); ++i) numbers.push_back(known.get(i));
  return numbers;
}

Integers all_axes(Call& call) {
  Integers axes;
  for (size_t i = 0; i < call.rank(0); ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

Method method_of(Call& call) {
  Method method;
  method.mode = call.text("mode", "nearest");
  if (method.mode == "bilinear") method.mode = "linear";
  if (method.mode != "nearest" && method.mode != "linear" && method.mode != "cubic") call.wrong("its mode is \"" + method.mode + "\"");
  return method;
}

/// Upsample, and Resize of version 10: scales alone, entries counted from the corner.
void import_upsample(Call& call) {
  Method method = method_of(call);
  method.coordinates = "asymmetric";
  method.nearest = "floor";
  std::vector<double> scales;
  if (call.version >= 9) scales = known_numbers(call, 1);
  else if (const auto given = call.numbers("scales")) scales = *given;
  else scales = {1, 1, call.number("height_scale", 1), call.number("width_scale", 1)};
  resize(call, scaled_axes(call, all_axes(call), scales), method);
}

void import_resize(Call& call) {
  Method method = method_of(call);
  method.coordinates = call.text("coordinate_transformation_mode", "half_pixel");
  method.nearest = call.text("nearest_mode", "round_prefer_floor");
  method.cubic = call.number("cubic_coeff_a", -0.75);
  method.exclude_outside = call.integer("exclude_outside", 0) != 0;
  if (call.integer("antialias", 0) != 0) call.unsupported("resampling with antialias");
  const Integers given = call.integers("axes").value_or(all_axes(call));
  const bool by_size = call.has(3);
  if (!by_size && !call.has(2)) call.wrong("it has neither scales nor sizes");
  std::vector<Axis> axes = by_size ? sized_axes(call, given, call.known_dims(3)) : scaled_axes(call, given, known_numbers(call, 2));
  if (method.coordinates == "tf_crop_and_resize") {
    const std::vector<double> roi = known_numbers(call, 1);
    if (roi.size() != 2 * given.size())
      call.wrong("its region has " + std::to_string(roi.size()) + " numbers for " + std::to_string(given.size()) + " axes");
    for (Axis& axis : axes)
      for (size_t i = 0; i < given.size(); ++i)
        if (call.axis(given[i], call.rank(0)) == axis.axis) axis.roi_begin = roi[i], axis.roi_end = roi[given.size() + i];
  }
  resize(call, axes, method);
}

}  // namespace

void add_resampling(OperatorTable& table) {
  table.push_back({"Upsample", 7, import_upsample});
  table.push_back({"Resize", 10, import_upsample});
  table.push_back({"Resize", 11, import_resize});
}

}  // namespace sinter::onnx
