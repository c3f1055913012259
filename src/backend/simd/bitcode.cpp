#include "backend/simd/bitcode.h"

#include "backend/simd/functions.h"

// Defined in bitcode.S.
#define SINTER_SIMD_MODULE(level) extern "C" const std::byte sinter_simd_##level[], sinter_simd_##level##_end[];
SINTER_SIMD_MODULE(v2)
SINTER_SIMD_MODULE(v3)
SINTER_SIMD_MODULE(v4)
#undef SINTER_SIMD_MODULE

namespace sinter::backend::simd {
namespace {

#define SINTER_SIMD_CASE(op, name) case ScalarOp::k##op:
bool contains(ScalarOp op, DType dtype) {
  switch (op) {
    SINTER_SIMD_UNARY(SINTER_SIMD_CASE)
    SINTER_SIMD_BINARY(SINTER_SIMD_CASE)
    return dtype == DType::kF32 || dtype == DType::kF64;
    case ScalarOp::kRandomBits: return dtype == DType::kU32;
    default: return false;
  }
}
#undef SINTER_SIMD_CASE

}  // namespace

std::span<const std::byte> math_bitcode(TargetLevel level) {
  switch (level) {
    case TargetLevel::kV2: return {sinter_simd_v2, sinter_simd_v2_end};
    case TargetLevel::kV3: return {sinter_simd_v3, sinter_simd_v3_end};
    case TargetLevel::kV4:
    case TargetLevel::kV4Bf16: return {sinter_simd_v4, sinter_simd_v4_end};
  }
  return {};
}

std::optional<std::string> math_symbol(ScalarOp op, DType dtype, int lanes) {
  const int widest = 64 / static_cast<int>(size_in_bytes(dtype));
  const bool fills_a_register = lanes == widest || lanes == widest / 2 || lanes == widest / 4;
  if (!contains(op, dtype) || !(lanes == 1 || fills_a_register)) return std::nullopt;
  return "sinter_" + std::string(name(op)) + "_" + std::string(name(dtype)) + "x" + std::to_string(lanes);
}

}  // namespace sinter::backend::simd
