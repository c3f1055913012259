// Constant folding: computes, with the reference evaluator, nodes whose operands are constants. Runs beside simplify
// and never against it: a spread number stays a spread scalar, and random numbers, counters and other ops that generate
// stay what they are.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

struct FoldOptions {
  int64_t largest_result = 4096;    // elements of all results together
  int64_t largest_operand = 65536;  // elements of an operand: bounds the time the evaluator takes
};

/// A node that would raise an error when run is left alone, to raise it where the user expects it. Constant variables
/// of rank 0 become constants of the graph.
ir::Module fold_constants(const ir::Module& module, const FoldOptions& options = {});

}  // namespace sinter::passes
