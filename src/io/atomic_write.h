// Writing files so that nothing is lost: aside, synced, renamed. Used for weights, checkpoints, cache entries, objects, headers.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sinter::io {

/// Writes the parts one after another into a new file beside `path`, syncs it, and renames it over `path`: at any moment `path` is the old
/// file or the whole new one. Raises Error kIo with the system's reason; the old file is untouched then and nothing is left behind. What a
/// killed process left behind is removed by the next writing to the same path.
void write_atomically(const std::string& path, std::span<const std::string_view> parts);
void write_atomically(const std::string& path, std::string_view content);

/// What such a write replaces: a link is written through, to a file that may not exist yet, so that replacing never turns the link into a file.
std::string follow_links(std::string path);

}  // namespace sinter::io
