#include "base/random.h"

#include <cmath>
#include <numbers>

namespace sinter {

double RandomSequence::normal() {
  const double radius_word = (next() + 1.0) * 0x1.0p-32;  // (0, 1]: its logarithm is finite
  const double angle = 2 * std::numbers::pi * (next() * 0x1.0p-32);
  return std::sqrt(-2 * std::log(radius_word)) * std::cos(angle);
}

}  // namespace sinter
