#include "runtime/check_plan.h"

#include <algorithm>

#include "runtime/check_program.h"
#include "runtime/steps.h"

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
  Checker(const Program& program, const LaidOutPlan& plan, const SymbolValues& symbols) : program_(program), plan_(plan), repeats_(find_repeats(program)) {
    const bool complete = plan.offsets.size() == program.buffers.size() && plan.after.size() == program.kernels.size();
    if (!complete) throw Broken{"M1: the plan is of another program"};
    for (size_t b = 0; b < program.buffers.size(); ++b) {
      const PlannedBuffer& buffer = program.buffers[b];
      if (buffer.kind == BufferKind::kRow) {  // any row of the whole
        bytes_.push_back(bytes_[static_cast<size_t>(buffer.index)]);
        continue;
      }
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
    if (!program_.steps.empty()) check_ways();
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
      if (reads(use) && program_.steps.empty()) check_read(k, static_cast<size_t>(use.buffer), writer, disturber);
    }
  }

  /// What lives when a loop around kernel k begins is updated in place.
  bool goes_round(size_t k, size_t b) const {
    return in_arena(b) && std::any_of(repeats_.begin(), repeats_.end(), [&](const Repeat& repeat) {
      const auto kernel = static_cast<int32_t>(k);
      return repeat.first_kernel <= kernel && kernel < repeat.end_kernel && program_.buffers[b].first_kernel < repeat.first_kernel;
    });
  }

  void check_pair(size_t k, size_t written, size_t other) const {
    if (written == other && goes_round(k, written)) return;
    written = whole(written), other = whole(other);
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

  size_t whole(size_t b) const { return static_cast<size_t>(whole_of(program_, static_cast<int32_t>(b))); }

  // ---- M8: what holds its value, per buffer, on every way through the steps ----

  using Holds = std::vector<bool>;

  void check_ways() const {
    const size_t count = program_.steps.size();
    std::vector<std::optional<Holds>> before(count + 1);
    Holds start(bytes_.size());
    for (size_t b = 0; b < bytes_.size(); ++b) {
      const PlannedBuffer& buffer = program_.buffers[b];
      start[b] = buffer.kind == BufferKind::kConstant || (buffer.kind == BufferKind::kVariable && program_.ports[static_cast<size_t>(buffer.index)].read);
    }
    before[0] = start;
    std::vector<size_t> open{0};
    while (!open.empty()) {
      const size_t at = open.back();
      open.pop_back();
      if (at == count) continue;
      const Step& step = program_.steps[at];
      Holds holds = *before[at];
      if (step.kind == Step::Kind::kRun) follow_segment(program_.segments[static_cast<size_t>(step.subject)], holds);
      if (step.kind == Step::Kind::kUnless) require_holds(holds, step.subject, "step " + std::to_string(at));
      if (step.kind == Step::Kind::kBegin) assume_rows(step.subject, holds);
      const auto go = [&](size_t to) {
        bool changed = !before[to];
        if (changed) before[to] = holds;
        for (size_t b = 0; b < holds.size(); ++b)
          if ((*before[to])[b] && !holds[b]) (*before[to])[b] = false, changed = true;
        if (changed) open.push_back(to);
      };
      if (step.kind != Step::Kind::kJump) go(at + 1);
      if (step.kind != Step::Kind::kRun) go(static_cast<size_t>(step.target));
    }
  }

  void require_holds(const Holds& holds, int32_t buffer, const std::string& reader) const {
    const size_t b = whole(static_cast<size_t>(buffer));
    if (!holds[b] && bytes_[b].begin < bytes_[b].end) throw Broken{"M8: " + reader + " reads " + buffer_name(b) + ", which does not hold its value on every way there"};
  }

  void follow_segment(const Segment& segment, Holds& holds) const {
    for (int32_t k = segment.first; k < segment.first + segment.count; ++k) {
      const std::vector<KernelBuffer>& uses = program_.kernels[static_cast<size_t>(k)].buffers;
      for (const KernelBuffer& use : uses)
        if (reads(use)) require_holds(holds, use.buffer, kernel_name(static_cast<size_t>(k)));
      for (const KernelBuffer& use : uses) {
        if (!writes(use)) continue;
        const size_t written = whole(static_cast<size_t>(use.buffer));
        for (size_t b = 0; b < holds.size(); ++b)
          if (b != written && holds[b] && bytes_[b].overlaps(bytes_[written])) holds[b] = false;
        holds[written] = true;
      }
    }
  }

  /// A loop writes all rows of what it stacks, or there are none.
  void assume_rows(int32_t loop, Holds& holds) const {
    for (const ProgramKernel& kernel : program_.kernels)
      for (const KernelBuffer& use : kernel.buffers)
        for (int32_t b = use.buffer; program_.buffers[static_cast<size_t>(b)].kind == BufferKind::kRow; b = program_.buffers[static_cast<size_t>(b)].index)
          if (writes(use) && program_.buffers[static_cast<size_t>(b)].loop == loop) holds[whole(static_cast<size_t>(b))] = true;
  }

  void check_ports() const {
    std::vector<bool> written(program_.ports.size());
    for (const ProgramKernel& kernel : program_.kernels)
      for (const KernelBuffer& use : kernel.buffers)
        if (const PlannedBuffer& buffer = program_.buffers[whole(static_cast<size_t>(use.buffer))];
            writes(use) && buffer.kind == BufferKind::kVariable)
          written[static_cast<size_t>(buffer.index)] = true;
    for (size_t p = 0; p < program_.ports.size(); ++p) {
      const Port& port = program_.ports[p];
      if (port.written && !port.read && !written[p]) throw Broken{"M6: port " + port.name + " leaves and is written by no kernel"};
    }
  }

  const Program& program_;
  const LaidOutPlan& plan_;
  std::vector<Repeat> repeats_;
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
