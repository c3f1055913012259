#include "passes/plan_memory.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "ir/control_form.h"
#include "passes/in_place.h"

namespace sinter::passes {
namespace {

using ir::control_form;
using ir::ControlForm;
using ir::Graph;
using ir::Node;
using ir::Value;

/// What the planner knows of one graph: the function's own, or a region's.
struct Scope {
  const Graph& graph;
  std::vector<int32_t> buffers;      // per value, -1: none yet
  std::vector<size_t> last_reader;   // per value: the last node of this graph that reads it, or a value that is the same memory
};

class Planner {
 public:
  Planner(const ir::Module& module, const ir::Function& function) : module_(module), function_(function) {}

  MemoryPlan plan() {
    Scope scope = scope_of(function_.graph);
    add_variables(scope);
    count_kernels(function_.graph);
    walk(scope);
    if (!plan_.steps.empty() || plan_.segments.empty()) end_segment();
    plan_.buffer_of_value = std::move(scope.buffers);
    if (!has_steps_) plan_.steps.clear();
    return std::move(plan_);
  }

 private:
  int32_t& buffer_of(Scope& scope, Value value) { return scope.buffers[static_cast<size_t>(value.id)]; }
  PlannedBuffer& buffer(int32_t index) { return plan_.buffers[static_cast<size_t>(index)]; }

  Scope scope_of(const Graph& graph) {
    Scope scope{graph, std::vector<int32_t>(static_cast<size_t>(graph.value_count()), -1), std::vector<size_t>(static_cast<size_t>(graph.value_count()))};
    // What goes round in a loop is one piece of memory before, in and after it.
    std::vector<int32_t> memory(static_cast<size_t>(graph.value_count()));
    for (size_t v = 0; v < memory.size(); ++v) memory[v] = static_cast<int32_t>(v);
    std::vector<size_t>& last = scope.last_reader;
    for (size_t k = 0; k < graph.nodes().size(); ++k) {
      const Node& node = graph.nodes()[k];
      const std::optional<ControlForm> form = control_form(node);
      for (size_t i = 0; form && i < form->carried; ++i)
        memory[static_cast<size_t>(node.results[i].id)] = memory[static_cast<size_t>(node.operands[form->first + i].id)];
      for (const std::vector<Value>* values : {&node.operands, &node.results})
        for (const Value value : *values) last[static_cast<size_t>(memory[static_cast<size_t>(value.id)])] = k;
    }
    for (const Value value : graph.results()) last[static_cast<size_t>(memory[static_cast<size_t>(value.id)])] = SIZE_MAX;
    for (size_t v = 0; v < memory.size(); ++v) last[v] = last[static_cast<size_t>(memory[v])];
    return scope;
  }

  void add_variables(Scope& scope) {
    std::map<std::string, int32_t> buffers;
    const auto add = [&](const std::vector<std::string>& names, BufferKind kind) {
      for (size_t i = 0; i < names.size(); ++i) {
        PlannedBuffer buffer{.type = module_.variable(names[i]).type, .kind = kind, .index = static_cast<int32_t>(i)};
        buffer.name = names[i];
        buffers[names[i]] = add_buffer(std::move(buffer));
      }
    };
    add(ir::port_names(module_, function_), BufferKind::kVariable);
    add(ir::constant_names(module_, function_), BufferKind::kConstant);
    for (size_t i = 0; i < function_.arguments.size(); ++i)
      buffer_of(scope, scope.graph.argument(static_cast<int32_t>(i))) = buffers.at(function_.arguments[i]);
    for (size_t i = 0; i < function_.results.size(); ++i) bind(scope, i, buffers.at(function_.results[i]));
  }

  void bind(Scope& scope, size_t result, int32_t buffer) {
    const Value value = scope.graph.results()[result];
    SINTER_CHECK(buffer_of(scope, value) < 0 || buffer_of(scope, value) == buffer,
                 "result " + function_.results[result] + " has the memory of another variable; run bind_results first");
    buffer_of(scope, value) = buffer;
    const auto old = std::find(function_.arguments.begin(), function_.arguments.end(), function_.results[result]);
    if (old == function_.arguments.end()) return;
    SINTER_CHECK(can_replace(scope.graph, value, Value{static_cast<int32_t>(old - function_.arguments.begin())}),
                 "result " + function_.results[result] + " is written while its old value is needed; run bind_results first");
  }

  int32_t add_buffer(PlannedBuffer buffer) {
    plan_.buffers.push_back(std::move(buffer));
    depth_of_.push_back(loop_ends_.size());
    return static_cast<int32_t>(plan_.buffers.size()) - 1;
  }

  int32_t add_temporary(const TensorType& type, int32_t kernel, const std::string& name) {
    PlannedBuffer buffer{.type = type, .kind = BufferKind::kArena, .first_kernel = kernel, .last_kernel = kernel};
    buffer.name = name;
    return add_buffer(std::move(buffer));
  }

  // ---- kernels and lifetimes ----

  int32_t count_kernels(const Graph& graph) {
    int32_t total = 0;
    for (const Node& node : graph.nodes()) {
      int32_t count = control_form(node) ? 0 : 1;
      for (const Graph& region : node.regions)
        if (control_form(node)) count += count_kernels(region);
      kernels_of_[&node] = count;
      total += count;
    }
    return total;
  }

  /// Kernel `kernel` reads or writes the buffer. What was there before a loop and is used in it is there until its end: the next round
  /// wants it too.
  void touch(int32_t index, int32_t kernel) {
    while (buffer(index).kind == BufferKind::kRow) index = buffer(index).index;
    if (buffer(index).kind != BufferKind::kArena) return;
    const size_t depth = depth_of_[static_cast<size_t>(index)];
    if (depth < loop_ends_.size()) kernel = std::max(kernel, loop_ends_[depth] - 1);
    buffer(index).last_kernel = std::max(buffer(index).last_kernel, kernel);
  }

  void walk(Scope& scope) {
    for (size_t k = 0; k < scope.graph.nodes().size(); ++k) {
      const Node& node = scope.graph.nodes()[k];
      if (const std::optional<ControlForm> form = control_form(node)) {
        walk_control(scope, node, *form);
      } else {
        add_kernel(scope, k, node);
      }
    }
  }

  void add_kernel(Scope& scope, size_t k, const Node& node) {
    for (const Value operand : node.operands) touch(buffer_of(scope, operand), next_);
    for (size_t i = 0; i < node.results.size(); ++i) {
      if (buffer_of(scope, node.results[i]) < 0) {
        const int32_t made = add_temporary(scope.graph.type(node.results[i]), next_, node.name);
        for (size_t operand = 0; operand < node.operands.size() && buffer(made).shares < 0; ++operand)
          if (dies_here(scope, node.operands[operand], k) && can_write_over(node, i, operand)) take_over(made, buffer_of(scope, node.operands[operand]));
        own_.insert({&scope.graph, made});
        buffer_of(scope, node.results[i]) = made;
      }
      touch(buffer_of(scope, node.results[i]), next_);
    }
    ++next_;
  }

  /// The memory is of a kernel of this very graph, and node `k` of the graph is the last that wants what is there.
  bool dies_here(Scope& scope, Value value, size_t k) {
    return own_.contains({&scope.graph, buffer_of(scope, value)}) && scope.last_reader[static_cast<size_t>(value.id)] == k;
  }

  void take_over(int32_t made, int32_t from) {
    if (taken_.insert(from).second) buffer(made).shares = from;
  }

  // ---- control flow ----

  void end_segment() {
    const int32_t first = plan_.segments.empty() ? 0 : plan_.segments.back().first + plan_.segments.back().count;
    if (next_ == first && !plan_.segments.empty()) return;
    plan_.steps.push_back({Step::Kind::kRun, static_cast<int32_t>(plan_.segments.size()), 0});
    plan_.segments.push_back({first, next_ - first});
  }

  int32_t here() const { return static_cast<int32_t>(plan_.steps.size()); }

  int32_t add_step(Step::Kind kind, int32_t subject, int32_t target = 0) {
    if (next_ > 0) end_segment();
    has_steps_ = true;
    plan_.steps.push_back({kind, subject, target});
    return here() - 1;
  }
  void aim(int32_t step) {
    end_segment();
    plan_.steps[static_cast<size_t>(step)].target = here();
  }

  void walk_control(Scope& scope, const Node& node, const ControlForm& form) {
    if (kernels_of_.at(&node) == 0) return pass_through(scope, node, form);
    const int32_t end = next_ + kernels_of_.at(&node);
    std::vector<int32_t> given, results;
    for (size_t i = form.first; i < node.operands.size(); ++i) given.push_back(buffer_of(scope, node.operands[i]));
    for (size_t i = 0; i < node.results.size(); ++i) {
      int32_t& result = buffer_of(scope, node.results[i]);
      if (i < form.carried) {
        SINTER_CHECK(result < 0 || result == given[i], "what goes round in a loop has the memory of a variable; run bind_results first");
        result = given[i];
      } else if (result < 0) {
        result = add_temporary(scope.graph.type(node.results[i]), next_, node.name);
        own_.insert({&scope.graph, result});
      }
      results.push_back(result);
    }
    switch (form.kind) {
      case ControlForm::Kind::kChoice: walk_choice(scope, node, given, results); break;
      case ControlForm::Kind::kWhile: walk_while(node, given, end); break;
      case ControlForm::Kind::kRows: walk_rows(scope, node, form, given, results, end); break;
    }
    SINTER_CHECK(next_ == end, "another number of kernels than was counted");
  }

  void skip_regions(const Node& node) {
    for (const Graph& region : node.regions) {
      plan_.buffer_of_region_value.emplace_back();
      for (const Node& inside : region.nodes()) skip_regions(inside);
    }
  }

  /// Nothing to run: what goes round stays what it is.
  void pass_through(Scope& scope, const Node& node, const ControlForm& form) {
    skip_regions(node);
    for (size_t i = 0; i < node.results.size(); ++i) {
      SINTER_CHECK(i < form.carried && is_invariant(node, form, i), "a result of control flow that no kernel writes; run bind_results first");
      buffer_of(scope, node.results[i]) = buffer_of(scope, node.operands[form.first + i]);
    }
  }

  void walk_region(const Graph& region, const std::vector<int32_t>& arguments, const std::vector<int32_t>& results, int32_t* decides = nullptr) {
    const size_t number = plan_.buffer_of_region_value.size();
    plan_.buffer_of_region_value.emplace_back();
    Scope scope = scope_of(region);
    for (size_t i = 0; i < arguments.size(); ++i) scope.buffers[i] = arguments[i];
    for (size_t i = 0; i < results.size(); ++i) {
      int32_t& bound = buffer_of(scope, region.results()[i]);
      SINTER_CHECK(bound < 0 || bound == results[i], "a region returns what another value has the memory of; run bind_results first");
      bound = results[i];
    }
    walk(scope);
    if (decides) *decides = buffer_of(scope, region.results()[0]);
    plan_.buffer_of_region_value[number] = std::move(scope.buffers);
  }

  void walk_choice(Scope& scope, const Node& node, const std::vector<int32_t>& given, const std::vector<int32_t>& results) {
    const int32_t predicate = buffer_of(scope, node.operands[0]);
    touch(predicate, next_);
    const int32_t unless = add_step(Step::Kind::kUnless, predicate);
    walk_region(node.regions[0], given, results);
    const int32_t jump = add_step(Step::Kind::kJump, 0);
    plan_.steps[static_cast<size_t>(unless)].target = here();
    walk_region(node.regions[1], given, results);
    aim(jump);
    for (const int32_t result : results) touch(result, next_ - 1);
  }

  void walk_while(const Node& node, const std::vector<int32_t>& given, int32_t end) {
    if (next_ > 0) end_segment();
    const int32_t again = here();
    loop_ends_.push_back(end);
    int32_t predicate = -1;
    walk_region(node.regions[0], given, {}, &predicate);
    touch(predicate, std::min(next_, end - 1));
    const int32_t unless = add_step(Step::Kind::kUnless, predicate);
    walk_region(node.regions[1], given, given);
    add_step(Step::Kind::kJump, 0, again);
    aim(unless);
    loop_ends_.pop_back();
  }

  void walk_rows(Scope& scope, const Node& node, const ControlForm& form, std::vector<int32_t> given, std::vector<int32_t> results, int32_t end) {
    const auto loop = static_cast<int32_t>(plan_.loops.size());
    plan_.loops.push_back({form.length, form.reverse});
    const int32_t begin = add_step(Step::Kind::kBegin, loop), again = here();
    loop_ends_.push_back(end);
    const Graph& body = node.regions[0];
    for (size_t i = form.carried; i < given.size(); ++i) given[i] = add_row(given[i], loop, body.type(body.argument(static_cast<int32_t>(i))));
    for (size_t i = form.carried; i < results.size(); ++i) results[i] = add_row(results[i], loop, body.type(body.results()[i]));
    walk_region(body, given, results);
    add_step(Step::Kind::kNext, loop, again);
    aim(begin);
    loop_ends_.pop_back();
    for (const Value result : node.results) touch(buffer_of(scope, result), next_ - 1);
  }

  int32_t add_row(int32_t of, int32_t loop, const TensorType& type) {
    PlannedBuffer row{.type = type, .kind = BufferKind::kRow, .index = of};
    row.name = buffer(of).name;
    row.loop = loop;
    return add_buffer(std::move(row));
  }

  const ir::Module& module_;
  const ir::Function& function_;
  MemoryPlan plan_;
  std::map<const Node*, int32_t> kernels_of_;         // of a node, those of its regions included
  std::set<std::pair<const Graph*, int32_t>> own_;    // temporaries by the graph whose nodes write them
  std::set<int32_t> taken_;                           // buffers whose memory another has
  std::vector<size_t> depth_of_;                      // per buffer: how many loops are around where it begins
  std::vector<int32_t> loop_ends_;                    // of the loops around, outermost first: the kernel after the last
  int32_t next_ = 0;                                  // kernel
  bool has_steps_ = false;
};

}  // namespace

MemoryPlan plan_memory(const ir::Module& module, const ir::Function& function) {
  const WorkingOn scope("memory of function " + function.name);
  return Planner(module, function).plan();
}

}  // namespace sinter::passes
