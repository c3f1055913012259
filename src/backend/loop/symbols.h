// Walks over the Dims and expressions of a loop kernel, for lowering, printing and checking.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "backend/loop/loop_ir.h"

namespace sinter::loop {

/// Calls `visit` with every Dim of the body: extents, indices, ranges, offsets.
void for_each_dim(const Body& body, const std::function<void(const Dim&)>& visit);
void for_each_dim(const ExpressionRef& expression, const std::function<void(const Dim&)>& visit);

/// Symbols that the kernel uses and does not define: all but `tile`, loop variables and checked indices.
std::set<std::string> free_symbols(const Kernel& kernel);

}  // namespace sinter::loop
