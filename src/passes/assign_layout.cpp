#include "passes/assign_layout.h"

#include <algorithm>

#include "ir/op_def.h"
#include "passes/dce.h"
#include "passes/expand.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Attributes;
using ir::Integers;
using ir::Node;
using ir::Value;

size_t at(int64_t axis) { return static_cast<size_t>(axis); }

bool is_identity(const Integers& permutation) { return std::is_sorted(permutation.begin(), permutation.end()); }

/// Axes of a transposed value as those of what was transposed.
Integers mapped(const Integers& axes, const Integers& permutation) {
  Integers result;
  for (const int64_t axis : axes) result.push_back(permutation[at(axis)]);
  return result;
}

/// `dims`, one per axis of a transposed value, in the order of what was transposed.
template <class List> List unpermuted(const List& dims, const Integers& permutation) {
  List result = dims;
  for (size_t k = 0; k < permutation.size(); ++k) result[at(permutation[k])] = dims[k];
  return result;
}

Integers inverse(const Integers& permutation) {
  Integers result(permutation.size());
  for (size_t k = 0; k < permutation.size(); ++k) result[at(permutation[k])] = static_cast<int64_t>(k);
  return result;
}

/// Nodes that spread_elsewhere looks through, one behind the other.
constexpr int kDeepest = 4;

/// A scalar formula of its operands, which have the shape of its result: its expansion has nothing else.
bool is_elementwise(const ir::OpDef& op, std::span<const TensorType> operands, const Attributes& attributes) {
  if (std::holds_alternative<ir::Elementwise>(op.lowering)) return true;
  if (!is_composite(op)) return false;
  ir::Graph graph;
  std::vector<Value> arguments;
  for (const TensorType& type : operands) arguments.push_back(graph.add_argument(type));
  ir::Builder builder(graph);
  expand_node(builder, op, arguments, attributes);
  const auto of_scalar = [&](Value value) { return graph.type(value).shape.rank() == 0; };
  return std::all_of(graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) {
    if (std::all_of(node.results.begin(), node.results.end(), of_scalar) ||
        (node.op->name == "broadcast" && of_scalar(node.operands[0])))
      return true;
    std::vector<TensorType> types;
    for (const Value operand : node.operands) types.push_back(graph.type(operand));
    return node.results.size() == 1 && is_elementwise(*node.op, types, node.attributes);
  });
}

/// What becomes of one node, given new operands some of which are transposes.
class Sinking {
 public:
  Sinking(Rewriter& rewriter, const Node& node)
      : rewriter_(rewriter), builder_(rewriter.builder()), node_(node), operands_(rewriter.at(node.operands)) {}

  std::optional<std::vector<Value>> run() {
    if (node_.results.size() != 1 || !node_.regions.empty()) return std::nullopt;
    if (node_.op->name == "transpose" && made_by(operands_[0], "transpose") == nullptr) {
      const auto raised = spread_elsewhere(operands_[0], inverse(get<Integers>("permutation")), kDeepest);
      return raised ? std::optional(std::vector{*raised}) : std::nullopt;
    }
    const auto first = std::find_if(operands_.begin(), operands_.end(), [&](Value v) { return made_by(v, "transpose") != nullptr; });
    if (first == operands_.end()) return std::nullopt;
    permutation_ = permutation_of(*first);
    const auto value = sunk();
    return value ? std::optional(std::vector{*value}) : std::nullopt;
  }

 private:
  const Node* made_by(Value value, std::string_view op) const {
    const Node* node = rewriter_.to().producer(value);
    return node != nullptr && node->op->name == op ? node : nullptr;
  }
  const Integers& permutation_of(Value transposed) const {
    const Node* node = rewriter_.to().producer(transposed);
    return ir::get_attribute<Integers>(*node->op, node->attributes, "permutation");
  }
  Value source_of(Value transposed) const { return rewriter_.to().producer(transposed)->operands[0]; }
  template <class T> const T& get(std::string_view name) const { return ir::get_attribute<T>(*node_.op, node_.attributes, name); }

  Value transposed(Value value, const Integers& permutation) {
    return is_identity(permutation) ? value : builder_.call("transpose", {value}, {{"permutation", permutation}});
  }

  std::optional<Value> sunk() {
    const std::string& name = node_.op->name;
    if (name == "transpose") return transposed(source_of(operands_[0]), mapped(get<Integers>("permutation"), permutation_));
    if (name == "reshape") return reshaped();
    const auto* reduce = std::get_if<ir::Reduce>(&node_.op->lowering);
    if (name == "mean" || (reduce != nullptr && !reduce->argument && !reduce->blocks)) return reduced();
    if (node_.op->find_attribute("window") != nullptr && node_.op->find_attribute("axes") != nullptr) return pooled();
    if (name == "pad") return padded();
    if (name == "slice") return sliced();
    if (name == "concatenate") return concatenated();
    return elementwise();
  }

  /// The source of each operand, where all of them have the permutation; scalars and values that are spread anew stand in any layout.
  std::optional<std::vector<Value>> sources() {
    std::vector<Value> values;
    for (const Value operand : operands_) {
      if (made_by(operand, "transpose") != nullptr && permutation_of(operand) == permutation_) {
        values.push_back(source_of(operand));
      } else if (builder_.shape(operand).rank() == 0) {
        values.push_back(operand);
      } else if (const auto spread = spread_anew(operand, permutation_)) {
        values.push_back(*spread);
      } else {
        return std::nullopt;
      }
    }
    return values;
  }

  /// A broadcast value in the order of axes of what `permutation` takes to it: what is broadcast, without its axes of
  /// size 1, is spread along others.
  std::optional<Value> spread_anew(Value value, const Integers& permutation) {
    const Node* broadcast = made_by(value, "broadcast");
    if (broadcast == nullptr) return std::nullopt;
    const Value data = broadcast->operands[0];
    const Shape from = builder_.shape(data), to = builder_.shape(value);
    Shape rest;
    Integers axes;
    for (size_t k = 0; k < from.rank(); ++k) {
      if (from[k] == Dim(1)) continue;
      rest.push_back(from[k]);
      axes.push_back(permutation[at(ir::get_attribute<Integers>(*broadcast->op, broadcast->attributes, "axes")[k])]);
    }
    if (!std::is_sorted(axes.begin(), axes.end())) return std::nullopt;
    return builder_.broadcast(builder_.reshape(data, rest), unpermuted(to, permutation), axes);
  }

  /// The same of a formula of broadcast values alone, as the gradient of a mean is one.
  std::optional<Value> spread_elsewhere(Value value, const Integers& permutation, int depth) {
    if (const auto spread = spread_anew(value, permutation)) return spread;
    const Node* node = rewriter_.to().producer(value);
    if (node == nullptr || depth == 0 || !std::holds_alternative<ir::Elementwise>(node->op->lowering)) return std::nullopt;
    const Node formula = *node;  // the graph grows
    std::vector<Value> operands;
    for (const Value operand : formula.operands) {
      const auto spread = builder_.shape(operand).rank() == 0 ? std::optional(operand) : spread_elsewhere(operand, permutation, depth - 1);
      if (!spread) return std::nullopt;
      operands.push_back(*spread);
    }
    return builder_.call(formula.op->name, operands, formula.attributes);
  }

  std::optional<Value> elementwise() {
    const TensorType result = rewriter_.from().type(node_.results[0]);
    std::vector<TensorType> types;
    for (const Value operand : operands_) {
      const TensorType& type = builder_.type(operand);
      if (type.shape.rank() > 0 && type.shape != result.shape) return std::nullopt;
      types.push_back(type);
    }
    if (!is_elementwise(*node_.op, types, node_.attributes)) return std::nullopt;
    const auto values = sources();
    if (!values) return std::nullopt;
    return transposed(builder_.call(node_.op->name, *values, node_.attributes), permutation_);
  }

  /// Where no axis but those of size 1 changes places, the elements are in order already.
  std::optional<Value> reshaped() {
    const Value source = source_of(operands_[0]);
    const Shape shape = builder_.shape(source);
    Integers order;
    for (const int64_t axis : permutation_)
      if (shape[at(axis)] != Dim(1)) order.push_back(axis);
    if (!std::is_sorted(order.begin(), order.end())) return std::nullopt;
    return builder_.reshape(source, get<Shape>("shape"));
  }

  Value with(std::vector<Value> operands, std::string_view name, ir::Attribute value) {
    Attributes attributes = node_.attributes;
    attributes.insert_or_assign(std::string(name), std::move(value));
    return builder_.call(node_.op->name, std::move(operands), std::move(attributes));
  }

  std::optional<Value> reduced() {
    const Value source = source_of(operands_[0]);
    Integers axes = mapped(get<Integers>("axes"), permutation_);
    std::sort(axes.begin(), axes.end());
    Integers kept, order;  // axes of the source, as they follow in the result; their places among those that remain
    for (const int64_t axis : permutation_)
      if (std::find(axes.begin(), axes.end(), axis) == axes.end()) kept.push_back(axis);
    for (const int64_t axis : kept)
      order.push_back(std::count_if(kept.begin(), kept.end(), [axis](int64_t other) { return other < axis; }));
    return transposed(with({source}, "axes", axes), order);
  }

  /// Windows count their entries along their axes, which must stay in order.
  std::optional<Value> pooled() {
    const Integers axes = mapped(get<Integers>("axes"), permutation_);
    if (!std::is_sorted(axes.begin(), axes.end())) return std::nullopt;
    const auto values = sources();
    if (!values) return std::nullopt;
    return transposed(with(*values, "axes", axes), permutation_);
  }

  std::optional<Value> padded() {
    const Value source = source_of(operands_[0]);
    return transposed(builder_.call("pad", {source, operands_[1]}, {{"low", unpermuted(get<Shape>("low"), permutation_)},
                                                                    {"high", unpermuted(get<Shape>("high"), permutation_)}}),
                      permutation_);
  }

  std::optional<Value> sliced() {
    const Attributes attributes{{"starts", unpermuted(get<Shape>("starts"), permutation_)},
                                {"limits", unpermuted(get<Shape>("limits"), permutation_)},
                                {"strides", unpermuted(get<Integers>("strides"), permutation_)}};
    return transposed(builder_.call("slice", {source_of(operands_[0])}, attributes), permutation_);
  }

  std::optional<Value> concatenated() {
    const auto values = sources();
    if (!values) return std::nullopt;
    return transposed(with(*values, "axis", permutation_[at(get<int64_t>("axis"))]), permutation_);
  }

  Rewriter& rewriter_;
  ir::Builder& builder_;
  const Node& node_;
  std::vector<Value> operands_;
  Integers permutation_;
};

ir::Graph with_layouts(const ir::Graph& graph) {
  const bool any = std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const Node& node) { return node.op->name == "convolution"; });
  if (!any) return graph;
  return rewrite(graph, [](Rewriter& rewriter, const Node& node) { return Sinking(rewriter, node).run(); });
}

}  // namespace

ir::Module assign_layout(const ir::Module& module) {
  return dce(map_graphs(module, with_layouts));
}

}  // namespace sinter::passes
