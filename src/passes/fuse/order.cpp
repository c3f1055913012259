#include "passes/fuse/order.h"

#include <algorithm>
#include <map>

namespace sinter::passes {

using ir::Value;

Precedence::Precedence(const ir::Function& function, const Groups& groups) : before_(static_cast<size_t>(groups.count())) {
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

bool Precedence::comes_before(int32_t first, int32_t second) const {
  std::vector<bool> seen(before_.size());
  std::vector<int32_t> open{second};
  while (!open.empty()) {
    const int32_t at = open.back();
    open.pop_back();
    if (at == first) return true;
    for (const int32_t from : before(at))
      if (!seen[static_cast<size_t>(from)]) seen[static_cast<size_t>(from)] = true, open.push_back(from);
  }
  return false;
}

namespace {

/// Where the group stands in the model's own order: at its contraction or reduction, else at its last node.
int32_t place_of(const Groups& groups, int32_t group) {
  for (const int32_t member : groups.group(group).members)
    if (groups.facts(member).kind != NodeKind::kPointwise) return member;
  return groups.group(group).members.back();
}

std::vector<std::vector<int32_t>> successors(const Groups& groups, const Precedence& precedence) {
  std::vector<std::vector<int32_t>> next(static_cast<size_t>(groups.count()));
  for (int32_t group = 0; group < groups.count(); ++group)
    for (const int32_t from : precedence.before(group)) next[static_cast<size_t>(from)].push_back(group);
  return next;
}

}  // namespace

std::vector<int32_t> order_groups(const Groups& groups, const Precedence& precedence, const std::vector<bool>& late) {
  const std::vector<std::vector<int32_t>> next = successors(groups, precedence);
  std::vector<size_t> waiting(static_cast<size_t>(groups.count()));
  std::set<std::tuple<bool, int32_t, int32_t>> ready;
  const auto add = [&](int32_t group) { ready.insert({late[static_cast<size_t>(group)], place_of(groups, group), group}); };
  for (int32_t group = 0; group < groups.count(); ++group) {
    if (!groups.alive(group)) continue;
    waiting[static_cast<size_t>(group)] = precedence.before(group).size();
    if (precedence.before(group).empty()) add(group);
  }
  std::vector<int32_t> order;
  while (!ready.empty()) {
    const int32_t group = std::get<2>(*ready.begin());
    ready.erase(ready.begin());
    order.push_back(group);
    for (const int32_t after : next[static_cast<size_t>(group)])
      if (--waiting[static_cast<size_t>(after)] == 0) add(after);
  }
  return order;
}

namespace {

/// Places are positions in the order; a group that moved has the place it moved to.
class SideBySide {
 public:
  SideBySide(const Groups& groups, const Precedence& precedence, const std::vector<int32_t>& order, const std::vector<bool>& updates,
             const FuseOptions& options)
      : groups_(groups),
        updates_(updates),
        options_(options),
        cost_(options, groups),
        next_(successors(groups, precedence)),
        kernels_(order.size()),
        held_(order.size(), 0) {
    for (size_t i = 0; i < order.size(); ++i) kernels_[i] = {order[i]}, place_[order[i]] = i;
  }

  std::vector<Kernel> run(std::vector<Decision>& decisions) {
    for (size_t i = kernels_.size(); i > 0; --i) {
      const int32_t group = kernels_[i - 1][0];
      if (!can_join(group) && verdict(group).kind != "contract") continue;
      for (size_t to = limit_of(group) - 1; to >= i; --to) {
        if (kernels_[to].empty() || !fits(group, to)) continue;
        const double held = is_update(group) ? 0 : longer_held(group, to);  // gradients wait for the end in any case
        if (held_[to] + held > options_.l2_bytes / 2) continue;
        const double apart = cost_.time(group) + cost_.time(kernels_[to][0]);
        decisions.push_back({"", group_label(groups_, group), group_label(groups_, kernels_[to][0]), true, apart - cost_.kernel(), apart,
                             (shares_lhs(group, kernels_[to][0]) ? "side by side, they share their first operand: " : "side by side, nothing waits for it: ") + kilobytes(held) + " held longer against a kernel more"});
        held_[to] += held;
        kernels_[to].push_back(group);
        kernels_[i - 1].clear();
        place_[group] = to;
        break;
      }
    }
    std::erase_if(kernels_, [](const Kernel& kernel) { return kernel.empty(); });
    for (Kernel& kernel : kernels_) std::reverse(kernel.begin(), kernel.end());
    return kernels_;
  }

 private:
  const Verdict& verdict(int32_t group) const { return groups_.group(group).verdict; }

  bool can_join(int32_t group) const {
    return verdict(group).kind == "loops" || verdict(group).kind == "columns" || cost_.time(group) < options_.small_kernel;
  }

  /// Contractions of one array (queries, keys and values): their tiles are shared out together, however large they are, while it is in the caches.
  bool shares_lhs(int32_t a, int32_t b) const {
    if (verdict(a).kind != "contract" || verdict(b).kind != "contract") return false;
    return main_node(groups_, a).operands[0] == main_node(groups_, b).operands[0];
  }

  /// The place of the first kernel that must come after `group`.
  size_t limit_of(int32_t group) const {
    size_t limit = kernels_.size();
    for (const int32_t after : next_[static_cast<size_t>(group)]) limit = std::min(limit, place_.at(after));
    return limit;
  }

  bool fits(int32_t group, size_t to) const {
    const Kernel& kernel = kernels_[to];
    if (kernel.size() >= static_cast<size_t>(options_.most_parts)) return false;
    return std::all_of(kernel.begin(), kernel.end(), [&](int32_t other) {
      const bool goes = (can_join(group) && can_join(other)) || shares_lhs(group, other);
      return goes && (is_update(other) == is_update(group) || is_scalar(other) || is_scalar(group));
    });
  }

  bool is_update(int32_t group) const { return updates_[static_cast<size_t>(group)] && !is_scalar(group); }
  /// Numbers go with anything.
  bool is_scalar(int32_t group) const { return verdict(group).kind == "loops" && verdict(group).domain.rank() == 0; }

  /// Bytes of temporaries that live on until `to` because of `group`.
  double longer_held(int32_t group, size_t to) const {
    double bytes = 0;
    for (const Value value : groups_.reads(group)) {
      if (groups_.maker(value) < 0) continue;
      size_t last = 0;
      for (const int32_t reader : groups_.readers(value))
        if (groups_.group_of(reader) != group) last = std::max(last, place_.at(groups_.group_of(reader)));
      if (last < to) bytes += cost_.bytes(value);
    }
    return bytes;
  }

  const Groups& groups_;
  const std::vector<bool>& updates_;
  const FuseOptions& options_;
  CostModel cost_;
  std::vector<std::vector<int32_t>> next_;
  std::vector<Kernel> kernels_;      // by place
  std::vector<double> held_;         // per place: bytes that live longer because of groups that moved there
  std::map<int32_t, size_t> place_;  // per group
};

}  // namespace

std::vector<Kernel> put_side_by_side(const Groups& groups, const Precedence& precedence, const std::vector<int32_t>& order,
                                     const std::vector<bool>& updates, const FuseOptions& options, std::vector<Decision>& decisions) {
  return SideBySide(groups, precedence, order, updates, options).run(decisions);
}

}  // namespace sinter::passes
