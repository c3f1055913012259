// Which groups become one: the rounds of merging, each with its reason and a look at the cost of both choices. Used by
// fuse.
#pragma once

#include <set>

#include "passes/fuse/cost.h"

namespace sinter::passes {

/// Per node: what it makes is read by variables only, or by other updates (an optimizer's step, running statistics).
std::vector<bool> find_updates(const ir::Module& module, const ir::Function& function, const Groups& groups);

/// What a group is called: the model's name of its contraction, of its last reduction, or of its last node; else the
/// op's.
const ir::Node& main_node(const Groups& groups, int32_t group);
/// The same with its op, for reports: "dot_general h1 and 2 more".
std::string group_label(const Groups& groups, int32_t group);

class Merger {
 public:
  Merger(Groups& groups, std::vector<bool> updates, const FuseOptions& options)
      : groups_(groups), updates_(std::move(updates)), options_(options), cost_(options, groups) {}

  void run();
  /// What was decided, ending with the boundaries that stay.
  std::vector<Decision> decisions();
  bool is_update(int32_t group) const { return updates_[static_cast<size_t>(groups_.group(group).members[0])]; }

 private:
  void merge_epilogues();
  void merge_rhs_sums();
  void merge_reductions();
  void merge_loops();
  void merge_scalars();
  void merge_totals();

  bool is_kind(int32_t group, std::string_view kind) const { return groups_.alive(group) && groups_.group(group).verdict.kind == kind; }
  bool is_reduction(int32_t group) const { return is_kind(group, "rows") || is_kind(group, "columns"); }
  /// Merges `other` into `group` where it is possible and pays; `producer` says which of them the other reads.
  bool try_merge(int32_t group, int32_t other);
  bool can_join_epilogue(int32_t contract, int32_t other) const;
  std::vector<int32_t> siblings(int32_t group) const;
  /// Gives up cheap nodes that only add to what the group writes: their readers can compute them from what it writes
  /// anyway.
  void trim(int32_t group);
  bool only_adds(int32_t group, int32_t node) const;

  /// Both choices between two groups, in nanoseconds: one kernel, which may compute elements again, or two, which pass
  /// them through memory.
  struct Choice {
    double together = 0, apart = 0;
    double again = 0, bytes = 0;  // part of `together`; what passes through memory only when apart
    const char* level = "";       // the cache that it passes through
    bool pays() const { return together <= apart; }
    std::string to_text() const;
  };
  Choice weigh(int32_t a, int32_t b, const Verdict& verdict) const;
  /// Of computing elements of `producer` as often as `consumer` reads them.
  double computed_again(int32_t producer, int32_t consumer, const Verdict& verdict) const;
  /// How often a contraction reads each element of its operand `operand`: once per panel of columns, or per block of rows.
  double readings(const ir::Node& contract, size_t operand) const;
  /// Of computing what `producer` makes each time that the contraction of `consumer` reads it, instead of once.
  double computed_in_prologue(int32_t producer, int32_t consumer) const;
  struct Reads {
    bool own = false, moved = false;  // at the reader's own position; through the reader, which is a view
    double elements = 0;
    std::set<int32_t> views;  // copied ones on the way, counted already
  };
  void count_reads(ir::Value operand, ir::Value value, bool moved, Reads& reads) const;
  /// How many elements of `value` the nodes of `consumer` read: once at their own position, and once more by every
  /// view.
  double reads_of(ir::Value value, int32_t consumer, const Verdict& verdict) const;
  Decision refusal(int32_t producer, int32_t consumer) const;
  std::string too_many_streams(int32_t a, int32_t b, const Verdict& verdict) const;

  Groups& groups_;
  std::vector<bool> updates_;
  const FuseOptions& options_;
  CostModel cost_;
  std::vector<Decision> decisions_;
};

}  // namespace sinter::passes
