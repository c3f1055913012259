// How a convolution is cut: register tile, lines and columns of a kernel tile, panels of features. Decided from shapes and the target alone, never from
// thread counts.
#pragma once

#include "base/dtype.h"
#include "base/machine.h"
#include "base/shape.h"

namespace sinter::backend {

/// Sizes along the two last spatial axes, and of the product that each position is; `columns` counts those positions that see the same taps.
struct ConvolutionShape {
  Dim images, lines, columns;  // images: everything in front of lines, of the batch and of other axes
  int64_t features = 1, depth = 1;
  int64_t line_bytes = 0;      // of input that one more line needs, and the first lines of a tile beyond that
  int64_t first_lines_bytes = 0;
  DType dtype = DType::kF32;
  int64_t panel_width = 0;     // the filter is stored as panels of so many features; 0: as it lies
};

struct ConvolutionSchedule {
  int tile_rows = 1, tile_columns = 1;  // of the register tile
  int64_t line_block = 1;               // lines of a kernel tile
  int64_t panel_block = 1;              // panels of a kernel tile
};

/// The register tile for so many features: one that keeps the multiply-add units busy.
struct ConvolutionTile {
  int rows, columns;
};
ConvolutionTile convolution_tile(int64_t features, DType dtype, const Target& target);

/// The same for gradients by filters, whose rows are channels, next to each other: high tiles read little of what is far.
ConvolutionTile gradient_tile(int64_t features, DType dtype, const Target& target);

/// How many columns a kernel tile takes at a time: all, or a block of a long line. `column_bytes`: of the input that one more column needs.
int64_t column_block(const Dim& columns, int64_t column_bytes);

ConvolutionSchedule schedule_convolution(const ConvolutionShape& shape, int64_t columns, const Target& target);

}  // namespace sinter::backend
