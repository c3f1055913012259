// The kernel cache: one file per compiled function, its program and its objects. Bounded, checksummed; a damaged or foreign entry is as good as none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "runtime/program.h"

namespace sinter::driver {

struct CacheEntry {
  runtime::Program program;
  std::optional<runtime::Program> preparation;
  std::vector<std::string> objects;
};

class Cache {
 public:
  /// The folder that SINTER_CACHE names ("off": no cache), else `sinter` in the user's cache folder.
  static Cache standard();
  explicit Cache(std::string folder) : folder_(std::move(folder)) {}

  bool is_on() const { return !folder_.empty(); }
  const std::string& folder() const { return folder_; }
  std::optional<CacheEntry> find(const Hash128& key) const;
  /// Keeps the entry, and drops the least recently used ones beyond kMostBytes. A cache that cannot be written to is not an error.
  void store(const Hash128& key, const CacheEntry& entry) const;
  void remove(const Hash128& key) const;
  /// Files and bytes in the folder.
  std::pair<int64_t, int64_t> usage() const;

  static constexpr int64_t kMostBytes = int64_t{256} << 20;

 private:
  std::string path_of(const Hash128& key) const;
  std::string folder_;
};

/// What identifies this build of the compiler: the linker's build id of the program or library that holds it.
const std::string& build_id();

}  // namespace sinter::driver
