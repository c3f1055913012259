// What tests leave out under a sanitizer, and why.
#pragma once

namespace sinter::test {

/// The thread sanitizer cannot see the synchronisation inside the OpenMP runtime, and takes all that it shares for races.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

/// Any sanitizer that GCC tells of (the undefined-behaviour one it does not).
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace sinter::test
