#include "passes/plan_memory.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "passes/in_place.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

class Planner {
 public:
  Planner(const ir::Module& module, const ir::Function& function) : module_(module), function_(function), graph_(function.graph) {
    plan_.buffer_of_value.assign(static_cast<size_t>(graph_.value_count()), -1);
  }

  MemoryPlan plan() {
    add_variables();
    find_last_readers();
    for (size_t k = 0; k < graph_.nodes().size(); ++k) {
      const Node& node = graph_.nodes()[k];
      for (size_t i = 0; i < node.results.size(); ++i)
        if (buffer_of(node.results[i]) < 0) add_temporary(k, i);
    }
    return std::move(plan_);
  }

 private:
  int32_t& buffer_of(Value value) { return plan_.buffer_of_value[static_cast<size_t>(value.id)]; }
  size_t last_reader(Value value) const { return last_reader_[static_cast<size_t>(value.id)]; }

  void add_variables() {
    std::map<std::string, int32_t> buffers;
    const auto add = [&](const std::vector<std::string>& names, BufferKind kind) {
      for (size_t i = 0; i < names.size(); ++i) {
        PlannedBuffer buffer{.type = module_.variable(names[i]).type, .kind = kind, .index = static_cast<int32_t>(i)};
        buffer.name = names[i];
        buffers[names[i]] = static_cast<int32_t>(plan_.buffers.size());
        plan_.buffers.push_back(std::move(buffer));
      }
    };
    add(ir::port_names(module_, function_), BufferKind::kVariable);
    add(ir::constant_names(module_, function_), BufferKind::kConstant);
    for (size_t i = 0; i < function_.arguments.size(); ++i)
      buffer_of(graph_.argument(static_cast<int32_t>(i))) = buffers.at(function_.arguments[i]);
    for (size_t i = 0; i < function_.results.size(); ++i) bind(i, buffers.at(function_.results[i]));
  }

  void bind(size_t result, int32_t buffer) {
    const Value value = graph_.results()[result];
    SINTER_CHECK(buffer_of(value) < 0 || buffer_of(value) == buffer,
                 "result " + function_.results[result] + " has the memory of another variable; run bind_results first");
    buffer_of(value) = buffer;
    const auto old = std::find(function_.arguments.begin(), function_.arguments.end(), function_.results[result]);
    if (old == function_.arguments.end()) return;
    SINTER_CHECK(can_replace(graph_, value, Value{static_cast<int32_t>(old - function_.arguments.begin())}),
                 "result " + function_.results[result] + " is written while its old value is needed; run bind_results first");
  }

  void find_last_readers() {
    last_reader_.assign(static_cast<size_t>(graph_.value_count()), 0);
    for (size_t k = 0; k < graph_.nodes().size(); ++k) {
      for (const Value operand : graph_.nodes()[k].operands) last_reader_[static_cast<size_t>(operand.id)] = k;
      for (const Value result : graph_.nodes()[k].results) last_reader_[static_cast<size_t>(result.id)] = k;
    }
  }

  void add_temporary(size_t kernel, size_t result) {
    const Node& node = graph_.nodes()[kernel];
    const Value value = node.results[result];
    PlannedBuffer buffer{.type = graph_.type(value), .kind = BufferKind::kArena};
    buffer.first_kernel = static_cast<int32_t>(kernel);
    buffer.last_kernel = static_cast<int32_t>(last_reader(value));
    buffer.name = node.name;
    for (size_t operand = 0; operand < node.operands.size() && buffer.shares < 0; ++operand)
      if (dies_here(node.operands[operand], kernel) && can_write_over(node, result, operand))
        take_over(buffer, buffer_of(node.operands[operand]));
    buffer_of(value) = static_cast<int32_t>(plan_.buffers.size());
    plan_.buffers.push_back(std::move(buffer));
  }

  bool dies_here(Value value, size_t kernel) {
    return plan_.buffers[static_cast<size_t>(buffer_of(value))].kind == BufferKind::kArena && last_reader(value) == kernel;
  }

  void take_over(PlannedBuffer& buffer, int32_t from) {
    if (taken_.insert(from).second) buffer.shares = from;
  }

  const ir::Module& module_;
  const ir::Function& function_;
  const Graph& graph_;
  MemoryPlan plan_;
  std::vector<size_t> last_reader_;  // per value: the last kernel that touches it
  std::set<int32_t> taken_;          // buffers whose memory another has
};

}  // namespace

MemoryPlan plan_memory(const ir::Module& module, const ir::Function& function) {
  const WorkingOn scope("memory of function " + function.name);
  return Planner(module, function).plan();
}

}  // namespace sinter::passes
