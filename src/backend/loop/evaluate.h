// The evaluator of the loop language: slow, exact, and suspicious. It runs a kernel on tensors with the meaning of docs/loop_language.md
// and checks what no sanitizer sees in generated code: bounds, races between tiles and between lanes, garbage that is read, results that
// nobody wrote. Used by tests, which hold lowering to the reference of the graph with it, and native code to it; knows neither LLVM nor
// threads.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/loop/loop_ir.h"
#include "base/tensor.h"

namespace sinter::loop {

enum class TileOrder : uint8_t { kForward, kReversed, kShuffled };

struct EvaluateOptions {
  TileOrder order = TileOrder::kForward;
  uint32_t seed = 1;               // of kShuffled
  bool fused_multiply_add = true;  // what contracts add products with; false for targets without that instruction
};

/// How a kernel ends: done, or stopped by a checked index that is out of range. Of several failing tiles it is the lowest, in any order.
struct EvaluateResult {
  bool failed = false;
  int32_t site = 0;
  int64_t tile = 0, value = 0, limit = 0;
};

/// Runs all tiles of a kernel that verifies. `buffers` are those of the caller in order, of their dtypes and element counts; results are
/// written into them. Buffers whose memory overlaps (an operand that is updated in place) are checked as the one memory that they are.
/// Raises InternalError naming kernel, tile, statement, buffer and index for each broken promise. After a failure, results hold anything.
EvaluateResult evaluate(const Kernel& kernel, std::vector<Tensor>& buffers, const SymbolValues& dims, const EvaluateOptions& options = {});

}  // namespace sinter::loop
