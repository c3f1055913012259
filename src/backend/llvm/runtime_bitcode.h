// The routines of runtime/kernel as LLVM bitcode, compiled at build time: what an object linked ahead of time brings along.
#pragma once

#include <cstddef>
#include <span>

namespace sinter::backend {

std::span<const std::byte> runtime_bitcode();

}  // namespace sinter::backend
