// The canonical form of a contract: batch, rows, columns, depth, each a run of neighbouring axes of the operands.
#pragma once

#include "backend/schedule/contract_schedule.h"
#include "ir/op_def.h"

namespace sinter::backend {

struct ContractForm {
  Dim batch = 1, rows = 1, columns = 1, depth = 1;
  size_t batch_axes = 0, row_axes = 0, depth_axes = 0;
  bool lhs_depth_contiguous = true;    // lhs is [batch, rows, depth]; else [batch, depth, rows]
  bool rhs_columns_contiguous = true;  // rhs is [batch, depth, columns]; else [batch, columns, depth]
  int64_t panel_width = 0;             // rhs is [batch, panel, depth, column of the panel]
  bool raised = false;                 // lhs counts 128 more
  int group = 1;                       // panels are of words that hold so many neighbours in depth
};

/// The contract of a body of kind `contract`.
const ir::Node& find_contract(const ir::Graph& body);

/// Broken invariant when an operand's axes are not runs in one of those orders (a pass before fusing sees to that).
ContractForm contract_form(const ir::Node& node, const ir::Graph& graph);

/// What the schedule asks about it; `dtype` is that of the result.
ContractShape contract_shape(const ContractForm& form, DType dtype);

}  // namespace sinter::backend
