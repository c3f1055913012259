// The table of lifetimes and aliases that plan_memory emits: which buffer lives from which kernel to which, and who shares
// memory with whom. Offsets are laid out from it for concrete sizes when a signature is first seen (runtime/kernel/layout).
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
};

struct PlannedBuffer {
  TensorType type;
  BufferKind kind = BufferKind::kArena;
  int32_t index = -1;
  int32_t first_kernel = 0, last_kernel = 0;  // kArena: inclusive range of kernels during which it holds a value
  int32_t shares = -1;                        // kArena: an earlier arena buffer whose memory it takes over in place, at least as large
  std::string name;                           // for people: the variable's name or the node's
};

/// The plan of one fused function.
struct MemoryPlan {
  std::vector<PlannedBuffer> buffers;
  std::vector<int32_t> buffer_of_value;  // per value of the function's graph
};

}  // namespace sinter
