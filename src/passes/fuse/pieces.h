// Functions with control flow are fused piece by piece: what can run before the first control node, what stands between, what comes after the
// last; each region is a function of its own. Control nodes stay as they are, between the kernels. Used by fuse.
#pragma once

#include <functional>

#include "ir/module.h"

namespace sinter::passes {

/// A function of a module without control flow as a graph of fusions.
using FuseFunction = std::function<ir::Graph(const ir::Module&, const ir::Function&)>;

ir::Graph fuse_pieces(const ir::Module& module, const ir::Function& function, const FuseFunction& fuse);

}  // namespace sinter::passes
