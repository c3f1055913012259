// Random draws of the generators and of shuffling, by position: the same seed, purpose and item give the same numbers on every machine,
// however many other items there are. Used in runtime/data only.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/random.h"

namespace sinter::runtime {

/// What is drawn: numbers of different purposes are independent.
enum class Purpose : uint32_t { kSplit = 0x5f00d001, kShuffle, kCentres, kClusters, kDigits, kXor, kAugment, kShuffleWindow };

class Draws {
 public:
  /// `item` counts what the purpose draws: samples, epochs; samples that are drawn for each epoch anew have both.
  Draws(uint32_t seed, Purpose purpose, uint32_t item, uint32_t epoch = 0)
      : seed_(seed), purpose_(static_cast<uint32_t>(purpose)), item_(item), epoch_(epoch) {}

  uint32_t next() {
    if (index_ % 4 == 0) {
      const uint64_t block = index_ / 4;
      words_ = philox4x32({seed_, epoch_}, {purpose_, item_, static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32)});
    }
    return words_[index_++ % 4];
  }
  double uniform() { return (next() >> 8) * 0x1.0p-24; }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  bool chance(double probability) { return uniform() < probability; }
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((uint64_t{next()} * n) >> 32); }  // [0, n)
  double normal() {                                         // mean 0, standard deviation 1 (Box-Muller, two words each)
    const double radius_word = (next() + 1.0) * 0x1.0p-32;  // (0, 1]: its logarithm is finite
    const double angle = 2 * std::numbers::pi * (next() * 0x1.0p-32);
    return std::sqrt(-2 * std::log(radius_word)) * std::cos(angle);
  }

 private:
  uint32_t seed_, purpose_, item_, epoch_;
  uint64_t index_ = 0;
  std::array<uint32_t, 4> words_{};
};

}  // namespace sinter::runtime
