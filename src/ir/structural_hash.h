// A hash of what a module computes: ops, operands, attributes, types, variables. Node names do not count unless asked for.
#pragma once

#include "base/hash.h"
#include "ir/module.h"

namespace sinter::ir {

Hash128 structural_hash(const Module& module, bool with_names = false);
Hash128 structural_hash(const Graph& graph, bool with_names = false);

}  // namespace sinter::ir
