// Counts what the process takes from the heap by `new`, to show that a steady loop takes nothing.
#pragma once

#include <cstdint>

namespace sinter::runtime::test {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitizer = true;  // has allocation functions of its own: nothing is counted
#else
inline constexpr bool kSanitizer = false;
#endif

int64_t allocation_count();

}  // namespace sinter::runtime::test
