// The pass manager: runs a list of passes, holds each to its promises, and tells what each did. Used by the driver, by
// `sinter opt` and by tests. It knows no pass by name.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ir/module.h"
#include "passes/pass.h"

namespace sinter::passes {

/// What one pass did.
struct PassRecord {
  std::string name;
  std::string reason;
  bool changed = false;     // by structural hash, node names included
  double milliseconds = 0;  // of the pass alone, without verifying and hashing
  int64_t nodes = 0;        // in the module after the pass, regions included
};

struct PassReport {
  std::vector<PassRecord> passes;  // in the order in which they ran

  /// A table for people: name, changed or not, nodes, milliseconds, reason.
  std::string to_string() const;
};

struct RunOptions {
  bool verify = true;      // after each pass; off only where the same list has just been verified
  int64_t first = -1;      // run only the first N passes (for bisecting a fault); negative: all
  std::string stop_after;  // stop after the first pass of this name; empty: run all
  /// Called after each pass, for dumps.
  std::function<void(const PassRecord& record, const ir::Module& after)> on_pass;
};

/// Runs `passes` in order. Raises what a pass raises (user mistakes), Error kName when `stop_after` names no pass, and
/// InternalError, with the pass and the graph text in it, when a pass breaks an invariant or hands on a module that
/// does not verify.
ir::Module run_passes(ir::Module module, std::span<const Pass> passes, const RunOptions& options = {},
                      PassReport* report = nullptr);

/// How many nodes a module or a graph has, regions included.
int64_t count_nodes(const ir::Module& module);
int64_t count_nodes(const ir::Graph& graph);

}  // namespace sinter::passes
