#include "io/file_kind.h"

#include <array>
#include <filesystem>
#include <fstream>

#include "io/gzip.h"

namespace sinter::io {
namespace {

std::string first_bytes(const std::string& path) {
  std::array<char, 64> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  return {bytes.data(), static_cast<size_t>(file.gcount())};
}

bool is_idx_head(std::string_view bytes) { return bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 8 && bytes[2] <= 14 && bytes[3] >= 1 && bytes[3] <= 8; }

}  // namespace

bool is_idx_name(std::string_view name) { return name.find("idx") != std::string_view::npos && name.find("ubyte") != std::string_view::npos; }

FileKind kind_of(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
      if (is_idx_name(at->path().filename().string())) return FileKind::kIdx;
    return FileKind::kImages;
  }
  if (!std::filesystem::is_regular_file(path, error)) return FileKind::kCsv;
  const std::string head = first_bytes(path);
  if (head.starts_with("\x93NUMPY")) return FileKind::kNpy;
  if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06")) return FileKind::kNpz;
  if (is_gzip(head) || is_idx_head(head)) return FileKind::kIdx;
  return std::filesystem::path(path).extension() == ".txt" ? FileKind::kText : FileKind::kCsv;
}

}  // namespace sinter::io
