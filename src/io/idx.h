// The idx format of MNIST and its relatives: one array of bytes or big-endian numbers, plain or packed by gzip.
#pragma once

#include <string>

#include "base/tensor.h"

namespace sinter::io {

/// The array of a file. A plain file of bytes stays a view of the mapped file and must not be written to. Raises Error kIo, or kData with what is
/// wrong: not an idx file, truncated, too long, absurd sizes.
Tensor read_idx(const std::string& path);

}  // namespace sinter::io
