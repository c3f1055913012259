// The data sources a train block may name: their arguments and what kind each is. The readers are the runtime's.
#pragma once

#include "frontend/language/language.h"
#include "frontend/language/syntax.h"

namespace sinter::language {

/// Reads `source(name = literal, ...)`. Raises Error for unknown sources and arguments, kinds and ranges that do not fit.
/// Paths are taken relative to `folder`.
DataSpec read_data(const Expression& call, const Source& source, const std::string& folder);

/// The source that an option names instead: a call, or the path of a file. Keeps split, normalise and shuffle of `old`.
DataSpec read_data_option(const std::string& text, const std::optional<DataSpec>& old);

Normalise normalise_of(const DataSpec& data);

}  // namespace sinter::language
