// Fuse: puts every node of every function into a `fusion` node, one kernel each (docs/fusion_kinds.md). It looks at
// structure only: kinds of lowering, shapes, who reads what; never at names of ops. Deterministic: the same module and
// options give the same kernels.
//
// In this order: reductions over everything that are large are split; contractions take the elementwise nodes that read
// them; reductions take what lives in their rows or columns; what is left becomes loops, neighbours and siblings
// together; scalars meet in one kernel; kernels that are ready together run side by side as one. Updates (what only
// variables read) stay out of contractions and reductions and come last: all of them together are one kernel.
#pragma once

#include <string>
#include <vector>

#include "ir/module.h"

namespace sinter::passes {

/// Facts of the machine as plain numbers, and how far to go. Times in nanoseconds, rates in bytes per nanosecond and
/// operations per nanosecond.
struct FuseOptions {
  double l1_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 32 << 20;
  double l1_rate = 100, l2_rate = 50, l3_rate = 25, dram_rate = 10;
  double vector_bytes = 64;
  double simple_operations = 16;  // on elements of 4 bytes, loads and stores among them
  double multiply_adds = 40;      // of contractions
  double kernel_time = 150;       // of starting one more kernel
  int64_t symbol = 64;            // what a symbol of a shape is taken for in estimates
  int most_streams = 16;          // arrays that one kernel of kind loops reads and writes side by side
  int most_epilogue_streams = 6;  // full-size arrays beside the operands of a contraction
  int most_parts = 64;            // kernels that run side by side as one
  int most_stages = 16;           // kernels that become stages of one
  double stage_time = 32000;      // of one block of rows through all stages, at most, so that there are blocks to share out
  double usual_rows = 192;        // that a contraction of its own takes at a time
  double panel_columns = 48, panel_rows = 512;  // of a contraction's result that one tile computes: what a prologue computes is computed again for each
  double packing_rate = 3;        // elements per nanosecond of an operand that lies the other way
  double small_kernel = 20000;    // a kernel of kind contract or rows joins others when it is estimated below this time
  double small_total = 16384;     // elements: reductions of so many to one number share a kernel, which is one tile
};

/// One boundary between two nodes or groups of them ("add h1", "dot_general h1 and 2 more"), and what was made of it.
struct Decision {
  std::string function, producer, consumer;
  bool fused = false;
  double together = 0, apart = 0;  // estimated nanoseconds of both choices
  std::string reason;
};

struct FusionReport {
  std::vector<Decision> decisions;
};

/// One line per decision, for people.
std::string to_text(const FusionReport& report);

/// Expects canonical contracts, hoisted constants and no composites. Raises Error kUnsupported, with the node's name,
/// for a node that has no native code.
ir::Module fuse(const ir::Module& module, const FuseOptions& options = {}, FusionReport* report = nullptr);

}  // namespace sinter::passes
