#include "backend/loop/symbols.h"

#include <unordered_set>

namespace sinter::loop {
namespace {

template <class... Handlers> struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers> Overloaded(Handlers...) -> Overloaded<Handlers...>;

/// Expressions are shared; each is walked once.
class Walk {
 public:
  explicit Walk(const std::function<void(const Dim&)>& visit) : visit_(visit) {}

  void expression(const ExpressionRef& e) {
    if (!e || !seen_.insert(e.get()).second) return;
    if (e->kind == Expression::Kind::kIndex) visit_(e->index);
    for (const Dim& dim : e->indices) visit_(dim);
    ranges(e->ranges);
    for (const ExpressionRef& argument : e->arguments) expression(argument);
  }

  void ranges(const std::vector<Range>& list) {
    for (const Range& range : list) {
      visit_(range.value);
      visit_(range.lower);
      visit_(range.upper);
    }
  }

  void operand(const ContractOperand& o) {
    for (const Dim* dim : {&o.offset, &o.stride, &o.depth_stride, &o.batch_stride, &o.first}) visit_(*dim);
  }

  void body(const Body& statements) {
    for (const Statement& statement : statements) {
      std::visit(Overloaded{
                     [&](const For& s) { visit_(s.extent), body(s.body); },
                     [&](const Let& s) { expression(s.value); },
                     [&](const Declare& s) { expression(s.initial); },
                     [&](const Update& s) { expression(s.value); },
                     [&](const Assign& s) { expression(s.value); },
                     [&](const Store& s) {
                       for (const Dim& dim : s.indices) visit_(dim);
                       expression(s.value);
                     },
                     [&](const Prefetch& s) {
                       for (const Dim& dim : s.indices) visit_(dim);
                     },
                     [&](const CheckedIndex& s) { visit_(s.upper), expression(s.value); },
                     [&](const If& s) { ranges(s.ranges), body(s.then), body(s.otherwise); },
                     [&](const Contract& s) {
                       for (const Dim* dim : {&s.c_offset, &s.c_row_stride, &s.after, &s.rows, &s.columns, &s.depth, &s.batches}) visit_(*dim);
                       operand(s.a);
                       operand(s.b);
                       if (s.ahead >= 0) visit_(s.ahead_offset), visit_(s.ahead_stride);
                     },
                     [&](const Transpose& s) {
                       for (const Dim* dim : {&s.offset, &s.row_stride, &s.from_offset, &s.column_stride, &s.rows, &s.columns}) visit_(*dim);
                     },
                 },
                 statement.node);
    }
  }

 private:
  const std::function<void(const Dim&)>& visit_;
  std::unordered_set<const Expression*> seen_;
};

void collect_defined(const Body& body, std::set<std::string>& defined) {
  for (const Statement& statement : body) {
    if (const auto* loop = std::get_if<For>(&statement.node)) {
      defined.insert(loop->variable);
      collect_defined(loop->body, defined);
    } else if (const auto* index = std::get_if<CheckedIndex>(&statement.node)) {
      defined.insert(index->variable);
    } else if (const auto* branch = std::get_if<If>(&statement.node)) {
      collect_defined(branch->then, defined);
      collect_defined(branch->otherwise, defined);
    }
  }
}

}  // namespace

void for_each_dim(const Body& body, const std::function<void(const Dim&)>& visit) { Walk(visit).body(body); }

void for_each_dim(const ExpressionRef& expression, const std::function<void(const Dim&)>& visit) { Walk(visit).expression(expression); }

std::set<std::string> free_symbols(const Kernel& kernel) {
  std::set<std::string> used, defined{"tile"};
  const auto collect = [&](const Dim& dim) { dim.collect_symbols(used); };
  for_each_dim(kernel.body, collect);
  collect(kernel.tiles);
  for (const Buffer& buffer : kernel.buffers)
    for (const Dim& dim : buffer.shape) collect(dim);
  collect_defined(kernel.body, defined);
  for (const std::string& name : defined) used.erase(name);
  return used;
}

}  // namespace sinter::loop
