#include "backend/lower_function.h"

#include <map>
#include <optional>
#include <set>

#include "backend/loop/text.h"
#include "backend/loop/verify.h"
#include "backend/lower/contract_form.h"
#include "backend/lower/convolution_form.h"
#include "backend/lower/lower_fusion.h"
#include "base/hash.h"
#include "ir/control_form.h"

namespace sinter::backend {
namespace {

using runtime::Access;
using runtime::KernelBuffer;
using runtime::ProgramKernel;

/// Arithmetic of one run: an operation per element of each elementwise node and reduction, two per multiply-add.
Dim count_flops(const ir::Graph& body) {
  Dim total = 0;
  for (const ir::Node& node : body.nodes()) {
    if (!node.regions.empty()) {
      for (const ir::Graph& region : node.regions) total = total + count_flops(region);
    } else if (std::holds_alternative<ir::Contract>(node.op->lowering)) {
      const ContractForm form = contract_form(node, body);
      total = total + Dim(2) * form.batch * form.rows * form.columns * form.depth;
    } else if (const auto* window = std::get_if<ir::Window>(&node.op->lowering)) {
      if (ir::is_convolution(*window)) {
        const bool gradient = window->kind == ir::Window::Kind::kFilterGradient;
        total = total + Dim(2) * multiply_adds(gradient ? filter_gradient_form(node, body) : convolution_form(node, body));
      } else {
        Dim each = 1;
        for (const int64_t size : ir::get_attribute<ir::Integers>(*node.op, node.attributes, "window")) each = each * size;
        total = total + body.type(node.results[0]).shape.element_count() * each;
      }
    } else if (std::holds_alternative<ir::Elementwise>(node.op->lowering)) {
      total = total + body.type(node.results[0]).shape.element_count();
    } else if (std::holds_alternative<ir::Reduce>(node.op->lowering)) {
      total = total + body.type(node.operands[0]).shape.element_count();
    }
  }
  return total;
}

/// What dtype the arithmetic is in: that of the products, which outweigh all else, or else of the first result.
std::optional<DType> arithmetic_dtype(const ir::Graph& body) {
  std::optional<DType> found;
  for (const ir::Node& node : body.nodes()) {
    for (const ir::Graph& region : node.regions)
      if (const auto inside = arithmetic_dtype(region); inside && !found) found = inside;
    if (std::holds_alternative<ir::Contract>(node.op->lowering) || std::holds_alternative<ir::Window>(node.op->lowering)) return body.type(node.operands[0]).dtype;
    if (!found && std::holds_alternative<ir::Elementwise>(node.op->lowering)) found = ir::widened(body.type(node.results[0]).dtype);
  }
  return found;
}

void list_contents(const ir::Graph& body, std::string& contents, std::string& name, std::set<std::string>& seen) {
  for (const ir::Node& node : body.nodes()) {
    for (const ir::Graph& region : node.regions) list_contents(region, contents, name, seen);
    if (!node.regions.empty()) continue;
    contents += (contents.empty() ? "" : ", ") + node.op->name + (node.name.empty() ? "" : " " + node.name);
    const bool plain = std::holds_alternative<ir::Index>(node.op->lowering) || std::holds_alternative<ir::View>(node.op->lowering);
    if (!plain && seen.size() < 4 && seen.insert(node.op->name).second) name += (name.empty() ? "" : "+") + node.op->name;
  }
}

const ir::Graph& body_of(const ir::Node& fusion) {
  SINTER_CHECK(fusion.op->name == "fusion" && fusion.regions.size() == 1, "lowering meets a " + fusion.op->name + " outside a fusion");
  return fusion.regions[0];
}

const std::string& kind_of(const ir::Node& fusion) { return ir::get_attribute<std::string>(*fusion.op, fusion.attributes, "kind"); }

/// Lowers one fusion node (or, for `parallel`, the fusions in its body) into one kernel.
class KernelWriter {
 public:
  KernelWriter(const ir::Graph& graph, const ir::Node& fusion, const Target& target) : fusion_(fusion), builder_("", target) {
    for (const ir::Value value : fusion.operands) operands_.push_back(graph.type(value));
  }

  loop::Kernel write() {
    const ir::Graph& body = body_of(fusion_);
    if (kind_of(fusion_) != "parallel") {
      declare(body, identity(fusion_.operands.size()), identity(fusion_.results.size()));
      const auto rows = ir::get_attribute<int64_t>(*fusion_.op, fusion_.attributes, "rows");
      return builder_.finish(lower_fusion(kind_of(fusion_), builder_, {body, parts_[0], Dim::symbol("tile"), rows}));
    }
    declare_parts(body);
    Section all;
    all.tiles = 0;
    std::vector<std::pair<Dim, loop::Body>> sections;
    for (size_t i = 0; i < body.nodes().size(); ++i) {
      const ir::Node& part = body.nodes()[i];
      Section section = lower_fusion(kind_of(part), builder_, {body_of(part), parts_[i], Dim::symbol("tile") - all.tiles});
      const Dim begin = all.tiles;
      all.tiles = all.tiles + section.tiles;
      all.body.push_back({loop::If{{{Dim::symbol("tile"), begin, all.tiles}}, std::move(section.body), {}}});
    }
    return builder_.finish(std::move(all));
  }

  /// Per kernel buffer: operand index, or operand count + result index; and how it is used.
  struct Binding {
    size_t slot;
    Access access;
  };
  const std::vector<Binding>& bindings() const { return bindings_; }
  const std::vector<std::string>& failure_sites() const { return builder_.failure_sites(); }

 private:
  static std::vector<size_t> identity(size_t count) {
    std::vector<size_t> all(count);
    for (size_t i = 0; i < count; ++i) all[i] = i;
    return all;
  }

  /// Declares the buffers of one part: operands and results by their slots of the whole fusion.
  void declare(const ir::Graph& body, const std::vector<size_t>& operand_slots, const std::vector<size_t>& result_slots) {
    builder_.reserve(body);
    BodyBuffers buffers;
    for (size_t i = 0; i < operand_slots.size(); ++i) {
      const TensorType& type = body.type(body.argument(static_cast<int32_t>(i)));
      buffers.arguments.push_back(builder_.add_buffer(type.dtype, type.shape, loop::BufferUse::kRead));
      bindings_.push_back({operand_slots[i], Access::kRead});
    }
    for (size_t i = 0; i < result_slots.size(); ++i) {
      const TensorType& type = body.type(body.results()[i]);
      buffers.results.push_back(builder_.add_buffer(type.dtype, type.shape, loop::BufferUse::kWrite));
      bindings_.push_back({operands_.size() + result_slots[i], Access::kWrite});
    }
    parts_.push_back(std::move(buffers));
  }

  void declare_parts(const ir::Graph& body) {
    for (const ir::Node& part : body.nodes()) {
      std::vector<size_t> operand_slots, result_slots;
      for (const ir::Value value : part.operands) {
        SINTER_CHECK(body.is_argument(value), "parts of a parallel fusion do not depend on each other");
        operand_slots.push_back(static_cast<size_t>(value.id));
      }
      for (const ir::Value value : part.results) {
        const auto found = std::find(body.results().begin(), body.results().end(), value);
        SINTER_CHECK(found != body.results().end(), "every result of a part is a result of the parallel fusion");
        result_slots.push_back(static_cast<size_t>(found - body.results().begin()));
      }
      declare(body_of(part), operand_slots, result_slots);
    }
  }

  const ir::Node& fusion_;
  KernelBuilder builder_;
  std::vector<TensorType> operands_;
  std::vector<BodyBuffers> parts_;
  std::vector<Binding> bindings_;
};

int64_t scratch_bytes(const loop::Kernel& kernel) {
  int64_t total = 0;
  for (const loop::Buffer& buffer : kernel.buffers)
    if (buffer.use == loop::BufferUse::kScratch)
      total += (byte_count({buffer.dtype, buffer.shape}).constant() + 63) / 64 * 64;
  return total;
}

class FunctionWriter {
 public:
  FunctionWriter(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Target& target)
      : module_(module), function_(function), plan_(plan), target_(target) {}

  LoweredFunction write(TargetLevel level) {
    runtime::Program& program = lowered_.program;
    program.module = module_.name;
    program.function = function_.name;
    program.target = level;
    program.buffers = plan_.buffers;
    add_ports();
    for (const std::string& name : ir::constant_names(module_, function_)) program.constants.push_back(module_.variable(name).value.value());
    program.loops = plan_.loops;
    program.steps = plan_.steps;
    program.segments = plan_.segments;
    add_kernels(function_.graph, plan_.buffer_of_value, 1);
    if (program.segments.empty()) program.segments.push_back({0, static_cast<int32_t>(program.kernels.size())});
    return std::move(lowered_);
  }

 private:
  void add_ports() {
    std::set<std::string> symbols;
    for (const std::string& name : ir::port_names(module_, function_)) {
      const ir::Variable& variable = module_.variable(name);
      runtime::Port port{name, variable.role, variable.type, false, false};
      port.read = std::find(function_.arguments.begin(), function_.arguments.end(), name) != function_.arguments.end();
      port.written = std::find(function_.results.begin(), function_.results.end(), name) != function_.results.end();
      for (const Dim& dim : variable.type.shape) dim.collect_symbols(symbols);
      lowered_.program.ports.push_back(std::move(port));
    }
    lowered_.program.symbols.assign(symbols.begin(), symbols.end());
  }

  /// The kernels of a graph, those of its regions among them, in the order in which the plan counts both.
  void add_kernels(const ir::Graph& graph, const std::vector<int32_t>& buffers, const Dim& rounds) {
    for (const ir::Node& node : graph.nodes()) {
      const std::optional<ir::ControlForm> form = ir::control_form(node);
      if (!form) {
        add_kernel(graph, node, buffers, rounds);
        continue;
      }
      const bool rows = form->kind == ir::ControlForm::Kind::kRows;
      for (const ir::Graph& region : node.regions) add_kernels(region, plan_.buffer_of_region_value[next_region_++], rows ? rounds * form->length : rounds);
    }
  }

  void add_kernel(const ir::Graph& graph, const ir::Node& node, const std::vector<int32_t>& buffers, const Dim& rounds) {
    WorkingOn context("kernel of " + (node.name.empty() ? kind_of(node) : node.name));
    KernelWriter writer(graph, node, target_);
    loop::Kernel kernel = writer.write();
    ProgramKernel entry;
    for (const KernelWriter::Binding& binding : writer.bindings()) {
      const bool operand = binding.slot < node.operands.size();
      const ir::Value value = operand ? node.operands[binding.slot] : node.results[binding.slot - node.operands.size()];
      entry.buffers.push_back({buffers[static_cast<size_t>(value.id)], binding.access});
    }
    for (const std::string& symbol : kernel.dims) entry.dims.push_back(Dim::symbol(symbol));
    entry.tiles = kernel.tiles;
    entry.scratch_bytes = scratch_bytes(kernel);
    entry.failure_sites = writer.failure_sites();
    const ir::Graph& body = body_of(node);
    std::set<std::string> seen;
    list_contents(body, entry.contents, entry.name, seen);
    if (entry.name.empty()) entry.name = kind_of(node);
    if (!node.name.empty()) entry.name += " " + node.name;
    entry.flops = count_flops(body);
    entry.rounds = rounds;
    entry.arithmetic = arithmetic_dtype(body).value_or(DType::kF32);
    for (const ir::Value value : node.operands) entry.bytes = entry.bytes + byte_count(graph.type(value));
    for (const ir::Value value : node.results) entry.bytes = entry.bytes + byte_count(graph.type(value));
    lowered_.code_of_kernel.push_back(intern(std::move(kernel), kind_of(node)));
    entry.symbol = lowered_.kernels[static_cast<size_t>(lowered_.code_of_kernel.back())].name;
    lowered_.program.kernels.push_back(std::move(entry));
  }

  /// Equal kernels share their code: the name is a hash of the text.
  int32_t intern(loop::Kernel kernel, const std::string& kind) {
    kernel.name = "kernel";
    kernel.name = "sinter_" + kind + "_" + hash_text(loop::print(kernel)).to_string().substr(0, 16);
    const auto [entry, added] = by_name_.try_emplace(kernel.name, static_cast<int32_t>(lowered_.kernels.size()));
    if (added) {
      loop::verify(kernel);
      lowered_.kernels.push_back(std::move(kernel));
    }
    return entry->second;
  }

  const ir::Module& module_;
  const ir::Function& function_;
  const MemoryPlan& plan_;
  const Target& target_;
  LoweredFunction lowered_;
  std::map<std::string, int32_t> by_name_;
  size_t next_region_ = 0;
};

}  // namespace

LoweredFunction lower_function(const ir::Module& module, const ir::Function& function, const MemoryPlan& plan, const Target& target,
                               TargetLevel level) {
  return FunctionWriter(module, function, plan, target).write(level);
}

}  // namespace sinter::backend
