#include "backend/lower/row_plan.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

namespace sinter::backend {
namespace {

using ir::Node;
using ir::Value;

/// Dearer than a store and a load of what it makes.
bool is_heavy(ScalarOp op) {
  switch (op) {
    case ScalarOp::kDivide:
    case ScalarOp::kRemainder:
    case ScalarOp::kPower:
    case ScalarOp::kAtan2:
    case ScalarOp::kSqrt:
    case ScalarOp::kRsqrt:
    case ScalarOp::kRandomBits: return true;
    default: return op >= ScalarOp::kExp && op <= ScalarOp::kErf;
  }
}

bool is_heavy(const ScalarBody& body) {
  const ScalarBody::Node& node = body.node();
  if (node.kind != ScalarBody::Kind::kApply) return false;
  return is_heavy(node.op) || std::any_of(node.args.begin(), node.args.end(), [](const ScalarBody& argument) { return is_heavy(argument); });
}

bool is_heavy(const Node& node) {
  if (const auto* elementwise = std::get_if<ir::Elementwise>(&node.op->lowering)) return is_heavy(elementwise->body);
  const auto* index = std::get_if<ir::Index>(&node.op->lowering);
  return index != nullptr && index->kind == ir::Index::Kind::kRandomBits;
}

/// Bytes of an operand that stays in the second cache beside others.
constexpr int64_t kSecondCacheShare = 256 << 10;

class Planner {
 public:
  Planner(const ir::Graph& body, const Reductions& reductions, int most_scratch) : body_(body), reductions_(reductions), scratch_left_(most_scratch) {
    loops_.resize(static_cast<size_t>(reductions.levels) + 1);
    for (const Reduction& reduction : reductions.list) loops_[static_cast<size_t>(reduction.level) - 1].reductions.push_back(&reduction);
    for (size_t i = 0; i < body.results().size(); ++i)
      if (in_domain(body.results()[i]) && !reductions.axes.empty() && !reductions.is_blocks(body.results()[i])) loops_.back().results.push_back(i);
    for (const BlockSum& sum : reductions.blocks) loops_.back().blocks.push_back(&sum);
    buffer_used_.assign(body.results().size(), false);
    find_read_elsewhere();
  }

  std::vector<RowLoop> plan() {
    for (size_t loop = 0; loop + 1 < loops_.size() && !reductions_.axes.empty(); ++loop) keep_values_of(loop);
    kept_.clear();
    for (RowLoop& loop : loops_) {
      const std::set<Value> cone = cone_of(loop);
      loop.heavy = has_heavy(cone);
      std::set_intersection(cone.begin(), cone.end(), kept_.begin(), kept_.end(), std::back_inserter(loop.reads));
      find_row_values(loop, cone);
      for (const Kept& kept : loop.kept) kept_.insert(kept.value);
    }
    find_ahead();
    return std::move(loops_);
  }

 private:
  /// Several operands too large for the second cache are asked for ahead, each in a loop of its own after the first, which waits for memory itself. A
  /// single stream gains nothing, nor does a row along which functions are computed: it is not memory that takes the time.
  void find_ahead() {
    if (std::any_of(loops_.begin(), loops_.end(), [](const RowLoop& loop) { return loop.heavy; })) return;
    std::set<Value> arrays;
    for (const RowLoop& loop : loops_)
      for (const Value value : cone_of(loop))
        if (body_.is_argument(value) && is_large(value)) arrays.insert(value);
    if (arrays.size() < 2 || arrays.size() >= loops_.size()) return;
    size_t next = 1;
    for (const Value value : arrays) loops_[next++].ahead.push_back(value);
  }
  bool is_large(Value value) const {
    const Dim bytes = byte_count(body_.type(value));
    return !bytes.is_constant() || bytes.constant() > kSecondCacheShare;
  }

  bool in_domain(Value value) const { return body_.type(value).shape == reductions_.domain; }
  bool has_heavy(const std::set<Value>& cone) const {
    return std::any_of(cone.begin(), cone.end(), [&](Value value) {
      const Node* node = body_.producer(value);
      return node != nullptr && !kept_.contains(value) && is_heavy(*node);
    });
  }

  void find_row_values(RowLoop& loop, const std::set<Value>& cone) const {
    const Shape outer = Shape({reductions_.domain.begin(), reductions_.domain.end() - static_cast<std::ptrdiff_t>(reductions_.axes.size())});
    std::set<Value> seen;
    for (const Value value : cone) {
      const Node* node = kept_.contains(value) ? nullptr : body_.producer(value);
      for (size_t i = 0; node != nullptr && i < node->operands.size(); ++i) {
        const Value operand = node->operands[i];
        if (body_.type(operand).shape != outer || reductions_.is_blocks(operand) || !seen.insert(operand).second) continue;
        (reductions_.value_level[static_cast<size_t>(operand.id)] > 0 ? loop.row_values : loop.row_inputs).push_back(operand);
      }
    }
  }

  std::vector<Value> roots_of(const RowLoop& loop) const {
    std::vector<Value> roots;
    for (const Reduction* reduction : loop.reductions) roots.push_back(reduction->operand);
    for (const BlockSum* sum : loop.blocks) roots.push_back(sum->operand);
    for (const size_t result : loop.results) roots.push_back(body_.results()[result]);
    return roots;
  }

  /// The values per element that a loop computes or loads, up to those that are in memory; `extra` is taken to be.
  void add_cone(Value value, std::set<Value>& cone, Value extra) const {
    if (!in_domain(value) || !cone.insert(value).second || kept_.contains(value) || value == extra) return;
    const Node* node = body_.producer(value);
    if (node == nullptr || std::holds_alternative<ir::Reduce>(node->op->lowering)) return;
    for (const Value operand : node->operands) add_cone(operand, cone, extra);
  }
  std::set<Value> cone_of(const RowLoop& loop, Value extra = {-1}) const {
    std::set<Value> cone;
    for (const Value root : roots_of(loop)) add_cone(root, cone, extra);
    return cone;
  }
  std::set<Value> cone_after(size_t loop, Value extra = {-1}) const {
    std::set<Value> cone;
    for (size_t i = loop + 1; i < loops_.size(); ++i) cone.merge(cone_of(loops_[i], extra));
    return cone;
  }

  /// Keeps what this loop computes at some cost and a later one needs too, the last of each chain of formulas first.
  void keep_values_of(size_t index) {
    const std::set<Value> now = cone_of(loops_[index]);
    for (auto node = body_.nodes().rbegin(); node != body_.nodes().rend(); ++node) {
      const Value value = node->results[0];
      if (!now.contains(value) || !cone_after(index).contains(value) || kept_.contains(value) || !can_be_kept(*node)) continue;
      std::set<Value> cone;
      add_cone(value, cone, {-1});
      if (!has_heavy(cone)) continue;
      if (const auto kept = place(value, index)) {
        loops_[index].kept.push_back(*kept);
        kept_.insert(value);
      }
    }
  }

  /// Rows without elements have no place for one either: lanes that never run would all store to the first.
  bool can_be_kept(const Node& node) const {
    const Value value = node.results[0];
    return in_domain(value) && reductions_.domain.element_count() != Dim(0) && std::holds_alternative<ir::Elementwise>(node.op->lowering) && !read_elsewhere_.contains(value);
  }

  /// Values that views or lookups need at other positions than the one at hand, by way of elementwise nodes too.
  void find_read_elsewhere() {
    for (auto node = body_.nodes().rbegin(); node != body_.nodes().rend(); ++node) {
      if (std::holds_alternative<ir::Reduce>(node->op->lowering)) continue;
      const bool in_place = std::holds_alternative<ir::Elementwise>(node->op->lowering) && !read_elsewhere_.contains(node->results[0]);
      if (!in_place) read_elsewhere_.insert(node->operands.begin(), node->operands.end());
    }
  }

  /// A result that the value is, then scratch, which leaves it to the last loop to write results past the caches, then some result's buffer.
  std::optional<Kept> place(Value value, size_t index) {
    std::vector<size_t>& last = loops_.back().results;
    const bool overwrite = may_overwrite(value, index);
    for (auto i = last.begin(); overwrite && i != last.end(); ++i) {
      if (body_.results()[*i] != value || buffer_used_[*i]) continue;
      const auto result = static_cast<int32_t>(*i);
      buffer_used_[*i] = true;
      last.erase(i);
      return Kept{value, result};
    }
    if (scratch_left_-- > 0) return Kept{value, -1};
    for (auto i = last.begin(); overwrite && i != last.end(); ++i) {
      if (buffer_used_[*i] || body_.type(body_.results()[*i]).dtype != body_.type(value).dtype) continue;
      buffer_used_[*i] = true;
      return Kept{value, static_cast<int32_t>(*i)};
    }
    return std::nullopt;
  }

  /// A result may be in the place of an operand, which must have been read for the last time: no later loop reads one of the same size.
  bool may_overwrite(Value value, size_t index) const {
    const std::set<Value> after = cone_after(index, value);
    const size_t size = size_in_bytes(body_.type(value).dtype);
    return std::none_of(after.begin(), after.end(),
                        [&](Value v) { return body_.is_argument(v) && in_domain(v) && size_in_bytes(body_.type(v).dtype) == size; });
  }

  const ir::Graph& body_;
  const Reductions& reductions_;
  int scratch_left_;
  std::vector<RowLoop> loops_;
  std::set<Value> kept_, read_elsewhere_;
  std::vector<bool> buffer_used_;
};

}  // namespace

std::vector<RowLoop> plan_rows(const ir::Graph& body, const Reductions& reductions, int most_scratch) {
  return Planner(body, reductions, most_scratch).plan();
}

}  // namespace sinter::backend
