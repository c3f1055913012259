#include "passes/fuse/emit.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/builder.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

/// Where the group stands in the model's own order: at its contraction or reduction, else at its last node.
int32_t place_of(const Groups& groups, int32_t group) {
  for (const int32_t member : groups.group(group).members)
    if (groups.facts(member).kind != NodeKind::kPointwise) return member;
  return groups.group(group).members.back();
}

/// For each group, those that must come before it: what it reads, and, where no cycle arises, other readers of a variable that it writes, so that
/// the new value can take the place of the old one.
class Precedence {
 public:
  Precedence(const ir::Function& function, const Groups& groups) : before_(static_cast<size_t>(groups.count())) {
    for (int32_t group = 0; group < groups.count(); ++group)
      if (groups.alive(group))
        for (const int32_t from : groups.before(group)) before_[static_cast<size_t>(group)].insert(from);
    for (size_t i = 0; i < function.results.size(); ++i) {
      const int32_t writer = groups.maker(function.graph.results()[i]);
      const auto argument = std::find(function.arguments.begin(), function.arguments.end(), function.results[i]);
      if (writer < 0 || argument == function.arguments.end()) continue;
      const Value old{static_cast<int32_t>(argument - function.arguments.begin())};
      for (const int32_t reader : groups.readers(old)) {
        const int32_t group = groups.group_of(reader);
        if (group != writer && !comes_before(writer, group)) before_[static_cast<size_t>(writer)].insert(group);
      }
    }
  }

  const std::set<int32_t>& before(int32_t group) const { return before_[static_cast<size_t>(group)]; }

 private:
  bool comes_before(int32_t first, int32_t second) const {
    std::set<int32_t> seen{second};
    std::vector<int32_t> open{second};
    while (!open.empty()) {
      const int32_t at = open.back();
      open.pop_back();
      if (at == first) return true;
      for (const int32_t from : before(at))
        if (seen.insert(from).second) open.push_back(from);
    }
    return false;
  }

  std::vector<std::set<int32_t>> before_;
};

std::string reason_of(const Groups& groups, int32_t group) {
  const Group& g = groups.group(group);
  const std::string count = std::to_string(g.members.size()) + (g.members.size() == 1 ? " node" : " nodes");
  if (g.verdict.kind == "contract") return count + ": a contraction and what reads it place by place";
  if (g.verdict.kind == "rows") return count + ": rows of " + g.verdict.domain.to_string() + ", each read once";
  if (g.verdict.kind == "columns") return count + ": columns of " + g.verdict.domain.to_string() + ", read in order of memory";
  if (g.verdict.kind == "scatter") return "updates at places found by indices, in order";
  return count + " over " + g.verdict.domain.to_string();
}

/// Copies nodes of one graph into the body of a fusion.
class BodyMaker {
 public:
  BodyMaker(const Groups& groups, int32_t group) : groups_(groups), from_(groups.graph()) {
    const std::vector<int32_t> nodes = groups.contents(groups.group(group).members);
    arguments = groups.reads(group);
    for (const Value value : arguments) map_[value.id] = body.add_argument(from_.type(value));
    for (const int32_t index : nodes) {
      const Node& node = groups.node(index);
      Node copy{.op = node.op, .operands = {}, .attributes = node.attributes, .regions = {}, .name = node.name};
      for (const Value operand : node.operands) copy.operands.push_back(map_.at(operand.id));
      map_[node.results[0].id] = body.append(std::move(copy), {from_.type(node.results[0])}).results[0];
    }
    std::vector<Value> inner;
    results = groups.results(group);
    for (const Value value : results) inner.push_back(map_.at(value.id));
    body.set_results(std::move(inner));
  }

  Graph body;
  std::vector<Value> arguments, results;  // values of the function

 private:
  const Groups& groups_;
  const Graph& from_;
  std::map<int32_t, Value> map_;
};

}  // namespace

std::vector<int32_t> order_groups(const ir::Function& function, const Groups& groups, const std::vector<bool>& late) {
  const Precedence precedence(function, groups);
  std::vector<size_t> waiting(static_cast<size_t>(groups.count()));
  std::vector<std::vector<int32_t>> next(static_cast<size_t>(groups.count()));
  using Key = std::tuple<bool, int32_t, int32_t>;
  std::set<Key> ready;
  const auto key = [&](int32_t group) { return Key{late[static_cast<size_t>(group)], place_of(groups, group), group}; };
  for (int32_t group = 0; group < groups.count(); ++group) {
    if (!groups.alive(group)) continue;
    waiting[static_cast<size_t>(group)] = precedence.before(group).size();
    for (const int32_t from : precedence.before(group)) next[static_cast<size_t>(from)].push_back(group);
    if (precedence.before(group).empty()) ready.insert(key(group));
  }
  std::vector<int32_t> order;
  while (!ready.empty()) {
    const int32_t group = std::get<2>(*ready.begin());
    ready.erase(ready.begin());
    order.push_back(group);
    for (const int32_t after : next[static_cast<size_t>(group)])
      if (--waiting[static_cast<size_t>(after)] == 0) ready.insert(key(after));
  }
  return order;
}

Graph emit(const Groups& groups, const std::vector<int32_t>& order) {
  const Graph& from = groups.graph();
  Graph to;
  ir::Builder builder(to);
  std::map<int32_t, Value> map;
  for (int32_t i = 0; i < from.argument_count(); ++i) map[i] = to.add_argument(from.type(from.argument(i)));
  for (const int32_t group : order) {
    BodyMaker made(groups, group);
    std::vector<Value> operands;
    for (const Value value : made.arguments) operands.push_back(map.at(value.id));
    builder.set_name(main_node(groups, group).name);
    const std::vector<Value> results = builder.apply("fusion", std::move(operands),
                                                     {{"kind", groups.group(group).verdict.kind}, {"reason", reason_of(groups, group)}}, {std::move(made.body)});
    for (size_t i = 0; i < results.size(); ++i) map[made.results[i].id] = results[i];
  }
  std::vector<Value> results;
  for (const Value value : from.results()) results.push_back(map.at(value.id));
  to.set_results(std::move(results));
  return to;
}

}  // namespace sinter::passes
