// The part of add_elementwise_ops that is a table of functions of one float.
#pragma once

#include "ir/op_def.h"

namespace sinter::ir {

void add_math_ops(OpRegistry& registry);  // exp .. erf, floor .. trunc

}  // namespace sinter::ir
