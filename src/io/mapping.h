// Reading files: mapped, without a copy, or whole into memory under a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sinter::io {

/// A file mapped for reading. The bytes stay valid as long as any copy of the handle lives.
class MappedFile {
 public:
  /// Raises Error kIo with the system's reason when the file cannot be opened, or is no regular file.
  explicit MappedFile(const std::string& path);
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  const std::shared_ptr<void>& owner() const { return owner_; }

 private:
  const void* data_ = nullptr;
  size_t size_ = 0;
  std::shared_ptr<void> owner_;
};

/// The whole file as text. Raises Error kIo when it cannot be read, kData when it is larger than `most_bytes`.
std::string read_text(const std::string& path, int64_t most_bytes = int64_t{64} << 20);

}  // namespace sinter::io
