// Expand: replaces composites (softmax, cross_entropy, ...) by what they mean in other ops, until none is left. Runs
// before the backend, which lowers primitives only. Its counterpart, which finds composites in expanded graphs, is
// another pass.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "ir/module.h"
#include "ir/op_def.h"

namespace sinter::passes {

struct ExpandOptions {
  std::set<std::string, std::less<>> keep;  // composites left as they are
};

ir::Module expand(const ir::Module& module, const ExpandOptions& options = {});

/// Composites are made of composites a few levels deep; a record that expands into itself is found out here.
inline constexpr int kMaximumExpansionDepth = 32;

bool is_composite(const ir::OpDef& op);

/// Appends one level of the expansion of `op` and returns its results.
std::vector<ir::Value> expand_node(ir::Builder& builder, const ir::OpDef& op, const std::vector<ir::Value>& operands,
                                   const ir::Attributes& attributes);

}  // namespace sinter::passes
