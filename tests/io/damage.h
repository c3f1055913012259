// Damage for readers of files: every truncation, and bytes changed, removed and inserted at random. A reader may raise Error, nothing else.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/random.h"

namespace sinter::io::test {

/// Calls `read(bytes)` on damaged copies of `good`; `read` returns normally or raises Error kData, kIo or kCheck.
template <class Read>
void damage(const std::string& good, int rounds, Read&& read) {
  const auto attempt = [&](const std::string& bytes) {
    try {
      read(bytes);
      return true;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kData || error.code() == ErrorCode::kIo || error.code() == ErrorCode::kCheck) << error.what();
      return false;
    }
  };
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(attempt(good.substr(0, size))) << "the first " << size << " bytes were read";
  RandomSequence random(11, 1);
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = good;
    for (uint32_t change = random.below(4); change < 4; ++change) {
      // Headers stand at the beginning: half of the damage goes there.
      const uint32_t at = random.below(static_cast<uint32_t>(random.below(2) == 0 ? std::min<size_t>(bytes.size(), 160) : bytes.size()));
      switch (random.below(4)) {
        case 0:
          bytes[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
          break;
        case 2:
          bytes.erase(at, 1 + random.below(3));
          break;
        default:
          bytes.insert(at, 1, "0123456789[]{}(),:\"' -"[random.below(22)]);
      }
      if (bytes.empty()) break;
    }
    attempt(bytes);
  }
}

}  // namespace sinter::io::test
