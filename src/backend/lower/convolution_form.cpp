#include "backend/lower/convolution_form.h"

#include <algorithm>

namespace sinter::backend {

const ir::Node& find_window(const ir::Graph& body) {
  for (const ir::Node& node : body.nodes())
    if (std::holds_alternative<ir::Window>(node.op->lowering)) return node;
  SINTER_CHECK(false, "a body of a kind with a window, without one");
}

bool ConvolutionAxis::is_padded() const {
  const auto padded = [](const Dim& padding) { return padding.as_constant().value_or(1) > 0; };
  return padded(low) || padded(high);
}

namespace {

/// The spatial axes, without sizes.
ConvolutionForm axes_of(const ir::Node& node, const Shape& input, const Shape& result) {
  const auto integers = [&](std::string_view name) { return ir::get_attribute<ir::Integers>(*node.op, node.attributes, name); };
  const auto dims = [&](std::string_view name) { return ir::get_attribute<Shape>(*node.op, node.attributes, name); };
  const ir::Integers stride = integers("stride"), dilation = integers("dilation"), spread = integers("input_dilation");
  const Shape low = dims("padding_low"), high = dims("padding_high");
  const size_t rank = input.rank() - 2;
  ConvolutionForm form;
  form.batch = input[0];
  for (size_t k = 0; k < rank; ++k) {
    ConvolutionAxis& axis = form.axes[3 - rank + k];
    axis.input = input[k + 1], axis.output = result[k + 1];
    axis.stride = stride[k], axis.dilation = dilation[k], axis.spread = spread[k];
    axis.low = low[k], axis.high = high[k];
  }
  return form;
}

}  // namespace

ConvolutionForm convolution_form(const ir::Node& node, const ir::Graph& graph) {
  const bool panels = node.op->find_attribute("filter_shape") != nullptr;
  const Shape& input = graph.type(node.operands[0]).shape;
  const Shape& filter = panels ? ir::get_attribute<Shape>(*node.op, node.attributes, "filter_shape") : graph.type(node.operands[1]).shape;
  const size_t rank = input.rank() - 2;
  ConvolutionForm form = axes_of(node, input, graph.type(node.results[0]).shape);
  form.groups = ir::get_attribute<int64_t>(*node.op, node.attributes, "groups");
  form.channels = filter[rank];
  form.features = floor_div(filter[rank + 1], form.groups);
  if (panels) form.panel_width = ir::get_attribute<int64_t>(*node.op, node.attributes, "width");
  for (size_t k = 0; k < rank; ++k) form.axes[3 - rank + k].filter = filter[k];
  return form;
}

ConvolutionForm filter_gradient_form(const ir::Node& node, const ir::Graph& graph) {
  const Shape &input = graph.type(node.operands[0]).shape, &cotangent = graph.type(node.operands[1]).shape, &result = graph.type(node.results[0]).shape;
  const size_t rank = input.rank() - 2;
  ConvolutionForm form = axes_of(node, input, cotangent);
  form.groups = ir::get_attribute<int64_t>(*node.op, node.attributes, "groups");
  form.channels = result[rank + 1];
  form.features = floor_div(cotangent[rank + 1], form.groups);
  for (size_t k = 0; k < rank; ++k) form.axes[3 - rank + k].filter = result[k + 1];
  return form;
}

namespace {

/// Positions of the result and taps that meet an element, along an axis; of one that is not known, or very long, all that could.
Dim meetings(const ConvolutionAxis& axis) {
  constexpr int64_t kMost = 1 << 20;
  const auto input = axis.input.as_constant(), filter = axis.filter.as_constant(), output = axis.output.as_constant(), low = axis.low.as_constant();
  if (!input || !filter || !output || !low || *output > kMost || *filter > kMost / std::max<int64_t>(1, *output)) return floor_div(axis.output * axis.filter, axis.spread);
  int64_t count = 0;
  for (int64_t o = 0; o < *output; ++o)
    for (int64_t k = 0; k < *filter; ++k) {
      const int64_t place = o * axis.stride + k * axis.dilation - *low;
      count += place >= 0 && place % axis.spread == 0 && place / axis.spread < *input;
    }
  return count;
}

}  // namespace

Dim multiply_adds(const ConvolutionForm& form) {
  Dim total = form.batch * form.groups * form.channels * form.features;
  for (const ConvolutionAxis& axis : form.axes) total = total * meetings(axis);
  return total;
}

bool has_regular_taps(const ConvolutionAxis& axis) { return axis.spread == 1 || (axis.stride == 1 && axis.dilation == 1); }

Taps all_taps(const ConvolutionAxis& axis, const Dim& position) {
  Taps taps;
  if (axis.spread == 1) {
    taps.first_tap = 0, taps.first = position * axis.stride - axis.low, taps.count = axis.filter;
    taps.step = axis.dilation;
    return taps;
  }
  // Every so many taps meet an element, the others fall between two.
  taps.first_tap = mod(axis.low - position, axis.spread);
  taps.first = floor_div(position + taps.first_tap - axis.low, axis.spread);
  taps.count = max(0, ceil_div(axis.filter - taps.first_tap, axis.spread));
  taps.tap_step = axis.spread;
  return taps;
}

Taps taps_inside(const ConvolutionAxis& axis, const Dim& position) {
  Taps taps = all_taps(axis, position);
  if (!axis.is_padded()) return taps;
  const Dim begin = max(0, ceil_div(-taps.first, taps.step));
  const Dim end = min(taps.count, ceil_div(axis.input - taps.first, taps.step));
  taps.count = max(0, end - begin);
  taps.first_tap = taps.first_tap + begin * taps.tap_step;
  taps.first = taps.first + begin * taps.step;
  return taps;
}

}  // namespace sinter::backend
