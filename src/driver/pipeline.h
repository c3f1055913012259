// The ordered list of passes, with the reason for each: the whole optimizer on one screen.
#pragma once

#include <vector>

#include "base/machine.h"
#include "passes/fuse.h"
#include "passes/pass.h"

namespace sinter::driver {

/// From what a frontend emits to fused functions whose results are bound to buffers, with operands in the layouts that kernels for `target` read.
/// `report` receives the decisions of `fuse`, when given.
std::vector<passes::Pass> pipeline(const passes::FuseOptions& options, const Target& target, passes::FusionReport* report = nullptr);

}  // namespace sinter::driver
