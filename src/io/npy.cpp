#include "io/npy.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/text.h"
#include "io/atomic_write.h"
#include "io/mapping.h"

namespace sinter::io {
namespace {

struct Spelling {
  DType dtype;
  std::string_view name;
};
constexpr Spelling kSpellings[] = {{DType::kF64, "<f8"}, {DType::kF32, "<f4"}, {DType::kF16, "<f2"}, {DType::kI8, "|i1"},  {DType::kI16, "<i2"}, {DType::kI32, "<i4"},
                                   {DType::kI64, "<i8"}, {DType::kU8, "|u1"},  {DType::kU16, "<u2"}, {DType::kU32, "<u4"}, {DType::kU64, "<u8"}, {DType::kBool, "|b1"}};
constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  DType dtype = DType::kF32;
  bool fortran_order = false;
  Extents extents;
};

/// The header is the text of a Python dict with three keys.
Header parse_header(std::string_view text, const std::string& path) {
  // NumPy writes single quotes; our cursor reads double ones.
  std::string source(text);
  std::replace(source.begin(), source.end(), '\'', '"');
  Header header;
  std::set<std::string> keys;
  try {
    TextCursor cursor(source, path);
    cursor.expect("{");
    while (!cursor.accept("}")) {
      const std::string key = cursor.expect_string("a key");
      if (!keys.insert(key).second) cursor.fail(key + " stands there twice");
      cursor.expect(":");
      if (key == "descr") {
        const std::string spelled = cursor.expect_string("a dtype");
        const auto found = std::find_if(std::begin(kSpellings), std::end(kSpellings), [&](const Spelling& s) { return s.name == spelled || s.name.substr(1) == spelled; });
        if (found == std::end(kSpellings)) throw Error(ErrorCode::kData, path + ": arrays of dtype " + spelled + " are not read").hint("save it as a little-endian number type, e.g. float32 or int64");
        header.dtype = found->dtype;
      } else if (key == "fortran_order") {
        header.fortran_order = cursor.accept("True");
        if (!header.fortran_order) cursor.expect("False");
      } else if (key == "shape") {
        cursor.expect("(");
        while (!cursor.accept(")")) {
          header.extents.push_back(cursor.expect_integer("a size"));
          if (header.extents.size() > 64) cursor.fail("too many axes");
          cursor.accept(",");
        }
      } else {
        cursor.fail("unknown key " + key);
      }
      cursor.accept(",");
    }
    if (keys.size() != 3) cursor.fail("descr, fortran_order or shape is missing");
    element_count(header.extents);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kData) throw;
    throw Error(ErrorCode::kData, path + ": its header is damaged: " + error.message());
  }
  return header;
}

Tensor row_major(const Tensor& columns_first) {
  Extents extents = columns_first.extents();
  Tensor result = Tensor::uninitialized(columns_first.dtype(), extents);
  const size_t size = size_in_bytes(columns_first.dtype());
  std::vector<int64_t> index(extents.size(), 0);
  for (int64_t from = 0; from < columns_first.size(); ++from) {
    int64_t to = 0;
    for (size_t axis = 0; axis < extents.size(); ++axis) to = to * extents[axis] + index[axis];
    std::memcpy(static_cast<char*>(result.raw()) + static_cast<size_t>(to) * size, static_cast<const char*>(columns_first.raw()) + static_cast<size_t>(from) * size, size);
    for (size_t axis = 0; axis < extents.size() && ++index[axis] == extents[axis]; ++axis) index[axis] = 0;
  }
  return result;
}

}  // namespace

Tensor read_npy(const std::string& path) { return parse_npy(MappedFile(path).bytes(), nullptr, path); }

Tensor map_npy(const std::string& path) {
  const MappedFile mapped(path);
  return parse_npy(mapped.bytes(), mapped.owner(), path);
}

Tensor parse_npy(std::string_view bytes, const std::shared_ptr<void>& owner, const std::string& path) {
  const auto fail = [&](const std::string& why) -> Error { return Error(ErrorCode::kData, path + ": " + why); };
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic) throw fail("it is no npy file");
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(bytes[at])); };
  const size_t version = byte(6), length_bytes = version == 1 ? 2 : 4;
  if (version < 1 || version > 3) throw fail("npy version " + std::to_string(version) + " is unknown");
  if (bytes.size() < 8 + length_bytes) throw fail("it is truncated");
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length |= byte(8 + i) << (8 * i);
  if (length > bytes.size() - 8 - length_bytes || length > (1 << 20)) throw fail("it is truncated inside its header");
  const Header header = parse_header(bytes.substr(8 + length_bytes, length), path);
  const std::string_view data = bytes.substr(8 + length_bytes + length);
  const auto count = static_cast<uint64_t>(element_count(header.extents));
  if (count > data.size() / size_in_bytes(header.dtype)) throw fail("it holds fewer elements than its shape " + to_string(header.extents) + " says");
  if (const uint64_t rest = data.size() - count * size_in_bytes(header.dtype); rest > 0)
    throw fail("it holds " + std::to_string(rest) + " bytes more than its shape " + to_string(header.extents) + " says");
  const bool aligned = reinterpret_cast<uintptr_t>(data.data()) % size_in_bytes(header.dtype) == 0;
  if (owner != nullptr && aligned && !data.empty() && !header.fortran_order && header.dtype != DType::kBool)
    return Tensor::wrap(header.dtype, header.extents, const_cast<char*>(data.data()), owner);
  Tensor tensor = Tensor::uninitialized(header.dtype, header.extents);
  if (tensor.bytes() > 0) std::memcpy(tensor.raw(), data.data(), tensor.bytes());
  if (header.dtype == DType::kBool)
    for (int64_t i = 0; i < tensor.size(); ++i) static_cast<unsigned char*>(tensor.raw())[i] = static_cast<unsigned char*>(tensor.raw())[i] != 0;
  return header.fortran_order ? row_major(tensor) : tensor;
}

void write_npy(const std::string& path, const Tensor& tensor) {
  const auto spelled = std::find_if(std::begin(kSpellings), std::end(kSpellings), [&](const Spelling& s) { return s.dtype == tensor.dtype(); });
  if (spelled == std::end(kSpellings)) throw Error(ErrorCode::kUnsupported, "npy has no dtype " + std::string(name(tensor.dtype()))).hint("cast to f32");
  std::string shape;
  for (const int64_t extent : tensor.extents()) shape += std::to_string(extent) + ",";
  std::string header = "{'descr': '" + std::string(spelled->name) + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((header.size() + 10 + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string prefix(kMagic);
  prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  const std::string_view parts[] = {prefix, header, {static_cast<const char*>(tensor.raw()), tensor.bytes()}};
  write_atomically(path, parts);
}

}  // namespace sinter::io
