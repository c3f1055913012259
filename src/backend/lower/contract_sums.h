// Reductions of a contract's B along the depth, which the first tiles of rows make of their columns (the gradient of a bias beside that of the weight).
// Used by the lowering of kind `contract`; B is [depth.., columns..], never panels.
#pragma once

#include "backend/lower/body_writer.h"
#include "backend/lower/contract_form.h"
#include "backend/lower/lower_fusion.h"

namespace sinter::backend {

/// Result `result` of the body is such a reduction.
bool is_rhs_sum(const ir::Graph& body, size_t result);

/// A block of columns: where it begins, how many there are, how many at most.
struct ColumnRange {
  Dim first, count;
  int64_t most;
};

/// Writes the results that are such reductions for these columns, in the tiles whose rows begin with the first.
void write_rhs_sums(KernelBuilder& builder, const FusionRequest& request, BodyWriter& writer, const ContractForm& form, const Dim& first_row,
                    const ColumnRange& columns);

}  // namespace sinter::backend
