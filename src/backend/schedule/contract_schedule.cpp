#include "backend/schedule/contract_schedule.h"

#include <algorithm>

namespace sinter::backend {
namespace {

struct RegisterTile {
  int vectors, rows;  // accumulators: vectors * rows
};

/// Tiles that keep both multiply-add units busy without spilling (measured with 32 registers: 6x64 and 8x48 at 98 % of peak and
/// more; with 16 registers 6 rows of 2 vectors). Fewer vectors per row take more rows, to keep enough accumulators in flight.
constexpr RegisterTile kWide[] = {{4, 6}, {3, 8}, {2, 12}, {1, 14}};
constexpr RegisterTile kNarrow[] = {{2, 6}, {1, 8}};

/// Columns computed in vain when `columns` is cut into panels of `width`.
int64_t waste(int64_t columns, int64_t width) { return (columns + width - 1) / width * width - columns; }

}  // namespace

ContractSchedule schedule_contract(const ContractShape& shape, const Target& target) {
  ContractSchedule schedule;
  const int lanes = target.lanes(static_cast<int>(size_in_bytes(shape.dtype)));
  const bool wide = target.vector_registers >= 32;
  const RegisterTile* tiles = wide ? kWide : kNarrow;
  const size_t count = wide ? std::size(kWide) : std::size(kNarrow);
  RegisterTile best = tiles[0];
  if (shape.columns.is_constant()) {
    // The least waste wins; among equals the widest tile, which loads least per multiply-add.
    for (size_t i = 1; i < count; ++i)
      if (waste(shape.columns.constant(), tiles[i].vectors * lanes) < waste(shape.columns.constant(), best.vectors * lanes)) best = tiles[i];
  }
  schedule.tile_rows = best.rows;
  schedule.tile_columns = best.vectors * lanes;

  constexpr int64_t kRowBlock = 192, kDepthBlock = 512;
  schedule.row_block = std::max<int64_t>(best.rows, kRowBlock / best.rows * best.rows);
  const auto depth = shape.depth.as_constant();
  if (!depth || *depth > 2 * kDepthBlock) schedule.depth_block = kDepthBlock;
  const auto columns = shape.columns.as_constant();
  const bool one_panel = columns && *columns <= schedule.tile_columns;
  // B as it lies is a good panel when it is no wider than one, or when it stays in L1 anyway.
  const bool small = columns && depth && *columns * *depth * static_cast<int64_t>(size_in_bytes(shape.dtype)) <= (32 << 10);
  const auto rows = shape.rows.as_constant();
  const bool few_rows = rows && *rows <= 2 * schedule.tile_rows;
  schedule.pack_b = !shape.rhs_columns_contiguous || !(one_panel || small || few_rows);
  if (!schedule.pack_b && schedule.depth_block != 0 && one_panel) schedule.depth_block = 0;
  return schedule;
}

}  // namespace sinter::backend
