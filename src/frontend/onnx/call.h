// One node while it is imported: its inputs, its attributes, where its outputs go, and what is known of values while compiling. What the
// files in operators/ work with; they see no protobuf message but through this.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/builder.h"

namespace sinter::onnx::wire {
class AttributeProto;
class GraphProto;
}  // namespace sinter::onnx::wire

namespace sinter::onnx {

using Dims = std::vector<Dim>;
using ir::Integers;

/// A value of the model's graph: a node's value, elements known while compiling, or integers that are expressions over symbols. At least
/// one of them.
struct Item {
  TensorType type;
  ir::Value value;               // in the graph that is built; invalid while nobody needed it there
  std::optional<Tensor> tensor;  // its elements, when known
  std::optional<Dims> dims;      // the elements of an integer tensor of rank 0 or 1
  bool parameter = false;        // known now, but trained later
};

using AttributeMap = std::map<std::string, wire::AttributeProto*, std::less<>>;

/// A symbol has to have this value, or be equal to another, for the model to be sound: the import begins anew with it.
struct MustEqual {
  std::string symbol;
  Dim value;
};

class Call {
 public:
  Call(ir::Builder& b, std::string op, int64_t version, std::vector<Item*> inputs, size_t outputs, const AttributeMap& attributes,
       std::string path, bool scratch)
      : b(b),
        op(std::move(op)),
        version(version),
        results(outputs),
        inputs_(std::move(inputs)),
        attributes_(attributes),
        path_(std::move(path)),
        scratch_(scratch) {}

  ir::Builder& b;
  const std::string op;
  const int64_t version;                       // of the operator set
  std::vector<std::optional<Item>> results;    // what set() was given

  // Inputs. A missing one is left out, or its name is empty.
  size_t inputs() const { return inputs_.size(); }
  bool has(size_t input) const { return input < inputs_.size() && inputs_[input] != nullptr; }
  ir::Value value(size_t input);
  ir::Expression expression(size_t input) { return {b, value(input)}; }
  std::vector<ir::Value> values();             // all of a variadic op
  const TensorType& type(size_t input) const { return item(input).type; }
  const Shape& shape(size_t input) const { return type(input).shape; }
  DType dtype(size_t input) const { return type(input).dtype; }
  size_t rank(size_t input) const { return shape(input).rank(); }
  /// The elements, when they are known while compiling; null else.
  const Tensor* tensor(size_t input) const;
  /// The elements of an integer tensor of rank 0 or 1, when they are known as expressions.
  const std::optional<Dims>& dims(size_t input) const;
  /// The same, or kUnsupported: the shape of a result depends on data.
  Dims known_dims(size_t input) const;
  Integers known_integers(size_t input) const;
  double known_number(size_t input) const;
  const Tensor& known_tensor(size_t input) const;

  // Attributes. A fallback is what the specification says when it is left out.
  bool has_attribute(std::string_view name) const;
  int64_t integer(std::string_view name, int64_t fallback) const;
  int64_t integer(std::string_view name) const;
  double number(std::string_view name, double fallback) const;
  std::string text(std::string_view name, std::string_view fallback) const;
  std::optional<Integers> integers(std::string_view name) const;
  std::optional<std::vector<double>> numbers(std::string_view name) const;
  std::optional<Tensor> tensor_attribute(std::string_view name) const;
  wire::AttributeProto* attribute(std::string_view name) const;

  // Outputs.
  bool wants(size_t output) const { return output < results.size(); }
  void set(size_t output, ir::Value value);
  void set(size_t output, Tensor tensor);
  /// Integers that are expressions: of rank 0 (one of them) or 1.
  void set_dims(size_t output, Dims dims, bool scalar, DType dtype = DType::kI64);

  // What operators share.
  /// Two sizes that the operator's rule makes equal. Where a symbol is among them it becomes the other one in the whole model.
  Dim equal(const Dim& a, const Dim& b, std::string_view what);
  /// Their common shape by the rules of NumPy; a symbol never turns out to be 1.
  Shape common_shape(std::span<const Shape> shapes);
  Shape common_shape(const Shape& a, const Shape& b) { return common_shape(std::vector<Shape>{a, b}); }
  ir::Value spread(ir::Value value, const Shape& shape) { return b.broadcast_to(value, shape); }
  /// All spread to their common shape.
  std::vector<ir::Value> spread_all(std::vector<ir::Value> values);
  /// An axis of the rank, counted from the end when negative. Raises kType.
  size_t axis(int64_t axis, size_t rank) const;
  /// The same of many, sorted. Raises kType when one is named twice.
  Integers axes(const Integers& axes, size_t rank) const;

  [[noreturn]] void unsupported(const std::string& why) const;
  [[noreturn]] void wrong(const std::string& why) const;

 private:
  const Item& item(size_t input) const;
  std::vector<Item*> inputs_;
  const AttributeMap& attributes_;
  std::string path_;
  bool scratch_;  // built to be evaluated at once: nothing is kept in the items
};

/// The value of an item in a graph.
ir::Value materialise(ir::Builder& builder, const Item& item);
/// How many elements a shape has at most that is folded while importing.
inline constexpr int64_t kMostFolded = 4096;
Item item_of(Tensor tensor);
Item item_of(Dims dims, bool scalar, DType dtype);

}  // namespace sinter::onnx
