#include "io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "io/atomic_write.h"
#include "io/mapping.h"

namespace sinter::io {
namespace {

constexpr uint64_t kMostHeaderBytes = 100 << 20;  // the format's own limit
constexpr size_t kMostTensors = 1 << 20;

struct Spelling {
  DType dtype;
  std::string_view name;
};
constexpr Spelling kSpellings[] = {{DType::kF64, "F64"}, {DType::kF32, "F32"}, {DType::kF16, "F16"}, {DType::kBF16, "BF16"}, {DType::kI8, "I8"},
                                   {DType::kI16, "I16"}, {DType::kI32, "I32"}, {DType::kI64, "I64"}, {DType::kU8, "U8"},     {DType::kU16, "U16"},
                                   {DType::kU32, "U32"}, {DType::kU64, "U64"}, {DType::kBool, "BOOL"}};

std::string_view spell(DType dtype) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.dtype == dtype) return spelling.name;
  SINTER_CHECK(false, "a dtype without a safetensors name");
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), mapped_(path) {}

  TensorFile read() {
    const std::string_view bytes = mapped_.bytes();
    if (bytes.size() < 8) fail("it is too short to be a safetensors file");
    uint64_t header_size = 0;
    std::memcpy(&header_size, bytes.data(), 8);
    if (header_size > kMostHeaderBytes) fail("it is no safetensors file: its header would have " + std::to_string(header_size) + " bytes");
    if (header_size > bytes.size() - 8) fail("it is truncated inside its header");
    data_ = bytes.substr(8 + header_size);
    const auto header = nlohmann::json::parse(bytes.substr(8, header_size), nullptr, false);
    if (!header.is_object()) fail("it is no safetensors file: its header is not a JSON object");
    if (header.size() > kMostTensors) fail("it lists more than " + std::to_string(kMostTensors) + " tensors");
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        read_metadata(entry);
      } else {
        read_tensor(name, entry);
      }
    }
    check_ranges();
    for (const Range& range : ranges_) file_.tensors.push_back(std::move(found_[range.index]));
    return std::move(file_);
  }

 private:
  struct Range {
    uint64_t begin, end;
    size_t index;
  };

  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorCode::kData, path_ + ": " + why); }

  void read_metadata(const nlohmann::json& entry) {
    if (!entry.is_object()) fail("its metadata is not an object");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) fail("metadata " + key + " is not a string");
      file_.metadata[key] = value.get<std::string>();
    }
  }

  void read_tensor(const std::string& name, const nlohmann::json& entry) {
    const auto bad = [&](const std::string& why) { fail("tensor " + name + ": " + why); };
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) bad("dtype, shape or data_offsets is missing");
    const auto spelled = std::find_if(std::begin(kSpellings), std::end(kSpellings), [&](const Spelling& s) { return entry["dtype"] == s.name; });
    if (spelled == std::end(kSpellings)) bad("unknown dtype " + entry["dtype"].dump());
    Extents extents;
    if (!entry["shape"].is_array() || entry["shape"].size() > 64) bad("its shape is no list of sizes");
    for (const auto& size : entry["shape"]) {
      if (!size.is_number_unsigned() || size.get<uint64_t>() > (uint64_t{1} << 62)) bad("its shape is no list of sizes");
      extents.push_back(size.get<int64_t>());
    }
    const auto& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) bad("its data_offsets are no pair of offsets");
    const uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    if (begin > end || end > data_.size()) bad("its data lies outside the file, which may be truncated");
    uint64_t count = 0;
    try {
      count = static_cast<uint64_t>(element_count(extents));
    } catch (const Error& error) {
      bad(error.message());
    }
    const uint64_t size = size_in_bytes(spelled->dtype);
    if (count > data_.size() / size || count * size != end - begin) bad("its shape does not fit its " + std::to_string(end - begin) + " bytes");
    char* data = const_cast<char*>(data_.data()) + begin;
    ranges_.push_back({begin, end, found_.size()});
    if (reinterpret_cast<uintptr_t>(data) % size == 0 && end > begin) {
      found_.emplace_back(name, Tensor::wrap(spelled->dtype, std::move(extents), data, mapped_.owner()));
    } else {
      Tensor copy = Tensor::uninitialized(spelled->dtype, std::move(extents));
      if (end > begin) std::memcpy(copy.raw(), data, end - begin);
      found_.emplace_back(name, std::move(copy));
    }
  }

  void check_ranges() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) { return std::tie(a.begin, a.end, a.index) < std::tie(b.begin, b.end, b.index); });
    uint64_t reached = 0;
    for (const Range& range : ranges_) {
      if (range.begin < reached) fail("tensor " + found_[range.index].first + " overlaps another");
      if (range.begin > reached) fail("bytes " + std::to_string(reached) + " to " + std::to_string(range.begin) + " of its data belong to no tensor");
      reached = range.end;
    }
    if (reached != data_.size()) fail("bytes " + std::to_string(reached) + " to " + std::to_string(data_.size()) + " of its data belong to no tensor");
  }

  std::string path_;
  MappedFile mapped_;
  std::string_view data_;
  TensorFile file_;
  std::vector<std::pair<std::string, Tensor>> found_;
  std::vector<Range> ranges_;
};

}  // namespace

const Tensor* TensorFile::find(std::string_view name) const {
  for (const auto& [own, tensor] : tensors)
    if (own == name) return &tensor;
  return nullptr;
}

TensorFile read_safetensors(const std::string& path) { return Reader(path).read(); }

void write_safetensors(const std::string& path, const TensorFile& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::set<std::string> names;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    SINTER_CHECK(names.insert(name).second, "two tensors named " + name);
    const uint64_t end = offset + tensor.bytes();
    header[name] = {{"dtype", spell(tensor.dtype())}, {"shape", tensor.extents()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kData, path + ": a name or metadata is not valid UTF-8");
  }
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');  // the format allows spaces after the header
  std::string size(8, '\0');
  const uint64_t header_size = text.size();
  std::memcpy(size.data(), &header_size, 8);
  std::vector<std::string_view> parts{size, text};
  for (const auto& entry : file.tensors) parts.emplace_back(static_cast<const char*>(entry.second.raw()), entry.second.bytes());
  write_atomically(path, parts);
}

}  // namespace sinter::io
