// Kinds of multiply-adds, each with a peak of its own: what measuring and timing speak of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/dtype.h"

namespace sinter {

enum class Arithmetic : uint8_t { kF32, kF64, kBf16, kInt8 };
inline constexpr size_t kArithmetics = 4;
std::string_view name(Arithmetic arithmetic);  // "f32", "f64", "bf16", "int8"
/// The kind that a product of operands of this dtype is nearest to.
Arithmetic arithmetic_of(DType dtype);

}  // namespace sinter
