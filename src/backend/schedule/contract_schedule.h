// How a contract is cut: register tile, blocks of rows, columns and depth, what is packed. Decided from shapes and the target alone, never from thread counts.
#pragma once

#include "base/dtype.h"
#include "base/machine.h"
#include "base/shape.h"

namespace sinter::backend {

/// A contract in canonical form: result[batch, m, n] = sum over k.
struct ContractShape {
  Dim batch, rows, columns, depth;
  DType dtype = DType::kF32;
  bool lhs_depth_contiguous = true;    // A is [rows, depth]; else [depth, rows]
  int64_t panel_width = 0;             // B is stored as panels of so many columns; 0: as a matrix
  int group = 1;                       // `depth` counts words of so many neighbours
  bool rhs_columns_contiguous = true;  // B is [depth, columns]; else [columns, depth], and has to be transposed while packing
  bool one_depth_axis = true;          // so that neighbours in depth are neighbours in the index
};

struct ContractSchedule {
  int tile_rows = 1, tile_columns = 1;  // of the register tile
  bool dots = false;                    // no register tile of columns: sums of products along the depth, tile_rows x tile_columns at a time
  int64_t row_block = 1;                // rows of one kernel tile, a multiple of tile_rows
  int64_t column_block = 1;             // columns of one kernel tile, a multiple of tile_columns
  int64_t depth_block = 0;              // depth of one pass over the row block, in words where the shape counts these; 0: the whole depth in one pass
  bool pack_b = false;                  // copy the columns (depth_block x column_block) into scratch first, panel by panel
  int64_t rows_in_place = 0;            // where the rows are known at run time only: so many had better read B where it lies
  bool spread_rows = false;             // copy rows of A to [depth][rows], each element repeated over a vector: for targets that cannot load and repeat at once
  bool masked_columns = true;           // the microkernel may write part of a vector; else what is not whole vectors goes through scratch
};

/// Columns of the panels that B should be stored in when it can be packed ahead of the calls; 0: as it lies.
int64_t wanted_panel_width(const ContractShape& shape, const Target& target);

/// Columns of the register tile that suits the shape.
int64_t register_columns(const ContractShape& shape, const Target& target);

ContractSchedule schedule_contract(const ContractShape& shape, const Target& target);

}  // namespace sinter::backend
