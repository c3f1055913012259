// The border between C and C++: no exception leaves, each becomes a code and a message of the calling thread. Used by all functions of the
// api that can fail.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "base/error.h"
#include "sinter/sinter.h"

namespace sinter::api {

/// What sinter_error_message and sinter_error_kind say of this thread's last failure.
void note_failure(const char* message, const char* kind) noexcept;

template <class Work> int32_t guarded(const Work& work) noexcept {
  try {
    work();
    return SINTER_FINE;
  } catch (const Error& error) {
    note_failure(error.what(), std::string(name(error.code())).c_str());
    return SINTER_MISTAKE;
  } catch (const std::bad_alloc&) {
    note_failure("this machine has not enough memory for that", "memory");
    return SINTER_MISTAKE;
  } catch (const std::exception& error) {
    note_failure(error.what(), "internal");
    return SINTER_FAULT;
  }
}

/// Raises Error kUsage for a null pointer that may be none.
void require(const void* pointer, const char* what);

}  // namespace sinter::api
