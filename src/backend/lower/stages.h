// Kind `stages` (docs/fusion_kinds.md): the fusions of a body one after another, a block of rows at a time. Used by lower_fusion.
#pragma once

#include "backend/lower/lower_fusion.h"

namespace sinter::backend {

/// `request.row_block` rows per tile.
Section lower_stages(KernelBuilder& builder, const FusionRequest& request);

}  // namespace sinter::backend
