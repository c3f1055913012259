// What a simplification rule sees and may do. A rule looks at a node that is about to be appended to the new graph,
// whose operands are simplified already, and gives a value of the new graph that stands for it, or nothing. Used by the
// rule families in this folder only.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace sinter::passes {

/// A node with one result and no regions that is about to be appended.
struct Candidate {
  const ir::OpDef* op = nullptr;
  std::vector<ir::Value> operands;
  ir::Attributes attributes;
  TensorType type;  // of the result

  template <class T>
  const T& get(std::string_view name) const {
    return ir::get_attribute<T>(*op, attributes, name);
  }
  bool is(std::string_view name) const { return op->name == name; }
};

/// The node that made a value, copied out of the graph so that it stays while rules append.
struct Origin {
  const ir::OpDef* op = nullptr;
  std::vector<ir::Value> operands;
  ir::Attributes attributes;

  template <class T>
  const T& get(std::string_view name) const {
    return ir::get_attribute<T>(*op, attributes, name);
  }
};

/// The new graph, as rules see it.
class RuleContext {
 public:
  virtual ~RuleContext() = default;

  virtual const ir::Graph& graph() const = 0;
  /// Appends a node, simplified.
  virtual ir::Value emit(std::string_view op, std::vector<ir::Value> operands, ir::Attributes attributes = {}) = 0;
  /// Nothing but the node at hand uses the value.
  virtual bool used_once(ir::Value value) const = 0;
  /// stop_gradient still means something: grad nodes are left.
  virtual bool before_grad() const = 0;
  /// For scalars and dims, which need no simplification.
  virtual ir::Builder& builder() = 0;

  const TensorType& type(ir::Value value) const { return graph().type(value); }
  const Shape& shape(ir::Value value) const { return type(value).shape; }
  DType dtype(ir::Value value) const { return type(value).dtype; }

  /// How `value` was made, when by this op.
  std::optional<Origin> made_by(ir::Value value, std::string_view op) const;
  /// The number that each element of `value` is: of a constant scalar, or one that was spread. Integers beyond 2^53
  /// have none.
  std::optional<double> number(ir::Value value) const;
  /// A number spread over a type.
  ir::Value full(double number, const TensorType& type);
  ir::Value reshape(ir::Value value, const Shape& shape);
  ir::Value broadcast(ir::Value value, const Shape& shape, const ir::Integers& axes);
};

using RuleFunction = std::optional<ir::Value> (*)(RuleContext&, const Candidate&);
struct Rule {
  std::string_view name;              // for messages
  std::vector<std::string_view> ops;  // asked for these ops; empty: for all
  RuleFunction apply;
};

/// The families. Within one op, rules are tried in this order.
std::vector<Rule> arithmetic_rules();
std::vector<Rule> cast_rules();
std::vector<Rule> view_rules();
std::vector<Rule> broadcast_rules();
std::vector<Rule> reduce_rules();
std::vector<Rule> contract_rules();

/// -0.0 and 0.0 are two numbers here, NaNs with equal bits one.
bool same_number(double a, double b);
/// 0, 1, ..., n-1.
bool is_identity(const ir::Integers& axes, size_t rank);

}  // namespace sinter::passes
