// Convolutions. The graph's `convolution` has channels last; here they stand second, so that transposes stand around it.
#include "frontend/onnx/operators.h"
#include "frontend/onnx/operators/windows.h"

namespace sinter::onnx {
namespace {

using ir::Value;

/// Axes of [batch, channels, spatial..] in the order [batch, spatial.., channels].
Integers channels_last(size_t rank) {
  Integers permutation{0};
  for (size_t i = 2; i < rank; ++i) permutation.push_back(static_cast<int64_t>(i));
  permutation.push_back(1);
  return permutation;
}

Integers channels_second(size_t rank) {
  Integers permutation{0, static_cast<int64_t>(rank) - 1};
  for (size_t i = 1; i + 1 < rank; ++i) permutation.push_back(static_cast<int64_t>(i));
  return permutation;
}

Value transposed(Call& call, Value value, const Integers& permutation) {
  return call.b.call("transpose", {value}, {{"permutation", permutation}});
}

Value with_bias(Call& call, Value result, size_t input) {
  if (!call.has(input)) return result;
  const Shape shape = call.b.shape(result);
  return call.b.call("add", {result, call.spread(call.value(input), shape)});  // the channels are last
}

void check_ranks(Call& call, size_t filter) {
  const size_t rank = call.rank(0);
  if (rank < 3 || call.rank(filter) != rank)
    call.wrong("its input is " + call.type(0).to_string() + ", its filter " + call.type(filter).to_string());
  if (rank > 5) call.unsupported("convolutions over more than three axes");
}

Value convolve(Call& call, Value input, Value filter, const Windows& windows, int64_t groups, const Integers& input_dilation) {
  const ir::Attributes attributes{{"stride", windows.strides},           {"padding_low", Shape(windows.low)},
                                  {"padding_high", Shape(windows.high)}, {"dilation", windows.dilations},
                                  {"input_dilation", input_dilation},    {"groups", groups}};
  return call.b.call("convolution", {input, filter}, attributes);
}

void import_conv(Call& call) {
  check_ranks(call, 1);
  const size_t rank = call.rank(0);
  const Shape filter_shape = call.shape(1);
  const int64_t groups = call.integer("group", 1);
  const Dims window(filter_shape.begin() + 2, filter_shape.end());
  const Dims sizes(call.shape(0).begin() + 2, call.shape(0).end());
  const Windows windows = windows_of(call, sizes, known_window(call, window), /*ceil_mode=*/false);
  call.equal(call.shape(0)[1], filter_shape[1] * groups, "the channels of input and filter");
  Integers filter_order;
  for (size_t i = 2; i < rank; ++i) filter_order.push_back(static_cast<int64_t>(i));
  filter_order.insert(filter_order.end(), {1, 0});
  const Value input = transposed(call, call.value(0), channels_last(rank)), filter = transposed(call, call.value(1), filter_order);
  const Value result = with_bias(call, convolve(call, input, filter, windows, groups, Integers(rank - 2, 1)), 2);
  call.set(0, transposed(call, result, channels_second(rank)));
}

/// The gradient of a convolution: its input is spread by the stride, the filter turned around.
void import_conv_transpose(Call& call) {
  check_ranks(call, 1);
  ir::Builder& b = call.b;
  const size_t rank = call.rank(0), spatial = rank - 2;
  const Shape filter_shape = call.shape(1);
  const int64_t groups = call.integer("group", 1);
  if (groups < 1) call.wrong("a group of " + std::to_string(groups));
  const Integers window = known_window(call, Dims(filter_shape.begin() + 2, filter_shape.end()));
  const Integers strides = per_axis(call, "strides", spatial, 1), dilations = per_axis(call, "dilations", spatial, 1),
                 extra = per_axis(call, "output_padding", spatial, 0, 0);
  const auto pads = call.integers("pads");
  const auto wanted = call.integers("output_shape");
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (pads && pads->size() != 2 * spatial) call.wrong("it has " + std::to_string(pads->size()) + " pads");
  if (wanted && wanted->size() != spatial) call.wrong("its output_shape has " + std::to_string(wanted->size()) + " sizes");
  Windows windows;
  windows.strides.assign(spatial, 1);
  windows.dilations = dilations;
  for (size_t i = 0; i < spatial; ++i) {
    const Dim size = call.shape(0)[i + 2];
    const int64_t reach = (window[i] - 1) * dilations[i];
    Dim low = 0, high = 0;
    if (wanted || mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const Dim out = wanted ? Dim((*wanted)[i]) : size * strides[i];
      const Dim total = (size - 1) * strides[i] + extra[i] + reach + 1 - out;
      const Dim half = floor_div(total, 2);
      low = mode == "SAME_UPPER" ? half : total - half;
      high = total - low;
    } else if (pads && mode != "VALID") {
      low = (*pads)[i];
      high = (*pads)[spatial + i];
    }
    windows.low.push_back(Dim(reach) - low);
    windows.high.push_back(Dim(reach) - high + extra[i]);
  }
  const auto in_channels = filter_shape[0].divide_exactly(groups);
  if (!in_channels) call.wrong("its channels cannot be divided into " + std::to_string(groups) + " groups");
  // [groups * in, out, spatial..] becomes [spatial.., in, groups * out], turned around.
  Dims grouped{Dim(groups), *in_channels, filter_shape[1]}, joined;
  Integers order, turned;
  for (size_t i = 0; i < spatial; ++i) {
    grouped.push_back(filter_shape[i + 2]);
    joined.push_back(filter_shape[i + 2]);
    order.push_back(static_cast<int64_t>(i) + 3);
    turned.push_back(static_cast<int64_t>(i));
  }
  order.insert(order.end(), {1, 0, 2});
  joined.push_back(*in_channels);
  joined.push_back(filter_shape[1] * groups);
  Value filter = b.reshape(transposed(call, b.reshape(call.value(1), Shape(grouped)), order), Shape(joined));
  filter = b.call("reverse", {filter}, {{"axes", turned}});
  call.equal(call.shape(0)[1], filter_shape[0], "the channels of input and filter");
  const Value input = transposed(call, call.value(0), channels_last(rank));
  const Value result = with_bias(call, convolve(call, input, filter, windows, groups, strides), 2);
  call.set(0, transposed(call, result, channels_second(rank)));
}

}  // namespace

void add_convolutions(OperatorTable& table) {
  table.push_back({"Conv", 1, import_conv});
  table.push_back({"ConvTranspose", 1, import_conv_transpose});
}

}  // namespace sinter::onnx
