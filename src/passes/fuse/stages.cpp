#include "passes/fuse/stages.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Node;
using ir::Value;

/// All axes but the last.
Shape rows_of(const Shape& shape) {
  Shape rows;
  for (size_t k = 0; k + 1 < shape.rank(); ++k) rows.push_back(shape[k]);
  return rows;
}

bool begins_with(const Shape& shape, const Shape& rows) {
  if (shape.rank() < rows.rank()) return false;
  for (size_t k = 0; k < rows.rank(); ++k)
    if (shape[k] != rows[k]) return false;
  return true;
}

class Stages {
 public:
  Stages(const ir::Function& function, const Groups& groups, const FuseOptions& options)
      : groups_(groups), options_(options), cost_(options, groups) {
    for (size_t i = 0; i < function.results.size(); ++i)
      if (std::find(function.arguments.begin(), function.arguments.end(), function.results[i]) != function.arguments.end())
        variables_.insert(function.graph.results()[i].id);
  }

  std::vector<Kernel> run(const std::vector<Kernel>& kernels, std::vector<Decision>& decisions) {
    std::vector<Kernel> joined;
    for (const Kernel& kernel : kernels) {
      if (joined.empty() || kernel.size() != 1 || !try_join(joined.back(), kernel[0], decisions)) joined.push_back(kernel);
    }
    return joined;
  }

  /// Multiply-adds for one row, in nanoseconds.
  double time_of_row(const Kernel& kernel) const {
    double time = 0;
    for (const int32_t part : kernel) time += cost_.arithmetic_of(part) / std::max(1.0, cost_.elements(*rows(part)));
    return time;
  }

 private:
  const ir::Graph& graph() const { return groups_.graph(); }
  const Shape& shape(Value value) const { return graph().type(value).shape; }

  /// The rows that a group goes through one by one, where it can be a stage.
  std::optional<Shape> rows(int32_t group) const {
    const Verdict& verdict = groups_.group(group).verdict;
    for (const Value value : groups_.results(group))
      if (variables_.contains(value.id)) return std::nullopt;  // may be written in place of what another stage reads
    const auto last = verdict.domain.rank();
    if (last < 2 || !verdict.domain[last - 1].is_constant() || verdict.domain[last - 1] == Dim(0)) return std::nullopt;
    for (const int32_t member : groups_.group(group).members)
      if (groups_.facts(member).kind == NodeKind::kBlocks || (verdict.kind == "contract" && groups_.facts(member).kind == NodeKind::kReduce))
        return std::nullopt;  // its blocks are not those of the stages, or it goes along all rows
    if (verdict.kind == "rows" && verdict.axes == Integers{static_cast<int64_t>(last) - 1}) return rows_of(verdict.domain);
    if (verdict.kind != "contract") return std::nullopt;
    const Node& node = contract(group);
    const auto axes = [&](std::string_view name) { return ir::get_attribute<Integers>(*node.op, node.attributes, name); };
    const Shape &lhs = shape(node.operands[0]), &rhs = shape(node.operands[1]);
    const bool plain = axes("lhs_batch").empty() && rhs.is_constant() && lhs.rank() == last &&
                       axes("lhs_contract") == Integers{static_cast<int64_t>(last) - 1};
    return plain ? std::optional(rows_of(lhs)) : std::nullopt;
  }

  const Node& contract(int32_t group) const {
    for (const int32_t member : groups_.group(group).members)
      if (groups_.facts(member).kind == NodeKind::kContract) return groups_.node(member);
    SINTER_CHECK(false, "a contraction without one");
  }

  /// Whatever of the group depends on `value`, a result of a stage before, does so row by row.
  bool reads_own_rows(int32_t group, Value value, const Shape& rows) const {
    std::set<int32_t> from{value.id};
    const auto depends = [&](Value v) { return from.contains(v.id); };
    for (const int32_t index : groups_.contents(groups_.group(group).members)) {
      const Node& node = groups_.node(index);
      const NodeFacts& facts = groups_.facts(index);
      if (std::none_of(node.operands.begin(), node.operands.end(), depends)) continue;
      from.insert(node.results[0].id);
      if (!begins_with(shape(node.results[0]), rows)) return false;
      for (const Value operand : node.operands)
        if (depends(operand) && !begins_with(shape(operand), rows)) return false;
      if (facts.kind == NodeKind::kContract) {
        if (depends(node.operands[1])) return false;
      } else if (facts.view) {
        if (facts.guarded || !keeps_rows(node, rows.rank())) return false;
      } else if (facts.picks) {
        if (ir::get_attribute<int64_t>(*node.op, node.attributes, "axis") != static_cast<int64_t>(rows.rank())) return false;
      } else if (!facts.elementwise && facts.kind != NodeKind::kReduce) {
        return false;
      }
    }
    return true;
  }

  bool keeps_rows(const Node& node, size_t row_axes) const {
    const std::vector<Dim> index = position_symbols(shape(node.results[0]).rank());
    const std::vector<Dim> source = view_pieces(graph(), node, index)[0].index;
    return std::equal(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(row_axes), source.begin());
  }

  bool try_join(Kernel& kernel, int32_t next, std::vector<Decision>& decisions) {
    if (kernel.size() > 1 && !is_staged(groups_, kernel)) return false;
    const auto own = rows(next), theirs = rows(kernel[0]);
    if (!own || !theirs || *own != *theirs) return false;
    const auto& before = groups_.before(next);
    const auto is_before = [&](int32_t part) { return std::find(before.begin(), before.end(), part) != before.end(); };
    if (std::none_of(kernel.begin(), kernel.end(), is_before)) return false;
    bool own_rows = true;
    for (const Value value : groups_.reads(next)) {
      const bool of_stage = std::find(kernel.begin(), kernel.end(), groups_.maker(value)) != kernel.end();
      own_rows = own_rows && (!of_stage || reads_own_rows(next, value, *own));
    }
    Kernel both = kernel;
    both.push_back(next);
    if (!own_rows || both.size() > static_cast<size_t>(options_.most_stages) || contracts_in(both) == 0) return false;
    const Decision decision = weigh(kernel, next, both, *own);
    decisions.push_back(decision);
    if (decision.fused) kernel = std::move(both);
    return decision.fused;
  }

  int contracts_in(const Kernel& kernel) const {
    return static_cast<int>(
        std::count_if(kernel.begin(), kernel.end(), [&](int32_t part) { return groups_.group(part).verdict.kind == "contract"; }));
  }

  /// The stages' second operands are read again for every block of rows, and those that lie the other way are packed
  /// again; what passes from stage to stage stays in the cache.
  Decision weigh(const Kernel& kernel, int32_t next, const Kernel& both, const Shape& rows) const {
    double weights = 0, packed = 0;
    for (const int32_t part : both) {
      if (groups_.group(part).verdict.kind != "contract") continue;
      const Node& node = contract(part);
      weights += cost_.bytes(node.operands[1]);
      const bool turned = shape(node.operands[1]).rank() == 2 &&  // else it is packed already
                          ir::get_attribute<Integers>(*node.op, node.attributes, "rhs_contract") != Integers{0};
      if (turned) packed += cost_.elements(node.operands[1]);
    }
    const Groups::Streams of_kernel = groups_.streams(kernel), of_next = groups_.streams({next}), of_both = groups_.streams(both);
    const auto moved = [&](const Groups::Streams& streams) { return cost_.bytes(streams.reads) + cost_.bytes(streams.writes); };
    const double apart_bytes = moved(of_kernel) + moved(of_next), together_bytes = moved(of_both);
    double arithmetic = 0;
    for (const int32_t part : both) arithmetic += cost_.arithmetic_of(part);
    const CacheLevel level = cost_.level_of(apart_bytes);
    const double count = cost_.elements(rows), block = static_cast<double>(rows_per_block(groups_, both, options_));
    const double blocks = std::max(1.0, std::ceil(count / block)), usual = std::max(1.0, std::ceil(count / options_.usual_rows));
    const double again = std::max(0.0, blocks - usual) * (weights / cost_.level_of(weights).rate + packed / options_.packing_rate);
    Decision decision{"", group_label(groups_, kernel.back()), group_label(groups_, next), false, 0, 0, {}};
    decision.together = cost_.kernel() + together_bytes / level.rate + arithmetic + again;
    decision.apart = 2 * cost_.kernel() + apart_bytes / level.rate + arithmetic;
    decision.fused = decision.together <= decision.apart && weights <= options_.l2_bytes / 2;
    decision.reason = std::string(decision.fused ? "" : "no ") + "stages of one kernel, " + std::to_string(static_cast<int64_t>(block)) +
                      " rows at a time: " + kilobytes(weights) + " of second operands " + (again > 0 ? "again and again" : "once") +
                      " against " + kilobytes(apart_bytes - together_bytes) + " through " + level.name + " and a kernel more";
    if (weights > options_.l2_bytes / 2) decision.reason += "; the second operands leave no room in L2";
    return decision;
  }

  const Groups& groups_;
  const FuseOptions& options_;
  CostModel cost_;
  std::set<int32_t> variables_;  // results that replace an argument
};

}  // namespace

std::vector<Kernel> join_stages(const ir::Function& function, const Groups& groups, const std::vector<Kernel>& kernels,
                                const FuseOptions& options, std::vector<Decision>& decisions) {
  return Stages(function, groups, options).run(kernels, decisions);
}

bool is_staged(const Groups& groups, const Kernel& kernel) {
  for (const int32_t part : kernel)
    for (const int32_t before : groups.before(part))
      if (std::find(kernel.begin(), kernel.end(), before) != kernel.end()) return true;
  return false;
}

int64_t rows_per_block(const Groups& groups, const Kernel& kernel, const FuseOptions& options) {
  const double row = Stages({}, groups, options).time_of_row(kernel);
  const double rows = options.stage_time / std::max(row, 1e-3);
  return std::clamp(static_cast<int64_t>(rows) / 16 * 16, int64_t{16}, int64_t{64});
}

}  // namespace sinter::passes
