#include "passes/recognise/match.h"

#include <algorithm>
#include <cmath>

#include "ir/op_def.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Integers;
using ir::Node;
using ir::Value;
using Kind = Pattern::Kind;

/// Steps before the matcher gives up on a node: sums and products of many parts can be taken apart in many ways.
constexpr int kBudget = 2000;
/// Labels of axes that the root does not have.
constexpr int kFirstFresh = 1000;

/// A factor or term that is not taken care of yet.
struct Item {
  Value value;
  Labels labels;
  bool turned = false;
};

template <class T>
const T& get(const Node& node, std::string_view name) {
  return ir::get_attribute<T>(*node.op, node.attributes, name);
}

bool is_one(const Dim& dim) { return dim == Dim(1); }

class Matcher {
 public:
  explicit Matcher(const Graph& graph) : graph_(graph) {}

  std::optional<Match> run(int32_t root, const Pattern& pattern) {
    const Value value = graph_.nodes()[static_cast<size_t>(root)].results[0];
    rank_ = shape(value).rank();
    Labels labels(rank_);
    for (size_t k = 0; k < rank_; ++k) labels[k] = static_cast<int>(k);
    if (!fits(pattern, value, labels)) return std::nullopt;
    found_.inside.insert(root);
    return std::move(found_);
  }

 private:
  const Shape& shape(Value value) const { return graph_.type(value).shape; }
  double tolerance(Value value) const { return graph_.type(value).dtype == DType::kF64 ? 1e-9 : 4e-7; }

  bool close(double expected, double actual) const { return std::abs(expected - actual) <= tolerance_ * std::abs(expected); }

  void cover(const Node& node) { found_.inside.insert(static_cast<int32_t>(&node - graph_.nodes().data())); }

  bool fits(const Pattern& pattern, Value value, const Labels& labels) {
    if (++steps_ > kBudget) return false;
    tolerance_ = tolerance(value);
    switch (pattern.kind) {
      case Kind::kVariable:
        return fits_variable(pattern, value, labels);
      case Kind::kFound:
        return false;  // a term of a sum, see below
      case Kind::kCall:
        return fits_call(pattern, value, labels);
      default:
        return fits_parts(pattern, {{value, labels, false}}, std::vector<bool>(pattern.parts.size()), pattern.kind == Kind::kSum ? 0 : 1);
    }
  }

  bool fits_variable(const Pattern& pattern, Value value, const Labels& labels) {
    if (number_of(graph_, value)) return false;
    const auto bound = found_.values.find(pattern.name);
    if (bound == found_.values.end()) {
      found_.values[pattern.name] = {value, labels};
      return true;
    }
    Item item{value, labels};
    do {
      if (bound->second.value == item.value && bound->second.labels == item.labels) return true;
    } while (look_through(item));
    return false;
  }

  /// Steps from a view that only spreads, or adds and drops axes of one entry, to its operand.
  bool look_through(Item& item) {
    const Node* node = graph_.producer(item.value);
    if (node == nullptr) return false;
    Labels labels;
    if (node->op->name == "broadcast") {
      const Shape &from = shape(node->operands[0]), &to = shape(item.value);
      const Integers& axes = get<Integers>(*node, "axes");
      for (size_t k = 0; k < from.rank(); ++k) {
        const auto axis = static_cast<size_t>(axes[k]);
        labels.push_back(is_one(from[k]) && !is_one(to[axis]) ? kOne : item.labels[axis]);
      }
    } else if (node->op->name == "reshape") {
      const Shape &from = shape(node->operands[0]), &to = shape(item.value);
      size_t at = 0;
      for (const Dim& dim : from) {
        while (at < to.rank() && is_one(to[at])) ++at;
        if (is_one(dim)) {
          labels.push_back(kOne);
        } else {
          if (at == to.rank() || to[at] != dim) return false;
          labels.push_back(item.labels[at++]);
        }
      }
      while (at < to.rank() && is_one(to[at])) ++at;
      if (at != to.rank()) return false;
    } else {
      return false;
    }
    cover(*node);
    item = {node->operands[0], std::move(labels), item.turned};
    return true;
  }

  // ---- functions ----

  bool fits_call(const Pattern& pattern, Value value, const Labels& labels) {
    Item item{value, labels};
    if (pattern.name == "columns") return fits_columns(pattern, item);
    do {
      const Node* node = graph_.producer(item.value);
      if (node != nullptr && is_call(*node, pattern.name)) return fits_arguments(pattern, *node, item.labels);
    } while (look_through(item));
    return false;
  }

  bool is_call(const Node& node, const std::string& name) const {
    const std::string& op = node.op->name;
    if (name == "sqrt" && op == "power") return number_of(graph_, node.operands[1]) == 0.5;
    return op == (name == "sum" ? "reduce_sum" : name == "max" ? "reduce_max" : name);
  }

  bool fits_arguments(const Pattern& pattern, const Node& node, const Labels& labels) {
    cover(node);
    const std::string& name = pattern.name;
    if (name == "sum" || name == "max" || name == "mean")
      return fits_reduced(pattern.parts[0], node.operands[0], labels, get<Integers>(node, "axes"));
    if (name == "softmax" || name == "log_softmax") {
      const Labels axis{labels[static_cast<size_t>(get<int64_t>(node, "axis"))]};
      return reduces(axis) && fits(pattern.parts[0], node.operands[0], labels);
    }
    if (name == "pick") {
      const int64_t axis = get<int64_t>(node, "axis");
      return fits_reduced(pattern.parts[0], node.operands[0], labels, {axis}) && fits(pattern.parts[1], node.operands[1], labels);
    }
    for (size_t i = 0; i < pattern.parts.size(); ++i) {  // element by element
      const Value operand = node.operands[i];
      if (shape(operand).rank() != labels.size() && shape(operand).rank() != 0) return false;
      if (!fits(pattern.parts[i], operand, shape(operand).rank() == 0 ? Labels{} : labels)) return false;
    }
    return true;
  }

  bool reduces(const Labels& labels) {
    if (!found_.reduced) found_.reduced = labels;
    return *found_.reduced == labels;
  }

  /// An operand whose `axes` vanish: they run along the axes that the root has and the result has not.
  bool fits_reduced(const Pattern& part, Value operand, const Labels& kept, const Integers& axes) {
    const size_t rank = shape(operand).rank();
    Labels gone, labels;
    for (size_t k = 0; k < rank_; ++k)
      if (std::find(kept.begin(), kept.end(), static_cast<int>(k)) == kept.end()) gone.push_back(static_cast<int>(k));
    if (gone.size() != axes.size()) {
      gone.clear();
      for (size_t k = 0; k < axes.size(); ++k) gone.push_back(kFirstFresh + static_cast<int>(k));
    }
    if (!reduces(gone)) return false;
    size_t at_kept = 0, at_gone = 0;
    for (size_t k = 0; k < rank; ++k) {
      const bool vanishes = std::find(axes.begin(), axes.end(), static_cast<int64_t>(k)) != axes.end();
      labels.push_back(vanishes ? gone[at_gone++] : kept[at_kept++]);
    }
    return fits(part, operand, labels);
  }

  /// columns(s): s runs along the reduced axes, and is the same for all others.
  bool fits_columns(const Pattern& pattern, Item item) {
    do {
      if (item.labels.size() >= rank_ || item.labels.empty()) continue;
      if (number_of(graph_, item.value) || !reduces(item.labels)) return false;
      found_.values[pattern.parts[0].name] = {item.value, item.labels};
      return true;
    } while (look_through(item));
    return false;
  }

  // ---- sums and products ----

  /// `items`, multiplied or added, are the parts of the pattern that are not `used`, and a number.
  bool fits_parts(const Pattern& pattern, std::vector<Item> items, const std::vector<bool>& used, double number) {
    if (++steps_ > kBudget) return false;
    if (items.empty()) return fits_number(pattern, used, number);
    const bool product = pattern.kind == Kind::kProduct;
    const Item item = items.back();
    items.pop_back();
    if (const auto known = number_of(graph_, item.value)) {
      number = product ? (item.turned ? number / *known : number * *known) : (item.turned ? number - *known : number + *known);
      return fits_parts(pattern, std::move(items), used, number);
    }
    for (const bool variables : {false, true}) {  // what says most first
      for (size_t i = 0; i < pattern.parts.size(); ++i) {
        if (used[i] || (pattern.parts[i].kind == Kind::kVariable) != variables) continue;
        const Match before = found_;
        std::vector<bool> with = used;
        with[i] = true;
        if (fits_part(pattern, i, item) && fits_parts(pattern, items, with, number)) return true;
        found_ = before;
      }
    }
    return product ? take_apart_product(pattern, std::move(items), item, used, number)
                   : take_apart_sum(pattern, std::move(items), item, used, number);
  }

  /// What is left is a number: that of the pattern, or one to be found.
  bool fits_number(const Pattern& pattern, const std::vector<bool>& used, double number) {
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) continue;
      const double found = pattern.kind == Kind::kProduct ? number / pattern.number : number - pattern.number;
      if (pattern.parts[i].kind != Kind::kFound || !found_.numbers.emplace(pattern.parts[i].name, found).second) return false;
      number = pattern.number;
    }
    return number == pattern.number || close(pattern.number, number);
  }

  bool fits_part(const Pattern& pattern, size_t i, const Item& item) {
    const Pattern& part = pattern.parts[i];
    if (pattern.turned[i] == item.turned) return fits(part, item.value, item.labels);
    if (pattern.kind == Kind::kSum) {  // -(c * a * b) is (-c) * a * b
      if (part.kind != Kind::kProduct) return false;
      return fits_parts(part, {item}, std::vector<bool>(part.parts.size()), -1);
    }
    if (part.kind != Kind::kCall || part.name != "sqrt") return false;
    Item at = item;
    do {  // 1 / sqrt(a) is rsqrt(a)
      const Node* node = graph_.producer(at.value);
      if (node == nullptr) return false;
      const bool root = node->op->name == "rsqrt" || (node->op->name == "power" && number_of(graph_, node->operands[1]) == -0.5);
      if (root) return cover(*node), fits(part.parts[0], node->operands[0], at.labels);
    } while (look_through(at));
    return false;
  }

  bool take_apart_product(const Pattern& pattern, std::vector<Item> items, const Item& item, const std::vector<bool>& used, double number) {
    const Node* node = graph_.producer(item.value);
    if (node == nullptr) return false;
    const std::string& op = node->op->name;
    const auto add = [&](size_t operand, bool turned, int times = 1) {
      const Value value = node->operands[operand];
      const Labels labels = shape(value).rank() == 0 ? Labels{} : item.labels;
      for (int i = 0; i < times; ++i) items.push_back({value, labels, turned});
    };
    if (op == "multiply" || op == "divide") {
      add(0, item.turned);
      add(1, item.turned != (op == "divide"));
    } else if (op == "negate") {
      number = -number;
      add(0, item.turned);
    } else if (op == "square") {
      add(0, item.turned, 2);
    } else if (op == "reciprocal") {
      add(0, !item.turned);
    } else if (op == "power") {
      const auto exponent = number_of(graph_, node->operands[1]);
      if (exponent != 2 && exponent != 3) return false;
      add(0, item.turned, static_cast<int>(*exponent));
    } else {
      Item inner = item;
      if (!look_through(inner)) return false;
      items.push_back(std::move(inner));
    }
    cover(*node);
    return fits_parts(pattern, std::move(items), used, number);
  }

  bool take_apart_sum(const Pattern& pattern, std::vector<Item> items, const Item& item, const std::vector<bool>& used, double number) {
    const Node* node = graph_.producer(item.value);
    if (node == nullptr) return false;
    const std::string& op = node->op->name;
    const auto add = [&](size_t operand, bool turned) {
      const Value value = node->operands[operand];
      items.push_back({value, shape(value).rank() == 0 ? Labels{} : item.labels, turned});
    };
    if (op == "add" || op == "subtract") {
      add(0, item.turned);
      add(1, item.turned != (op == "subtract"));
    } else if (op == "negate") {
      add(0, !item.turned);
    } else {
      Item inner = item;
      if (!look_through(inner)) return false;
      items.push_back(std::move(inner));
    }
    cover(*node);
    return fits_parts(pattern, std::move(items), used, number);
  }

  const Graph& graph_;
  Match found_;
  size_t rank_ = 0;  // of the root
  int steps_ = 0;
  double tolerance_ = 0;
};

}  // namespace

std::optional<Match> match(const Graph& graph, int32_t root, const Pattern& pattern) { return Matcher(graph).run(root, pattern); }

std::optional<double> number_of(const Graph& graph, Value value) {
  const Node* node = graph.producer(value);
  while (node != nullptr && (node->op->name == "broadcast" || node->op->name == "reshape")) node = graph.producer(node->operands[0]);
  if (node == nullptr || node->op->name != "constant" || !is_float(graph.type(value).dtype)) return std::nullopt;
  const Tensor& tensor = get<Tensor>(*node, "value");
  return tensor.size() == 1 ? std::optional(tensor.get(0)) : std::nullopt;
}

}  // namespace sinter::passes
