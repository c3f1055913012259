// The library, written in the language (library.sinter and the folder library) and embedded in the binary as one text.
#pragma once

#include <string_view>

#include "frontend/language/syntax.h"

namespace sinter::language {

/// The files of the source tree one behind the other; generated at build time.
std::string_view library_text();

/// Parsed at first use.
const File& library();

}  // namespace sinter::language
