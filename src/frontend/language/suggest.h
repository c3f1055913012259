// "did you mean 'x'?" for unknown names.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace sinter::language {

/// The hint with the closest candidate, or nothing when none is close: about one letter in three may differ.
template <class Range>
std::string did_you_mean(std::string_view word, const Range& candidates, std::string_view otherwise = {}) {
  const std::string guess = closest(word, candidates);
  if (guess.empty() || edit_distance(word, guess) > static_cast<int>(word.size() + 2) / 3) return std::string(otherwise);
  return "did you mean '" + guess + "'?";
}

}  // namespace sinter::language
