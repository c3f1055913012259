// Binding symbols to concrete sizes at entry: the named checks that compilation could not prove.
#pragma once

#include <string_view>

#include "base/shape.h"

namespace sinter {

/// Binds each dim of `type` that is a single unbound symbol to the tensor's extent. Raises Error kCheck, naming `what`, when rank or a constant
/// dim differs, or a symbol has another value already. Dims that are expressions are left to `check_extents`.
void bind_symbols(std::string_view what, const Shape& shape, const Extents& extents, SymbolValues& symbols);

/// After all symbols are bound: every dim of `shape` has the value of its extent. Raises Error kCheck with dim, value and extent.
void check_extents(std::string_view what, const Shape& shape, const Extents& extents, const SymbolValues& symbols);

}  // namespace sinter
