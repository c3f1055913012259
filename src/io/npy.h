// NumPy's .npy files: one array (numpy.lib.format, versions 1 to 3).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/tensor.h"

namespace sinter::io {

/// Raises Error kIo, or kData with what is wrong: not an npy file, truncated, object or structured dtypes, big-endian, absurd sizes.
/// An array in Fortran order is brought into row-major order.
Tensor read_npy(const std::string& path);
/// The same without a copy where the array allows it: a view of the mapped file, which must not be written to.
Tensor map_npy(const std::string& path);
/// The array in `bytes`, a view of them where it can be one when `owner` keeps them alive, else a copy. `path` is for messages.
Tensor parse_npy(std::string_view bytes, const std::shared_ptr<void>& owner, const std::string& path);
/// Writes version 1.0, atomically.
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace sinter::io
