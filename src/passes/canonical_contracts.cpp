#include "passes/canonical_contracts.h"

#include <algorithm>
#include <numeric>

#include "ir/op_def.h"
#include "passes/cse.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

/// One operand: which of its axes are batch axes and which are contracted, pair by pair.
struct Side {
  Integers batch, contract;
};

bool is_run_from(const Integers& axes, size_t first) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(first + i)) return false;
  return true;
}

/// The order lowering accepts as it is.
bool is_canonical(const Side& side, size_t rank) {
  const size_t batch = side.batch.size(), depth = side.contract.size();
  return is_run_from(side.batch, 0) && (is_run_from(side.contract, batch) || is_run_from(side.contract, rank - depth));
}

void reorder(Integers& axes, const std::vector<size_t>& order) {
  const Integers old = axes;
  for (size_t i = 0; i < order.size(); ++i) axes[i] = old[order[i]];
}

/// The order of pairs in which `by` rises.
std::vector<size_t> rising(const Integers& by) {
  std::vector<size_t> order(by.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return by[a] < by[b]; });
  return order;
}

/// Transposes `value` and renumbers `side`: batch axes first, and the last axis stays the last where it can, so that
/// the copy moves runs of memory.
Value make_canonical(ir::Builder& builder, Value value, Side& side) {
  const size_t rank = builder.shape(value).rank(), batch = side.batch.size(), depth = side.contract.size();
  const auto in = [](const Integers& axes, size_t axis) {
    return std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) != axes.end();
  };
  Integers free;
  for (size_t axis = 0; axis < rank; ++axis)
    if (!in(side.batch, axis) && !in(side.contract, axis)) free.push_back(static_cast<int64_t>(axis));
  const bool depth_last = free.empty() || in(side.contract, rank - 1);
  Integers permutation = side.batch;
  for (const Integers* axes : {depth_last ? &free : &side.contract, depth_last ? &side.contract : &free})
    permutation.insert(permutation.end(), axes->begin(), axes->end());
  std::iota(side.batch.begin(), side.batch.end(), int64_t{0});
  std::iota(side.contract.begin(), side.contract.end(), static_cast<int64_t>(depth_last ? rank - depth : batch));
  return builder.call("transpose", {value}, {{"permutation", permutation}});
}

std::optional<std::vector<Value>> canonical(Rewriter& rewriter, const ir::Node& node) {
  if (!std::holds_alternative<ir::Contract>(node.op->lowering)) return std::nullopt;
  ir::Builder& builder = rewriter.builder();
  const auto axes = [&](std::string_view name) { return ir::get_attribute<Integers>(*node.op, node.attributes, name); };
  std::vector<Value> operands = rewriter.at(node.operands);
  const size_t ranks[] = {builder.shape(operands[0]).rank(), builder.shape(operands[1]).rank()};
  const Side given[] = {{axes("lhs_batch"), axes("lhs_contract")}, {axes("rhs_batch"), axes("rhs_contract")}};
  const bool panels = node.op->find_attribute("rhs_shape") != nullptr;  // the rhs is in its order already, and its pairs too
  if (is_canonical(given[0], ranks[0]) && (panels || is_canonical(given[1], ranks[1]))) return std::nullopt;
  if (panels) {
    Side lhs = given[0];
    operands[0] = make_canonical(builder, operands[0], lhs);
    ir::Attributes attributes = node.attributes;
    attributes["lhs_batch"] = lhs.batch;
    attributes["lhs_contract"] = lhs.contract;
    return builder.apply(*node.op, std::move(operands), std::move(attributes));
  }

  // The order of contracted pairs is free: take the one that leaves more operands as they are. That of batch pairs is
  // the result's.
  Side best[2];
  int most = -1;
  for (const Side& by : given) {
    Side sides[] = {given[0], given[1]};
    for (Side& side : sides) reorder(side.contract, rising(by.contract));
    const int count = is_canonical(sides[0], ranks[0]) + is_canonical(sides[1], ranks[1]);
    if (count > most) best[0] = sides[0], best[1] = sides[1], most = count;
  }
  for (size_t i = 0; i < 2; ++i)
    if (!is_canonical(best[i], ranks[i])) operands[i] = make_canonical(builder, operands[i], best[i]);
  ir::Attributes attributes = node.attributes;
  attributes["lhs_batch"] = best[0].batch;
  attributes["lhs_contract"] = best[0].contract;
  attributes["rhs_batch"] = best[1].batch;
  attributes["rhs_contract"] = best[1].contract;
  return builder.apply(*node.op, std::move(operands), std::move(attributes));
}

}  // namespace

ir::Module canonical_contracts(const ir::Module& module) {
  return cse(
      map_graphs(module, [](const ir::Graph& graph) { return rewrite(graph, canonical); }));  // forward and backward want the same ones
}

}  // namespace sinter::passes
