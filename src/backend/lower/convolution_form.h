// What lowering knows of a convolution: three spatial axes (missing ones are of size 1, in front), groups, channels, and which elements of input and filter
// meet at an output position. Used by the lowerings of kind `convolution`.
#pragma once

#include <array>

#include "ir/op_def.h"

namespace sinter::backend {

/// One spatial axis. Position o of the result and tap k of the filter meet at o*stride + k*dilation - low of an input whose elements are `spread` apart.
struct ConvolutionAxis {
  Dim input = 1, filter = 1, output = 1;
  int64_t stride = 1, dilation = 1, spread = 1;
  Dim low = 0, high = 0;  // padding

  /// The tap may miss the input at some position of the result.
  bool is_padded() const;
};

/// The taps that see an element of the input, for one position of the result: tap(j) at input element first + j*step, j < count.
struct Taps {
  Dim first_tap, first, count;
  int64_t tap_step = 1, step = 1;

  Dim tap(const Dim& j) const { return first_tap + j * tap_step; }
  Dim input(const Dim& j) const { return first + j * step; }
};

struct ConvolutionForm {
  Dim batch, groups = 1, channels, features;  // channels and features of a group
  std::array<ConvolutionAxis, 3> axes;        // the last one runs along memory
  int64_t panel_width = 0;                    // the filter is stored as panels of so many features

  Dim depth() const { return axes[0].filter * axes[1].filter * axes[2].filter * channels; }
  bool is_depthwise() const { return channels == Dim(1) && features == Dim(1); }
};

/// The node of a body of kind `convolution` or `window` whose lowering is of kind Window.
const ir::Node& find_window(const ir::Graph& body);

ConvolutionForm convolution_form(const ir::Node& node, const ir::Graph& graph);

/// Of a gradient by a filter: that of the convolution whose filter it is.
ConvolutionForm filter_gradient_form(const ir::Node& node, const ir::Graph& graph);

/// Multiply-adds of a convolution, or of the gradient by its filter, that are of elements of the input: padding and what lies between entries count nothing.
Dim multiply_adds(const ConvolutionForm& form);

/// All taps of an axis at `position`, inside of the input or not. Needs spread 1, or stride and dilation 1.
Taps all_taps(const ConvolutionAxis& axis, const Dim& position);
/// Those among them that are inside.
Taps taps_inside(const ConvolutionAxis& axis, const Dim& position);
/// Whether those two can be asked.
bool has_regular_taps(const ConvolutionAxis& axis);

}  // namespace sinter::backend
