// The gradient of a choice is a choice by the same predicate; that of a loop over rows is a loop over the same rows in the other direction.
#include "ir/ops/control_gradient.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "ir/builder.h"
#include "ir/control_form.h"
#include "ir/region_gradient.h"

namespace sinter::ir {
namespace {

const RegionGradientRequest& with_regions(const GradientRequest& request) { return static_cast<const RegionGradientRequest&>(request); }

Value zeros(Builder& builder, const TensorType& type) { return builder.full(0.0, type.dtype, type.shape); }

/// Appends the nodes of `region` that `values` has no value for yet.
void copy_nodes(Builder& builder, const Graph& region, std::vector<Value>& values) {
  for (const Node& node : region.nodes()) {
    if (std::all_of(node.results.begin(), node.results.end(), [&](Value v) { return values[static_cast<size_t>(v.id)].valid(); })) continue;
    std::vector<Value> operands;
    for (const Value operand : node.operands) operands.push_back(values[static_cast<size_t>(operand.id)]);
    builder.set_name(node.name);
    const std::vector<Value> made = builder.apply(*node.op, std::move(operands), node.attributes, node.regions);
    for (size_t i = 0; i < made.size(); ++i) values[static_cast<size_t>(node.results[i].id)] = made[i];
  }
}

std::vector<Value> choice_gradient(const GradientRequest& request) {
  const PullBack& pull_back = with_regions(request).pull_back;
  const size_t given = request.operands.size() - 1;
  std::vector<bool> wanted(given);
  for (size_t i = 0; i < given; ++i) wanted[i] = request.wanted[i + 1];
  std::vector<Value> operands(request.operands.begin(), request.operands.end());
  for (const Value cotangent : request.cotangents)
    if (cotangent.valid()) operands.push_back(cotangent);
  std::vector<Graph> regions;
  for (const Graph& region : request.regions) {
    Graph backward;
    for (size_t i = 1; i < operands.size(); ++i) backward.add_argument(request.builder.type(operands[i]));
    Builder builder(backward);
    std::vector<Value> values(static_cast<size_t>(region.value_count())), cotangents(request.cotangents.size());
    for (size_t i = 0; i < given; ++i) values[i] = backward.argument(static_cast<int32_t>(i));
    int32_t next = static_cast<int32_t>(given);
    for (size_t i = 0; i < cotangents.size(); ++i)
      if (request.cotangents[i].valid()) cotangents[i] = backward.argument(next++);
    copy_nodes(builder, region, values);
    const std::vector<Value> found = pull_back(builder, region, values, cotangents, wanted);
    std::vector<Value> results;
    for (size_t i = 0; i < given; ++i)
      if (wanted[i]) results.push_back(found[i].valid() ? found[i] : zeros(builder, region.type(region.argument(static_cast<int32_t>(i)))));
    backward.set_results(std::move(results));
    regions.push_back(std::move(backward));
  }
  const std::vector<Value> made = request.builder.apply(request.op, std::move(operands), {}, std::move(regions));
  std::vector<Value> of_operands(request.operands.size());
  for (size_t i = 0, next = 0; i < given; ++i)
    if (wanted[i]) of_operands[i + 1] = made[next++];
  return of_operands;
}

/// The loop back through the rows of a scan, in the making.
class BackwardScan {
 public:
  explicit BackwardScan(const GradientRequest& request)
      : request_(request), body_(request.regions[0]), carried_(static_cast<size_t>(request.get<int64_t>("carried"))), count_(request.operands.size()) {}

  std::vector<Value> write() {
    declare();
    Builder builder(graph_);
    copy_nodes(builder, body_, values_);
    std::vector<bool> wanted(count_);
    for (size_t i = 0; i < count_; ++i) wanted[i] = goes_round(i) ? is_float(type(i).dtype) : request_.wanted[i];
    const std::vector<Value> found = with_regions(request_).pull_back(builder, body_, values_, cotangents_, wanted);
    finish(builder, found);
    return run();
  }

 private:
  const TensorType& type(size_t argument) const { return body_.type(body_.argument(static_cast<int32_t>(argument))); }
  bool goes_round(size_t i) const { return i < carried_ && !is_invariant(i); }
  bool is_invariant(size_t i) const { return i < carried_ && body_.results()[i] == body_.argument(static_cast<int32_t>(i)); }

  struct Input {
    Value outside, inside;
  };

  /// An argument of the backward body: what goes round (cotangents, sums), what stays, then rows.
  Value add(std::vector<Input>& inputs, Value outside, TensorType inside) {
    inputs.push_back({outside, graph_.add_argument(std::move(inside))});
    return inputs.back().inside;
  }

  TensorType row_type(Value stack) const {
    const TensorType& whole = request_.builder.type(stack);
    return {whole.dtype, Shape(std::vector<Dim>(whole.shape.begin() + 1, whole.shape.end()))};
  }

  void declare() {
    values_.resize(static_cast<size_t>(body_.value_count()));
    cotangents_.resize(request_.results.size());
    of_carried_.resize(carried_);
    sums_.resize(carried_);
    for (size_t i = 0; i < carried_; ++i) {
      const Value start = request_.cotangents[i];
      if (goes_round(i) && is_float(type(i).dtype))
        cotangents_[i] = of_carried_[i] = add(round_, start.valid() ? start : zeros(request_.builder, type(i)), type(i));
      if (is_invariant(i) && request_.wanted[i]) sums_[i] = add(round_, start.valid() ? start : zeros(request_.builder, type(i)), type(i));
    }
    for (size_t i = 0; i < carried_; ++i)
      if (is_invariant(i)) values_[i] = add(stays_, request_.operands[i], type(i));
    for (size_t i = carried_; i < count_; ++i) values_[i] = add(rows_, request_.operands[i], type(i));
    for (size_t i = carried_; i < request_.results.size(); ++i) {
      Value& value = values_[static_cast<size_t>(body_.results()[i].id)];
      if (!value.valid()) value = add(rows_, request_.results[i], row_type(request_.results[i]));
      if (request_.cotangents[i].valid()) cotangents_[i] = add(rows_, request_.cotangents[i], row_type(request_.cotangents[i]));
    }
    for (size_t i = 0; i < carried_; ++i) SINTER_CHECK(values_[i].valid(), "grad: a scan does not remember what it carried");
  }

  // ---- sums over the rounds: one large product after the loop instead of a small one in each round ----

  /// A product or sum of rows, and the views that it goes through, outermost first.
  struct Term {
    Value value;
    std::vector<Value> views;
  };
  const Node& maker(Value value) const { return *graph_.producer(value); }
  bool is_made_by(Value value, std::string_view op) const { return !graph_.is_argument(value) && maker(value).op->name == op; }

  /// Splits a sum into terms that can be summed over the rounds by one op; false: some cannot.
  bool split(Value value, std::vector<Term>& terms) const {
    Term term{value, {}};
    while (is_made_by(term.value, "transpose") || is_made_by(term.value, "reshape")) {
      term.views.push_back(term.value);
      term.value = maker(term.value).operands[0];
    }
    if (is_made_by(value, "add")) return split(maker(value).operands[0], terms) && split(maker(value).operands[1], terms);
    if (!is_made_by(term.value, "dot_general") && !is_made_by(term.value, "reduce_sum")) return false;
    for (const Value operand : maker(term.value).operands)
      if (std::any_of(stays_.begin(), stays_.end(), [&](const Input& input) { return input.inside == operand; })) return false;
    terms.push_back(std::move(term));
    return true;
  }

  /// Where all rows of a value of the body stand after the loop: a tensor outside, or what will be stacked, by position.
  struct Stack {
    Value outside;
    size_t stacked = 0;
  };
  Stack stack_of(Value value) {
    for (const Input& input : rows_)
      if (input.inside == value) return {input.outside, 0};
    const auto known = std::find(stacked_.begin(), stacked_.end(), value);
    if (known == stacked_.end()) {
      stacked_.push_back(value);
      return {{}, stacked_.size() - 1};
    }
    return {{}, static_cast<size_t>(known - stacked_.begin())};
  }

  struct Total {
    size_t operand;
    std::vector<Term> terms;
    std::vector<std::vector<Stack>> operands;  // per term
  };

  void finish(Builder& builder, const std::vector<Value>& found) {
    found_ = found;
    std::vector<Value> results;
    for (size_t i = 0; i < carried_; ++i) {
      if (of_carried_[i].valid()) results.push_back(found[i].valid() ? found[i] : zeros(builder, type(i)));
      if (!sums_[i].valid()) continue;
      Total total{i, {}, {}};
      if (found[i].valid() && split(found[i], total.terms)) {
        totals_.push_back(std::move(total));
        results.push_back(sums_[i]);
      } else {
        results.push_back(found[i].valid() ? builder.call("add", {sums_[i], found[i]}) : sums_[i]);
      }
    }
    for (const Input& input : stays_) results.push_back(input.inside);
    for (size_t i = carried_; i < count_; ++i)
      if (request_.wanted[i] && found[i].valid()) stacked_.push_back(found[i]);
    for (Total& total : totals_) {
      for (const Term& term : total.terms) {
        total.operands.emplace_back();
        for (const Value operand : maker(term.value).operands) total.operands.back().push_back(stack_of(operand));
      }
    }
    results.insert(results.end(), stacked_.begin(), stacked_.end());
    graph_.set_results(std::move(results));
  }

  std::vector<Value> run() {
    Builder& builder = request_.builder;
    const std::string name = builder.name();
    std::vector<Value> operands;
    for (const std::vector<Input>* inputs : {&round_, &stays_, &rows_})
      for (const Input& input : *inputs) operands.push_back(input.outside);
    const size_t carried = round_.size() + stays_.size();
    Attributes attributes = request_.attributes;
    attributes["carried"] = static_cast<int64_t>(carried);
    attributes["reverse"] = !request_.get<bool>("reverse");
    const Graph body = graph_;
    const std::vector<Value> made = builder.apply(request_.op, std::move(operands), std::move(attributes), {body});

    std::vector<Value> of_operands(count_);
    size_t next = 0;
    for (size_t i = 0; i < carried_; ++i)
      if (of_carried_[i].valid() || sums_[i].valid()) of_operands[i] = made[next++];
    for (size_t i = carried_, stack = carried; i < count_; ++i)
      if (request_.wanted[i] && found_[i].valid()) of_operands[i] = made[stack++];
    for (const Total& total : totals_) {
      for (size_t t = 0; t < total.terms.size(); ++t) {
        std::vector<Value> rows;
        for (const Stack& stack : total.operands[t]) rows.push_back(stack.outside.valid() ? stack.outside : made[carried + stack.stacked]);
        builder.set_name(name);
        const Value sum = over_all_rounds(total.terms[t], rows);
        Value& all = of_operands[total.operand];
        const bool first = t == 0 && !request_.cotangents[total.operand].valid();
        all = first ? sum : builder.call("add", {all, sum});
      }
    }
    return of_operands;
  }

  static Integers behind_rows(const Integers& axes, bool with_rows) {
    Integers all;
    if (with_rows) all.push_back(0);
    for (const int64_t axis : axes) all.push_back(axis + 1);
    return all;
  }

  Value over_all_rounds(const Term& term, const std::vector<Value>& rows) {
    const Node node = maker(term.value);
    Attributes attributes = node.attributes;
    for (auto& [name, attribute] : attributes) {
      Integers* axes = std::get_if<Integers>(&attribute);
      if (axes != nullptr) *axes = behind_rows(*axes, name == "axes" || name == "lhs_contract" || name == "rhs_contract");
    }
    Value value = request_.builder.apply(*node.op, rows, std::move(attributes))[0];
    for (auto view = term.views.rbegin(); view != term.views.rend(); ++view) value = request_.builder.apply(*maker(*view).op, {value}, maker(*view).attributes)[0];
    return value;
  }

  const GradientRequest& request_;
  const Graph& body_;
  size_t carried_, count_;
  Graph graph_;                                // the backward body
  std::vector<Input> round_, stays_, rows_;    // its arguments
  std::vector<Value> values_;                  // in it, per value of the body
  std::vector<Value> cotangents_;              // in it, per result of the body
  std::vector<Value> of_carried_, sums_;       // in it, per carried operand: its cotangent; what it adds up to
  std::vector<Value> found_, stacked_;
  std::vector<Total> totals_;
};

/// Values of a body that its gradient should not compute again.
std::vector<Value> dear_values(const Graph& body) {
  std::vector<Value> values;
  for (const Node& node : body.nodes())
    if (std::holds_alternative<Contract>(node.op->lowering) || !node.regions.empty()) values.insert(values.end(), node.results.begin(), node.results.end());
  return values;
}

std::vector<Value> missing_memories(const Node& node) {
  const std::optional<ControlForm> form = control_form(node);
  if (!form || form->kind != ControlForm::Kind::kRows) return {};
  const Graph& body = node.regions[0];
  std::vector<Value> wanted = dear_values(body);
  for (size_t i = 0; i < form->carried; ++i)
    if (!is_invariant(node, *form, i)) wanted.push_back(body.argument(static_cast<int32_t>(i)));
  std::erase_if(wanted, [&](Value value) {
    return std::find(body.results().begin() + static_cast<std::ptrdiff_t>(form->carried), body.results().end(), value) != body.results().end();
  });
  return wanted;
}

}  // namespace

bool remembers(const Node& node) { return missing_memories(node).empty(); }

std::vector<Value> apply_remembering(Builder& builder, const Node& node, std::vector<Value> operands, std::vector<Graph> regions) {
  Node changed = node;
  changed.regions = std::move(regions);
  const std::vector<Value> memories = missing_memories(changed);
  if (!memories.empty()) {
    std::vector<Value> results = changed.regions[0].results();
    results.insert(results.end(), memories.begin(), memories.end());
    changed.regions[0].set_results(std::move(results));
  }
  return builder.apply(*node.op, std::move(operands), node.attributes, std::move(changed.regions));
}

GradientRule if_gradient() { return choice_gradient; }

GradientRule scan_gradient() {
  return [](const GradientRequest& request) { return BackwardScan(request).write(); };
}

}  // namespace sinter::ir
