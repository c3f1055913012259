// How a contract is cut: register tile, row block, depth block. Decided from shapes and the target alone, never from thread counts.
#pragma once

#include "base/dtype.h"
#include "base/machine.h"
#include "base/shape.h"

namespace sinter::backend {

/// A contract in canonical form: result[batch, m, n] = sum over k.
struct ContractShape {
  Dim batch, rows, columns, depth;
  DType dtype = DType::kF32;
  bool rhs_columns_contiguous = true;  // B is [depth, columns]; else [columns, depth], and has to be transposed while packing
};

struct ContractSchedule {
  int tile_rows = 1, tile_columns = 1;  // of the register tile
  int64_t row_block = 1;                // rows of one kernel tile, a multiple of tile_rows
  int64_t depth_block = 0;              // depth of one pass over the row block; 0: the whole depth in one pass
  bool pack_b = false;                  // copy the panel of B (depth_block x tile_columns) into scratch first
};

ContractSchedule schedule_contract(const ContractShape& shape, const Target& target);

}  // namespace sinter::backend
