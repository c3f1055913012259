#include "runtime/check_program.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "runtime/steps.h"

namespace sinter::runtime {
namespace {

constexpr size_t kMostKernels = size_t{1} << 24;
constexpr int64_t kMostScratch = int64_t{1} << 40;

/// Thrown and caught here only: the first broken rule.
struct Broken {
  std::string what;
};

void require(bool holds, const char* rule, const char* thing, size_t index, const char* what) {
  if (!holds) throw Broken{std::string(rule) + ": " + thing + " " + std::to_string(index) + " " + what};
}

bool below(int32_t index, size_t count) { return index >= 0 && static_cast<size_t>(index) < count; }

class Checker {
 public:
  explicit Checker(const Program& program) : program_(program) {}

  void check() {
    check_symbols();
    check_ports();
    check_segments();
    for (size_t b = 0; b < program_.buffers.size(); ++b) check_buffer(b);
    for (const Segment& segment : program_.segments)
      for (int32_t k = segment.first; k < segment.first + segment.count; ++k) check_kernel(static_cast<size_t>(k), segment.first);
    if (!program_.steps.empty() || !program_.loops.empty()) check_steps();
  }

 private:
  void check_symbols() {
    for (size_t i = 0; i < program_.symbols.size(); ++i)
      require(!program_.symbols[i].empty() && symbols_.insert(program_.symbols[i]).second, "P1", "symbol", i, "is doubled or empty");
  }

  bool known(const Dim& dim) {
    if (dim.is_constant()) return true;
    std::set<std::string> used;
    dim.collect_symbols(used);
    for (const std::string& symbol : used)
      if (!symbols_.contains(symbol)) return false;
    return true;
  }

  bool known(const TensorType& type) {
    for (const Dim& dim : type.shape)
      if (!known(dim)) return false;
    return true;
  }

  void check_ports() {
    std::set<std::string_view> names;
    for (size_t i = 0; i < program_.ports.size(); ++i) {
      const Port& port = program_.ports[i];
      require(names.insert(port.name).second, "P2", "port", i, "has the name of another");
      require(port.role != Role::kConstant, "P2", "port", i, "is a constant");
      require(known(port.type), "P1", "port", i, "has a dim over an unknown symbol");
    }
  }

  void check_segments() {
    require(program_.kernels.size() <= kMostKernels, "P8", "kernel", program_.kernels.size(), "is one too many");
    int64_t next = 0;
    for (size_t i = 0; i < program_.segments.size(); ++i) {
      const Segment& segment = program_.segments[i];
      require(segment.first == next && segment.count >= 0, "P7", "segment", i, "does not follow the one before");
      next += segment.count;
      require(next <= static_cast<int64_t>(program_.kernels.size()), "P7", "segment", i, "goes beyond the kernels");
    }
    require(next == static_cast<int64_t>(program_.kernels.size()), "P7", "kernel", static_cast<size_t>(next), "is in no segment");
  }

  void check_buffer(size_t b) {
    const PlannedBuffer& buffer = program_.buffers[b];
    require(known(buffer.type), "P1", "buffer", b, "has a dim over an unknown symbol");
    if (buffer.kind == BufferKind::kArena) return check_arena_buffer(b);
    if (buffer.kind == BufferKind::kRow) return check_row(b);
    require(buffer.shares == -1, "P5", "buffer", b, "takes over memory but is not of the arena");
    if (buffer.kind == BufferKind::kVariable) {
      require(below(buffer.index, program_.ports.size()), "P3", "buffer", b, "is of a port that does not exist");
      require(program_.ports[static_cast<size_t>(buffer.index)].type == buffer.type, "P3", "buffer", b, "differs from its port's type");
    } else {
      require(below(buffer.index, program_.constants.size()), "P3", "buffer", b, "is of a constant that does not exist");
      const Tensor& constant = program_.constants[static_cast<size_t>(buffer.index)];
      const auto count = buffer.type.shape.element_count().as_constant();
      require(constant.dtype() == buffer.type.dtype && count == constant.size(), "P3", "buffer", b, "differs from its constant");
    }
  }

  void check_arena_buffer(size_t b) {
    const PlannedBuffer& buffer = program_.buffers[b];
    require(buffer.first_kernel >= 0 && buffer.first_kernel <= buffer.last_kernel && below(buffer.last_kernel, program_.kernels.size()),
            "P4", "buffer", b, "lives outside the kernels");
    if (buffer.shares == -1) return;
    require(buffer.shares >= 0 && static_cast<size_t>(buffer.shares) < b, "P5", "buffer", b, "takes over no earlier buffer");
    const PlannedBuffer& before = program_.buffers[static_cast<size_t>(buffer.shares)];
    require(before.kind == BufferKind::kArena && before.last_kernel <= buffer.first_kernel, "P5", "buffer", b,
            "takes over memory that is in use");
    require(taken_over_.insert(buffer.shares).second, "P5", "buffer", b, "takes over what another took over");
  }

  void check_kernel(size_t k, int32_t segment_first) {
    const ProgramKernel& kernel = program_.kernels[k];
    const int32_t index = static_cast<int32_t>(k);
    for (const KernelBuffer& use : kernel.buffers) {
      require(below(use.buffer, program_.buffers.size()), "P6", "kernel", k, "uses a buffer that does not exist");
      const PlannedBuffer& buffer = program_.buffers[static_cast<size_t>(whole_of(program_, use.buffer))];
      if (buffer.kind == BufferKind::kArena)
        require(buffer.first_kernel <= index && index <= buffer.last_kernel, "P4", "kernel", k, "uses a buffer outside its lifetime");
      if (use.access == Access::kRead) continue;
      require(buffer.kind != BufferKind::kConstant, "P6", "kernel", k, "writes a constant");
      require(buffer.kind != BufferKind::kVariable || program_.ports[static_cast<size_t>(buffer.index)].written, "P6", "kernel", k,
              "writes a port that is not written");
    }
    for (const int32_t before : kernel.after)
      require(before >= segment_first && before < index, "P6", "kernel", k, "comes after a kernel that is not before it in its segment");
    bool dims_known = known(kernel.tiles) && known(kernel.flops) && known(kernel.bytes) && known(kernel.rounds);
    for (const Dim& dim : kernel.dims) dims_known = dims_known && known(dim);
    require(dims_known, "P1", "kernel", k, "has a dim over an unknown symbol");
    require(kernel.scratch_bytes >= 0 && kernel.scratch_bytes <= kMostScratch, "P8", "kernel", k, "wants an absurd scratch");
  }

  void check_row(size_t b) {
    const PlannedBuffer& buffer = program_.buffers[b];
    require(buffer.shares == -1, "P5", "buffer", b, "takes over memory but is not of the arena");
    require(below(buffer.index, b) && below(buffer.loop, program_.loops.size()), "P3", "buffer", b, "is a row of nothing, or of no loop");
    const TensorType& whole = program_.buffers[static_cast<size_t>(buffer.index)].type;
    std::vector<Dim> dims = buffer.type.shape.dims();
    dims.insert(dims.begin(), program_.loops[static_cast<size_t>(buffer.loop)].length);
    require(whole == TensorType{buffer.type.dtype, Shape(std::move(dims))}, "P3", "buffer", b, "is no row of what it is of");
  }

  void check_steps() {
    for (size_t i = 0; i < program_.loops.size(); ++i) require(known(program_.loops[i].length), "P1", "loop", i, "has a length over an unknown symbol");
    std::vector<Repeat> repeats;
    try {
      repeats = find_repeats(program_);
    } catch (const Error& error) {
      throw Broken{"P9: " + error.message()};
    }
    for (const Step& step : program_.steps) {
      if (step.kind != Step::Kind::kUnless) continue;
      const TensorType& type = program_.buffers[static_cast<size_t>(step.subject)].type;
      require(type == TensorType{DType::kBool, {}}, "P9", "buffer", static_cast<size_t>(step.subject), "decides and is no bool");
    }
    for (size_t k = 0; k < program_.kernels.size(); ++k)
      for (const KernelBuffer& use : program_.kernels[k].buffers) check_rounds(repeats, use.buffer, static_cast<int32_t>(k));
    int32_t kernel = 0;  // the next one
    for (size_t s = 0; s < program_.steps.size(); ++s) {
      const Step& step = program_.steps[s];
      if (step.kind == Step::Kind::kRun) {
        const Segment& segment = program_.segments[static_cast<size_t>(step.subject)];
        kernel = segment.first + segment.count;
      }
      if (step.kind != Step::Kind::kUnless) continue;
      const PlannedBuffer& decides = program_.buffers[static_cast<size_t>(whole_of(program_, step.subject))];
      const int32_t last = static_cast<int32_t>(program_.kernels.size()) - 1;
      require(decides.kind != BufferKind::kArena || (decides.first_kernel <= kernel && std::min(kernel, last) <= decides.last_kernel + 1), "P4", "step", s,
              "reads a buffer outside its lifetime");
      check_rounds(repeats, step.subject, std::min(kernel, last));
    }
  }

  /// Kernel `k` uses `buffer`.
  void check_rounds(const std::vector<Repeat>& repeats, int32_t buffer, int32_t k) {
    const auto is_in = [&](const Repeat& repeat, int32_t kernel) { return repeat.first_kernel <= kernel && kernel < repeat.end_kernel; };
    for (int32_t b = buffer; program_.buffers[static_cast<size_t>(b)].kind == BufferKind::kRow; b = program_.buffers[static_cast<size_t>(b)].index) {
      const int32_t loop = program_.buffers[static_cast<size_t>(b)].loop;
      const auto found = std::find_if(repeats.begin(), repeats.end(), [&](const Repeat& repeat) { return repeat.loop == loop; });
      require(found != repeats.end() && is_in(*found, k), "P9", "kernel", static_cast<size_t>(k), "uses a row outside its loop");
    }
    const int32_t whole = whole_of(program_, buffer);
    const PlannedBuffer& used = program_.buffers[static_cast<size_t>(whole)];
    if (used.kind != BufferKind::kArena) return;
    for (const Repeat& repeat : repeats) {
      if (!is_in(repeat, k) || used.first_kernel >= repeat.first_kernel) continue;
      require(used.last_kernel >= repeat.end_kernel - 1, "P10", "buffer", static_cast<size_t>(whole), "ends before a loop that wants it in the next round");
      for (size_t b = 0; b < program_.buffers.size(); ++b)
        require(program_.buffers[b].shares != whole || !is_in(repeat, program_.buffers[b].first_kernel), "P10", "buffer", static_cast<size_t>(whole),
                "is taken over in a loop that wants it in the next round");
    }
  }

  const Program& program_;
  std::set<std::string, std::less<>> symbols_;
  std::set<int32_t> taken_over_;
};

}  // namespace

std::optional<std::string> check_program(const Program& program) {
  try {
    Checker(program).check();
    return std::nullopt;
  } catch (const Broken& broken) {
    return broken.what;
  }
}

}  // namespace sinter::runtime
