#include "backend/schedule/contract_schedule.h"

#include <algorithm>
#include <optional>
#include <span>

namespace sinter::backend {
namespace {

struct RegisterTile {
  int vectors, rows;  // accumulators: vectors * rows
};

/// Tiles that keep the multiply-add units busy without spilling, widest first. With 32 registers 8x48 reads least for what it computes and no more rows than
/// the first cache has ways; 6x64 only where it takes all columns at once. With 16 registers 6 rows of 2 vectors.
constexpr RegisterTile kWide[] = {{4, 6}, {3, 8}, {2, 8}, {1, 8}};
constexpr RegisterTile kNarrow[] = {{2, 6}, {1, 8}};
/// Where words of narrow elements are taken apart: each vector of them is two then.
constexpr RegisterTile kWideApart[] = {{2, 8}, {1, 8}}, kNarrowApart[] = {{2, 4}, {1, 8}};

constexpr int64_t kMostDepth = 1024, kMostDepthPacked = 640;  // of one pass: more would push a panel, or a panel just packed, out of the second cache
constexpr int64_t kDepthBlock = 512;                          // about, of several passes
constexpr int64_t kSpreadDepth = 256, kSpreadPanels = 64;     // spread rows are four times as large, and have to serve many columns
constexpr int64_t kMostRows = 512;                            // of a tile: the columns are packed, or read from far, once for so many
constexpr int64_t kWantedTiles = 16;                          // so that two participants finish together
constexpr int64_t kLeastWork = int64_t{1} << 20;              // multiply-adds of a tile worth handing out on its own
constexpr int64_t kSmallOperand = 32 << 10;                   // bytes that stay in the first cache as they lie
constexpr int64_t kSweepBytes = 256, kSweepDepth = 8;         // of each row of B at a time, and such rows, where one row of A goes along them
constexpr int64_t kLineBytes = 64;                            // of a cache: rows of B that begin within one cost more, many blocks of depth of them too much
constexpr int kTilesInPlace = 4;                               // of rows: more repay a copy of B
constexpr int kDots = 8;                                      // sums at a time, so that they need not wait for each other
constexpr int64_t kLeastDots = 4, kMostDotRows = 4;           // vectors in depth: fewer are not worth adding up the lanes; rows by a transposed B
constexpr int64_t kSweepLeast = 384, kSweepMost = 1536;       // columns of a tile that does so: whole pages of B, and a row of C in the first cache

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
int64_t parts(int64_t value, int64_t most) { return (value + most - 1) / most; }

std::span<const RegisterTile> register_tiles(const ContractShape& shape, const Target& target) {
  const bool wide = target.vector_registers >= 32;
  if (shape.group > 1 && !target.has_narrow_products) return wide ? std::span<const RegisterTile>(kWideApart) : std::span<const RegisterTile>(kNarrowApart);
  return wide ? std::span<const RegisterTile>(kWide) : std::span<const RegisterTile>(kNarrow);
}

RegisterTile register_tile(const ContractShape& shape, const Target& target, int lanes) {
  const bool wide = target.vector_registers >= 32;
  const std::span<const RegisterTile> tiles = register_tiles(shape, target);
  if (shape.panel_width != 0) {
    const auto vectors = static_cast<int>(parts(shape.panel_width, lanes));
    for (const RegisterTile& tile : tiles)
      if (tile.vectors == vectors) return tile;
    return {vectors, std::clamp((wide ? 24 : 12) / vectors, 1, 8)};  // a width that another target asked for: right, not fast
  }
  const auto columns = shape.columns.as_constant();
  if (!columns || *columns > tiles[0].vectors * lanes) return tiles.size() > 3 ? tiles[1] : tiles[0];
  size_t best = 0;  // the narrowest that takes all columns in one panel
  while (best + 1 < tiles.size() && *columns <= tiles[best + 1].vectors * lanes) ++best;
  return tiles[best];
}

/// Few rows by a B that is read in place, once: as many columns as the registers hold sums for, so that each row of B is read in long pieces. Where the rows
/// are one, short pieces of neighbouring rows (`sweep` in schedule_contract).
RegisterTile few_rows_tile(int64_t rows, const Target& target) {
  if (rows == 1) return {static_cast<int>(std::min<int64_t>(8, kSweepBytes * 8 / target.vector_bits)), 1};
  return {static_cast<int>(std::min<int64_t>(8, (target.vector_registers >= 32 ? 24 : 12) / rows)), static_cast<int>(rows)};
}

/// Few rows by a B whose depth is contiguous, or rows by a single column: both operands are read along the depth, B (or A) once and as it lies.
std::optional<ContractSchedule> schedule_dots(const ContractShape& shape, const Target& target, int lanes) {
  const auto rows = shape.rows.as_constant(), columns = shape.columns.as_constant(), depth = shape.depth.as_constant();
  const bool one_column = columns && *columns == 1;
  const bool along_depth = shape.lhs_depth_contiguous && (one_column || !shape.rhs_columns_contiguous) && shape.one_depth_axis;
  if (shape.panel_width != 0 || shape.group != 1 || !is_float(shape.dtype) || !along_depth || (depth && *depth < kLeastDots * lanes)) return std::nullopt;
  if (!one_column && !(rows && *rows > 0 && *rows <= kMostDotRows)) return std::nullopt;
  ContractSchedule schedule;
  schedule.dots = true;
  const auto block = [](const std::optional<int64_t>& size, int64_t step) {
    return round_up(size ? std::clamp<int64_t>(parts(*size, kWantedTiles), 2 * step, kMostRows) : kMostRows / 4, step);
  };
  if (one_column) {
    schedule.tile_rows = static_cast<int>(std::clamp<int64_t>(rows.value_or(kDots), 1, kDots));
    schedule.row_block = block(rows, schedule.tile_rows);
  } else {
    schedule.row_block = schedule.tile_rows = static_cast<int>(*rows);
    schedule.tile_columns = std::min(kDots, (target.vector_registers >= 32 ? 2 * kDots : kDots) / schedule.tile_rows);
    schedule.column_block = block(columns, schedule.tile_columns);
  }
  return schedule;
}

}  // namespace

ContractSchedule schedule_contract(const ContractShape& shape, const Target& target) {
  ContractSchedule schedule;
  const auto bytes = static_cast<int64_t>(size_in_bytes(shape.dtype));
  const int lanes = target.lanes(static_cast<int>(bytes));
  if (const auto dots = schedule_dots(shape, target, lanes)) return *dots;
  const auto rows = shape.rows.as_constant(), columns = shape.columns.as_constant(), depth = shape.depth.as_constant();
  RegisterTile tile = register_tile(shape, target, lanes);
  const bool stored = shape.panel_width != 0;
  const bool spreads = !target.has_fma && is_float(shape.dtype) && shape.group == 1;
  schedule.masked_columns = target.vector_bits > 128 || (columns && *columns % lanes == 0);
  const bool once = !stored && shape.group == 1 && shape.rhs_columns_contiguous && schedule.masked_columns && rows && *rows > 0 &&
                    *rows <= (spreads ? 2 : tile.rows) && !(columns && *columns <= tile.vectors * lanes);
  if (once) tile = few_rows_tile(*rows, target);
  const bool sweep = once && *rows == 1;
  schedule.tile_rows = tile.rows;
  schedule.tile_columns = stored ? static_cast<int>(shape.panel_width) : tile.vectors * lanes;

  // B as it lies is a good panel when it is no wider than one, when it stays in the first cache anyway, or when few rows would read
  // the packed one.
  const bool one_panel = columns && *columns <= schedule.tile_columns;
  const bool small = columns && depth && *columns * *depth * bytes <= kSmallOperand;
  const bool one_pass = depth && *depth <= kMostDepth, lines = columns && *columns * bytes % kLineBytes == 0;
  schedule.rows_in_place = (spreads || !(one_pass || lines) ? 2 : kTilesInPlace) * schedule.tile_rows;
  const bool few_rows = once || (rows && *rows <= schedule.rows_in_place);
  schedule.pack_b = !stored && (!shape.rhs_columns_contiguous || !(one_panel || small || few_rows) || !schedule.masked_columns);

  const int64_t most_depth = spreads ? kSpreadDepth : schedule.pack_b ? kMostDepthPacked : kMostDepth;
  const int64_t depth_block = spreads ? kSpreadDepth : kDepthBlock;
  const bool reads_b_once = !schedule.pack_b && (one_panel || once);
  if (sweep) {
    schedule.depth_block = kSweepDepth;
  } else if (!depth) {
    if (!reads_b_once) schedule.depth_block = depth_block;
  } else if (*depth > most_depth && !reads_b_once) {
    schedule.depth_block = round_up(parts(*depth, parts(*depth, depth_block)), 16);
  }

  // One panel to a tile; several where rows are spread for them, or long rows of B are read. Rows are cut further until there are enough tiles.
  const int64_t panels = columns ? std::max<int64_t>(1, parts(*columns, schedule.tile_columns)) : kSpreadPanels;
  const bool few = rows && *rows <= 2;
  int64_t across = spreads && !few ? parts(panels, parts(panels, kSpreadPanels)) : 1;
  schedule.spread_rows = across >= 4;
  if (sweep) across = parts(std::clamp(columns ? *columns / 4 : kSweepMost, kSweepLeast, kSweepMost), schedule.tile_columns);
  schedule.column_block = across * schedule.tile_columns;
  int64_t blocks = rows ? std::max<int64_t>(1, parts(*rows, kMostRows)) : 1;
  const int64_t others = shape.batch.as_constant().value_or(1) * parts(panels, across);
  while (rows && blocks * others < kWantedTiles && *rows / blocks > 128 &&
         *rows / blocks * schedule.column_block * depth.value_or(kMostDepth) >= 2 * kLeastWork)
    ++blocks;
  schedule.row_block = round_up(rows ? parts(std::max<int64_t>(1, *rows), blocks) : kMostRows / 2, tile.rows);
  return schedule;
}

int64_t register_columns(const ContractShape& shape, const Target& target) {
  const int lanes = target.lanes(static_cast<int>(size_in_bytes(shape.dtype)));
  return register_tile(shape, target, lanes).vectors * lanes;
}

int64_t wanted_panel_width(const ContractShape& shape, const Target& target) {
  const auto bytes = static_cast<int64_t>(size_in_bytes(shape.dtype));
  const auto columns = shape.columns.as_constant(), depth = shape.depth.as_constant();
  if (!columns || !depth || *columns == 0 || *depth == 0) return 0;
  const int lanes = target.lanes(static_cast<int>(bytes));
  const int64_t width = register_tile(shape, target, lanes).vectors * lanes;
  if (shape.rhs_columns_contiguous && *columns % lanes == 0 && (*columns <= width || *columns * *depth * bytes <= kSmallOperand)) return 0;
  return width;
}

}  // namespace sinter::backend
