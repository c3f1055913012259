#include "driver/cache.h"

#include <elf.h>
#include <link.h>
#include <sys/stat.h>
#include <utime.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "io/atomic_write.h"
#include "io/mapping.h"

namespace sinter::driver {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "sinter kernel cache 3\n";
constexpr std::string_view kEnding = ".sinter-kernels";

void put_number(std::string& bytes, uint64_t value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); }
void put_text(std::string& bytes, std::string_view text) {
  put_number(bytes, text.size());
  bytes.append(text);
}

/// Takes numbers and texts off the front; fails softly, since an entry may be anything.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  uint64_t number() {
    uint64_t value = 0;
    const std::string_view bytes = take(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view text() { return take(number()); }

 private:
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  std::string_view rest_;
  bool ok_ = true;
};

/// Of an entry and of the key that it belongs to, so that one under another's name is damaged.
std::string checksum(const Hash128& key, std::string_view bytes) { return Hasher().text(key.to_string()).bytes(bytes.data(), bytes.size()).finish().to_string(); }

struct BuildIdSearch {
  uintptr_t address;
  std::string id;
};

/// Finds the loaded object that holds `address` and reads its GNU build-id note.
int read_build_id(dl_phdr_info* info, size_t, void* data) {
  auto& search = *static_cast<BuildIdSearch*>(data);
  bool holds = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    const uintptr_t begin = info->dlpi_addr + part.p_vaddr;
    holds = holds || (part.p_type == PT_LOAD && search.address >= begin && search.address < begin + part.p_memsz);
  }
  if (!holds) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(info->dlpi_addr + part.p_vaddr);
    const char* end = at + part.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
      const char* name = at + sizeof *note;
      const char* content = name + (note->n_namesz + 3) / 4 * 4;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) search.id.assign(content, note->n_descsz);
      at = content + (note->n_descsz + 3) / 4 * 4;
    }
  }
  return 1;
}

}  // namespace

const std::string& build_id() {
  static const std::string id = [] {
    BuildIdSearch search{reinterpret_cast<uintptr_t>(&read_build_id), {}};
    dl_iterate_phdr(read_build_id, &search);
    return search.id;
  }();
  return id;
}

Cache Cache::standard() {
  const char* chosen = std::getenv("SINTER_CACHE");
  if (chosen && std::string_view(chosen) == "off") return Cache("");
  if (chosen && *chosen) return Cache(chosen);
  if (build_id().empty()) return Cache("");  // entries of different builds could not be told apart
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder) return Cache(std::string(folder) + "/sinter");
  if (const char* home = std::getenv("HOME"); home && *home) return Cache(std::string(home) + "/.cache/sinter");
  return Cache("");
}

std::string Cache::path_of(const Hash128& key) const { return folder_ + "/" + key.to_string() + std::string(kEnding); }

std::optional<CacheEntry> Cache::find(const Hash128& key) const {
  if (!is_on()) return std::nullopt;
  const std::string path = path_of(key);
  try {
    if (std::error_code error; !fs::is_regular_file(path, error)) return std::nullopt;
    const io::MappedFile file(path);
    std::string_view bytes = file.bytes();
    if (bytes.substr(0, kMagic.size()) != kMagic) return std::nullopt;
    bytes.remove_prefix(kMagic.size());
    if (bytes.size() < 32 || checksum(key, bytes.substr(32)) != bytes.substr(0, 32)) return std::nullopt;
    Reader reader(bytes.substr(32));
    CacheEntry entry;
    entry.program = runtime::decode(reader.text());
    if (const std::string_view preparation = reader.text(); !preparation.empty()) entry.preparation = runtime::decode(preparation);
    const uint64_t count = reader.number();
    for (uint64_t i = 0; i < count && reader.ok(); ++i) entry.objects.emplace_back(reader.text());
    if (!reader.ok() || !reader.at_end()) return std::nullopt;
    ::utime(path.c_str(), nullptr);  // used just now
    return entry;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void Cache::store(const Hash128& key, const CacheEntry& entry) const {
  if (!is_on()) return;
  std::string payload;
  put_text(payload, runtime::encode(entry.program));
  put_text(payload, entry.preparation ? runtime::encode(*entry.preparation) : std::string());
  put_number(payload, entry.objects.size());
  for (const std::string& object : entry.objects) put_text(payload, object);
  try {
    std::error_code error;
    fs::create_directories(folder_, error);
    const std::string sum = checksum(key, payload);
    const std::string_view parts[] = {kMagic, sum, payload};
    io::write_atomically(path_of(key), parts);
    struct Old {
      fs::path path;
      fs::file_time_type used;
      int64_t bytes;
    };
    std::vector<Old> files;
    int64_t total = 0;
    for (const auto& file : fs::directory_iterator(folder_, error)) {
      if (file.path().extension() != kEnding) continue;
      std::error_code gone;
      files.push_back({file.path(), file.last_write_time(gone), static_cast<int64_t>(file.file_size(gone))});
      total += files.back().bytes;
    }
    std::sort(files.begin(), files.end(), [](const Old& a, const Old& b) { return a.used < b.used; });
    for (const Old& old : files) {
      if (total <= kMostBytes) break;
      fs::remove(old.path, error);
      total -= old.bytes;
    }
  } catch (const std::exception&) {
    // A full disk or a read-only home costs time at the next start, nothing else.
  }
}

void Cache::remove(const Hash128& key) const {
  std::error_code ignored;
  if (is_on()) fs::remove(path_of(key), ignored);
}

std::pair<int64_t, int64_t> Cache::usage() const {
  std::pair<int64_t, int64_t> sum{0, 0};
  std::error_code error;
  if (!is_on()) return sum;
  for (const auto& file : fs::directory_iterator(folder_, error)) {
    std::error_code gone;
    if (file.path().extension() == kEnding) sum.first += 1, sum.second += static_cast<int64_t>(file.file_size(gone));
  }
  return sum;
}

}  // namespace sinter::driver
