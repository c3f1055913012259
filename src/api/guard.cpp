#include "api/guard.h"

namespace sinter::api {
namespace {

struct Failure {
  std::string message, kind;
};
thread_local Failure last;

}  // namespace

void note_failure(const char* message, const char* kind) noexcept {
  try {
    last = {message, kind};
  } catch (...) {  // no memory even for the message
  }
}

void require(const void* pointer, const char* what) {
  if (pointer == nullptr) throw Error(ErrorCode::kUsage, std::string(what) + " is a null pointer");
}

}  // namespace sinter::api

extern "C" {

const char* sinter_version(void) { return SINTER_VERSION; }
const char* sinter_error_message(void) { return sinter::api::last.message.c_str(); }
const char* sinter_error_kind(void) { return sinter::api::last.kind.c_str(); }
}
