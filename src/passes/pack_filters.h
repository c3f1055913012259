// Pack filters: the filter of a convolution with more output channels than a kernel computes at once is stored as panels of so many. Every tile of the kernel
// reads all of it, so that one copy pays even where the filter changes from call to call; where it does not, prepare_values has it made ahead of the calls.
#pragma once

#include <functional>

#include "ir/module.h"

namespace sinter::passes {

/// Output channels of a panel for this convolution, 0 to leave the filter as it is. The backend knows (contract_packing.h).
using FilterWidth = std::function<int64_t(const ir::Node& convolution, const ir::Graph& graph)>;

ir::Module pack_filters(const ir::Module& module, const FilterWidth& width);

}  // namespace sinter::passes
