#include "ir/ops/sliding.h"

#include <algorithm>

namespace sinter::ir {
namespace {

/// Strides and dilations stay far from the ends of 64 bits, so that no position overflows.
constexpr int64_t kMostStep = int64_t{1} << 31;

Attributes skew_attributes(const Integers& axes, Shape sizes, Integers stride, Integers dilation, Shape offset, Integers input_dilation) {
  return {{"axes", axes},
          {"window_axes", window_axes_of(axes)},
          {"sizes", std::move(sizes)},
          {"stride", std::move(stride)},
          {"dilation", std::move(dilation)},
          {"offset", std::move(offset)},
          {"input_dilation", std::move(input_dilation)}};
}

}  // namespace

Attributes Sliding::attributes() const {
  return {{"stride", stride}, {"dilation", dilation}, {"input_dilation", input_dilation}, {"padding_low", padding_low}, {"padding_high", padding_high}};
}

Dim Sliding::count(size_t axis, const Dim& input, const Dim& window) const {
  const Dim last = (input - 1) * input_dilation[axis] + padding_low[axis] + padding_high[axis] - (window - 1) * dilation[axis];
  return floor_div(last, stride[axis]) + 1;
}

Shape Sliding::counts(const Shape& input, const Shape& window) const {
  Shape result;
  for (size_t k = 0; k < rank(); ++k) result.push_back(count(k, input[k], window[k]));
  return result;
}

Sliding Sliding::transposed(const Shape& input, const Shape& window) const {
  Sliding result{input_dilation, dilation, stride, {}, {}};
  for (size_t k = 0; k < rank(); ++k) {
    const Dim reach = (window[k] - 1) * dilation[k], low = reach - padding_low[k];
    result.padding_low.push_back(low);
    // What makes the count of windows over the results the size of the input, for any size.
    result.padding_high.push_back((input[k] - 1) * input_dilation[k] - (count(k, input[k], window[k]) - 1) * stride[k] - low + reach);
  }
  return result;
}

std::vector<AttributeDef> sliding_attributes() {
  return {{"stride", AttributeKind::kIntegers, "positions between neighbouring windows, per axis", std::nullopt},
          {"padding_low", AttributeKind::kShape, "positions of padding before the first entry; negative: cut off", std::nullopt},
          {"padding_high", AttributeKind::kShape, "positions of padding after the last one", std::nullopt},
          {"dilation", AttributeKind::kIntegers, "positions between neighbouring entries of a window", std::nullopt},
          {"input_dilation", AttributeKind::kIntegers, "positions between neighbouring entries of the input, which padding fills", std::nullopt}};
}

void require_entries(const TypeRequest& request, const Sliding& sliding, size_t axes, std::string_view rule) {
  const bool fits = sliding.stride.size() == axes && sliding.dilation.size() == axes && sliding.input_dilation.size() == axes &&
                    sliding.padding_low.rank() == axes && sliding.padding_high.rank() == axes;
  request.require(fits, rule, "stride, paddings and dilations must have " + std::to_string(axes) + (axes == 1 ? " entry" : " entries"));
}

void require_steps(const TypeRequest& request, const Sliding& sliding, std::string_view rule) {
  for (const Integers* list : {&sliding.stride, &sliding.dilation, &sliding.input_dilation})
    for (const int64_t step : *list) request.require(step >= 1 && step <= kMostStep, rule, "a stride or dilation of " + std::to_string(step));
  for (const Shape* list : {&sliding.padding_low, &sliding.padding_high})
    for (const Dim& dim : *list)
      request.require(!dim.is_constant() || std::abs(dim.constant()) <= kMostStep, rule, "a padding of " + dim.to_string());
}

void require_counts(const TypeRequest& request, const Sliding& sliding, const Shape& input, const Shape& window, std::string_view rule) {
  for (size_t k = 0; k < sliding.rank(); ++k) {
    const Dim room = (input[k] - 1) * sliding.input_dilation[k] + sliding.padding_low[k] + sliding.padding_high[k] - (window[k] - 1) * sliding.dilation[k];
    const bool nothing = input[k] == Dim(0) && sliding.count(k, input[k], window[k]) == Dim(0);
    const std::string axis = sliding.rank() == 1 ? "" : " along axis " + std::to_string(k) + " of those it slides over";
    request.require(nothing || room.upper_bound().value_or(0) >= 0, rule, "the window is larger than the padded input" + axis,
                    "pad more, or take a smaller window");
  }
}

std::vector<SlidingAxis> sliding_axes(const Sliding& sliding, const SymbolValues& symbols) {
  std::vector<SlidingAxis> axes;
  for (size_t k = 0; k < sliding.rank(); ++k)
    axes.push_back({sliding.stride[k], sliding.dilation[k], sliding.input_dilation[k], sliding.padding_low[k].evaluate(symbols)});
  return axes;
}

Integers window_axes_of(const Integers& axes) {
  Integers result;
  for (size_t k = 0; k < axes.size(); ++k) result.push_back(axes.back() + 1 + static_cast<int64_t>(k));
  return result;
}

Value windows_of(Builder& builder, Value x, Value padding, const Integers& axes, const Shape& window, const Sliding& sliding) {
  const Shape shape = builder.shape(x);
  Shape spread, sizes;
  Integers places;
  for (size_t k = 0; k < shape.rank(); ++k) {
    places.push_back(static_cast<int64_t>(spread.rank()));
    spread.push_back(shape[k]);
    if (static_cast<int64_t>(k) == axes.back())
      for (const Dim& dim : window) spread.push_back(dim);
  }
  for (size_t k = 0; k < axes.size(); ++k) sizes.push_back(sliding.count(k, shape[static_cast<size_t>(axes[k])], window[k]));
  const Value repeated = builder.broadcast(x, spread, places);
  return builder.call("skew", {repeated, padding},
                      skew_attributes(axes, sizes, sliding.stride, sliding.dilation, sliding.padding_low, sliding.input_dilation));
}

}  // namespace sinter::ir
