#include "io/idx.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "io/gzip.h"
#include "io/mapping.h"

namespace sinter::io {
namespace {

constexpr size_t kMostAxes = 8, kMagicBytes = 4, kAxisBytes = 4;

struct ElementCode {
  unsigned char code;
  DType dtype;
};
constexpr ElementCode kCodes[] = {{0x08, DType::kU8}, {0x09, DType::kI8}, {0x0B, DType::kI16}, {0x0C, DType::kI32}, {0x0D, DType::kF32}, {0x0E, DType::kF64}};

struct Header {
  DType dtype = DType::kU8;
  Extents extents;
  size_t bytes = 0;  // of the header itself
};

[[noreturn]] void fail(const std::string& path, const std::string& why) { throw Error(ErrorCode::kData, path + ": " + why); }

Header parse_header(std::string_view bytes, const std::string& path) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(bytes[at]); };
  if (bytes.size() < kMagicBytes || byte(0) != 0 || byte(1) != 0) fail(path, "it is no idx file");
  const auto* code = std::find_if(std::begin(kCodes), std::end(kCodes), [&](const ElementCode& c) { return c.code == byte(2); });
  const size_t axes = byte(3);
  if (code == std::end(kCodes) || axes == 0 || axes > kMostAxes) fail(path, "it is no idx file");
  Header header{code->dtype, {}, kMagicBytes + axes * kAxisBytes};
  if (bytes.size() < header.bytes) fail(path, "it is truncated inside its header");
  for (size_t axis = 0; axis < axes; ++axis) {
    int64_t size = 0;
    for (size_t i = 0; i < kAxisBytes; ++i) size = size << 8 | byte(kMagicBytes + axis * kAxisBytes + i);
    header.extents.push_back(size);
  }
  try {
    if (element_count(header.extents) > std::numeric_limits<int64_t>::max() / 8) fail(path, "its sizes " + to_string(header.extents) + " are absurd");
  } catch (const Error&) {
    fail(path, "its sizes " + to_string(header.extents) + " are absurd");
  }
  return header;
}

/// Numbers are stored with the highest byte first.
void turn_bytes(Tensor& tensor) {
  const size_t width = size_in_bytes(tensor.dtype());
  auto* bytes = static_cast<char*>(tensor.raw());
  for (size_t at = 0; width > 1 && at < tensor.bytes(); at += width) std::reverse(bytes + at, bytes + at + width);
}

}  // namespace

Tensor read_idx(const std::string& path) {
  const MappedFile mapped(path);
  const std::string_view bytes = mapped.bytes();
  const bool packed = is_gzip(bytes);
  const std::string head = packed ? unpack_head(bytes, Packing::kGzip, kMagicBytes + kMostAxes * kAxisBytes, path) : std::string(bytes.substr(0, kMagicBytes + kMostAxes * kAxisBytes));
  const Header header = parse_header(head, path);
  const auto size = static_cast<size_t>(element_count(header.extents)) * size_in_bytes(header.dtype);
  const std::string wanted = "its sizes " + to_string(header.extents) + " want " + std::to_string(size) + " bytes";
  if (!packed) {
    if (bytes.size() - header.bytes != size) fail(path, wanted + ", there are " + std::to_string(bytes.size() - header.bytes));
    char* data = const_cast<char*>(bytes.data()) + header.bytes;
    if (size_in_bytes(header.dtype) == 1 && size > 0) return Tensor::wrap(header.dtype, header.extents, data, mapped.owner());
    Tensor tensor = Tensor::uninitialized(header.dtype, header.extents);
    if (size > 0) std::memcpy(tensor.raw(), data, size);
    turn_bytes(tensor);
    return tensor;
  }
  if (size > most_unpacked(bytes.size())) fail(path, wanted + ", more than it can hold");
  auto whole = std::make_shared<std::string>(header.bytes + size, '\0');
  unpack(bytes, Packing::kGzip, whole->data(), whole->size(), path);
  if (size_in_bytes(header.dtype) == 1 && size > 0) return Tensor::wrap(header.dtype, header.extents, whole->data() + header.bytes, whole);
  Tensor tensor = Tensor::uninitialized(header.dtype, header.extents);
  if (size > 0) std::memcpy(tensor.raw(), whole->data() + header.bytes, size);
  turn_bytes(tensor);
  return tensor;
}

}  // namespace sinter::io
