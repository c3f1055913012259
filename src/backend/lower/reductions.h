// What the lowerings of `rows` and `columns` share: the reductions of a body and the arithmetic of combining.
#pragma once

#include <vector>

#include "backend/loop/loop_ir.h"
#include "ir/op_def.h"

namespace sinter::backend {

struct Reduction {
  const ir::Node* node;
  const ir::Reduce* lowering;
  ir::Value operand, result;
  int level = 1;  // 1 + the highest level of a reduction it depends on
};

/// Partial results of blocks of rows, which the last loop along a row advances.
struct BlockSum {
  ir::Value operand, result;
  int64_t rows;  // of a block
};

/// The reductions of a body in order, their axes and the shape they reduce.
struct Reductions {
  std::vector<Reduction> list;
  std::vector<BlockSum> blocks;
  std::vector<int> value_level;  // per value of the body: the highest level of a reduction it depends on
  int levels = 0;
  Shape domain;
  ir::Integers axes;  // that are reduced; with blocks alone those that a row has

  bool is_blocks(ir::Value value) const;
};
Reductions find_reductions(const ir::Graph& body);

/// What a reduction starts from.
loop::ExpressionRef initial_value(const ir::Reduce& lowering, DType dtype);

/// x takes the place of the winner so far: better, or the first NaN.
loop::ExpressionRef beats(ScalarOp combine, const loop::ExpressionRef& x, const loop::ExpressionRef& best);

}  // namespace sinter::backend
