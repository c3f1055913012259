// The table of lifetimes and aliases that plan_memory emits: which buffer lives from which kernel to which, who shares
// memory with whom, and the steps in which kernels run (docs/decisions/016-control-flow.md). Offsets are laid out from it for concrete sizes when a signature is first seen (runtime/kernel/layout).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/shape.h"

namespace sinter {

enum class BufferKind : uint8_t {
  kVariable,  // memory of a bound variable: input, parameter, state or output, `index` into the program's ports
  kConstant,  // `index` into the program's constants
  kArena,     // a temporary, placed in the arena while it lives
  kRow,       // of the earlier buffer `index` the row that loop `loop` is at
};

struct PlannedBuffer {
  TensorType type;
  BufferKind kind = BufferKind::kArena;
  int32_t index = -1;
  int32_t first_kernel = 0, last_kernel = 0;  // kArena: inclusive range of kernels during which it holds a value
  int32_t shares = -1;                        // kArena: an earlier arena buffer whose memory it takes over in place, at least as large
  std::string name;                           // for people: the variable's name or the node's
  int32_t loop = -1;                          // kRow
};

/// Kernels [first, first + count) that run without returning to the host.
struct Segment {
  int32_t first = 0, count = 0;
};

/// A loop over rows 0 .. length - 1, or from the last to the first.
struct RowLoop {
  Dim length;
  bool reverse = false;
};

/// What a program does next. A target is the number of a step, or that after the last.
struct Step {
  enum class Kind : uint8_t {
    kRun,     // segment `subject`
    kBegin,   // loop `subject` is at its first row; to `target` when it has none
    kNext,    // loop `subject` is at its next row, to `target`; on when it was the last
    kJump,    // to `target`
    kUnless,  // to `target` unless the bool in buffer `subject` holds
  } kind = Kind::kRun;
  int32_t subject = 0, target = 0;
};

/// The plan of one fused function.
struct MemoryPlan {
  std::vector<PlannedBuffer> buffers;
  std::vector<int32_t> buffer_of_value;  // per value of the function's graph
  std::vector<std::vector<int32_t>> buffer_of_region_value;  // the same for each region of control flow, in the order in which they begin in the text
  std::vector<RowLoop> loops;
  std::vector<Segment> segments;
  std::vector<Step> steps;  // none: all segments in order
};

}  // namespace sinter
