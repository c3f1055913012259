// The ordered list of passes, with the reason for each: the whole optimizer on one screen.
#pragma once

#include <vector>

#include "passes/fuse.h"
#include "passes/pass.h"

namespace sinter::driver {

/// From what a frontend emits to fused functions whose results are bound to buffers. `report` receives the decisions of `fuse`, when given.
std::vector<passes::Pass> pipeline(const passes::FuseOptions& options, passes::FusionReport* report = nullptr);

}  // namespace sinter::driver
