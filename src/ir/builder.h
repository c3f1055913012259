// Appends nodes to a graph, with types inferred and checked. Frontends, gradient rules, expansions and passes build with it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ir/op_def.h"

namespace sinter::ir {

class Builder {
 public:
  explicit Builder(Graph& graph) : graph_(graph) {}

  Graph& graph() { return graph_; }
  const TensorType& type(Value value) const { return graph_.type(value); }
  const Shape& shape(Value value) const { return graph_.type(value).shape; }
  DType dtype(Value value) const { return graph_.type(value).dtype; }

  /// Appends the op and returns its results. Raises Error kType (rule, actual types) or kName (unknown op).
  std::vector<Value> apply(std::string_view op, std::vector<Value> operands, Attributes attributes = {}, std::vector<Graph> regions = {});
  std::vector<Value> apply(const OpDef& op, std::vector<Value> operands, Attributes attributes = {}, std::vector<Graph> regions = {});
  /// The same for an op with one result.
  Value call(std::string_view op, std::vector<Value> operands, Attributes attributes = {}, std::vector<Graph> regions = {});

  /// A rank-0 constant; equal scalar constants of one builder are shared.
  Value scalar(double value, DType dtype);
  /// A constant spread over a shape.
  Value full(double value, DType dtype, const Shape& shape);
  Value full_like(double value, Value like) { return full(value, dtype(like), shape(like)); }
  Value constant(Tensor value);
  /// `value` as a rank-0 tensor of `dtype` holding the value of a Dim.
  Value dim(const Dim& value, DType dtype);

  /// NumPy broadcasting made explicit: right-aligned, constant 1s spread; symbols are never spread. No node when nothing changes.
  /// Raises Error kType when the shapes do not fit.
  Value broadcast_to(Value value, const Shape& shape);
  /// Places operand axis i at result axis axes[i]. No node when nothing changes.
  Value broadcast(Value value, const Shape& shape, const Integers& axes);
  /// These add no node when nothing changes.
  Value reshape(Value value, const Shape& shape);
  Value cast(Value value, DType dtype);
  Value reduce(std::string_view op, Value value, const Integers& axes);  // axes removed

  /// Names given to nodes appended from now on.
  void set_name(std::string name) { name_ = std::move(name); }
  const std::string& name() const { return name_; }

 private:
  Graph& graph_;
  std::string name_;
  std::vector<std::pair<std::pair<double, DType>, Value>> scalars_;
};

/// A value with its builder, so that gradient rules and expansions read as formulas: `-dy * x / sqrt(1.0 - x * x)`.
/// Numbers are spread to the other operand's type; values must have equal types (rank 0 is spread).
struct Expression {
  Builder* builder = nullptr;
  Value value;
  Expression(Builder& b, Value v) : builder(&b), value(v) {}
  operator Value() const { return value; }  // NOLINT: implicit on purpose
  Expression call(std::string_view op) const { return {*builder, builder->call(op, {value})}; }
};
Expression operator+(const Expression& a, const Expression& b);
Expression operator-(const Expression& a, const Expression& b);
Expression operator*(const Expression& a, const Expression& b);
Expression operator/(const Expression& a, const Expression& b);
Expression operator-(const Expression& a);
Expression operator+(const Expression& a, double b);
Expression operator-(const Expression& a, double b);
Expression operator*(const Expression& a, double b);
Expression operator/(const Expression& a, double b);
Expression operator+(double a, const Expression& b);
Expression operator-(double a, const Expression& b);
Expression operator*(double a, const Expression& b);
Expression operator/(double a, const Expression& b);
/// Any op of two operands of equal type, e.g. apply("maximum", a, b); comparisons give bool.
Expression apply(std::string_view op, const Expression& a, const Expression& b);
Expression select(const Expression& condition, const Expression& then, const Expression& otherwise);

}  // namespace sinter::ir
