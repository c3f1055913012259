#include "ir/graph.h"

#include "base/error.h"

namespace sinter::ir {

Value Graph::add_argument(TensorType type) {
  SINTER_CHECK(nodes_.empty(), "an argument is added after the first node");
  types_.push_back(std::move(type));
  producers_.push_back(-1);
  return Value{argument_count_++};
}

const Node& Graph::append(Node node, const std::vector<TensorType>& result_types) {
  SINTER_CHECK(node.op != nullptr, "a node without an op");
  for (const Value operand : node.operands) {
    SINTER_CHECK(operand.valid() && operand.id < value_count(), "an operand that does not exist yet: %" + std::to_string(operand.id));
  }
  node.results.clear();
  for (const TensorType& type : result_types) {
    node.results.push_back(Value{value_count()});
    types_.push_back(type);
    producers_.push_back(static_cast<int32_t>(nodes_.size()));
  }
  return nodes_.emplace_back(std::move(node));
}

void Graph::set_results(std::vector<Value> results) {
  for (const Value result : results) {
    SINTER_CHECK(result.valid() && result.id < value_count(), "a result that does not exist: %" + std::to_string(result.id));
  }
  results_ = std::move(results);
}

std::vector<TensorType> Graph::argument_types() const {
  return {types_.begin(), types_.begin() + argument_count_};
}

std::vector<TensorType> Graph::result_types() const {
  std::vector<TensorType> types;
  for (const Value result : results_) types.push_back(type(result));
  return types;
}

const Node* Graph::producer(Value value) const {
  const int32_t node = producers_[static_cast<size_t>(value.id)];
  return node < 0 ? nullptr : &nodes_[static_cast<size_t>(node)];
}

std::vector<int32_t> Graph::use_counts() const {
  std::vector<int32_t> counts(types_.size());
  for (const Node& node : nodes_) {
    for (const Value operand : node.operands) ++counts[static_cast<size_t>(operand.id)];
  }
  for (const Value result : results_) ++counts[static_cast<size_t>(result.id)];
  return counts;
}

}  // namespace sinter::ir
