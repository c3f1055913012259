// Code that does nothing but reach a limit of the machine: multiply-adds in registers, reading, streaming. What shares of peaks are measured against.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "backend/llvm/codegen.h"
#include "base/arithmetic.h"

namespace sinter::backend {

struct MeasuringCode {
  /// Rounds of independent multiply-adds of one kind. Where the level has no instruction for the kind, what emulates it best: f32 for bf16, pairs of i16
  /// for int8.
  struct MultiplyAdd {
    /// `vector` is 64 bytes of floats 1.0 (doubles for f64), read and overwritten.
    void (*run)(void* vector, int64_t iterations) = nullptr;
    double operations = 0;  // per iteration; a product and a sum are two
  };
  std::array<MultiplyAdd, kArithmetics> multiply_add;  // by Arithmetic
  /// Reads `bytes` (a multiple of 1024) in order.
  void (*read)(const void* data, int64_t bytes, void* sink) = nullptr;
  /// a = b + 3 c over `bytes` of each (a multiple of 64, aligned to 64), stores past the caches.
  void (*triad)(void* a, const void* b, const void* c, int64_t bytes) = nullptr;
  std::shared_ptr<const LoadedCode> owner;
};
MeasuringCode measuring_code(TargetLevel level);

}  // namespace sinter::backend
