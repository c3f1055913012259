// A checked program as a plan image, the flat form that runtime/kernel lays out and runs (kernel/plan.h). Used by Executable and by the writer of
// objects linked ahead of time. Knows nothing of code or memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace sinter::runtime {

/// The image of `program`, which check_program accepts. Raises Error kUnsupported for a dim nested deeper than the image's stack.
std::vector<int64_t> plan_image(const Program& program);

/// The symbols of the table of kernels that the image's indices count in: each once, in the order of first use.
std::vector<std::string> kernel_table(const Program& program);

}  // namespace sinter::runtime
