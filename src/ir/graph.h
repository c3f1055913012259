// A graph: single-assignment values computed by nodes in topological order. Append-only: what exists never changes, so
// a value's id orders it and every prefix is a graph. Built by Builder; passes read one graph and write another.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/shape.h"
#include "ir/attributes.h"

namespace sinter::ir {

struct OpDef;
class Graph;

/// A value of one graph: arguments first (ids 0 .. n-1), then the results of nodes in order.
struct Value {
  int32_t id = -1;
  bool valid() const { return id >= 0; }
  friend bool operator==(const Value&, const Value&) = default;
  friend auto operator<=>(const Value&, const Value&) = default;
};

struct Node {
  const OpDef* op = nullptr;
  std::vector<Value> operands;
  Attributes attributes;
  std::vector<Value> results;  // consecutive ids
  std::vector<Graph> regions;  // isolated: a region sees its own arguments only
  std::string name;            // the model's own name of what this computes ("h1.weight", "blocks.3.attention"); may be empty
};

class Graph {
 public:
  /// Arguments come before the first node.
  Value add_argument(TensorType type);
  /// Appends a node whose operands exist; the types are those of its results. Verified by Builder, not here.
  const Node& append(Node node, const std::vector<TensorType>& result_types);
  void set_results(std::vector<Value> results);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Value>& results() const { return results_; }
  int32_t argument_count() const { return argument_count_; }
  Value argument(int32_t index) const { return Value{index}; }
  bool is_argument(Value value) const { return value.id < argument_count_; }
  int32_t value_count() const { return static_cast<int32_t>(types_.size()); }
  const TensorType& type(Value value) const { return types_[static_cast<size_t>(value.id)]; }
  std::vector<TensorType> argument_types() const;
  std::vector<TensorType> result_types() const;
  /// The node that defines `value`, or null for an argument.
  const Node* producer(Value value) const;
  /// How many operands and graph results name each value.
  std::vector<int32_t> use_counts() const;

 private:
  int32_t argument_count_ = 0;
  std::vector<TensorType> types_;
  std::vector<int32_t> producers_;  // node index per value, -1 for arguments
  std::vector<Node> nodes_;
  std::vector<Value> results_;
};

}  // namespace sinter::ir
