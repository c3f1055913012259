// Small ONNX models, written as bytes: just the fields of onnx.proto that single-op models and MLPs need.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace peers {

/// A message of protobuf's wire format under construction.
class Message {
 public:
  Message& number(int field, int64_t value) { return key(field, 0), varint(static_cast<uint64_t>(value)), *this; }
  Message& bytes(int field, const std::string& value) { return key(field, 2), varint(value.size()), text_ += value, *this; }
  Message& message(int field, const Message& value) { return bytes(field, value.text_); }
  const std::string& text() const { return text_; }

 private:
  void key(int field, int wire) { varint(static_cast<uint64_t>(field << 3 | wire)); }
  void varint(uint64_t value) {
    for (; value >= 128; value >>= 7) text_ += static_cast<char>(value | 128);
    text_ += static_cast<char>(value);
  }
  std::string text_;
};

/// A graph from input `x` to output `y`, all f32.
class OnnxModel {
 public:
  using Dims = std::vector<int64_t>;

  void node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output, const Message& attribute = {}) {
    Message node;
    for (const std::string& input : inputs) node.bytes(1, input);
    node.bytes(2, output).bytes(4, op);
    if (!attribute.text().empty()) node.message(5, attribute);
    graph_.message(1, node);
  }
  void constant(const std::string& name, const Dims& dims, float scale) {
    int64_t count = 1;
    Message tensor;
    for (const int64_t dim : dims) tensor.number(1, dim), count *= dim;
    std::string data(static_cast<size_t>(count) * 4, '\0');
    for (int64_t i = 0; i < count; ++i) reinterpret_cast<float*>(data.data())[i] = scale * static_cast<float>(i * 7919 % 2001 - 1000) / 1000;
    graph_.message(5, tensor.number(2, kFloat).bytes(8, name).bytes(9, data));
  }
  void input(const Dims& dims) { graph_.message(11, value("x", dims)); }
  void output(const Dims& dims) { graph_.message(12, value("y", dims)); }
  std::string text() {
    graph_.bytes(2, "g");
    return Message().number(1, 9).message(7, graph_).message(8, Message().number(2, 20)).text();  // IR version 9, opset 20
  }
  static Message axis(int64_t axis) { return Message().bytes(1, "axis").number(3, axis).number(20, 2); }

 private:
  static constexpr int64_t kFloat = 1;
  static Message value(const std::string& name, const Dims& dims) {
    Message shape;
    for (const int64_t dim : dims) shape.message(1, Message().number(1, dim));
    return Message().bytes(1, name).message(2, Message().message(1, Message().number(1, kFloat).message(2, shape)));
  }
  Message graph_;
};

}  // namespace peers
