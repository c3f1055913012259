#include "backend/support/native.h"

#include "backend/contract_packing.h"
#include "backend/llvm/codegen.h"
#include "backend/lower/contract_form.h"
#include "ir/builder.h"
#include "passes/group_contracts.h"
#include "passes/widen.h"
#include "runtime/order.h"
#include "support/samples.h"

namespace sinter::test {

std::string fusion_kind(const ir::Graph& graph, const ir::Node& node) {
  const ir::Lowering& lowering = node.op->lowering;
  if (std::holds_alternative<ir::Elementwise>(lowering) || std::holds_alternative<ir::View>(lowering)) return "loops";
  if (const auto* index = std::get_if<ir::Index>(&lowering)) return index->kind == ir::Index::Kind::kScatterAdd ? "scatter" : "loops";
  if (std::holds_alternative<ir::Contract>(lowering)) return "contract";
  if (const auto* window = std::get_if<ir::Window>(&lowering)) return ir::is_convolution(*window) ? "convolution" : "window";
  if (const auto* reduce = std::get_if<ir::Reduce>(&lowering)) {
    if (reduce->blocks) return "rows";
    const auto axes = reduce->argument ? ir::Integers{ir::get_attribute<int64_t>(*node.op, node.attributes, "axis")}
                                       : ir::get_attribute<ir::Integers>(*node.op, node.attributes, "axes");
    const size_t kept = graph.type(node.operands[0]).shape.rank() - axes.size();
    for (size_t i = 0; i < axes.size(); ++i)
      if (axes[i] != static_cast<int64_t>(kept + i)) return "columns";
    return "rows";
  }
  return {};
}

ir::Function wrap_each_node(const ir::Function& function) {
  ir::Function wrapped = function;
  wrapped.graph = {};
  std::vector<ir::Value> map;
  for (int32_t i = 0; i < function.graph.argument_count(); ++i) map.push_back(wrapped.graph.add_argument(function.graph.type({i})));
  ir::Builder builder(wrapped.graph);
  for (const ir::Node& node : function.graph.nodes()) {
    ir::Graph body;
    std::vector<ir::Value> outer, inner;
    for (const ir::Value value : node.operands) {
      const auto found = std::find(outer.begin(), outer.end(), map[static_cast<size_t>(value.id)]);
      if (found != outer.end()) {
        inner.push_back({static_cast<int32_t>(found - outer.begin())});
        continue;
      }
      inner.push_back(body.add_argument(function.graph.type(value)));
      outer.push_back(map[static_cast<size_t>(value.id)]);
    }
    ir::Builder inside(body);
    body.set_results(inside.apply(*node.op, inner, node.attributes));
    builder.set_name(node.name);
    ir::Attributes attributes{{"kind", fusion_kind(function.graph, node)}};
    for (const ir::Value value : builder.apply("fusion", outer, attributes, {body})) map.push_back(value);
  }
  std::vector<ir::Value> results;
  for (const ir::Value value : function.graph.results()) results.push_back(map[static_cast<size_t>(value.id)]);
  wrapped.graph.set_results(results);
  return wrapped;
}

MemoryPlan plain_plan(const ir::Module& module, const ir::Function& function) {
  MemoryPlan plan;
  const std::vector<std::string> ports = ir::port_names(module, function), constants = ir::constant_names(module, function);
  const auto position = [](const std::vector<std::string>& names, const std::string& name) {
    return static_cast<int32_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  const auto last = static_cast<int32_t>(function.graph.nodes().size()) - 1;
  for (int32_t id = 0; id < function.graph.value_count(); ++id) {
    PlannedBuffer buffer{function.graph.type({id}), BufferKind::kArena, -1, 0, last, -1, ""};
    if (id < function.graph.argument_count()) {
      const std::string& name = function.arguments[static_cast<size_t>(id)];
      const bool constant = module.variable(name).role == Role::kConstant;
      buffer.kind = constant ? BufferKind::kConstant : BufferKind::kVariable;
      buffer.index = position(constant ? constants : ports, name);
    }
    plan.buffer_of_value.push_back(id);
    plan.buffers.push_back(std::move(buffer));
  }
  for (size_t i = 0; i < function.results.size(); ++i) {
    PlannedBuffer& buffer = plan.buffers[static_cast<size_t>(function.graph.results()[i].id)];
    buffer.kind = BufferKind::kVariable;
    buffer.index = position(ports, function.results[i]);
  }
  return plan;
}

namespace {

backend::LoweredFunction lower(const ir::Module& module, const ir::Function& function, TargetLevel level) {
  backend::LoweredFunction lowered = backend::lower_function(module, function, plain_plan(module, function), target_of(level), level);
  runtime::order_kernels(lowered.program);
  return lowered;
}

}  // namespace

backend::LoweredFunction lower_main(const ir::Module& module, TargetLevel level) {
  const auto packing = [&](const Dim& rows, const Dim& columns, const Dim& depth, DType sums, int group) {
    const backend::GroupPacking packed = backend::group_packing(rows, columns, depth, sums, group, target_of(level));
    return passes::WordPacking{packed.width, packed.unsigned_bytes};
  };
  const ir::Module wide = passes::group_contracts(passes::widen(module), packing);
  return lower(wide, wrap_each_node(wide.function("main")), level);
}

backend::LoweredFunction lower_fused_main(const ir::Module& module, TargetLevel level) { return lower(module, module.function("main"), level); }

bool is_native(const ir::OpDef& op) {
  return !std::holds_alternative<ir::NotNative>(op.lowering) && !std::holds_alternative<ir::Composite>(op.lowering) &&
         !std::holds_alternative<ir::Control>(op.lowering);
}

bool needs_passes(const ir::OpDef& op, const ir::Sample& sample) {
  if (op.name == "constant") return ir::get_attribute<Tensor>(op, sample.attributes, "value").size() != 1;
  if (!std::holds_alternative<ir::Contract>(op.lowering)) return false;
  try {
    const ir::Module module = module_of(op, sample);
    backend::contract_form(module.functions[0].graph.nodes()[0], module.functions[0].graph);
    return false;
  } catch (const InternalError&) {
    return true;
  }
}

NativeProgram::NativeProgram(backend::LoweredFunction lowered, TargetLevel level) : lowered_(std::move(lowered)) {
  std::vector<std::string> names;
  for (const loop::Kernel& kernel : lowered_.kernels) names.push_back(kernel.name);
  const auto code = backend::load_code(backend::generate_objects({lowered_.kernels}, level, 1)[0], names);
  std::vector<SinterKernel> kernels;
  for (const int32_t index : lowered_.code_of_kernel) kernels.push_back(reinterpret_cast<SinterKernel>(code->find(names[static_cast<size_t>(index)])));
  executable_ = std::make_shared<runtime::Executable>(lowered_.program, kernels, std::const_pointer_cast<backend::LoadedCode>(code));
}

std::map<std::string, Tensor> NativeProgram::run(const std::map<std::string, Tensor>& inputs, const SymbolValues& symbols, runtime::Team& team) const {
  const runtime::Program& program = executable_->program();
  runtime::State state;
  runtime::Run run(executable_, state, team);
  for (const auto& [name, tensor] : inputs)
    if (program.find_port(name) >= 0) run.bind(name, tensor);
  for (const std::string& symbol : program.symbols)
    if (const auto found = symbols.find(symbol); found != symbols.end()) run.set_dim(symbol, found->second);
  run.execute();
  std::map<std::string, Tensor> outputs;
  for (const runtime::Port& port : program.ports)
    if (port.written) outputs[port.name] = run.output(port.name).clone();
  return outputs;
}

}  // namespace sinter::test
