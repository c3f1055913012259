#include "passes/fold_constants.h"

#include "base/error.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

const Tensor* constant_of(const Graph& graph, Value value) {
  const Node* node = graph.producer(value);
  if (!node || node->op->name != "constant") return nullptr;
  return &ir::get_attribute<Tensor>(*node->op, node->attributes, "value");
}

/// Folding would make the program larger or the graph less telling: what spreads, generates or runs regions. A dim_size
/// is a number once its dim is known.
bool may_fold(const Node& node) {
  if (!node.regions.empty() || node.op->name == "broadcast") return false;
  if (const auto* index = std::get_if<ir::Index>(&node.op->lowering)) {
    using Kind = ir::Index::Kind;
    if (index->kind == Kind::kConstant || index->kind == Kind::kRandomBits) return false;
    if (index->kind == Kind::kGenerate) return node.op->name == "dim_size";
  }
  return !node.operands.empty() && !std::holds_alternative<ir::Composite>(node.op->lowering);
}

/// The elements of all results, or nothing when that depends on symbols.
std::optional<int64_t> result_size(const Graph& graph, const Node& node) {
  int64_t size = 0;
  for (const Value result : node.results) {
    const auto elements = graph.type(result).shape.element_count().as_constant();
    if (!elements || *elements < 0) return std::nullopt;
    size += *elements;
  }
  return size;
}

/// The node alone, with its operands as arguments.
Graph graph_of(const Graph& graph, const Node& node) {
  Graph alone;
  Node copy{.op = node.op, .attributes = node.attributes, .name = node.name};
  for (const Value operand : node.operands) copy.operands.push_back(alone.add_argument(graph.type(operand)));
  std::vector<TensorType> types;
  for (const Value result : node.results) types.push_back(graph.type(result));
  alone.set_results(alone.append(std::move(copy), types).results);
  return alone;
}

std::optional<std::vector<Value>> fold(Rewriter& rewriter, const Node& node, const FoldOptions& options) {
  const auto size = result_size(rewriter.from(), node);
  if (!may_fold(node) || !size || *size > options.largest_result) return std::nullopt;
  std::vector<Tensor> operands;
  for (const Value operand : node.operands) {
    const Tensor* tensor = constant_of(rewriter.to(), rewriter.at(operand));
    if (!tensor || tensor->size() > options.largest_operand) return std::nullopt;
    operands.push_back(*tensor);
  }
  std::vector<Value> values;
  try {
    for (Tensor& tensor : ir::evaluate(graph_of(rewriter.from(), node), std::move(operands))) {
      values.push_back(rewriter.builder().constant(std::move(tensor)));
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return values;
}

/// The function's graph with arguments of rank 0 that are constants made constants of the graph.
Graph with_scalars(const ir::Module& module, const ir::Function& function) {
  Rewriter rewriter(function.graph);
  for (size_t i = 0; i < function.arguments.size(); ++i) {
    const ir::Variable& variable = module.variable(function.arguments[i]);
    if (variable.role != ir::Role::kConstant || !variable.value || variable.value->rank() != 0) continue;
    rewriter.builder().set_name(variable.name);
    rewriter.replace(function.graph.argument(static_cast<int32_t>(i)), rewriter.builder().constant(*variable.value));
  }
  for (const Node& node : function.graph.nodes()) rewriter.copy(node);
  return std::move(rewriter).finish();
}

}  // namespace

ir::Module fold_constants(const ir::Module& module, const FoldOptions& options) {
  ir::Module inlined = module;
  for (ir::Function& function : inlined.functions) function.graph = with_scalars(module, function);
  return map_graphs(inlined, [&](const Graph& graph) {
    return rewrite(graph, [&](Rewriter& rewriter, const Node& node) { return fold(rewriter, node, options); });
  });
}

}  // namespace sinter::passes
