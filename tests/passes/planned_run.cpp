#include "planned_run.h"

#include <cstring>

#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "ir/text.h"
#include "passes/check_fusions.h"
#include "passes/plan_memory.h"

namespace sinter::passes::test {
namespace {

using ir::Value;

const std::string& kind_of(const ir::Node& fusion) { return ir::get_attribute<std::string>(*fusion.op, fusion.attributes, "kind"); }

/// Memory as the plan gives it out. A block belongs to one buffer at a time.
class Memory {
 public:
  Memory(const MemoryPlan& plan, const SymbolValues& symbols) : plan_(plan), symbols_(symbols), block_of_(plan.buffers.size(), -1) {}

  void write_variable(int32_t index, const Tensor& value) {
    for (size_t b = 0; b < plan_.buffers.size(); ++b)
      if (plan_.buffers[b].kind != BufferKind::kArena && plan_.buffers[b].name == plan_.buffers[static_cast<size_t>(index)].name)
        block_of_[b] = new_block();
    write(index, value);
  }

  /// Blocks for the buffers whose life begins with this kernel.
  void begin(int32_t kernel) {
    for (size_t b = 0; b < plan_.buffers.size(); ++b) {
      const PlannedBuffer& buffer = plan_.buffers[b];
      if (buffer.kind != BufferKind::kArena) {
        if (block_of_[b] < 0) block_of_[b] = new_block();  // an output
      } else if (buffer.first_kernel == kernel) {
        block_of_[b] = buffer.shares >= 0 ? taken_over(buffer, kernel) : free_block(kernel);
        int32_t& until = busy_until_[static_cast<size_t>(block_of_[b])];
        until = std::max(until, buffer.last_kernel);
      }
    }
  }

  Tensor read(int32_t buffer, int32_t kernel) {
    check_alive(buffer, kernel);
    const PlannedBuffer& planned = plan_.buffers[static_cast<size_t>(buffer)];
    Tensor value(planned.type.dtype, planned.type.shape.evaluate(symbols_));
    std::vector<char>& bytes = blocks_[static_cast<size_t>(block_of_[static_cast<size_t>(buffer)])];
    bytes.resize(std::max(bytes.size(), value.bytes()), '\x7f');
    if (value.bytes() > 0) std::memcpy(value.raw(), bytes.data(), value.bytes());
    return value;
  }

  void write(int32_t buffer, const Tensor& value, int32_t kernel = -1) {
    if (kernel >= 0) check_alive(buffer, kernel);
    std::vector<char>& bytes = blocks_[static_cast<size_t>(block_of_[static_cast<size_t>(buffer)])];
    bytes.resize(std::max(bytes.size(), value.bytes()), '\x7f');
    if (value.bytes() > 0) std::memcpy(bytes.data(), value.raw(), value.bytes());
  }

 private:
  int32_t new_block() {
    blocks_.emplace_back();
    busy_until_.push_back(INT32_MAX);
    return static_cast<int32_t>(blocks_.size()) - 1;
  }

  int32_t free_block(int32_t kernel) {
    for (size_t i = blocks_.size(); i > 0; --i) {
      if (busy_until_[i - 1] >= kernel) continue;
      std::fill(blocks_[i - 1].begin(), blocks_[i - 1].end(), '\x7f');
      return static_cast<int32_t>(i - 1);
    }
    const int32_t block = new_block();
    busy_until_.back() = -1;
    return block;
  }

  int32_t taken_over(const PlannedBuffer& buffer, int32_t kernel) {
    const PlannedBuffer& before = plan_.buffers[static_cast<size_t>(buffer.shares)];
    EXPECT_EQ(before.kind, BufferKind::kArena);
    EXPECT_LE(before.last_kernel, kernel) << buffer.name << " takes over memory that is in use";
    EXPECT_EQ(size_in_bytes(before.type.dtype), size_in_bytes(buffer.type.dtype));
    EXPECT_EQ(before.type.shape.element_count(), buffer.type.shape.element_count());
    const int32_t block = block_of_[static_cast<size_t>(buffer.shares)];
    for (size_t b = 0; b < plan_.buffers.size(); ++b)
      EXPECT_FALSE(block_of_[b] == block && plan_.buffers[b].kind == BufferKind::kArena && plan_.buffers[b].first_kernel < kernel &&
                   plan_.buffers[b].last_kernel > kernel)
          << "memory is taken over twice";
    return block;
  }

  void check_alive(int32_t index, int32_t kernel) const {
    const PlannedBuffer& buffer = plan_.buffers[static_cast<size_t>(index)];
    if (buffer.kind != BufferKind::kArena) return;
    EXPECT_LE(buffer.first_kernel, kernel) << "buffer " << index;
    EXPECT_GE(buffer.last_kernel, kernel) << "buffer " << index;
  }

  const MemoryPlan& plan_;
  const SymbolValues& symbols_;
  std::vector<int32_t> block_of_;
  std::vector<std::vector<char>> blocks_;
  std::vector<int32_t> busy_until_;
};

using Visit = std::function<void(const ir::Node& node, const std::vector<Tensor>& operands, const std::vector<Tensor>& results)>;

Tensors run_kernels(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Tensors& inputs,
                    const SymbolValues& symbols, const Visit& visit) {
  Memory memory(plan, symbols);
  const auto buffer_of = [&](Value value) { return plan.buffer_of_value[static_cast<size_t>(value.id)]; };
  for (size_t i = 0; i < function.arguments.size(); ++i) {
    const ir::Variable& variable = module.variable(function.arguments[i]);
    memory.write_variable(buffer_of({static_cast<int32_t>(i)}), variable.value ? *variable.value : inputs.at(variable.name));
  }
  for (size_t k = 0; k < function.graph.nodes().size(); ++k) {
    const ir::Node& node = function.graph.nodes()[k];
    const auto kernel = static_cast<int32_t>(k);
    memory.begin(kernel);
    std::vector<Tensor> operands;
    for (const Value operand : node.operands) operands.push_back(memory.read(buffer_of(operand), kernel));
    const std::vector<Tensor> results = ir::evaluate(node.regions[0], operands, symbols);
    visit(node, operands, results);
    for (size_t i = 0; i < results.size(); ++i) memory.write(buffer_of(node.results[i]), results[i], kernel);
  }
  memory.begin(static_cast<int32_t>(function.graph.nodes().size()));
  Tensors after;
  for (size_t i = 0; i < function.results.size(); ++i) {
    const PlannedBuffer& buffer = plan.buffers[static_cast<size_t>(buffer_of(function.graph.results()[i]))];
    EXPECT_EQ(buffer.kind, BufferKind::kVariable);
    EXPECT_EQ(buffer.name, function.results[i]);
    after[function.results[i]] = memory.read(buffer_of(function.graph.results()[i]), 0);
  }
  return after;
}

bool same_memory(const MemoryPlan& plan, int32_t written, int32_t read) {
  return written == read || plan.buffers[static_cast<size_t>(written)].shares == read;
}

/// Rows and scatters read a row, or all, before they write: whoever makes result `result` of a fusion, alone or as a part of a parallel one.
bool reads_before_it_writes(const ir::Node& fusion, size_t result) {
  const ir::Node* writer = &fusion;
  if (kind_of(fusion) == "parallel") writer = fusion.regions[0].producer(fusion.regions[0].results()[result]);
  return kind_of(*writer) == "rows" || kind_of(*writer) == "scatter";
}

/// Elements of `result` other than `at` that changed.
int64_t changed_elsewhere(const Tensor& before, const Tensor& after, int64_t at) {
  int64_t count = 0;
  const size_t size = size_in_bytes(before.dtype());
  for (int64_t i = 0; i < before.size(); ++i) {
    const size_t offset = static_cast<size_t>(i) * size;
    count +=
        i != at && std::memcmp(static_cast<const char*>(before.raw()) + offset, static_cast<const char*>(after.raw()) + offset, size) != 0;
  }
  return count;
}

void perturb(Tensor& tensor, int64_t at) {
  if (is_float(tensor.dtype())) {
    tensor.set(at, tensor.get(at) * 1.5 + 1);
  } else if (tensor.dtype() == DType::kBool) {
    tensor.set_integer(at, 1 - tensor.get_integer(at));
  } else {
    tensor.set_integer(at, tensor.get_integer(at) == 0 ? 1 : 0);
  }
}

}  // namespace

Tensors run_planned(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Tensors& inputs,
                    const SymbolValues& symbols) {
  return run_kernels(module, function, plan, inputs, symbols, [](const auto&, const auto&, const auto&) {});
}

void expect_safe_in_place(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Tensors& inputs,
                          const SymbolValues& symbols) {
  const auto buffer_of = [&](Value value) { return plan.buffer_of_value[static_cast<size_t>(value.id)]; };
  run_kernels(module, function, plan, inputs, symbols,
              [&](const ir::Node& node, const std::vector<Tensor>& operands, const std::vector<Tensor>& results) {
                for (size_t r = 0; r < results.size(); ++r) {
                  if (reads_before_it_writes(node, r)) continue;
                  for (size_t o = 0; o < operands.size(); ++o) {
                    if (!same_memory(plan, buffer_of(node.results[r]), buffer_of(node.operands[o]))) continue;
                    ASSERT_EQ(operands[o].size(), results[r].size()) << node.name;
                    for (int64_t at = 0; at < operands[o].size(); at += 1 + operands[o].size() / 5) {
                      std::vector<Tensor> changed = operands;
                      changed[o] = operands[o].clone();
                      perturb(changed[o], at);
                      const std::vector<Tensor> now = ir::evaluate(node.regions[0], changed, symbols);
                      for (size_t i = 0; i < now.size(); ++i) {
                        if (now[i].size() != results[r].size())
                          EXPECT_TRUE(same_bits(now[i], results[i])) << node.name;
                        else
                          EXPECT_EQ(changed_elsewhere(results[i], now[i], at), 0)
                              << node.name << ": another element depends on element " << at << " of operand " << o;
                      }
                    }
                  }
                }
              });
}

void expect_planned_runs(const ir::Module& before, const ir::Module& fused, const SymbolValues& sizes, const Ranges& ranges) {
  const SymbolValues symbols = sizes_of(before, sizes);
  for (const ir::Function& function : fused.functions) {
    check_fusions(function.graph);
    const MemoryPlan plan = plan_memory(fused, function);
    const Tensors inputs = random_inputs(before, before.function(function.name), symbols, 3, ranges);
    const Tensors expected = ir::evaluate(fused, function.name, inputs, symbols);
    const Tensors actual = run_planned(fused, function, plan, inputs, symbols);
    for (const auto& [name, tensor] : expected) EXPECT_TRUE(same_bits(tensor, actual.at(name))) << function.name << " " << name;
    expect_safe_in_place(fused, function, plan, inputs, symbols);
  }
}

}  // namespace sinter::passes::test
