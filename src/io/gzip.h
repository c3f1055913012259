// Deflated bytes, by zlib. Used by readers of idx files (.gz) and of npz archives.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sinter::io {

enum class Packing {
  kGzip,     // a .gz file
  kDeflate,  // bare, as in a zip archive
};

bool is_gzip(std::string_view bytes);

/// The first bytes of what is packed, `most` of them or fewer. Raises Error kData naming `path` for damaged bytes.
std::string unpack_head(std::string_view packed, Packing packing, size_t most, const std::string& path);

/// All that is packed, which must be `size` bytes: the caller knows how many from a header and has the memory for them. Raises Error kData when
/// it is more, less or damaged.
void unpack(std::string_view packed, Packing packing, void* out, size_t size, const std::string& path);

/// The most that so many packed bytes can hold: what a header claims beyond it is not believed.
size_t most_unpacked(size_t packed_bytes);

}  // namespace sinter::io
