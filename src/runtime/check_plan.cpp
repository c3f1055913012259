#include "runtime/check_plan.h"

#include <algorithm>

#include "runtime/check_program.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kAlignment = 64;

/// Thrown and caught here only: the first broken rule.
struct Broken {
  std::string what;
};

/// Bytes [begin, end) of a memory: the arena, a port's, a constant's.
struct Bytes {
  BufferKind kind;
  int32_t index;  // of the port or the constant
  int64_t begin, end;

  bool overlaps(const Bytes& other) const {
    return kind == other.kind && (kind == BufferKind::kArena || index == other.index) && begin < other.end && other.begin < end &&
           begin < end && other.begin < other.end;
  }
};

class Checker {
 public:
  Checker(const Program& program, const LaidOutPlan& plan, const SymbolValues& symbols) : program_(program), plan_(plan) {
    const bool complete = plan.offsets.size() == program.buffers.size() && plan.after.size() == program.kernels.size();
    if (!complete) throw Broken{"M1: the plan is of another program"};
    for (size_t b = 0; b < program.buffers.size(); ++b) {
      const PlannedBuffer& buffer = program.buffers[b];
      const int64_t bytes = element_count(buffer.type.shape.evaluate(symbols)) * static_cast<int64_t>(size_in_bytes(buffer.type.dtype));
      const int64_t begin = buffer.kind == BufferKind::kArena ? plan.offsets[b] : 0;
      bytes_.push_back({buffer.kind, buffer.index, begin, begin + bytes});
    }
  }

  void check() {
    check_offsets();
    check_lifetimes();
    follow_dependencies();
    for (size_t k = 0; k < program_.kernels.size(); ++k) check_kernel(k);
    check_ports();
  }

 private:
  std::string buffer_name(size_t b) const {
    return "buffer " + std::to_string(b) + (program_.buffers[b].name.empty() ? "" : " (" + program_.buffers[b].name + ")");
  }
  std::string kernel_name(size_t k) const {
    return "kernel " + std::to_string(k) + (program_.kernels[k].name.empty() ? "" : " (" + program_.kernels[k].name + ")");
  }

  bool in_arena(size_t b) const { return program_.buffers[b].kind == BufferKind::kArena; }

  void check_offsets() const {
    for (size_t b = 0; b < bytes_.size(); ++b) {
      const int64_t offset = plan_.offsets[b];
      if (!in_arena(b)) {
        if (offset != -1) throw Broken{"M1: " + buffer_name(b) + " is not of the arena and has an offset"};
        continue;
      }
      const int64_t size = std::max(kAlignment, (bytes_[b].end - bytes_[b].begin + kAlignment - 1) / kAlignment * kAlignment);
      if (offset < 0 || offset % kAlignment != 0) throw Broken{"M1: " + buffer_name(b) + " lies at " + std::to_string(offset)};
      if (offset + size > plan_.arena_bytes) throw Broken{"M1: " + buffer_name(b) + " ends beyond the arena"};
      const int32_t before = program_.buffers[b].shares;
      if (before >= 0 && plan_.offsets[static_cast<size_t>(before)] != offset)
        throw Broken{"M2: " + buffer_name(b) + " takes over " + buffer_name(static_cast<size_t>(before)) + " and lies elsewhere"};
    }
  }

  /// `later` took over the memory of `earlier`, itself or through others, at the kernel where the one ends and the other begins.
  bool takes_over(size_t later, size_t earlier) const {
    if (program_.buffers[earlier].last_kernel > program_.buffers[later].first_kernel) return false;
    for (int32_t b = program_.buffers[later].shares; b >= 0; b = program_.buffers[static_cast<size_t>(b)].shares)
      if (static_cast<size_t>(b) == earlier) return true;
    return false;
  }

  void check_lifetimes() const {
    for (size_t a = 0; a < bytes_.size(); ++a) {
      for (size_t b = a + 1; b < bytes_.size(); ++b) {
        if (!in_arena(a) || !in_arena(b) || !bytes_[a].overlaps(bytes_[b])) continue;
        const PlannedBuffer &x = program_.buffers[a], &y = program_.buffers[b];
        if (x.last_kernel < y.first_kernel || y.last_kernel < x.first_kernel) continue;
        if (!takes_over(b, a) && !takes_over(a, b))
          throw Broken{"M3: " + buffer_name(a) + " and " + buffer_name(b) + " live at the same time and overlap"};
      }
    }
  }

  /// before_[k][i]: kernel i is complete when kernel k begins.
  void follow_dependencies() {
    before_.resize(program_.kernels.size());
    for (const Segment& segment : program_.segments) {
      for (int32_t k = segment.first; k < segment.first + segment.count; ++k) {
        std::vector<bool>& before = before_[static_cast<size_t>(k)];
        before.assign(program_.kernels.size(), false);
        std::fill_n(before.begin(), segment.first, true);
        for (const int32_t i : plan_.after[static_cast<size_t>(k)]) {
          if (i < segment.first || i >= k)
            throw Broken{"M4: " + kernel_name(static_cast<size_t>(k)) + " comes after a kernel that is not before it in its segment"};
          before[static_cast<size_t>(i)] = true;
          for (size_t j = 0; j < static_cast<size_t>(i); ++j) before[j] = before[j] || before_[static_cast<size_t>(i)][j];
        }
      }
    }
  }

  static bool reads(const KernelBuffer& use) { return use.access != Access::kWrite; }
  static bool writes(const KernelBuffer& use) { return use.access != Access::kRead; }
  const Bytes& bytes(const KernelBuffer& use) const { return bytes_[static_cast<size_t>(use.buffer)]; }

  void check_kernel(size_t k) const {
    const std::vector<KernelBuffer>& uses = program_.kernels[k].buffers;
    for (const KernelBuffer& use : uses) {
      for (const KernelBuffer& other : uses)
        if (&use != &other && writes(use) && bytes(use).overlaps(bytes(other)))
          check_pair(k, static_cast<size_t>(use.buffer), static_cast<size_t>(other.buffer));
      int64_t writer = -1, disturber = -1;  // the last kernels before that wrote through this buffer, and there through another
      for (size_t i = 0; i < k; ++i) {
        for (const KernelBuffer& earlier : program_.kernels[i].buffers) {
          if (!bytes(use).overlaps(bytes(earlier)) || !(writes(use) || writes(earlier))) continue;
          if (!before_[k][i])
            throw Broken{"M4: " + kernel_name(k) + " does not come after " + kernel_name(i) + "; both touch " +
                         buffer_name(static_cast<size_t>(use.buffer))};
          if (writes(earlier)) (earlier.buffer == use.buffer ? writer : disturber) = static_cast<int64_t>(i);
        }
      }
      if (reads(use)) check_read(k, static_cast<size_t>(use.buffer), writer, disturber);
    }
  }

  void check_pair(size_t k, size_t written, size_t other) const {
    if (program_.buffers[written].kind == BufferKind::kVariable) return;  // one port: an update in place
    if (written == other || !takes_over(written, other))
      throw Broken{"M7: " + kernel_name(k) + " writes " + buffer_name(written) + " over " + buffer_name(other)};
  }

  void check_read(size_t k, size_t b, int64_t writer, int64_t disturber) const {
    if (bytes_[b].begin == bytes_[b].end) return;
    const PlannedBuffer& buffer = program_.buffers[b];
    const bool comes_in = buffer.kind == BufferKind::kConstant ||
                          (buffer.kind == BufferKind::kVariable && program_.ports[static_cast<size_t>(buffer.index)].read);
    if (writer < 0 && !comes_in) throw Broken{"M5: " + kernel_name(k) + " reads " + buffer_name(b) + ", which nobody has written"};
    if (disturber > writer)
      throw Broken{"M5: " + kernel_name(k) + " reads " + buffer_name(b) + " after " + kernel_name(static_cast<size_t>(disturber)) +
                   " wrote something else there"};
  }

  void check_ports() const {
    std::vector<bool> written(program_.ports.size());
    for (const ProgramKernel& kernel : program_.kernels)
      for (const KernelBuffer& use : kernel.buffers)
        if (const PlannedBuffer& buffer = program_.buffers[static_cast<size_t>(use.buffer)];
            writes(use) && buffer.kind == BufferKind::kVariable)
          written[static_cast<size_t>(buffer.index)] = true;
    for (size_t p = 0; p < program_.ports.size(); ++p) {
      const Port& port = program_.ports[p];
      if (port.written && !port.read && !written[p]) throw Broken{"M6: port " + port.name + " leaves and is written by no kernel"};
    }
  }

  const Program& program_;
  const LaidOutPlan& plan_;
  std::vector<Bytes> bytes_;  // per buffer
  std::vector<std::vector<bool>> before_;
};

}  // namespace

LaidOutPlan laid_out_plan(const Program& program, const Layout& layout) {
  LaidOutPlan plan;
  for (size_t b = 0; b < program.buffers.size(); ++b) plan.offsets.push_back(layout.offset(b));
  plan.arena_bytes = layout.arena_bytes();
  plan.after = layout.dependencies();
  return plan;
}

std::optional<std::string> check_plan(const Program& program, const LaidOutPlan& plan, const SymbolValues& symbols) {
  if (std::optional<std::string> broken = check_program(program)) return broken;
  try {
    Checker(program, plan, symbols).check();
    return std::nullopt;
  } catch (const Broken& broken) {
    return broken.what;
  }
}

}  // namespace sinter::runtime
