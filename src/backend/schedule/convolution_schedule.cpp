#include "backend/schedule/convolution_schedule.h"

#include <algorithm>

namespace sinter::backend {
namespace {

constexpr int64_t kWantedRows = 256;              // positions of a kernel tile: a panel of the filter is brought near once for so many
constexpr int64_t kLineScratch = 192 << 10;       // bytes of copied lines, which stay in the second cache beside a panel
constexpr int64_t kColumnScratch = 32 << 10;      // of one line
constexpr int64_t kLongLine = 128;                // columns
constexpr int64_t kWantedTiles = 16;              // so that two participants finish together
constexpr int64_t kLeastWork = int64_t{1} << 21;  // multiply-adds of a tile worth copying its lines again

int64_t parts(int64_t value, int64_t most) { return (value + most - 1) / most; }

}  // namespace

ConvolutionTile convolution_tile(int64_t features, DType dtype, const Target& target) {
  const int lanes = target.lanes(static_cast<int>(size_in_bytes(dtype)));
  const int64_t vectors = std::max<int64_t>(1, parts(features, lanes));
  const bool wide = target.vector_registers >= 32;
  if (!wide) return vectors == 1 ? ConvolutionTile{8, lanes} : ConvolutionTile{6, 2 * lanes};
  // Seven rows divide the usual widths of images (7, 14, 28, 56); fourteen of two vectors do too.
  if (vectors == 1) return {14, lanes};
  if (vectors == 2) return {14, 2 * lanes};
  const bool three = vectors == 3 || (vectors % 4 != 0 && vectors % 3 == 0);
  return three ? ConvolutionTile{8, 3 * lanes} : ConvolutionTile{7, 4 * lanes};
}

ConvolutionTile gradient_tile(int64_t features, DType dtype, const Target& target) {
  const ConvolutionTile tile = convolution_tile(features, dtype, target);
  return target.vector_registers >= 32 && tile.rows < 14 ? ConvolutionTile{14, 2 * target.lanes(static_cast<int>(size_in_bytes(dtype)))} : tile;
}

int64_t column_block(const Dim& columns, int64_t column_bytes) {
  const int64_t most = std::clamp<int64_t>(kColumnScratch / std::max<int64_t>(1, column_bytes), 16, kLongLine);
  const auto known = columns.as_constant();
  if (!known) return std::min<int64_t>(most, 64);
  return *known <= most ? std::max<int64_t>(1, *known) : parts(*known, parts(*known, most));
}

ConvolutionSchedule schedule_convolution(const ConvolutionShape& shape, int64_t columns, const Target& target) {
  ConvolutionSchedule schedule;
  const ConvolutionTile tile = convolution_tile(shape.features, shape.dtype, target);
  schedule.tile_rows = tile.rows;
  schedule.tile_columns = shape.panel_width != 0 ? static_cast<int>(shape.panel_width) : tile.columns;
  const int64_t most_lines = std::max<int64_t>(1, kWantedRows / columns);
  const int64_t fitting = shape.line_bytes == 0 ? most_lines : std::max<int64_t>(1, (kLineScratch - shape.first_lines_bytes) / shape.line_bytes);
  const int64_t lines = std::max<int64_t>(1, shape.lines.as_constant().value_or(most_lines));
  int64_t blocks = parts(lines, std::clamp<int64_t>(std::min(most_lines, fitting), 1, lines));
  const int64_t images = std::max<int64_t>(1, shape.images.as_constant().value_or(1)), panels = parts(shape.features, schedule.tile_columns);
  const auto work = [&](int64_t line_blocks, int64_t panel_blocks) {
    return parts(lines, line_blocks) * columns * shape.depth * parts(panels, panel_blocks) * schedule.tile_columns;
  };
  while (images * blocks < kWantedTiles && blocks < lines && parts(lines, blocks) * columns > 64 && work(blocks + 1, 1) >= kLeastWork) ++blocks;
  schedule.line_block = parts(lines, blocks);
  blocks = parts(lines, schedule.line_block);
  int64_t panel_blocks = 1;
  while (images * blocks * panel_blocks < kWantedTiles && panel_blocks < panels && work(blocks, panel_blocks + 1) >= kLeastWork) ++panel_blocks;
  schedule.panel_block = parts(panels, panel_blocks);
  return schedule;
}

}  // namespace sinter::backend
