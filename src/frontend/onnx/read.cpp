#include "frontend/onnx/read.h"

#include <google/protobuf/io/coded_stream.h>

#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "frontend/onnx/onnx.h"
#include "io/mapping.h"

namespace sinter::onnx {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepestMessage = 200;  // subgraphs in subgraphs take four levels each

[[noreturn]] void fail(ErrorCode code, const TensorSource& source, const std::string& why) {
  throw Error(code, (source.tensor.empty() ? "the tensor" : "tensor " + quoted(source.tensor)) + ": " + why).at({.file = source.path});
}

template <class Message> Message parse(const std::string& path, const char* what) {
  const io::MappedFile file(path);
  const std::string_view bytes = file.bytes();
  if (bytes.size() > INT32_MAX)
    throw Error(ErrorCode::kData, "the file has more than 2 GiB, which protobuf cannot hold")
        .at({.file = path})
        .hint("store its tensors as external data");
  Message message;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kDeepestMessage);
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    throw Error(ErrorCode::kData, std::string("this is no ") + what + ", or it is truncated or damaged").at({.file = path});
  return message;
}

/// The product of dims, bounded so that no later arithmetic overflows.
Extents checked_extents(const wire::TensorProto& proto, const TensorSource& source) {
  constexpr int64_t kMostElements = int64_t{1} << 40;
  constexpr int kMostAxes = 64;
  if (proto.dims_size() > kMostAxes) fail(ErrorCode::kData, source, "it has " + std::to_string(proto.dims_size()) + " dims");
  Extents extents(proto.dims().begin(), proto.dims().end());
  int64_t count = 1;
  for (const int64_t extent : extents) {
    if (extent < 0) fail(ErrorCode::kData, source, "its dims " + to_string(extents) + " are negative");
    if (extent > 0 && count > kMostElements / extent) fail(ErrorCode::kData, source, "its dims " + to_string(extents) + " are absurd");
    count *= extent;
  }
  return extents;
}

int64_t product(const Extents& extents) {
  int64_t count = 1;
  for (const int64_t extent : extents) count *= extent;
  return count;
}

/// A file that external data name, inside the model's folder however it is spelled and linked.
std::string external_path(const std::string& location, const TensorSource& source) {
  const fs::path relative(location);
  if (location.empty() || relative.is_absolute())
    fail(ErrorCode::kData, source, "its external data " + quoted(location) + " are no file in the model's folder");
  std::error_code error;
  const fs::path folder = fs::canonical(fs::absolute(source.path).parent_path(), error);
  const fs::path path = error ? fs::path() : fs::canonical(folder / relative, error);
  if (error) fail(ErrorCode::kIo, source, "its external data " + quoted(location) + " cannot be read: " + error.message());
  const fs::path inside = path.lexically_relative(folder);
  if (inside.empty() || *inside.begin() == "..")
    fail(ErrorCode::kData, source, "its external data " + quoted(location) + " lie outside of the model's folder");
  return path.string();
}

int64_t external_number(const std::string& text, const char* what, const TensorSource& source) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    fail(ErrorCode::kData, source, std::string("the ") + what + " of its external data is " + quoted(text));
  return value;
}

Tensor external_tensor(const wire::TensorProto& proto, DType dtype, Extents extents, const TensorSource& source) {
  std::string location;
  int64_t offset = 0, length = -1;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = external_number(entry.value(), "offset", source);
    if (entry.key() == "length") length = external_number(entry.value(), "length", source);
  }
  const std::string path = external_path(location, source);
  const io::MappedFile file(path);
  const int64_t size = static_cast<int64_t>(file.bytes().size());
  const int64_t wanted = product(extents) * static_cast<int64_t>(size_in_bytes(dtype));
  if (length >= 0 && length != wanted)
    fail(ErrorCode::kData, source, "its external data have " + std::to_string(length) + " bytes, its dims need " + std::to_string(wanted));
  if (offset > size || wanted > size - offset)
    fail(ErrorCode::kData, source,
         "its external data end at byte " + std::to_string(offset) + " + " + std::to_string(wanted) + ", the file " + quoted(location) +
             " has " + std::to_string(size));
  const char* at = file.bytes().data() + offset;
  if (wanted == 0) return Tensor(dtype, std::move(extents));
  if (reinterpret_cast<uintptr_t>(at) % size_in_bytes(dtype) == 0)
    return Tensor::wrap(dtype, std::move(extents), const_cast<char*>(at), file.owner());
  Tensor tensor = Tensor::uninitialized(dtype, std::move(extents));
  std::memcpy(tensor.raw(), at, static_cast<size_t>(wanted));
  return tensor;
}

/// Bytes as they stand in memory; moved, not copied, where they are many.
Tensor raw_tensor(std::string&& raw, DType dtype, Extents extents, const TensorSource& source) {
  const size_t wanted = static_cast<size_t>(product(extents)) * size_in_bytes(dtype);
  if (raw.size() != wanted)
    fail(ErrorCode::kData, source,
         "it has " + std::to_string(raw.size()) + " bytes, its dims " + to_string(extents) + " need " + std::to_string(wanted));
  if (dtype == DType::kBool)
    for (char& byte : raw) byte = byte != 0;
  constexpr size_t kWorthMoving = 4096;
  if (wanted >= kWorthMoving) {
    const auto owner = std::make_shared<std::string>(std::move(raw));
    return Tensor::wrap(dtype, std::move(extents), owner->data(), owner);
  }
  Tensor tensor = Tensor::uninitialized(dtype, std::move(extents));
  if (wanted > 0) std::memcpy(tensor.raw(), raw.data(), wanted);
  return tensor;
}

/// Elements of a list, each converted to how it is stored; `bits` for those of 16 bits, which stand in the list of integers.
template <class List> Tensor listed_tensor(const List& list, DType dtype, Extents extents, const TensorSource& source) {
  if (list.size() != product(extents))
    fail(ErrorCode::kData, source,
         "it has " + std::to_string(list.size()) + " elements, its dims " + to_string(extents) + " need " +
             std::to_string(product(extents)));
  Tensor tensor = Tensor::uninitialized(dtype, std::move(extents));
  for (int i = 0; i < list.size(); ++i) {
    if (is_narrow(dtype)) {
      const uint16_t bits = static_cast<uint16_t>(list.Get(i));
      std::memcpy(static_cast<char*>(tensor.raw()) + 2 * static_cast<size_t>(i), &bits, sizeof bits);
    } else if (is_float(dtype)) {
      tensor.set(i, static_cast<double>(list.Get(i)));
    } else {
      tensor.set_integer(i, static_cast<int64_t>(list.Get(i)));
    }
  }
  return tensor;
}

}  // namespace

wire::ModelProto read_model(const std::string& path) {
  wire::ModelProto model = parse<wire::ModelProto>(path, "ONNX model");
  if (!model.has_graph()) throw Error(ErrorCode::kData, "this is no ONNX model: it has no graph").at({.file = path});
  return model;
}

DType dtype_of_wire(int32_t data_type, const TensorSource& source) {
  static constexpr std::pair<int32_t, DType> kDTypes[] = {
      {1, DType::kF32}, {2, DType::kU8},   {3, DType::kI8},  {4, DType::kU16},  {5, DType::kI16},  {6, DType::kI32},  {7, DType::kI64},
      {9, DType::kBool}, {10, DType::kF16}, {11, DType::kF64}, {12, DType::kU32}, {13, DType::kU64}, {16, DType::kBF16}};
  for (const auto& [number, dtype] : kDTypes)
    if (number == data_type) return dtype;
  static constexpr std::pair<int32_t, const char*> kOthers[] = {
      {8, "strings"},       {14, "complex numbers"}, {15, "complex numbers"}, {17, "8-bit floats"},   {18, "8-bit floats"},
      {19, "8-bit floats"}, {20, "8-bit floats"},    {21, "4-bit integers"},  {22, "4-bit integers"}, {23, "4-bit floats"}};
  for (const auto& [number, words] : kOthers)
    if (number == data_type) fail(ErrorCode::kUnsupported, source, std::string(words) + " are not supported");
  fail(ErrorCode::kData, source, "there is no data type " + std::to_string(data_type));
}

Tensor take_tensor(wire::TensorProto& proto, const TensorSource& source) {
  constexpr int32_t kExternal = 1;
  const DType dtype = dtype_of_wire(proto.data_type(), source);
  Extents extents = checked_extents(proto, source);
  if (proto.data_location() == kExternal) return external_tensor(proto, dtype, std::move(extents), source);
  if (proto.has_raw_data()) return raw_tensor(std::move(*proto.mutable_raw_data()), dtype, std::move(extents), source);
  switch (dtype) {
    case DType::kF32: return listed_tensor(proto.float_data(), dtype, std::move(extents), source);
    case DType::kF64: return listed_tensor(proto.double_data(), dtype, std::move(extents), source);
    case DType::kI64: return listed_tensor(proto.int64_data(), dtype, std::move(extents), source);
    case DType::kU32:
    case DType::kU64: return listed_tensor(proto.uint64_data(), dtype, std::move(extents), source);
    default: return listed_tensor(proto.int32_data(), dtype, std::move(extents), source);
  }
}

Tensor read_tensor_file(const std::string& path) {
  wire::TensorProto proto = parse<wire::TensorProto>(path, "tensor in protobuf's form");
  return take_tensor(proto, {path, proto.name()});
}

bool is_model_path(const std::string& path) { return fs::path(path).extension() == ".onnx"; }

}  // namespace sinter::onnx
