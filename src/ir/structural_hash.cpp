#include "ir/structural_hash.h"

#include <bit>

#include "ir/op_def.h"

namespace sinter::ir {

namespace {

/// Feeds the parts of modules to a Hasher; every list begins with its length, so that neighbours cannot run together.
class Feeder {
 public:
  explicit Feeder(bool with_names) : with_names_(with_names) {}

  void add(const Module& module) {
    if (with_names_) hasher_.text(module.name);
    count(module.variables);
    for (const Variable& variable : module.variables) add(variable);
    count(module.functions);
    for (const Function& function : module.functions) {
      hasher_.text(function.name);
      add(function.arguments);
      add(function.results);
      add(function.graph);
    }
  }

  void add(const Graph& graph) {
    const std::vector<TensorType> arguments = graph.argument_types();
    count(arguments);
    for (const TensorType& type : arguments) add(type);
    count(graph.nodes());
    for (const Node& node : graph.nodes()) add(graph, node);
    add(graph.results());
  }

  Hash128 finish() const { return hasher_.finish(); }

 private:
  template <class List> void count(const List& list) { hasher_.number(list.size()); }

  void add(const Variable& variable) {
    hasher_.text(variable.name);
    hasher_.number(static_cast<uint64_t>(variable.role));
    add(variable.type);
    hasher_.number(variable.value.has_value() ? 1 : 0);
    if (variable.value) add(*variable.value);
  }

  void add(const Graph& graph, const Node& node) {
    hasher_.text(node.op->name);
    if (with_names_) hasher_.text(node.name);
    add(node.operands);
    count(node.results);
    for (const Value result : node.results) add(graph.type(result));
    count(node.attributes);
    for (const auto& [attribute_name, attribute] : node.attributes) {
      hasher_.text(attribute_name);
      hasher_.number(attribute.index());
      std::visit([&](const auto& value) { add(value); }, attribute);
    }
    count(node.regions);
    for (const Graph& region : node.regions) add(region);
  }

  void add(const std::vector<Value>& values) {
    count(values);
    for (const Value value : values) hasher_.number(static_cast<uint64_t>(value.id));
  }
  void add(const std::vector<std::string>& texts) {
    count(texts);
    for (const std::string& text : texts) hasher_.text(text);
  }
  void add(const TensorType& type) {
    add(type.dtype);
    add(type.shape);
  }
  void add(bool value) { hasher_.number(value ? 1 : 0); }
  void add(int64_t value) { hasher_.number(static_cast<uint64_t>(value)); }
  void add(double value) { hasher_.number(std::bit_cast<uint64_t>(value)); }
  void add(const std::string& value) { hasher_.text(value); }
  void add(DType value) { hasher_.number(static_cast<uint64_t>(value)); }
  void add(const Integers& value) {
    count(value);
    for (const int64_t item : value) add(item);
  }
  void add(const Dim& value) {
    if (const auto constant = value.as_constant()) {
      hasher_.number(0).number(static_cast<uint64_t>(*constant));
    } else {
      hasher_.number(1).text(value.to_string());
    }
  }
  void add(const Shape& value) {
    count(value.dims());
    for (const Dim& dim : value) add(dim);
  }
  void add(const Tensor& value) {
    add(value.dtype());
    add(value.extents());
    hasher_.bytes(value.raw(), value.bytes());
  }

  Hasher hasher_;
  bool with_names_;
};

}  // namespace

Hash128 structural_hash(const Module& module, bool with_names) {
  Feeder feeder(with_names);
  feeder.add(module);
  return feeder.finish();
}

Hash128 structural_hash(const Graph& graph, bool with_names) {
  Feeder feeder(with_names);
  feeder.add(graph);
  return feeder.finish();
}

}  // namespace sinter::ir
