// Sums over rows beside work along the same rows (the gradients of a normalisation's scale and bias): in two steps, so that whoever goes through
// the rows makes the first one, partial sums of blocks of rows, of what is at hand anyway. Part of fuse, which runs it first; whether the partial
// sums join that kernel is decided like every other merge.
#pragma once

#include "passes/fuse.h"

namespace sinter::passes {

/// Rows of a block: so many that the partial sums are a few hundredths of what they sum, so few that there are tiles to share out.
inline constexpr int64_t kBlockRows = 64;

/// Sums that could be made so and are not are told to `decisions`, unless it is null.
ir::Graph split_into_blocks(const ir::Graph& graph, const FuseOptions& options, std::vector<Decision>* decisions);

}  // namespace sinter::passes
