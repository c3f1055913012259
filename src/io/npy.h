// NumPy's .npy files: one array (numpy.lib.format, versions 1 to 3).
#pragma once

#include <string>

#include "base/tensor.h"

namespace sinter::io {

/// Raises Error kIo, or kData with what is wrong: not an npy file, truncated, object or structured dtypes, big-endian, absurd sizes.
/// An array in Fortran order is brought into row-major order.
Tensor read_npy(const std::string& path);
/// Writes version 1.0, atomically.
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace sinter::io
