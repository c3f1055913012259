// Windows that slide over spatial axes, as convolutions and pools describe them: strides, dilations, the forms of padding.
#pragma once

#include "frontend/onnx/call.h"

namespace sinter::onnx {

struct Windows {
  Integers window, strides, dilations;
  Dims low, high;    // padding, with what ceil_mode adds at the end
  Dims extra;        // what ceil_mode added
};

/// A list of one integer per spatial axis, each at least `lowest`. Raises kType.
Integers per_axis(Call& call, const char* attribute, size_t axes, int64_t fallback, int64_t lowest = 1);

/// The sizes of a window, from the attribute kernel_shape or what the filter says. Raises kUnsupported when they are not constants.
Integers known_window(Call& call, const Dims& from_filter);

/// What the attributes strides, dilations, pads and auto_pad say of windows over axes of these sizes.
Windows windows_of(Call& call, const Dims& sizes, Integers window, bool ceil_mode);

}  // namespace sinter::onnx
