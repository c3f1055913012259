#include "runtime/steps.h"

#include <set>

#include "base/error.h"

namespace sinter::runtime {
namespace {

class Structure {
 public:
  explicit Structure(const Program& program) : program_(program), steps_(program.steps) {}

  std::vector<Repeat> find() {
    sequence(0, static_cast<int32_t>(steps_.size()));
    if (static_cast<size_t>(next_segment_) != program_.segments.size()) fail(static_cast<int32_t>(steps_.size()), "ends before all segments have run");
    if (begun_.size() != program_.loops.size()) fail(static_cast<int32_t>(steps_.size()), "ends before all loops have begun");
    return std::move(repeats_);
  }

 private:
  [[noreturn]] static void fail(int32_t step, const char* what) { throw Error(ErrorCode::kData, "step " + std::to_string(step) + " " + what); }

  const Step& step(int32_t index) const { return steps_[static_cast<size_t>(index)]; }
  int32_t next_kernel() const {
    return next_segment_ == 0 ? 0 : program_.segments[static_cast<size_t>(next_segment_ - 1)].first + program_.segments[static_cast<size_t>(next_segment_ - 1)].count;
  }

  /// Steps [begin, end), which nothing but their own jumps enters or leaves.
  void sequence(int32_t begin, int32_t end) {
    if (++depth_ > kDeepest) fail(begin, "nests too deeply");
    std::vector<std::pair<int32_t, int32_t>> places;  // steps at which something of this sequence begins, and the kernel there
    for (int32_t at = begin; at < end;) {
      places.push_back({at, next_kernel()});
      switch (step(at).kind) {
        case Step::Kind::kRun:
          if (step(at).subject != next_segment_ || static_cast<size_t>(next_segment_) >= program_.segments.size()) fail(at, "runs another segment than the next");
          ++next_segment_;
          ++at;
          break;
        case Step::Kind::kBegin: at = rows(at, end); break;
        case Step::Kind::kUnless: at = choice_or_while(at, end, places); break;
        default: fail(at, "jumps out of nothing");
      }
    }
    --depth_;
  }

  int32_t rows(int32_t at, int32_t end) {
    const int32_t loop = step(at).subject, target = step(at).target;
    if (loop < 0 || static_cast<size_t>(loop) >= program_.loops.size() || !begun_.insert(loop).second) fail(at, "begins a loop that is none, or once more");
    if (target <= at + 1 || target > end || step(target - 1).kind != Step::Kind::kNext || step(target - 1).subject != loop || step(target - 1).target != at + 1)
      fail(at, "begins a loop that does not end");
    const int32_t first = next_kernel();
    sequence(at + 1, target - 1);
    repeats_.push_back({at + 1, target, first, next_kernel(), loop});
    return target;
  }

  int32_t choice_or_while(int32_t at, int32_t end, const std::vector<std::pair<int32_t, int32_t>>& places) {
    const int32_t target = step(at).target;
    if (step(at).subject < 0 || static_cast<size_t>(step(at).subject) >= program_.buffers.size()) fail(at, "reads a buffer that does not exist");
    if (target <= at + 1 || target > end || step(target - 1).kind != Step::Kind::kJump) fail(at, "chooses between nothing");
    const int32_t jump = step(target - 1).target;
    if (jump > at) {
      if (jump < target || jump > end) fail(target - 1, "jumps out of its choice");
      sequence(at + 1, target - 1);
      sequence(target, jump);
      return jump;
    }
    sequence(at + 1, target - 1);
    for (const auto& [place, kernel] : places) {
      if (place != jump) continue;
      repeats_.push_back({jump, target, kernel, next_kernel(), -1});
      return target;
    }
    fail(target - 1, "jumps back into nothing");
  }

  static constexpr int kDeepest = 200;
  const Program& program_;
  const std::vector<Step>& steps_;
  std::vector<Repeat> repeats_;
  std::set<int32_t> begun_;
  int32_t next_segment_ = 0;
  int depth_ = 0;
};

}  // namespace

std::vector<Repeat> find_repeats(const Program& program) {
  if (program.steps.empty() && program.loops.empty()) return {};
  return Structure(program).find();
}

int32_t whole_of(const Program& program, int32_t buffer) {
  while (program.buffers[static_cast<size_t>(buffer)].kind == BufferKind::kRow) buffer = program.buffers[static_cast<size_t>(buffer)].index;
  return buffer;
}

}  // namespace sinter::runtime
