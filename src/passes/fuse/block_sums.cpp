#include "passes/fuse/block_sums.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/op_def.h"
#include "passes/fuse/cost.h"
#include "passes/fuse/node_facts.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Node;
using ir::Value;

/// Blocks that make the second step worth a kernel.
constexpr int64_t kLeastBlocks = 2;

const ir::Reduce* reduction(const Node& node) {
  const auto* lowering = std::get_if<ir::Reduce>(&node.op->lowering);
  return lowering == nullptr || lowering->argument || lowering->blocks ? nullptr : lowering;
}

/// How many leading axes a sum takes, where it leaves others; 0: none.
size_t leading_axes(const ir::Graph& graph, const Node& node) {
  const ir::Reduce* lowering = reduction(node);
  if (lowering == nullptr || lowering->combine != ScalarOp::kAdd) return 0;
  const DType dtype = graph.type(node.operands[0]).dtype;
  if (dtype != DType::kF32 && dtype != DType::kF64) return 0;
  const Integers axes = ir::get_attribute<Integers>(*node.op, node.attributes, "axes");
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(i)) return 0;
  return axes.size() < graph.type(node.operands[0]).shape.rank() ? axes.size() : 0;
}

class BlockSums {
 public:
  BlockSums(const ir::Graph& graph, const FuseOptions& options) : graph_(graph), options_(options) {
    for (const Node& node : graph.nodes())
      if (reduction(node) != nullptr) reductions_.push_back(&node);
  }

  /// How many leading axes of the node's operand to sum in blocks; 0: none. `decisions`, where given, is told why a sum that could be is not.
  size_t wanted(const Node& node, std::vector<Decision>* decisions) {
    const size_t axes = leading_axes(graph_, node);
    if (axes == 0) return 0;
    if (reduces_rhs(graph_, node)) return 0;  // the kernel of the contraction makes it
    const Shape& domain = graph_.type(node.operands[0]).shape;
    const auto beside = std::find_if(reductions_.begin(), reductions_.end(), [&](const Node* other) { return goes_along(*other, domain, axes, node); });
    if (beside == reductions_.end()) return 0;
    const std::string reason = why_whole(graph_.type(node.operands[0]), axes);
    if (reason.empty()) return axes;
    if (decisions) decisions->push_back(left_whole(**beside, node, axes, reason));
    return 0;
  }

 private:
  std::string why_whole(const TensorType& summed, size_t axes) const {
    const Dim rows = summed.shape.element_count(0, axes), columns = summed.shape.element_count(axes, summed.shape.rank());
    if (rows.is_constant() && rows.constant() < kLeastBlocks * kBlockRows) return "fewer rows than " + std::to_string(kLeastBlocks) + " blocks have";
    if (columns.is_constant() && bytes(summed) <= options_.l1_bytes) return "the rows are in L1 when they are read again";
    return "";
  }

  /// Apart, the rows are read once more; together, partial sums are written, read, and summed by a kernel more.
  Decision left_whole(const Node& beside, const Node& sum, size_t axes, const std::string& reason) const {
    const TensorType& type = graph_.type(sum.operands[0]);
    const Dim rows = type.shape.element_count(0, axes), columns = type.shape.element_count(axes, type.shape.rank());
    const double partial = bytes({type.dtype, Shape{ceil_div(rows, kBlockRows) * columns}});
    const double rate = bytes(type) <= options_.l1_bytes ? options_.l1_rate : options_.l2_rate;
    const auto label = [](const Node& node) { return node.op->name + (node.name.empty() ? "" : " " + node.name); };
    return {"", label(beside), label(sum), false, 2 * partial / rate + options_.kernel_time, bytes(type) / rate,
            "the sum is left whole: " + reason + "; " + kilobytes(partial) + " of partial sums and a kernel more against " + kilobytes(bytes(type)) +
                " read again"};
  }

  double bytes(const TensorType& type) const {
    std::set<std::string> symbols;
    const Dim count = byte_count(type);
    count.collect_symbols(symbols);
    SymbolValues values;
    for (const std::string& symbol : symbols) values[symbol] = options_.symbol;
    try {
      return static_cast<double>(count.evaluate(values));
    } catch (const Error&) {
      return static_cast<double>(INT64_MAX);  // the symbols do not go together
    }
  }

  /// `other` reduces rows of the same domain and reads an array of it that the sum reads too.
  bool goes_along(const Node& other, const Shape& domain, size_t axes, const Node& sum) {
    if (graph_.type(other.operands[0]).shape != domain) return false;
    const Integers along = reduced_axes(other, domain.rank());
    if (along.size() != domain.rank() - axes || !are_last(along, domain.rank())) return false;
    const std::set<int32_t>&ours = arrays(sum, domain, along), &theirs = arrays(other, domain, along);
    return std::any_of(ours.begin(), ours.end(), [&](int32_t value) { return theirs.contains(value); });
  }

  /// The arrays as large as the domain that the operand of `node` is made of, by way of pointwise nodes and of reductions of rows.
  const std::set<int32_t>& arrays(const Node& node, const Shape& domain, const Integers& along) {
    const auto [place, fresh] = arrays_.try_emplace({node.operands[0].id, along.size()});
    if (!fresh) return place->second;
    std::set<int32_t> seen;
    std::vector<Value> open{node.operands[0]};
    while (!open.empty()) {
      const Value value = open.back();
      open.pop_back();
      if (!seen.insert(value.id).second) continue;
      const Node* maker = graph_.producer(value);
      const bool passes = maker != nullptr && (std::holds_alternative<ir::Elementwise>(maker->op->lowering) ||
                                               std::holds_alternative<ir::View>(maker->op->lowering) || is_row_of(*maker, domain, along));
      if (passes) {
        open.insert(open.end(), maker->operands.begin(), maker->operands.end());
      } else if (graph_.type(value).shape.element_count() == domain.element_count()) {
        place->second.insert(value.id);
      }
    }
    return place->second;
  }

  bool is_row_of(const Node& node, const Shape& domain, const Integers& along) const {
    return reduction(node) != nullptr && graph_.type(node.operands[0]).shape == domain && reduced_axes(node, domain.rank()) == along;
  }

  const ir::Graph& graph_;
  const FuseOptions& options_;
  std::vector<const Node*> reductions_;
  std::map<std::pair<int32_t, size_t>, std::set<int32_t>> arrays_;  // by operand and how many axes a row has
};

}  // namespace

ir::Graph split_into_blocks(const ir::Graph& graph, const FuseOptions& options, std::vector<Decision>* decisions) {
  BlockSums sums(graph, options);
  return rewrite(graph, [&](Rewriter& rewriter, const Node& node) -> std::optional<std::vector<Value>> {
    const size_t axes = sums.wanted(node, decisions);
    if (axes == 0) return std::nullopt;
    ir::Builder& builder = rewriter.builder();
    const Value blocks = builder.call("block_sum", {rewriter.at(node.operands[0])}, {{"leading", static_cast<int64_t>(axes)}, {"rows", kBlockRows}});
    builder.set_name(node.name);
    return builder.apply(*node.op, {blocks}, {{"axes", Integers{0}}});
  });
}

}  // namespace sinter::passes
