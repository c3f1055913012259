// Lift invariants: what a loop computes from unchanged values alone is computed once, before it (transposed weights, packed operands), and
// tables of constants leave the regions of all control flow, so that they become the program's. Runs when contractions have their final forms.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

ir::Module lift_invariants(const ir::Module& module);

}  // namespace sinter::passes
