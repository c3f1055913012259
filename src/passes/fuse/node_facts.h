// What fusing needs to know of a node, read off its record: the kind of lowering, its cost, and how it finds its
// operands. Used by the parts of fuse only; names of ops play no role.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ir/op_def.h"

namespace sinter::passes {

/// kBlocks: partial results of blocks of rows, made by whoever goes through the rows.
enum class NodeKind : uint8_t { kPointwise, kReduce, kBlocks, kContract, kConvolution, kWindow, kScatter };

/// Nodes whose operands are memory, and whose result what follows it place by place is computed with: one to a kernel, whose kind they give.
inline bool is_anchor(NodeKind kind) { return kind == NodeKind::kContract || kind == NodeKind::kConvolution || kind == NodeKind::kWindow; }
inline bool is_anchored(std::string_view kind) { return kind == "contract" || kind == "convolution" || kind == "window"; }

struct NodeFacts {
  NodeKind kind = NodeKind::kPointwise;
  bool elementwise = false;
  bool view = false;
  bool guarded = false;     // a view whose pieces apply under guards
  bool finds = false;       // its source is found by an index that is checked: gather, pick
  bool picks = false;       // pick
  bool generates = false;   // made of nothing: constant, iota, dim_size
  bool spreads = false;     // a view that reads its operand over and over: broadcast
  bool contiguous = false;  // a view that reads neighbours along its last axis from neighbours in memory: reshape, most slices
  double cost = 0;          // of one element, in simple vector operations
};

/// From this cost on, an element is not computed twice to save memory traffic.
inline constexpr double kExpensive = 8;

/// Raises Error kUnsupported, with the record's reason and the node's name, for a node that no kernel can hold.
NodeFacts node_facts(const ir::Graph& graph, const ir::Node& node);

/// `reduce` takes the contracted axes of the second operand of `contract`, as a bias gradient does beside the weight's: the kernel of the contraction has
/// those elements at hand.
bool reduces_rhs(const ir::Graph& graph, const ir::Node& contract, const ir::Node& reduce);
/// The same for any contraction of the graph.
bool reduces_rhs(const ir::Graph& graph, const ir::Node& reduce);

/// The place of axis k of a result, as a symbol that no model can use.
std::vector<Dim> position_symbols(size_t rank);
/// Where a view finds the element of its result at `index`.
std::vector<ir::Piece> view_pieces(const ir::Graph& graph, const ir::Node& node, const std::vector<Dim>& index);

/// The axes that a reduction takes together, rising; of partial results of blocks those along a row, which they keep.
ir::Integers reduced_axes(const ir::Node& node, size_t rank);
/// `domain` without `axes`.
Shape kept_shape(const Shape& domain, const ir::Integers& axes);
/// The axes are the last ones of a tensor of this rank.
bool are_last(const ir::Integers& axes, size_t rank);

}  // namespace sinter::passes
