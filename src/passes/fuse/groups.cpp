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
  is_result_.assign(static_cast<size_t>(graph.value_count()), false);
  for (const Value result : graph.results()) is_result_[static_cast<size_t>(result.id)] = true;
  find_copied();
  link();
}

void Groups::find_copied() {
  std::vector<double> cost(graph_.nodes().size(), 0);  // of what is made of nothing; more than any limit otherwise
  copied_.resize(graph_.nodes().size());
  for (size_t i = 0; i < copied_.size(); ++i) {
    const Node& node = graph_.nodes()[i];
    const NodeFacts& facts = facts_[i];
    cost[i] = facts.kind == NodeKind::kPointwise && !facts.guarded && !facts.finds ? facts.cost : kMostCopied + 1;
    for (const Value operand : node.operands) {
      const int32_t from = node_of_[static_cast<size_t>(operand.id)];
      cost[i] += from < 0 ? kMostCopied + 1 : cost[static_cast<size_t>(from)];
    }
    copied_[i] = cost[i] <= kMostCopied || (facts.view && facts.spreads);
  }
}

void Groups::link() {
  const size_t count = graph_.nodes().size();
  group_of_.assign(count, -1);
  sources_.resize(count);
  readers_.resize(static_cast<size_t>(graph_.value_count()));
  // A copied node that must be memory (a result, an operand that is read from memory) is computed by a group of its own as well.
  std::vector<bool> in_memory(is_result_);
  for (size_t i = 0; i < count; ++i) {
    if (facts_[i].kind != NodeKind::kContract && facts_[i].kind != NodeKind::kScatter) continue;
    for (const Value operand : graph_.nodes()[i].operands) in_memory[static_cast<size_t>(operand.id)] = true;
  }
  for (size_t i = 0; i < count; ++i) {
    const Node& node = graph_.nodes()[i];
    const bool from_memory = facts_[i].kind == NodeKind::kContract || facts_[i].kind == NodeKind::kScatter;
    for (const Value operand : node.operands) {
      const int32_t from = node_of_[static_cast<size_t>(operand.id)];
      if (from_memory || from < 0 || !copied_[static_cast<size_t>(from)]) {
        add_once(sources_[i], operand);
      } else {
        for (const Value value : sources_[static_cast<size_t>(from)]) add_once(sources_[i], value);
      }
    }
    if (copied_[i] && !in_memory[static_cast<size_t>(node.results[0].id)]) continue;
    group_of_[i] = static_cast<int32_t>(groups_.size());
    for (const Value source : sources_[i]) readers_[static_cast<size_t>(source.id)].push_back(static_cast<int32_t>(i));
    groups_.push_back({{static_cast<int32_t>(i)}, {}});
  }
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
    const bool outside = std::any_of(by.begin(), by.end(), [&](int32_t r) { return !std::binary_search(members.begin(), members.end(), r); });
    if (outside || is_result(value)) values.push_back(value);
  }
  return values;
}

std::vector<Value> Groups::results(int32_t group) const { return results_of(groups_[static_cast<size_t>(group)].members); }

std::vector<int32_t> Groups::before(int32_t group) const {
  std::set<int32_t> found;
  for (const Value value : reads(group))
    if (const int32_t from = maker(value); from >= 0) found.insert(from);
  return {found.begin(), found.end()};
}

std::vector<int32_t> Groups::after(int32_t group) const {
  std::set<int32_t> found;
  for (const int32_t member : groups_[static_cast<size_t>(group)].members)
    for (const int32_t reader : readers(node(member).results[0])) found.insert(group_of(reader));
  found.erase(group);
  return {found.begin(), found.end()};
}

std::vector<int32_t> Groups::contents(const std::vector<int32_t>& members) const {
  std::set<int32_t> all(members.begin(), members.end());
  std::vector<int32_t> open = members;
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    if (facts(at).kind == NodeKind::kContract || facts(at).kind == NodeKind::kScatter) continue;
    for (const Value operand : node(at).operands) {
      const int32_t from = node_of_[static_cast<size_t>(operand.id)];
      if (from >= 0 && is_copied(from) && all.insert(from).second) open.push_back(from);
    }
  }
  return {all.begin(), all.end()};
}

Verdict Groups::judge_merged(int32_t a, int32_t b) const {
  std::vector<int32_t> members;
  const auto &left = group(a).members, &right = group(b).members;
  std::merge(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(members));
  return judge({graph_, facts_, contents(members), results_of(members)});
}

bool Groups::reaches(int32_t from, int32_t to) const {
  std::vector<bool> seen(groups_.size());
  std::vector<int32_t> open;
  for (const int32_t next : after(from))
    if (next != to) open.push_back(next), seen[static_cast<size_t>(next)] = true;
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    for (const int32_t next : after(at)) {
      if (next == to) return true;
      if (!seen[static_cast<size_t>(next)]) open.push_back(next), seen[static_cast<size_t>(next)] = true;
    }
  }
  return false;
}

bool Groups::separated(int32_t a, int32_t b) const { return reaches(a, b) || reaches(b, a); }

void Groups::merge(int32_t a, int32_t b, Verdict verdict) {
  Group &into = groups_[static_cast<size_t>(a)], &from = groups_[static_cast<size_t>(b)];
  std::vector<int32_t> members;
  std::merge(into.members.begin(), into.members.end(), from.members.begin(), from.members.end(), std::back_inserter(members));
  for (const int32_t member : from.members) group_of_[static_cast<size_t>(member)] = a;
  into = {std::move(members), std::move(verdict)};
  from.members.clear();
}

}  // namespace sinter::passes
