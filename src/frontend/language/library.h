// library.sinter: layers, losses, optimizers, metrics and initialisers, written in the language and embedded in the binary.
#pragma once

#include <string_view>

#include "frontend/language/syntax.h"

namespace sinter::language {

/// The text as in the source tree; generated from library.sinter at build time.
std::string_view library_text();

/// Parsed at first use.
const File& library();

}  // namespace sinter::language
