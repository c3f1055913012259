#include "backend/llvm/runtime_bitcode.h"

// Defined in runtime_bitcode.S.
extern "C" const std::byte sinter_runtime_bitcode[], sinter_runtime_bitcode_end[];

namespace sinter::backend {

std::span<const std::byte> runtime_bitcode() { return {sinter_runtime_bitcode, sinter_runtime_bitcode_end}; }

}  // namespace sinter::backend
