// A text of the model language and places in it. Syntax trees and errors refer to it by offset.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace sinter::language {

struct Source {
  std::string file;
  std::string text;
  bool is_library = false;  // errors inside are told at the user's call

  /// Line and column of `offset`, with the line's text for the caret.
  Place place(uint32_t offset) const;
};

}  // namespace sinter::language
