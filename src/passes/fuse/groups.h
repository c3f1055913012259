// The groups of nodes that fuse makes of a graph: every node begins as a group of its own, merges make them larger, the
// graph of groups stays free of cycles. Cheap nodes that are made of nothing, and broadcasts, belong to no group: each
// group that reads one has a copy.
#pragma once

#include <string>
#include <vector>

#include "passes/fuse/judge.h"

namespace sinter::passes {

struct Group {
  std::vector<int32_t> members;  // nodes, rising; empty: merged into another
  Verdict verdict;
  std::vector<int32_t> before, after;  // groups, rising
  size_t place = 0;                    // in an order of all groups, each after those before it
  double saved = 0;                    // estimated nanoseconds, against a kernel per node
};

class Groups {
 public:
  /// `graph` outlives the groups. Raises Error kUnsupported for a node that no kernel can hold.
  explicit Groups(const ir::Graph& graph);

  const ir::Graph& graph() const { return graph_; }
  const NodeFacts& facts(int32_t node) const { return facts_[static_cast<size_t>(node)]; }
  const ir::Node& node(int32_t index) const { return graph_.nodes()[static_cast<size_t>(index)]; }
  int32_t count() const { return static_cast<int32_t>(groups_.size()); }
  const Group& group(int32_t index) const { return groups_[static_cast<size_t>(index)]; }
  bool alive(int32_t group) const { return !groups_[static_cast<size_t>(group)].members.empty(); }
  bool is_copied(int32_t node) const { return copied_[static_cast<size_t>(node)]; }
  bool is_result(ir::Value value) const { return is_result_[static_cast<size_t>(value.id)]; }

  /// The group whose kernel computes `value`, or -1 for an argument.
  int32_t maker(ir::Value value) const;
  /// What a node reads that is computed elsewhere: its operands, seen through copied nodes. In order of first use.
  const std::vector<ir::Value>& sources(int32_t node) const { return sources_[static_cast<size_t>(node)]; }
  /// The nodes of groups that read `value`.
  const std::vector<int32_t>& readers(ir::Value value) const { return readers_[static_cast<size_t>(value.id)]; }
  int32_t group_of(int32_t node) const { return group_of_[static_cast<size_t>(node)]; }

  /// What a group reads, in order of first use; what others read of it.
  std::vector<ir::Value> reads(int32_t group) const;
  std::vector<ir::Value> results(int32_t group) const;
  /// What some groups, as one kernel, read and write of memory.
  struct Streams {
    std::vector<ir::Value> reads, writes;
  };
  Streams streams(const std::vector<int32_t>& groups) const;
  /// Groups that it reads from, that read from it; rising.
  const std::vector<int32_t>& before(int32_t group) const { return groups_[static_cast<size_t>(group)].before; }
  const std::vector<int32_t>& after(int32_t group) const { return groups_[static_cast<size_t>(group)].after; }

  /// Members and the copied nodes that they need, rising.
  std::vector<int32_t> contents(const std::vector<int32_t>& members) const;
  /// What would become of two groups as one.
  Verdict judge_merged(int32_t a, int32_t b) const;
  /// A third group lies on a way between the two.
  bool separated(int32_t a, int32_t b) const;
  /// b's nodes join a, from which nothing separates them; with the verdict of judge_merged.
  void merge(int32_t a, int32_t b, Verdict verdict, double saved);
  /// A node that no other member of its group reads becomes a group of its own.
  void detach(int32_t node);

 private:
  void find_copied();
  void find_memory();
  bool reads_memory(int32_t node) const;
  bool is_light_formula(size_t node) const;
  void link();
  std::vector<ir::Value> results_of(const std::vector<int32_t>& members) const;
  void connect(int32_t group);
  void move_together(int32_t first, int32_t second);

  const ir::Graph& graph_;
  std::vector<NodeFacts> facts_;
  std::vector<bool> copied_;                 // per node
  std::vector<bool> rhs_sums_;               // per node: reduces what a contraction reads from memory, by its side or alone
  std::vector<bool> is_result_, in_memory_;  // per value
  std::vector<int32_t> node_of_;             // per value, -1 for arguments
  std::vector<int32_t> group_of_;
  std::vector<std::vector<ir::Value>> sources_;
  std::vector<std::vector<int32_t>> readers_;
  std::vector<Group> groups_;
  std::vector<int32_t> order_;  // groups by place; those merged into others keep theirs
};

}  // namespace sinter::passes
