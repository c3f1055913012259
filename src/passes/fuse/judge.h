// Which kind of kernel can hold a set of nodes, by the table of docs/fusion_kinds.md, or why none can. Used by fuse for
// every merge it thinks of.
#pragma once

#include <string>
#include <vector>

#include "passes/fuse/node_facts.h"

namespace sinter::passes {

/// Some nodes of a graph, with what else must come out of them.
struct NodeSet {
  const ir::Graph& graph;
  const std::vector<NodeFacts>& facts;  // per node of the graph
  std::vector<int32_t> nodes;           // rising
  std::vector<ir::Value> results;       // of these nodes, read outside
};

struct Verdict {
  std::string kind;     // of the fusion; empty: refused
  std::string refusal;  // why
  Shape domain;         // what reductions reduce, or the shape of results
  ir::Integers axes;    // that reductions take together
};

Verdict judge(const NodeSet& set);

/// Nodes of one body: bounds the time that kernels take to compile.
inline constexpr size_t kMostNodes = 256;

}  // namespace sinter::passes
