#include "passes/fuse/groups.h"

#include <algorithm>
#include <set>

namespace sinter::passes {

using ir::Node;
using ir::Value;

namespace {

void add_once(std::vector<Value>& values, Value value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

void insert_once(std::vector<int32_t>& sorted, int32_t item) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), item);
  if (at == sorted.end() || *at != item) sorted.insert(at, item);
}

void erase(std::vector<int32_t>& sorted, int32_t item) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), item);
  if (at != sorted.end() && *at == item) sorted.erase(at);
}

std::vector<int32_t> merged(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int32_t> all;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

/// Copying stops where computing a copy would cost as much as reading it.
constexpr double kMostCopied = 4;

}  // namespace

Groups::Groups(const ir::Graph& graph) : graph_(graph), node_of_(static_cast<size_t>(graph.value_count()), -1) {
  const size_t count = graph.nodes().size();
  for (size_t i = 0; i < count; ++i) {
    const Node& node = graph.nodes()[i];
    SINTER_CHECK(node.results.size() == 1, "fuse: a " + node.op->name + " has not exactly one result");
    facts_.push_back(node_facts(graph, node));
    node_of_[static_cast<size_t>(node.results[0].id)] = static_cast<int32_t>(i);
  }
  for (const Node& node : graph.nodes()) rhs_sums_.push_back(reduces_rhs(graph, node));
  is_result_.assign(static_cast<size_t>(graph.value_count()), false);
  for (const Value result : graph.results()) is_result_[static_cast<size_t>(result.id)] = true;
  find_copied();
  link();
}

/// Its operands are arrays, never formulas that the body computes on the way.
bool Groups::reads_memory(int32_t node) const {
  return is_anchor(facts(node).kind) || facts(node).kind == NodeKind::kScatter || rhs_sums_[static_cast<size_t>(node)];
}

/// What is copied: nodes made of nothing; views that read again and again, or in order of memory; and light formulas of
/// one value that is as large in memory, so that bodies read that value instead (two multiples of x are then one array
/// between kernels, not two).
void Groups::find_copied() {
  const size_t nodes = graph_.nodes().size();
  find_memory();
  copied_.assign(nodes, false);
  sources_.resize(nodes);
  std::vector<double> cost(nodes, 0);  // of an element, from what is not copied
  for (size_t i = 0; i < nodes; ++i) {
    const Node& node = graph_.nodes()[i];
    const NodeFacts& facts = facts_[i];
    const bool from_memory = reads_memory(static_cast<int32_t>(i));
    bool of_nothing = facts.kind == NodeKind::kPointwise && !facts.guarded && !facts.finds;
    cost[i] = facts.cost;
    for (const Value operand : node.operands) {
      const int32_t from = node_of_[static_cast<size_t>(operand.id)];
      if (from_memory || from < 0 || !copied_[static_cast<size_t>(from)]) {
        add_once(sources_[i], operand);
      } else {
        for (const Value value : sources_[static_cast<size_t>(from)]) add_once(sources_[i], value);
        cost[i] += cost[static_cast<size_t>(from)];
      }
    }
    of_nothing = of_nothing && sources_[i].empty();
    const bool cheap = cost[i] <= kMostCopied;
    copied_[i] = (cheap && (of_nothing || is_light_formula(i))) || (facts.view && (facts.spreads || (facts.contiguous && !facts.guarded)));
  }
}

bool Groups::is_light_formula(size_t index) const {
  const Value value = node(static_cast<int32_t>(index)).results[0];
  const std::vector<Value>& sources = sources_[index];
  if (!facts_[index].elementwise || in_memory_[static_cast<size_t>(value.id)] || sources.size() != 1 || graph_.is_argument(sources[0]))
    return false;
  const TensorType &made = graph_.type(value), &read = graph_.type(sources[0]);
  return made.shape == read.shape && made.shape.rank() > 0 && size_in_bytes(made.dtype) >= size_in_bytes(read.dtype);
}

/// Results, and operands that kernels read from memory, are values of their own: a copied node among them is computed
/// by a group as well.
void Groups::find_memory() {
  in_memory_ = is_result_;
  for (size_t i = 0; i < facts_.size(); ++i) {
    if (!reads_memory(static_cast<int32_t>(i))) continue;
    for (const Value operand : graph_.nodes()[i].operands) in_memory_[static_cast<size_t>(operand.id)] = true;
  }
}

void Groups::link() {
  const size_t nodes = graph_.nodes().size();
  group_of_.assign(nodes, -1);
  readers_.resize(static_cast<size_t>(graph_.value_count()));
  for (size_t i = 0; i < nodes; ++i) {
    if (copied_[i] && !in_memory_[static_cast<size_t>(graph_.nodes()[i].results[0].id)]) continue;
    group_of_[i] = static_cast<int32_t>(groups_.size());
    for (const Value source : sources_[i]) readers_[static_cast<size_t>(source.id)].push_back(static_cast<int32_t>(i));
    groups_.push_back({.members = {static_cast<int32_t>(i)}, .verdict = {}, .before = {}, .after = {}, .place = groups_.size()});
    order_.push_back(group_of_[i]);
  }
  for (int32_t group = 0; group < count(); ++group) connect(group);
  for (Group& group : groups_) {
    group.verdict = judge({graph_, facts_, contents(group.members), {node(group.members[0]).results[0]}});
    SINTER_CHECK(!group.verdict.kind.empty(), "fuse: a node fits no kernel: " + group.verdict.refusal);
  }
}

int32_t Groups::maker(Value value) const {
  const int32_t node = node_of_[static_cast<size_t>(value.id)];
  return node < 0 ? -1 : group_of_[static_cast<size_t>(node)];
}

std::vector<Value> Groups::reads(int32_t group) const {
  std::vector<Value> values;
  for (const int32_t member : groups_[static_cast<size_t>(group)].members)
    for (const Value source : sources(member))
      if (maker(source) != group) add_once(values, source);
  return values;
}

std::vector<Value> Groups::results_of(const std::vector<int32_t>& members) const {
  std::vector<Value> values;
  for (const int32_t member : members) {
    const Value value = node(member).results[0];
    const auto& by = readers(value);
    const bool outside =
        std::any_of(by.begin(), by.end(), [&](int32_t r) { return !std::binary_search(members.begin(), members.end(), r); });
    if (outside || is_result(value)) values.push_back(value);
  }
  return values;
}

std::vector<Value> Groups::results(int32_t group) const { return results_of(groups_[static_cast<size_t>(group)].members); }

Groups::Streams Groups::streams(const std::vector<int32_t>& groups) const {
  const auto inside = [&](int32_t group) { return std::find(groups.begin(), groups.end(), group) != groups.end(); };
  Streams all;
  for (const int32_t group : groups) {
    for (const Value value : reads(group))
      if (!inside(maker(value))) add_once(all.reads, value);
    for (const Value value : results(group)) {
      const auto& by = readers(value);
      const bool internal = std::all_of(by.begin(), by.end(), [&](int32_t r) { return inside(group_of(r)); });
      if (is_result(value) || !internal) all.writes.push_back(value);
    }
  }
  return all;
}

std::vector<int32_t> Groups::contents(const std::vector<int32_t>& members) const {
  std::set<int32_t> all(members.begin(), members.end());
  std::vector<int32_t> open = members;
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    if (reads_memory(at)) continue;
    for (const Value operand : node(at).operands) {
      const int32_t from = node_of_[static_cast<size_t>(operand.id)];
      if (from >= 0 && is_copied(from) && all.insert(from).second) open.push_back(from);
    }
  }
  return {all.begin(), all.end()};
}

Verdict Groups::judge_merged(int32_t a, int32_t b) const {
  const std::vector<int32_t> members = merged(group(a).members, group(b).members);
  return judge({graph_, facts_, contents(members), results_of(members)});
}

bool Groups::separated(int32_t a, int32_t b) const {
  const auto place = [&](int32_t g) { return group(g).place; };
  if (place(a) > place(b)) std::swap(a, b);
  std::set<int32_t> seen;
  std::vector<int32_t> open{a};
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    for (const int32_t next : after(at)) {
      if (next == b && at != a) return true;
      if (place(next) < place(b) && seen.insert(next).second) open.push_back(next);
    }
  }
  return false;
}

/// Fills before and after of a group, and of those on the other side, from its members.
void Groups::connect(int32_t index) {
  std::set<int32_t> before, after;
  for (const Value value : reads(index))
    if (const int32_t from = maker(value); from >= 0) before.insert(from);
  for (const int32_t member : group(index).members)
    for (const int32_t reader : readers(node(member).results[0])) after.insert(group_of(reader));
  after.erase(index);
  Group& at = groups_[static_cast<size_t>(index)];
  at.before.assign(before.begin(), before.end());
  at.after.assign(after.begin(), after.end());
  for (const int32_t from : at.before) insert_once(groups_[static_cast<size_t>(from)].after, index);
  for (const int32_t to : at.after) insert_once(groups_[static_cast<size_t>(to)].before, index);
}

/// Brings the places of two groups together: what `second` needs of the groups between them comes first, then the two,
/// then the others.
void Groups::move_together(int32_t first, int32_t second) {
  const size_t begin = group(first).place, end = group(second).place;
  std::set<int32_t> needed{second};
  for (size_t i = end; i > begin + 1; --i) {
    const int32_t at = order_[i - 1];
    if (!alive(at)) continue;
    const bool is_needed = std::any_of(after(at).begin(), after(at).end(), [&](int32_t next) { return needed.contains(next); });
    if (is_needed) needed.insert(at);
  }
  std::vector<int32_t> early, late;
  for (size_t i = begin + 1; i < end; ++i) (needed.contains(order_[i]) ? early : late).push_back(order_[i]);
  early.push_back(first);
  early.push_back(second);
  early.insert(early.end(), late.begin(), late.end());
  for (size_t i = 0; i < early.size(); ++i) {
    order_[begin + i] = early[i];
    groups_[static_cast<size_t>(early[i])].place = begin + i;
  }
}

void Groups::merge(int32_t a, int32_t b, Verdict verdict, double saved) {
  move_together(group(a).place < group(b).place ? a : b, group(a).place < group(b).place ? b : a);
  Group &into = groups_[static_cast<size_t>(a)], &from = groups_[static_cast<size_t>(b)];
  into.members = merged(into.members, from.members);
  into.verdict = std::move(verdict);
  into.saved += from.saved + saved;
  for (const int32_t member : from.members) group_of_[static_cast<size_t>(member)] = a;
  for (const int32_t other : from.before) erase(groups_[static_cast<size_t>(other)].after, b);
  for (const int32_t other : from.after) erase(groups_[static_cast<size_t>(other)].before, b);
  from = {.members = {}, .verdict = {}, .before = {}, .after = {}, .place = from.place};
  connect(a);
}

void Groups::detach(int32_t index) {
  const int32_t old = group_of(index), fresh = count();
  for (const int32_t other : after(old)) erase(groups_[static_cast<size_t>(other)].before, old);
  for (const int32_t other : before(old)) erase(groups_[static_cast<size_t>(other)].after, old);
  groups_.push_back({.members = {index}, .verdict = {}, .before = {}, .after = {}, .place = group(old).place + 1});
  group_of_[static_cast<size_t>(index)] = fresh;
  erase(groups_[static_cast<size_t>(old)].members, index);
  for (const int32_t group : {old, fresh}) {
    groups_[static_cast<size_t>(group)].verdict = judge({graph_, facts_, contents(this->group(group).members), results(group)});
    connect(group);
  }
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(group(fresh).place), fresh);
  for (size_t i = group(fresh).place; i < order_.size(); ++i) groups_[static_cast<size_t>(order_[i])].place = i;
}

}  // namespace sinter::passes
