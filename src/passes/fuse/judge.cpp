#include "passes/fuse/judge.h"

#include <algorithm>
#include <map>
#include <set>

namespace sinter::passes {
namespace {

using ir::Node;
using ir::Value;

/// Elements computed under a guard are written out in full at each use: no more of them than this.
constexpr int kMostUnderGuard = 48;

Verdict refused(std::string why) { return {.refusal = std::move(why)}; }

class Judge {
 public:
  explicit Judge(const NodeSet& set) : set_(set) {
    for (const int32_t node : set.nodes)
      for (const Value result : node_at(node).results) inside_[result.id] = node;
  }

  Verdict judge() {
    if (set_.nodes.size() > kMostNodes) return refused("a kernel holds " + std::to_string(kMostNodes) + " nodes at most");
    int anchors = 0, scatters = 0;
    std::vector<int32_t> reductions;
    for (const int32_t node : set_.nodes) {
      anchors += is_anchor(facts(node).kind);
      scatters += facts(node).kind == NodeKind::kScatter;
      if (is_reduction(node)) reductions.push_back(node);
    }
    if (std::string why = guards_refuse(); !why.empty()) return refused(why);
    if (scatters > 0)
      return set_.nodes.size() == 1 ? Verdict{"scatter", {}, shape(node_at(set_.nodes[0]).results[0]), {}}
                                    : refused("a scatter stands alone");
    if (anchors > 1) return refused("a kernel holds one contraction, convolution or window");
    if (anchors == 1) return judge_anchored();
    return reductions.empty() ? judge_loops() : judge_reductions(reductions);
  }

 private:
  const Node& node_at(int32_t node) const { return set_.graph.nodes()[static_cast<size_t>(node)]; }
  const NodeFacts& facts(int32_t node) const { return set_.facts[static_cast<size_t>(node)]; }
  const Shape& shape(Value value) const { return set_.graph.type(value).shape; }
  const Shape& result_shape(int32_t node) const { return shape(node_at(node).results[0]); }
  /// The node of the set that makes `value`, or -1.
  int32_t maker(Value value) const {
    const auto found = inside_.find(value.id);
    return found == inside_.end() ? -1 : found->second;
  }

  // ---- guarded views: what they read is computed in place, without names and checks ----

  std::string guards_refuse() const {
    for (const int32_t node : set_.nodes) {
      if (!facts(node).guarded) continue;
      int count = 0;
      bool finds = false;
      for (const Value operand : node_at(node).operands) count_under_guard(operand, count, finds);
      if (finds) return "an index would be checked where a guard leaves it out";
      if (count > kMostUnderGuard) return "too much would be computed under a guard";
    }
    return {};
  }

  void count_under_guard(Value value, int& count, bool& finds) const {
    const int32_t node = maker(value);
    if (node < 0 || facts(node).kind == NodeKind::kReduce || is_anchor(facts(node).kind) || count > kMostUnderGuard) return;
    ++count;
    finds = finds || facts(node).finds;
    for (const Value operand : node_at(node).operands) count_under_guard(operand, count, finds);
  }

  // ---- kinds ----

  Verdict judge_loops() const {
    if (set_.results.empty()) return refused("nothing would be read of it");
    const Shape& domain = shape(set_.results[0]);
    for (const Value result : set_.results)
      if (shape(result) != domain) return refused("results of shapes " + domain.to_string() + " and " + shape(result).to_string());
    return {"loops", {}, domain, {}};
  }

  Verdict judge_anchored() const {
    std::map<int32_t, bool> depends;  // on the contract, convolution or window, per node
    Shape domain;
    const char* kind = "contract";
    const int32_t anchor = *std::find_if(set_.nodes.begin(), set_.nodes.end(), [&](int32_t node) { return is_anchor(facts(node).kind); });
    for (const int32_t node : set_.nodes) {
      for (const Value operand : node_at(node).operands)
        if (is_reduction(maker(operand))) return refused("a reduction beside a contraction is complete when all its columns are");
      if (is_reduction(node) && (facts(anchor).kind != NodeKind::kContract || !reduces_rhs(set_.graph, node_at(anchor), node_at(node))))
        return refused("a contraction and a reduction walk different loops");
      if (is_reduction(node)) continue;
      if (is_anchor(facts(node).kind)) {
        domain = result_shape(node);
        if (facts(node).kind != NodeKind::kContract) kind = facts(node).kind == NodeKind::kConvolution ? "convolution" : "window";
        for (const Value operand : node_at(node).operands)
          if (maker(operand) >= 0) return refused("the operands of a contraction are read from memory");
        depends[node] = true;
        continue;
      }
      if (!depends_on_inside(node, depends)) continue;
      if (!facts(node).elementwise || result_shape(node) != domain) return refused("it reads the contraction at other places than its own");
    }
    for (const Value result : set_.results)
      if (shape(result) != domain && !is_reduction(maker(result)))
        return refused("a result of shape " + shape(result).to_string() + " beside a contraction of shape " + domain.to_string());
    return {kind, {}, domain, {}};
  }

  bool is_reduction(int32_t node) const { return node >= 0 && (facts(node).kind == NodeKind::kReduce || facts(node).kind == NodeKind::kBlocks); }

  bool depends_on_inside(int32_t node, std::map<int32_t, bool>& depends) const {
    bool any = false;
    for (const Value operand : node_at(node).operands) {
      const int32_t from = maker(operand);
      any = any || (from >= 0 && depends[from]);
    }
    return depends[node] = any;
  }

  Verdict judge_reductions(const std::vector<int32_t>& reductions) const {
    const Shape& domain = shape(node_at(reductions[0]).operands[0]);
    const ir::Integers axes = reduced_axes(node_at(reductions[0]), domain.rank());
    for (const int32_t node : reductions) {
      if (shape(node_at(node).operands[0]) != domain)
        return refused("reductions of shapes " + domain.to_string() + " and " + shape(node_at(node).operands[0]).to_string());
      if (reduced_axes(node_at(node), domain.rank()) != axes) return refused("reductions along different axes");
    }
    std::set<int64_t> blocks;
    for (const int32_t node : reductions)
      if (facts(node).kind == NodeKind::kBlocks) blocks.insert(ir::get_attribute<int64_t>(*node_at(node).op, node_at(node).attributes, "rows"));
    if (blocks.size() > 1) return refused("blocks of different numbers of rows");
    const Shape kept = kept_shape(domain, axes);
    const bool rows = are_last(axes, domain.rank());
    std::map<int32_t, bool> depends;  // on a reduction, per node
    for (const int32_t node : set_.nodes) {
      const bool reduces = facts(node).kind == NodeKind::kReduce;
      if (reads_blocks(node)) return refused("partial results of blocks are complete when all their rows are");
      const bool after = depends_on_inside(node, depends);
      if (after && rows && !stays_in_row(node, domain, kept, depends))
        return refused("it reads a reduced row at other places than its own");
      if (after && !rows && (reduces || !facts(node).elementwise || result_shape(node) != kept))
        return refused("after reducing columns only elementwise nodes of the result");
      if (reduces) depends[node] = true;
    }
    for (const Value result : set_.results) {
      if (maker(result) >= 0 && facts(maker(result)).kind == NodeKind::kBlocks) continue;
      const bool fits = shape(result) == kept || (rows && shape(result) == domain);
      if (!fits)
        return refused("a result of shape " + shape(result).to_string() + " beside a reduction of " + domain.to_string() + " to " +
                       kept.to_string());
    }
    return {rows ? "rows" : "columns", {}, domain, axes};
  }

  bool reads_blocks(int32_t node) const {
    return std::any_of(node_at(node).operands.begin(), node_at(node).operands.end(),
                       [&](Value v) { return maker(v) >= 0 && facts(maker(v)).kind == NodeKind::kBlocks; });
  }

  /// Where row r of `node` is needed, only row r of what it reads from a reduced row is.
  bool stays_in_row(int32_t node, const Shape& domain, const Shape& kept, const std::map<int32_t, bool>& depends) const {
    const Node& at = node_at(node);
    const NodeFacts& is = facts(node);
    const Shape& result = result_shape(node);
    const bool of_row = result == domain || result == kept;
    if (is.kind == NodeKind::kReduce || is.kind == NodeKind::kBlocks) return true;  // of the domain, as all of them
    const auto in_place = [&](Value v) {
      const int32_t from = maker(v);
      return from < 0 || !depends.at(from) || shape(v) == result || (shape(v) == kept && kept.rank() == 0);
    };
    if (is.elementwise) return of_row && std::all_of(at.operands.begin(), at.operands.end(), in_place);
    if (is.picks) {
      const auto axis = static_cast<size_t>(ir::get_attribute<int64_t>(*at.op, at.attributes, "axis"));
      return shape(at.operands[0]) == domain && result == kept && axis == kept.rank();
    }
    if (!is.view || is.guarded || result != domain || shape(at.operands[0]) != kept) return false;
    const std::vector<Dim> index = position_symbols(domain.rank());
    return view_pieces(set_.graph, at, index)[0].index ==
           std::vector<Dim>(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(kept.rank()));
  }

  const NodeSet& set_;
  std::map<int32_t, int32_t> inside_;  // value -> node
};

}  // namespace

Verdict judge(const NodeSet& set) { return Judge(set).judge(); }

}  // namespace sinter::passes
