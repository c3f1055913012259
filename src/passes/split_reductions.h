// Split reductions: a reduction that one tile would do alone, over more elements than one tile should, is done in two
// steps, so that many tiles share the work and sums of f32 stay short. Part of fuse, which runs it first.
//
// A reduction over everything: first over the trailing axes, to at least kShortRow elements each where there are so
// many, then over what is left; of one constant axis: over rows of a length that divides it. A reduction over several
// leading axes: first over all but the first of them. "More than it should" is more than kLongTotal elements, more than
// one symbol, or a symbol times kShortRow. What the kernel of a contraction reduces beside it (reduces_rhs) stays whole: it is cut by columns, and as
// long as the contraction's own sums.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

inline constexpr int64_t kLongTotal = 65536, kShortRow = 64;

ir::Graph split_reductions(const ir::Graph& graph);

}  // namespace sinter::passes
