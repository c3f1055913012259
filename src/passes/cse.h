// Common subexpression elimination: of nodes with equal op, operands, attributes and regions, the first stays. Every op
// is a pure function of its operands (random_bits too, which takes seed and step), so this never changes a value.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

ir::Module cse(const ir::Module& module);

}  // namespace sinter::passes
