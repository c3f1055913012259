#include "frontend/onnx/operators/windows.h"

namespace sinter::onnx {

Integers per_axis(Call& call, const char* attribute, size_t axes, int64_t fallback, int64_t lowest) {
  const Integers values = call.integers(attribute).value_or(Integers(axes, fallback));
  if (values.size() != axes)
    call.wrong(std::string("its attribute ") + attribute + " has " + std::to_string(values.size()) + " entries for " +
               std::to_string(axes) + " axes");
  for (const int64_t value : values)
    if (value < lowest || value > INT32_MAX) call.wrong(std::string("its attribute ") + attribute + " holds " + std::to_string(value));
  return values;
}

Integers known_window(Call& call, const Dims& from_filter) {
  Integers window;
  for (const Dim& dim : from_filter) {
    if (!dim.is_constant()) call.unsupported("a window of " + dim.to_string() + " entries, known at run time only");
    window.push_back(dim.constant());
  }
  const Integers given = per_axis(call, "kernel_shape", window.size(), 1);
  if (call.has_attribute("kernel_shape") && given != window) call.wrong("its kernel_shape is not that of its filter");
  for (const int64_t size : window)
    if (size < 1) call.wrong("a window of " + std::to_string(size));
  return window;
}

Windows windows_of(Call& call, const Dims& sizes, Integers window, bool ceil_mode) {
  const size_t axes = sizes.size();
  Windows windows;
  windows.strides = per_axis(call, "strides", axes, 1);
  windows.dilations = per_axis(call, "dilations", axes, 1);
  windows.window = std::move(window);
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER") call.wrong("its auto_pad is \"" + mode + "\"");
  const auto pads = mode == "NOTSET" || mode.empty() ? call.integers("pads") : std::nullopt;
  if (pads && pads->size() != 2 * axes)
    call.wrong("it has " + std::to_string(pads->size()) + " pads for " + std::to_string(axes) + " axes");
  for (size_t i = 0; i < axes; ++i) {
    const Dim reach = (windows.window[i] - 1) * windows.dilations[i] + 1, stride = windows.strides[i];
    Dim low = 0, high = 0, extra = 0;
    if (pads) {
      low = (*pads)[i];
      high = (*pads)[axes + i];
    } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const Dim total = max((ceil_div(sizes[i], stride) - 1) * stride + reach - sizes[i], Dim(0));
      const Dim half = floor_div(total, 2);
      low = mode == "SAME_UPPER" ? half : total - half;
      high = total - low;
    }
    if (ceil_mode) {
      // The last window begins inside of the input or the padding before it.
      const Dim padded = sizes[i] + low + high;
      Dim count = ceil_div(padded - reach, stride) + 1;
      count = min(count, ceil_div(sizes[i] + low, stride));
      extra = max((count - 1) * stride + reach - padded, Dim(0));
    }
    windows.low.push_back(low);
    windows.high.push_back(high + extra);
    windows.extra.push_back(extra);
  }
  return windows;
}

}  // namespace sinter::onnx
