#include "passes/fuse/node_facts.h"

#include <algorithm>

namespace sinter::passes {
namespace {

double cost_of(ScalarOp op) {
  switch (op) {
    case ScalarOp::kCast:
    case ScalarOp::kBitcast:
    case ScalarOp::kSelect:
      return 0.5;
    case ScalarOp::kDivide:
    case ScalarOp::kSqrt:
    case ScalarOp::kRsqrt:
      return 4;
    case ScalarOp::kRemainder:
      return 12;
    case ScalarOp::kExp:
    case ScalarOp::kExp2:
    case ScalarOp::kExpm1:
    case ScalarOp::kLog:
    case ScalarOp::kLog1p:
    case ScalarOp::kLog2:
    case ScalarOp::kTanh:
    case ScalarOp::kSigmoid:
    case ScalarOp::kErf:
    case ScalarOp::kSinh:
    case ScalarOp::kCosh:
      return 16;
    case ScalarOp::kSin:
    case ScalarOp::kCos:
    case ScalarOp::kTan:
    case ScalarOp::kAsin:
    case ScalarOp::kAcos:
    case ScalarOp::kAtan:
    case ScalarOp::kAtan2:
      return 24;
    case ScalarOp::kPower:
    case ScalarOp::kRandomBits:
      return 48;
    default:
      return 1;
  }
}

double cost_of(const ScalarBody& body) {
  const ScalarBody::Node& node = body.node();
  if (node.kind != ScalarBody::Kind::kApply) return 0;
  double cost = cost_of(node.op);
  for (const ScalarBody& argument : node.args) cost += cost_of(argument);
  return cost;
}

[[noreturn]] void refuse(const ir::Node& node, const std::string& reason) {
  Error error(ErrorCode::kUnsupported, node.op->name + " is not compiled natively: " + reason);
  error.rule(node.op->name).at({.node = node.name}).hint("--reference runs it on the evaluator");
  throw error;
}

void read_view(NodeFacts& facts, const ir::Graph& graph, const ir::Node& node) {
  facts.view = true;
  facts.cost = 0.5;
  const std::vector<Dim> index = position_symbols(graph.type(node.results[0]).shape.rank());
  const std::vector<ir::Piece> pieces = view_pieces(graph, node, index);
  facts.guarded = pieces.size() != 1 || !pieces[0].guards.empty();
  if (facts.guarded) return;
  // A plain projection onto fewer axes reads each element of its operand again along the others.
  std::set<std::string> used;
  for (const Dim& dim : pieces[0].index) dim.collect_symbols(used);
  for (size_t k = 0; k < index.size(); ++k) {
    const bool repeats = graph.type(node.results[0]).shape[k] != Dim(1) && !used.contains(*index[k].as_symbol());
    facts.spreads = facts.spreads || repeats;
  }
  if (index.empty()) {
    facts.contiguous = true;
    return;
  }
  Dim position = 0;
  const Shape& source = graph.type(node.operands[0]).shape;
  for (size_t k = 0; k < source.rank(); ++k) position = position * source[k] + pieces[0].index[k];
  const std::string last = *index.back().as_symbol();
  facts.contiguous = position.substitute({{last, index.back() + 1}}) - position == Dim(1);
}

}  // namespace

NodeFacts node_facts(const ir::Graph& graph, const ir::Node& node) {
  using Kind = ir::Index::Kind;
  NodeFacts facts;
  const ir::Lowering& lowering = node.op->lowering;
  if (const auto* elementwise = std::get_if<ir::Elementwise>(&lowering)) {
    facts.elementwise = true;
    facts.cost = cost_of(elementwise->body);
  } else if (std::holds_alternative<ir::View>(lowering)) {
    read_view(facts, graph, node);
  } else if (const auto* reduce = std::get_if<ir::Reduce>(&lowering)) {
    facts.kind = reduce->blocks ? NodeKind::kBlocks : NodeKind::kReduce;
    facts.cost = 1;
  } else if (std::holds_alternative<ir::Contract>(lowering)) {
    facts.kind = NodeKind::kContract;
  } else if (const auto* window = std::get_if<ir::Window>(&lowering)) {
    facts.kind = ir::is_convolution(*window) ? NodeKind::kConvolution : NodeKind::kWindow;
  } else if (const auto* index = std::get_if<ir::Index>(&lowering)) {
    facts.generates = index->kind == Kind::kGenerate || index->kind == Kind::kConstant;
    facts.finds = index->kind == Kind::kGather || index->kind == Kind::kPick;
    facts.picks = index->kind == Kind::kPick;
    if (facts.finds) facts.cost = 4;
    if (index->kind == Kind::kRandomBits) facts.cost = cost_of(ScalarOp::kRandomBits);
    if (index->kind == Kind::kScatterAdd) facts.kind = NodeKind::kScatter;
  } else if (const auto* reason = std::get_if<ir::NotNative>(&lowering)) {
    refuse(node, reason->reason);
  } else {
    refuse(node, "no kernel holds an op of its kind yet");
  }
  return facts;
}

bool reduces_rhs(const ir::Graph& graph, const ir::Node& contract, const ir::Node& reduce) {
  const auto* lowering = std::get_if<ir::Reduce>(&reduce.op->lowering);
  if (lowering == nullptr || lowering->argument || lowering->blocks || reduce.operands[0] != contract.operands[1]) return false;
  if (contract.op->find_attribute("rhs_shape") != nullptr) return false;  // its second operand is stored in another order
  const auto axes = [&](std::string_view name) { return ir::get_attribute<ir::Integers>(*contract.op, contract.attributes, name); };
  const ir::Integers depth = axes("rhs_contract");
  for (size_t i = 0; i < depth.size(); ++i)
    if (depth[i] != static_cast<int64_t>(i)) return false;
  return !depth.empty() && axes("rhs_batch").empty() && depth.size() < graph.type(reduce.operands[0]).shape.rank() &&
         reduced_axes(reduce, graph.type(reduce.operands[0]).shape.rank()) == depth;
}

bool reduces_rhs(const ir::Graph& graph, const ir::Node& reduce) {
  return std::holds_alternative<ir::Reduce>(reduce.op->lowering) && std::any_of(graph.nodes().begin(), graph.nodes().end(), [&](const ir::Node& node) {
    return std::holds_alternative<ir::Contract>(node.op->lowering) && reduces_rhs(graph, node, reduce);
  });
}

std::vector<Dim> position_symbols(size_t rank) {
  std::vector<Dim> index;
  for (size_t k = 0; k < rank; ++k) index.push_back(Dim::symbol("@" + std::to_string(k)));
  return index;
}

std::vector<ir::Piece> view_pieces(const ir::Graph& graph, const ir::Node& node, const std::vector<Dim>& index) {
  std::vector<TensorType> operands;
  for (const ir::Value operand : node.operands) operands.push_back(graph.type(operand));
  return std::get<ir::View>(node.op->lowering).pieces({operands, graph.type(node.results[0]), node.attributes, index, *node.op});
}

ir::Integers reduced_axes(const ir::Node& node, size_t rank) {
  const auto& lowering = std::get<ir::Reduce>(node.op->lowering);
  if (lowering.argument) return {ir::get_attribute<int64_t>(*node.op, node.attributes, "axis")};
  if (lowering.blocks) {
    ir::Integers axes;
    for (int64_t axis = ir::get_attribute<int64_t>(*node.op, node.attributes, "leading"); axis < static_cast<int64_t>(rank); ++axis) axes.push_back(axis);
    return axes;
  }
  return ir::get_attribute<ir::Integers>(*node.op, node.attributes, "axes");
}

Shape kept_shape(const Shape& domain, const ir::Integers& axes) {
  Shape kept;
  for (size_t k = 0; k < domain.rank(); ++k)
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(k)) == axes.end()) kept.push_back(domain[k]);
  return kept;
}

bool are_last(const ir::Integers& axes, size_t rank) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(rank - axes.size() + i)) return false;
  return true;
}

}  // namespace sinter::passes
