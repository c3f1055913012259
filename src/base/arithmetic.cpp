#include "base/arithmetic.h"

namespace sinter {

std::string_view name(Arithmetic arithmetic) {
  static constexpr std::string_view kNames[] = {"f32", "f64", "bf16", "int8"};
  return kNames[static_cast<size_t>(arithmetic)];
}

Arithmetic arithmetic_of(DType dtype) {
  switch (dtype) {
    case DType::kF64: return Arithmetic::kF64;
    case DType::kBF16: return Arithmetic::kBf16;
    case DType::kI8:
    case DType::kU8:
    case DType::kI16:
    case DType::kU16:
    case DType::kBool: return Arithmetic::kInt8;
    default: return Arithmetic::kF32;
  }
}

}  // namespace sinter
