// Layouts around convolutions: transposes wander down through what computes element by element, reduces, pools, pads, slices and
// concatenates, until they meet their opposites. A network written channels first, with transposes around each convolution, keeps none
// between its convolutions. Used by the driver. It knows no sizes and no costs; graphs without convolutions stay as they are.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

ir::Module assign_layout(const ir::Module& module);

}  // namespace sinter::passes
