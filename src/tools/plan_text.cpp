#include "tools/plan_text.h"

#include "tools/command_line.h"

namespace sinter::tools {

namespace {

std::string step_text(const runtime::Program& program, const runtime::Step& step) {
  const std::string subject = std::to_string(step.subject), target = std::to_string(step.target);
  switch (step.kind) {
    case runtime::Step::Kind::kRun: {
      const runtime::Segment& segment = program.segments[static_cast<size_t>(step.subject)];
      return "kernels " + std::to_string(segment.first) + " to " + std::to_string(segment.first + segment.count - 1);
    }
    case runtime::Step::Kind::kBegin: {
      const runtime::RowLoop& loop = program.loops[static_cast<size_t>(step.subject)];
      return "loop " + subject + " begins: " + loop.length.to_string() + (loop.reverse ? " rows, the last first" : " rows") + "; to " + target + " when there is none";
    }
    case runtime::Step::Kind::kNext: return "to " + target + " while loop " + subject + " has a next row";
    case runtime::Step::Kind::kJump: return "to " + target;
    case runtime::Step::Kind::kUnless: return "to " + target + " unless buffer " + subject + " holds";
  }
  return "";
}

}  // namespace

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
  static constexpr const char* kKinds[] = {"variable", "constant", "arena", "row"};
  std::vector<std::vector<std::string>> buffers{{"buffer", "kind", "type", "bytes", "kernels", "in place of", "name"}};
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const PlannedBuffer& buffer = program.buffers[i];
    const bool arena = buffer.kind == BufferKind::kArena;
    std::string name = buffer.name;
    const bool prepared = buffer.kind == BufferKind::kVariable && program.ports[static_cast<size_t>(buffer.index)].role == Role::kPrepared;
    if (name.empty() && buffer.kind == BufferKind::kVariable) name = program.ports[static_cast<size_t>(buffer.index)].name;
    buffers.push_back({std::to_string(i), prepared ? "prepared" : kKinds[static_cast<size_t>(buffer.kind)], buffer.type.to_string(), byte_count(buffer.type).to_string(),
                       arena ? std::to_string(buffer.first_kernel) + " to " + std::to_string(buffer.last_kernel)
                       : buffer.kind == BufferKind::kRow ? "row of " + std::to_string(buffer.index) + " in loop " + std::to_string(buffer.loop) : "all",
                       buffer.shares >= 0 ? std::to_string(buffer.shares) : "", name});
  }
  std::string steps;
  if (!program.steps.empty()) {
    std::vector<std::vector<std::string>> lines{{"step", "does"}};
    for (size_t i = 0; i < program.steps.size(); ++i) lines.push_back({std::to_string(i), step_text(program, program.steps[i])});
    steps = "\n" + table(lines);
  }
  return "program " + program.module + "." + program.function + " for x86-64-" + std::string(name(program.target)) + "\n\n" + table(kernels) + steps + "\n" + table(buffers);
}

}  // namespace sinter::tools
