// Gradient rules of if and scan. Used by control.cpp.
#pragma once

#include "ir/op_def.h"

namespace sinter::ir {

GradientRule if_gradient();
GradientRule scan_gradient();

}  // namespace sinter::ir
