#include "tools/plan_text.h"

#include "tools/command_line.h"

namespace sinter::tools {

std::string plan_text(const runtime::Program& program) {
  std::vector<std::vector<std::string>> kernels{{"kernel", "tiles", "scratch", "reads", "writes", "what"}};
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const runtime::ProgramKernel& kernel = program.kernels[i];
    std::string reads, writes;
    for (const runtime::KernelBuffer& use : kernel.buffers) {
      const std::string name = std::to_string(use.buffer) + " ";
      if (use.access != runtime::Access::kWrite) reads += name;
      if (use.access != runtime::Access::kRead) writes += name;
    }
    kernels.push_back({std::to_string(i), kernel.tiles.to_string(), std::to_string(kernel.scratch_bytes), reads, writes, kernel.name});
  }
  static constexpr const char* kKinds[] = {"variable", "constant", "arena"};
  std::vector<std::vector<std::string>> buffers{{"buffer", "kind", "type", "bytes", "kernels", "in place of", "name"}};
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const PlannedBuffer& buffer = program.buffers[i];
    const bool arena = buffer.kind == BufferKind::kArena;
    std::string name = buffer.name;
    const bool prepared = buffer.kind == BufferKind::kVariable && program.ports[static_cast<size_t>(buffer.index)].role == Role::kPrepared;
    if (name.empty() && buffer.kind == BufferKind::kVariable) name = program.ports[static_cast<size_t>(buffer.index)].name;
    buffers.push_back({std::to_string(i), prepared ? "prepared" : kKinds[static_cast<size_t>(buffer.kind)], buffer.type.to_string(), byte_count(buffer.type).to_string(),
                       arena ? std::to_string(buffer.first_kernel) + " to " + std::to_string(buffer.last_kernel) : "all",
                       buffer.shares >= 0 ? std::to_string(buffer.shares) : "", name});
  }
  return "program " + program.module + "." + program.function + " for x86-64-" + std::string(name(program.target)) + "\n\n" + table(kernels) + "\n" + table(buffers);
}

}  // namespace sinter::tools
