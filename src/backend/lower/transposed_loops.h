// Chains that read an operand along another axis than the one they write: blocks of the operand are transposed into scratch first, so that
// every vector load is of neighbouring elements. Used by loops.cpp; what it has no form for stays a gather there.
#pragma once

#include <optional>

#include "backend/lower/lower_fusion.h"

namespace sinter::backend {

/// The body of kind `loops` cut into blocks of the transposed axis and the last one; nothing when no operand is read like that.
std::optional<Section> lower_transposed_loops(KernelBuilder& builder, const FusionRequest& request);

}  // namespace sinter::backend
