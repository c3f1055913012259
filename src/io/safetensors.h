// The safetensors format (github.com/huggingface/safetensors): weights and checkpoints. A JSON header, then raw tensors.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace sinter::io {

struct TensorFile {
  std::vector<std::pair<std::string, Tensor>> tensors;  // by name, in the order of the file
  std::map<std::string, std::string> metadata;

  const Tensor* find(std::string_view name) const;
};

/// Reads a whole file; the tensors are views of the mapped file and must not be written to. Raises Error kIo, or kData with what is wrong:
/// not a safetensors file, truncated, absurd header size, overlapping or missing ranges, sizes that do not match, unknown dtypes.
TensorFile read_safetensors(const std::string& path);

/// Writes atomically (atomic_write.h). Tensors start on 64-byte boundaries.
void write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace sinter::io
