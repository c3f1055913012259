// Values to run a program with when only its speed is wanted. Used by `bench`.
#pragma once

#include <cstdint>

#include "base/tensor.h"

namespace sinter::tools {

/// Fills the tensor: floats small and around zero; integers of 8 bits any; others 0 or 1, in range wherever a class or row is meant. The same for the
/// same seed. A second or two for a gigabyte.
void fill_made_up(Tensor& tensor, uint32_t seed);

}  // namespace sinter::tools
