// Writes ONNX models for tests: protobuf's wire format by hand, so that the importer's schema is held to the format and not to itself.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace sinter::onnx {

/// Fields of a message, one after another.
struct Wire {
  std::string bytes;
  Wire& number(int field, int64_t value);
  Wire& real(int field, float value);
  Wire& text(int field, const std::string& value);
  Wire& message(int field, const Wire& value) { return text(field, value.bytes); }
};

Wire tensor_proto(const std::string& name, const Tensor& tensor);
/// A type of f32 unless told; dims are numbers or names, "" for one without either.
Wire value_info(const std::string& name, const std::vector<std::string>& dims, int element = 1);

struct AttributeValue {
  Wire wire;
};
AttributeValue attribute(const std::string& name, int64_t value);
AttributeValue attribute(const std::string& name, float value);
AttributeValue attribute(const std::string& name, const std::vector<int64_t>& values);
AttributeValue attribute(const std::string& name, const Tensor& value);
AttributeValue graph_attribute(const std::string& name, const Wire& graph);
/// The value of an attribute of the function that the node stands in.
AttributeValue reference(const std::string& name, const std::string& outer);

Wire node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
          const std::vector<AttributeValue>& attributes = {}, const std::string& name = "", const std::string& domain = "");

struct ModelText {
  std::vector<Wire> inputs, outputs, nodes, initialisers, functions;
  int64_t opset = 17;

  Wire graph() const;
  std::string bytes() const;
};

/// A folder that goes away with the object.
class ModelFolder {
 public:
  ModelFolder();
  ~ModelFolder();
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& bytes) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace sinter::onnx
