#include "io/npz.h"

#include <algorithm>

#include "base/text.h"
#include "io/gzip.h"
#include "io/npy.h"

namespace sinter::io {
namespace {

// The zip format (PKWARE, APPNOTE.TXT, 4.3 and 4.5): little-endian numbers at fixed places after a signature.
constexpr std::string_view kLocal = "PK\x03\x04", kEntry = "PK\x01\x02", kEnd = "PK\x05\x06", kEnd64 = "PK\x06\x06", kLocator64 = "PK\x06\x07";
constexpr size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20, kMostComment = 65535;
constexpr uint64_t kElsewhere16 = 0xffff, kElsewhere32 = 0xffffffff;
constexpr std::string_view kEnding = ".npy";

class Bytes {
 public:
  Bytes(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  std::string_view part(uint64_t at, uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("it is truncated or damaged");
    return bytes_.substr(at, size);
  }
  uint64_t number(uint64_t at, size_t width) const {
    const std::string_view digits = part(at, width);
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(digits[i]);
    return value;
  }
  bool has(uint64_t at, std::string_view signature) const { return at <= bytes_.size() && bytes_.substr(at).starts_with(signature); }
  uint64_t size() const { return bytes_.size(); }
  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorCode::kData, path_ + ": " + why); }

 private:
  std::string_view bytes_;
  const std::string& path_;
};

struct Directory {
  uint64_t at = 0, entries = 0;
};

Directory find_directory(const Bytes& bytes) {
  if (bytes.size() < kEndBytes) bytes.fail("it is no npz file");
  const uint64_t lowest = bytes.size() - std::min<uint64_t>(bytes.size(), kEndBytes + kMostComment);
  uint64_t end = bytes.size() - kEndBytes;
  while (!bytes.has(end, kEnd)) {
    if (end == lowest) bytes.fail("it is no npz file, or truncated");
    --end;
  }
  Directory directory{bytes.number(end + 16, 4), bytes.number(end + 10, 2)};
  if (directory.at != kElsewhere32 && directory.entries != kElsewhere16) return directory;
  if (end < kLocator64Bytes || !bytes.has(end - kLocator64Bytes, kLocator64)) bytes.fail("it is damaged");
  const uint64_t end64 = bytes.number(end - kLocator64Bytes + 8, 8);
  if (!bytes.has(end64, kEnd64)) bytes.fail("it is damaged");
  bytes.part(end64, kEnd64Bytes);
  return {bytes.number(end64 + 48, 8), bytes.number(end64 + 32, 8)};
}

}  // namespace

NpzFile::NpzFile(const std::string& path) : path_(path), mapped_(path) { read_directory(); }

void NpzFile::read_directory() {
  const Bytes bytes(mapped_.bytes(), path_);
  const Directory directory = find_directory(bytes);
  uint64_t at = directory.at;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    if (!bytes.has(at, kEntry)) bytes.fail("its directory is damaged");
    Member member{false, bytes.number(at + 20, 4), bytes.number(at + 24, 4), bytes.number(at + 42, 4)};
    const uint64_t name_bytes = bytes.number(at + 28, 2), extra_bytes = bytes.number(at + 30, 2), comment_bytes = bytes.number(at + 32, 2);
    std::string name(bytes.part(at + kEntryBytes, name_bytes));
    const uint64_t method = bytes.number(at + 10, 2);
    if ((bytes.number(at + 8, 2) & 1) != 0) bytes.fail(quoted(name) + " in it is encrypted");
    if (method != 0 && method != 8) bytes.fail(quoted(name) + " in it is packed in a way that is not read (" + std::to_string(method) + ")");
    member.deflated = method == 8;
    // Sizes that need 64 bits stand in an extra field, in this order, those alone that do not fit above.
    uint64_t extra = at + kEntryBytes + name_bytes;
    const uint64_t extra_end = extra + extra_bytes;
    while (extra + 4 <= extra_end) {
      const uint64_t id = bytes.number(extra, 2), size = bytes.number(extra + 2, 2);
      uint64_t field = extra + 4;
      if (id == 1) {
        for (uint64_t* value : {&member.size, &member.packed, &member.header_at}) {
          if (*value != kElsewhere32) continue;
          if (field + 8 > extra + 4 + size) bytes.fail("its directory is damaged");
          *value = bytes.number(field, 8);
          field += 8;
        }
      }
      extra += 4 + size;
    }
    if (name.ends_with(kEnding)) name.resize(name.size() - kEnding.size());
    if (!members_.emplace(name, member).second) bytes.fail("it holds two arrays named " + quoted(name));
    at += kEntryBytes + name_bytes + extra_bytes + comment_bytes;
  }
}

std::vector<std::string> NpzFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, member] : members_) names.push_back(name);
  return names;
}

Tensor NpzFile::read(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) {
    std::string all;
    for (const std::string& known : names()) all += (all.empty() ? "" : ", ") + known;
    throw Error(ErrorCode::kName, path_ + " holds no array " + quoted(name)).hint(all.empty() ? "it holds none" : "it holds " + all);
  }
  const Member& member = found->second;
  const Bytes bytes(mapped_.bytes(), path_);
  if (!bytes.has(member.header_at, kLocal)) bytes.fail("it is damaged");
  const uint64_t data_at = member.header_at + kLocalBytes + bytes.number(member.header_at + 26, 2) + bytes.number(member.header_at + 28, 2);
  const std::string_view packed = bytes.part(data_at, member.packed);
  const std::string place = path_ + "/" + name;
  if (!member.deflated) return parse_npy(packed, mapped_.owner(), place);
  if (member.size > most_unpacked(packed.size())) bytes.fail("the size of " + quoted(name) + " in it is absurd");
  auto whole = std::make_shared<std::string>(member.size, '\0');
  unpack(packed, Packing::kDeflate, whole->data(), whole->size(), place);
  return parse_npy(*whole, whole, place);
}

}  // namespace sinter::io
