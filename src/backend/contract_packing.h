// What the passes pack_operands, group_contracts and pack_filters ask the backend: in which order the kernel of a contraction or convolution wants its operands.
#pragma once

#include "base/machine.h"
#include "ir/graph.h"

namespace sinter::backend {

/// Columns of a panel for an operand that is the same at every call, or 0: as it lies. The contraction is in canonical form.
int64_t panel_width(const ir::Node& contract, const ir::Graph& graph, const Target& target);

/// What group_contracts asks: columns of a panel of words, and whether bytes of the left operand had better count as unsigned.
struct GroupPacking {
  int64_t width = 1;
  bool unsigned_bytes = false;
};
/// `sums`: what products are added up in, f32 or i32; `group`: neighbours in depth in a word.
GroupPacking group_packing(const Dim& rows, const Dim& columns, const Dim& depth, DType sums, int group, const Target& target);

/// What pack_filters asks: output channels of a panel of a convolution's filter, or 0: as it lies.
int64_t filter_width(const ir::Node& convolution, const ir::Graph& graph, const Target& target);

}  // namespace sinter::backend
