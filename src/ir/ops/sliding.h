// Windows that slide over axes of a tensor: what the records of convolutions and window reductions share (docs/decisions/014-convolution.md).
// Used by the files of src/ir/ops only.
#pragma once

#include <string_view>
#include <vector>

#include "ir/builder.h"
#include "ir/op_def.h"

namespace sinter::ir {

/// The attributes that say where windows lie, one entry per axis over which they slide.
struct Sliding {
  Integers stride, dilation, input_dilation;
  Shape padding_low, padding_high;

  template <class Request> static Sliding of(const Request& request) {
    return {request.template get<Integers>("stride"), request.template get<Integers>("dilation"), request.template get<Integers>("input_dilation"),
            request.template get<Shape>("padding_low"), request.template get<Shape>("padding_high")};
  }
  size_t rank() const { return stride.size(); }
  Attributes attributes() const;

  /// How many windows of `window` entries there are along an axis of `input` entries.
  Dim count(size_t axis, const Dim& input, const Dim& window) const;
  Shape counts(const Shape& input, const Shape& window) const;
  /// The sliding under which windows over the results meet the same pairs of input and window entry, for the inputs of these sizes: results take the
  /// place of inputs, entries of a window are counted backwards.
  Sliding transposed(const Shape& input, const Shape& window) const;
};

/// Their definitions, for records; and their rules: one entry per axis; steps within bounds; no window known to be larger than its padded input.
std::vector<AttributeDef> sliding_attributes();
void require_entries(const TypeRequest& request, const Sliding& sliding, size_t axes, std::string_view rule);
void require_steps(const TypeRequest& request, const Sliding& sliding, std::string_view rule);
void require_counts(const TypeRequest& request, const Sliding& sliding, const Shape& input, const Shape& window, std::string_view rule);

/// Along one axis, at run time: values for the symbols put in.
struct SlidingAxis {
  int64_t stride, dilation, input_dilation, low;
  /// The input entry that entry `w` of window `o` reads; -1 when it reads padding.
  int64_t source(int64_t o, int64_t w, int64_t input) const {
    const int64_t position = o * stride + w * dilation - low;
    if (position < 0 || position % input_dilation != 0 || position / input_dilation >= input) return -1;
    return position / input_dilation;
  }
};
std::vector<SlidingAxis> sliding_axes(const Sliding& sliding, const SymbolValues& symbols);

/// Window axes stand after the last of the axes that windows slide over.
Integers window_axes_of(const Integers& axes);

/// The windows of x over `axes`, [.., o.., w.., ..]: the skew of x along new window axes; `padding` (rank 0) where a window reads none of it.
Value windows_of(Builder& builder, Value x, Value padding, const Integers& axes, const Shape& window, const Sliding& sliding);

}  // namespace sinter::ir
