// Code that does nothing but reach a limit of the machine: multiply-adds in registers, reading, streaming. What shares of peaks are measured against.
#pragma once

#include <cstdint>
#include <memory>

#include "backend/llvm/codegen.h"

namespace sinter::backend {

struct MeasuringCode {
  /// `iterations` rounds of independent multiply-adds; `sink` takes 64 bytes.
  void (*multiply_add)(void* sink, int64_t iterations) = nullptr;
  double flops_per_iteration = 0;
  /// Reads `bytes` (a multiple of 1024) in order.
  void (*read)(const void* data, int64_t bytes, void* sink) = nullptr;
  /// a = b + 3 c over `bytes` of each (a multiple of 64, aligned to 64), stores past the caches.
  void (*triad)(void* a, const void* b, const void* c, int64_t bytes) = nullptr;
  std::shared_ptr<const LoadedCode> owner;
};
MeasuringCode measuring_code(TargetLevel level);

}  // namespace sinter::backend
