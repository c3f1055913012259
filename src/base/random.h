// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
// Stateless: the same key and counter give the same words on every machine and thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sinter {

/// One block of four words.
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0], p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

/// The word that op `random_bits` and ScalarOp::kRandomBits give element `index`: word index % 4 of the block with
/// key (seed, 0) and counter (stream, step, low and high half of index / 4).
constexpr uint32_t random_word(uint32_t seed, uint32_t stream, uint32_t step, int64_t index) {
  const uint64_t block = static_cast<uint64_t>(index) / 4;
  return philox4x32({seed, 0}, {stream, step, static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32)})[static_cast<size_t>(index & 3)];
}

/// A sequence of numbers for the host: shuffles, generators of data. Its own stream per purpose keeps uses independent.
class RandomSequence {
 public:
  RandomSequence(uint32_t seed, uint32_t stream) : seed_(seed), stream_(stream) {}
  uint32_t next() { return random_word(seed_, stream_, 0, index_++); }
  double uniform() { return (next() >> 8) * 0x1.0p-24; }     // [0, 1)
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((uint64_t{next()} * n) >> 32); }  // [0, n)
  double normal();  // mean 0, standard deviation 1 (Box-Muller, two words each)

 private:
  uint32_t seed_, stream_;
  int64_t index_ = 0;
};

}  // namespace sinter
