#include "passes/fuse/merge.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace sinter::passes {

using ir::Node;
using ir::Value;

std::vector<bool> find_updates(const ir::Module& module, const ir::Function& function, const Groups& groups) {
  const ir::Graph& graph = function.graph;
  std::vector<bool> to_output(static_cast<size_t>(graph.value_count())), updates(graph.nodes().size());
  for (size_t i = 0; i < graph.results().size(); ++i)
    if (const Role role = module.variable(function.results[i]).role; role == Role::kOutput || role == Role::kPrepared)
      to_output[static_cast<size_t>(graph.results()[i].id)] = true;
  for (size_t i = updates.size(); i > 0; --i) {
    const auto node = static_cast<int32_t>(i - 1);
    const Value value = groups.node(node).results[0];
    const auto& readers = groups.readers(value);
    const bool update = std::all_of(readers.begin(), readers.end(), [&](int32_t reader) { return updates[static_cast<size_t>(reader)]; });
    updates[i - 1] = update && !to_output[static_cast<size_t>(value.id)] && groups.facts(node).kind == NodeKind::kPointwise;
  }
  return updates;
}

const Node& main_node(const Groups& groups, int32_t group) {
  const std::vector<int32_t>& members = groups.group(group).members;
  for (const int32_t member : members)
    if (is_anchor(groups.facts(member).kind)) return groups.node(member);
  int32_t main = members.back();
  for (const int32_t member : members)
    if (groups.facts(member).kind != NodeKind::kPointwise) main = member;
  if (!groups.node(main).name.empty()) return groups.node(main);
  for (const int32_t member : members)
    if (!groups.node(member).name.empty()) main = member;
  return groups.node(main);
}

std::string group_label(const Groups& groups, int32_t group) {
  const Node& node = main_node(groups, group);
  const size_t others = groups.group(group).members.size() - 1;
  return node.op->name + (node.name.empty() ? "" : " " + node.name) + (others == 0 ? "" : " and " + std::to_string(others) + " more");
}

void Merger::run() {
  merge_epilogues();
  merge_rhs_sums();
  merge_reductions();
  merge_totals();
  merge_loops();
  merge_scalars();
}

// ---- rounds ----

void Merger::merge_epilogues() {
  for (int32_t contract = 0; contract < groups_.count(); ++contract) {
    if (!groups_.alive(contract) || !is_anchored(groups_.group(contract).verdict.kind)) continue;
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<int32_t> candidates = groups_.after(contract);
      for (const int32_t group : groups_.before(contract)) candidates.push_back(group);
      for (const int32_t other : candidates)
        if (can_join_epilogue(contract, other) && try_merge(contract, other)) changed = true;
    }
    trim(contract);
  }
}

/// Pointwise work of the contraction's own shape, or for it, that is no update: updates of all parameters are one
/// kernel later.
bool Merger::can_join_epilogue(int32_t contract, int32_t other) const {
  if (!is_kind(other, "loops") || is_update(other)) return false;
  const Node& node = groups_.node(groups_.group(other).members[0]);
  const auto& before = groups_.before(contract);
  if (std::binary_search(before.begin(), before.end(), other)) return !groups_.facts(groups_.group(other).members[0]).view;
  return groups_.graph().type(node.results[0]).shape == groups_.group(contract).verdict.domain;
}

/// Reductions of the second operand along the depth (the gradient of a bias beside that of the weight): the kernel reads it anyway.
void Merger::merge_rhs_sums() {
  for (int32_t contract = 0; contract < groups_.count(); ++contract) {
    if (!is_kind(contract, "contract")) continue;
    const Node& node = main_node(groups_, contract);
    const std::vector<int32_t> readers = groups_.readers(node.operands[1]);
    for (const int32_t reader : readers)
      if (reduces_rhs(groups_.graph(), node, groups_.node(reader)) && groups_.group_of(reader) != contract && is_kind(groups_.group_of(reader), "columns"))
        try_merge(contract, groups_.group_of(reader));
  }
}

void Merger::merge_reductions() {
  for (int32_t reduction = 0; reduction < groups_.count(); ++reduction) {
    if (!is_reduction(reduction)) continue;
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<int32_t> candidates = groups_.after(reduction);
      for (const int32_t group : groups_.before(reduction)) candidates.push_back(group);
      for (const int32_t group : siblings(reduction)) candidates.push_back(group);
      for (const int32_t other : candidates) {
        if (!groups_.alive(other) || other == reduction || is_update(other)) continue;
        if ((is_kind(other, "loops") || is_reduction(other)) && try_merge(reduction, other)) changed = true;
      }
    }
    trim(reduction);
  }
}

/// Reductions of one small domain to single numbers (a loss, a metric) are one row together.
void Merger::merge_totals() {
  const auto is_total = [&](int32_t group) {
    if (!is_kind(group, "rows")) return false;
    const Verdict& verdict = groups_.group(group).verdict;
    return verdict.axes.size() == verdict.domain.rank() && cost_.elements(verdict.domain) <= options_.small_total;
  };
  for (int32_t a = 0; a < groups_.count(); ++a) {
    if (!is_total(a)) continue;
    for (int32_t b = a + 1; b < groups_.count(); ++b)
      if (is_total(b) && groups_.group(a).verdict.domain == groups_.group(b).verdict.domain) try_merge(a, b);
  }
}

void Merger::merge_loops() {
  for (int32_t loops = 0; loops < groups_.count(); ++loops) {
    if (!is_kind(loops, "loops")) continue;
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<int32_t> candidates = groups_.before(loops);
      for (const int32_t group : groups_.after(loops)) candidates.push_back(group);
      for (const int32_t group : siblings(loops)) candidates.push_back(group);
      for (const int32_t other : candidates)
        if (other != loops && is_kind(other, "loops") && is_update(other) == is_update(loops) && try_merge(loops, other)) changed = true;
    }
  }
}

/// Numbers that kernels share (a learning rate, a bias correction) come from one small kernel.
void Merger::merge_scalars() {
  const auto is_scalar = [&](int32_t group) { return is_kind(group, "loops") && groups_.group(group).verdict.domain.rank() == 0; };
  for (int32_t a = 0; a < groups_.count(); ++a)
    for (int32_t b = a + 1; b < groups_.count(); ++b)
      if (is_scalar(a) && is_scalar(b)) try_merge(a, b);
}

/// Groups that read one of the arrays that this one walks over.
std::vector<int32_t> Merger::siblings(int32_t group) const {
  const Verdict& verdict = groups_.group(group).verdict;
  std::set<int32_t> found;
  for (const Value value : groups_.reads(group)) {
    if (groups_.graph().type(value).shape != verdict.domain || verdict.domain.rank() == 0) continue;
    for (const int32_t reader : groups_.readers(value)) {
      const int32_t other = groups_.group_of(reader);
      const Verdict& theirs = groups_.group(other).verdict;
      if (other != group && theirs.kind == verdict.kind && theirs.domain == verdict.domain && theirs.axes == verdict.axes)
        found.insert(other);
    }
  }
  return {found.begin(), found.end()};
}

void Merger::trim(int32_t group) {
  const std::vector<int32_t> members = groups_.group(group).members;
  for (auto member = members.rbegin(); member != members.rend(); ++member)
    if (only_adds(group, *member)) groups_.detach(*member);
}

bool Merger::only_adds(int32_t group, int32_t node) const {
  const NodeFacts& facts = groups_.facts(node);
  const Value value = groups_.node(node).results[0];
  if (facts.kind != NodeKind::kPointwise || facts.cost >= kExpensive || groups_.is_result(value)) return false;
  for (const int32_t reader : groups_.readers(value)) {
    const NodeKind kind = groups_.facts(reader).kind;
    if (groups_.group_of(reader) == group || is_anchor(kind) || kind == NodeKind::kScatter) return false;
  }
  bool reads_member = false;
  for (const Value source : groups_.sources(node)) {
    if (groups_.maker(source) != group) continue;
    reads_member = true;
    const auto& readers = groups_.readers(source);
    const bool written =
        groups_.is_result(source) || std::any_of(readers.begin(), readers.end(), [&](int32_t r) { return groups_.group_of(r) != group; });
    if (!written) return false;
  }
  return reads_member;
}

// ---- one merge ----

bool Merger::try_merge(int32_t group, int32_t other) {
  Verdict verdict = groups_.judge_merged(group, other);
  if (verdict.kind.empty() || !too_many_streams(group, other, verdict).empty()) return false;
  const Choice choice = weigh(group, other, verdict);
  if (!choice.pays() || groups_.separated(group, other)) return false;
  const std::vector<int32_t> after = groups_.after(group);
  const bool feeds = std::find(after.begin(), after.end(), other) != after.end();
  decisions_.push_back(
      {"", group_label(groups_, feeds ? group : other), group_label(groups_, feeds ? other : group), true, choice.together, choice.apart,
       choice.to_text()});
  groups_.merge(group, other, std::move(verdict), choice.apart - choice.together);
  return true;
}

std::string Merger::too_many_streams(int32_t a, int32_t b, const Verdict& verdict) const {
  const bool contract = is_anchored(verdict.kind);
  const int limit = contract ? options_.most_epilogue_streams : options_.most_streams;
  if (verdict.domain.rank() == 0) return {};
  const Groups::Streams both = groups_.streams({a, b});
  std::set<Value> streams;
  for (const auto* values : {&both.reads, &both.writes})
    for (const Value value : *values) {
      const Shape& shape = groups_.graph().type(value).shape;
      if (contract ? shape == verdict.domain : shape.rank() > 0) streams.insert(value);
    }
  if (static_cast<int>(streams.size()) <= limit) return {};
  return "one kernel would walk over " + std::to_string(streams.size()) + " arrays side by side, " + std::to_string(limit) + " at most";
}

// ---- what it costs ----

/// How many elements of `value` a body reads for one operand of a node: once where the operand is at the node's own
/// position, or once per element of the view in between.
void Merger::count_reads(Value operand, Value value, bool moved, Reads& reads) const {
  if (operand == value) {
    (moved ? reads.moved : reads.own) = true;
    return;
  }
  const Node* producer = groups_.graph().producer(operand);
  if (producer == nullptr) return;
  const auto node = static_cast<int32_t>(producer - groups_.graph().nodes().data());
  const auto& sources = groups_.sources(node);
  if (!groups_.is_copied(node) || std::find(sources.begin(), sources.end(), value) == sources.end()) return;
  if (!groups_.facts(node).view) {
    for (const Value inner : producer->operands) count_reads(inner, value, moved, reads);
  } else if (reads.views.insert(node).second) {
    reads.elements += cost_.elements(operand);
  }
}

double Merger::reads_of(Value value, int32_t consumer, const Verdict& verdict) const {
  const ir::Graph& graph = groups_.graph();
  const double count = cost_.elements(value);
  if (verdict.kind == "rows" && graph.type(value).shape == kept_shape(verdict.domain, verdict.axes)) return count;  // computed once per row
  Reads reads;
  for (const int32_t reader : groups_.readers(value)) {
    if (groups_.group_of(reader) != consumer) continue;
    const bool moved = groups_.facts(reader).view || groups_.facts(reader).finds;
    Reads here;
    for (const Value operand : groups_.node(reader).operands) count_reads(operand, value, moved, here);
    if (here.moved) reads.elements += cost_.elements(groups_.node(reader).results[0]);
    reads.own = reads.own || here.own;
    if (here.views.empty()) continue;
    if (std::any_of(here.views.begin(), here.views.end(), [&](int32_t view) { return reads.views.insert(view).second; }))
      reads.elements += here.elements;
  }
  return reads.elements + (reads.own ? count : 0);
}

double Merger::computed_again(int32_t producer, int32_t consumer, const Verdict& verdict) const {
  if (groups_.group(producer).verdict.kind != "loops") return 0;  // a reduction or contraction is never computed again
  double operations = 0, again = 0;
  for (const int32_t member : groups_.group(producer).members) operations += groups_.facts(member).cost;
  for (const Value value : groups_.reads(consumer)) {
    if (groups_.maker(value) != producer) continue;
    const double count = cost_.elements(value), reads = reads_of(value, consumer, verdict);
    if (reads > 1.01 * count) again += cost_.arithmetic(operations * (reads - count));
  }
  return again;
}

double Merger::readings(const Node& contract, size_t operand) const {
  const ir::Graph& graph = groups_.graph();
  double depth = 1;
  for (const int64_t axis : ir::get_attribute<ir::Integers>(*contract.op, contract.attributes, "lhs_contract"))
    depth *= cost_.elements(Shape{graph.type(contract.operands[0]).shape[static_cast<size_t>(axis)]});
  const double across = cost_.elements(contract.results[0]) * depth / std::max(1.0, cost_.elements(contract.operands[operand]));
  return std::max(1.0, std::ceil(across / (operand == 0 ? options_.panel_columns : options_.panel_rows)));
}

double Merger::computed_in_prologue(int32_t producer, int32_t consumer) const {
  if (!is_kind(producer, "loops") || !is_kind(consumer, "contract")) return 0;
  const Node& contract = main_node(groups_, consumer);
  double operations = 0, again = 0;
  for (const int32_t member : groups_.group(producer).members) operations += groups_.facts(member).cost;
  for (size_t k = 0; k < contract.operands.size(); ++k)
    if (groups_.maker(contract.operands[k]) == producer)
      again += cost_.arithmetic(operations * cost_.elements(contract.operands[k])) * (readings(contract, k) - 1);
  return again;
}

Merger::Choice Merger::weigh(int32_t a, int32_t b, const Verdict& verdict) const {
  const Groups::Streams of_a = groups_.streams({a}), of_b = groups_.streams({b}), of_both = groups_.streams({a, b});
  const double moved_a = cost_.bytes(of_a.reads) + cost_.bytes(of_a.writes), moved_b = cost_.bytes(of_b.reads) + cost_.bytes(of_b.writes);
  const double arithmetic_a = cost_.arithmetic_of(a), arithmetic_b = cost_.arithmetic_of(b);
  const CacheLevel level = cost_.level_of(moved_a + moved_b);
  Choice choice;
  choice.level = level.name;
  choice.again = verdict.kind.empty() ? computed_in_prologue(a, b) + computed_in_prologue(b, a) : computed_again(a, b, verdict) + computed_again(b, a, verdict);
  choice.bytes = moved_a + moved_b - cost_.bytes(of_both.reads) - cost_.bytes(of_both.writes);
  choice.together = cost_.time(of_both, level, arithmetic_a + arithmetic_b) + choice.again;
  choice.apart = cost_.time(of_a, level, arithmetic_a) + cost_.time(of_b, level, arithmetic_b);
  return choice;
}

std::string Merger::Choice::to_text() const {
  return (again == 0 ? "no work twice" : microseconds(again) + " of work again") + " against " + kilobytes(bytes) + " through " + level +
         " and a kernel more";
}

Decision Merger::refusal(int32_t producer, int32_t consumer) const {
  const Verdict verdict = groups_.judge_merged(producer, consumer);
  const Choice choice = weigh(producer, consumer, verdict);
  std::string why = verdict.refusal;
  if (computed_in_prologue(producer, consumer) > 0) why = "a contraction reads its operands over and over, from memory: a prologue would compute them each time";
  if (!verdict.kind.empty()) {
    why = too_many_streams(producer, consumer, verdict);
    if (why.empty() && groups_.separated(producer, consumer)) why = "another kernel lies between them";
    if (why.empty() && choice.pays())
      why = is_update(consumer) != is_update(producer) ? "updates of variables run together, in place at the end" : "no round tries them";
  }
  return {"", group_label(groups_, producer), group_label(groups_, consumer), false, choice.together, choice.apart,
          (why.empty() ? "" : why + "; ") + choice.to_text()};
}

std::vector<Decision> Merger::decisions() {
  std::vector<Decision> all = decisions_;
  for (int32_t consumer = 0; consumer < groups_.count(); ++consumer) {
    if (!groups_.alive(consumer)) continue;
    for (const int32_t producer : groups_.before(consumer))
      all.push_back(refusal(producer, consumer));
  }
  return all;
}

}  // namespace sinter::passes
