#include "frontend/onnx_model.h"

#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <fstream>

namespace sinter::onnx {
namespace {

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>((value & 127) | 128);
  return bytes + static_cast<char>(value);
}

constexpr uint64_t kVarint = 0, kLength = 2, kFixed32 = 5;
std::string key(int field, uint64_t kind) { return varint(static_cast<uint64_t>(field) << 3 | kind); }

int data_type(DType dtype) {
  switch (dtype) {
    case DType::kF32: return 1;
    case DType::kI32: return 6;
    case DType::kI64: return 7;
    case DType::kBool: return 9;
    case DType::kF64: return 11;
    default: return 0;
  }
}

Wire named(const std::string& name) { return Wire().text(1, name); }

}  // namespace

Wire& Wire::number(int field, int64_t value) {
  bytes += key(field, kVarint) + varint(static_cast<uint64_t>(value));
  return *this;
}

Wire& Wire::real(int field, float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  bytes += key(field, kFixed32);
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(bits >> (8 * i) & 255);
  return *this;
}

Wire& Wire::text(int field, const std::string& value) {
  bytes += key(field, kLength) + varint(value.size()) + value;
  return *this;
}

Wire tensor_proto(const std::string& name, const Tensor& tensor) {
  Wire wire;
  for (const int64_t extent : tensor.extents()) wire.number(1, extent);
  wire.number(2, data_type(tensor.dtype())).text(8, name);
  return wire.text(9, std::string(static_cast<const char*>(tensor.raw()), tensor.bytes()));
}

Wire value_info(const std::string& name, const std::vector<std::string>& dims, int element) {
  Wire shape;
  for (const std::string& dim : dims) {
    Wire each;
    if (!dim.empty()) std::isdigit(static_cast<unsigned char>(dim[0])) ? each.number(1, std::stoll(dim)) : each.text(2, dim);
    shape.message(1, each);
  }
  return named(name).message(2, Wire().message(1, Wire().number(1, element).message(2, shape)));
}

AttributeValue attribute(const std::string& name, int64_t value) { return {named(name).number(3, value).number(20, 2)}; }
AttributeValue attribute(const std::string& name, float value) { return {named(name).real(2, value).number(20, 1)}; }
AttributeValue attribute(const std::string& name, const std::vector<int64_t>& values) {
  Wire wire = named(name);
  for (const int64_t value : values) wire.number(8, value);
  return {wire.number(20, 7)};
}
AttributeValue attribute(const std::string& name, const Tensor& value) {
  return {named(name).message(5, tensor_proto("", value)).number(20, 4)};
}
AttributeValue graph_attribute(const std::string& name, const Wire& graph) { return {named(name).message(6, graph).number(20, 5)}; }
AttributeValue reference(const std::string& name, const std::string& outer) { return {named(name).text(21, outer)}; }

Wire node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
          const std::vector<AttributeValue>& attributes, const std::string& name, const std::string& domain) {
  Wire wire;
  for (const std::string& input : inputs) wire.text(1, input);
  for (const std::string& output : outputs) wire.text(2, output);
  wire.text(3, name).text(4, op);
  for (const AttributeValue& each : attributes) wire.message(5, each.wire);
  return domain.empty() ? wire : wire.text(7, domain);
}

Wire ModelText::graph() const {
  Wire graph;
  for (const Wire& each : nodes) graph.message(1, each);
  graph.text(2, "test graph");
  for (const Wire& each : initialisers) graph.message(5, each);
  for (const Wire& each : inputs) graph.message(11, each);
  for (const Wire& each : outputs) graph.message(12, each);
  return graph;
}

std::string ModelText::bytes() const {
  Wire model = Wire()
                   .number(1, 8)
                   .message(7, graph())
                   .message(8, Wire().text(1, "").number(2, opset))
                   .message(8, Wire().text(1, "own").number(2, 1));
  for (const Wire& function : functions) model.message(25, function);
  return model.bytes;
}

ModelFolder::ModelFolder() {
  static std::atomic<int> count = 0;
  folder_ = std::filesystem::temp_directory_path() / ("sinter_onnx_" + std::to_string(getpid()) + "_" + std::to_string(count++));
  std::filesystem::create_directories(folder_);
}
ModelFolder::~ModelFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ModelFolder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(path(name), std::ios::binary) << bytes;
  return path(name);
}

}  // namespace sinter::onnx
