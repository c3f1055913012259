// The bits of f16 and bf16 numbers: storage types, whose values are computed with as f32. Used by tensors, by evaluators, and by tests, which hold
// generated code to it.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/dtype.h"

namespace sinter {

/// The nearest number with `mantissa` bits after the first and exponents from `least` on, ties to even; subnormals, infinity beyond the largest;
/// a NaN stays one, quiet, with the leading bits of its payload. `infinity` is that number's bits.
inline uint16_t narrow_bits(double value, int mantissa, int least, uint16_t infinity) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 63 << 15);
  if (std::isnan(value)) {
    const auto payload = static_cast<uint16_t>((bits & ((uint64_t{1} << 52) - 1)) >> (52 - mantissa));
    return static_cast<uint16_t>(sign | infinity | payload | 1u << (mantissa - 1));
  }
  if (std::isinf(value)) return sign | infinity;
  if (value == 0) return sign;
  int exponent = 0;
  std::frexp(value, &exponent);
  exponent = std::max(exponent - 1, least);
  const double units = std::nearbyint(std::ldexp(std::fabs(value), mantissa - exponent));
  if (exponent > 1 - least + 1) return sign | infinity;
  const auto magnitude = static_cast<int64_t>(units) + (static_cast<int64_t>(exponent - least) << mantissa);
  return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::min<int64_t>(magnitude, infinity)));
}

inline uint16_t to_f16_bits(double value) { return narrow_bits(value, 10, -14, 0x7c00); }
inline uint16_t to_bf16_bits(double value) { return narrow_bits(value, 7, -126, 0x7f80); }

inline float from_bf16_bits(uint16_t bits) {
  const auto wide = static_cast<uint32_t>(bits) << 16;
  const bool nan = (bits & 0x7fff) > 0x7f80;
  return std::bit_cast<float>(nan ? wide | 0x400000 : wide);
}

inline float from_f16_bits(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16, magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00) return std::bit_cast<float>(sign | magnitude << 13 | 0x70000000 | (magnitude > 0x7c00 ? 0x400000u : 0u));
  const float value = magnitude < 0x400 ? std::ldexp(static_cast<float>(magnitude), -24) : std::bit_cast<float>((magnitude << 13) + (112u << 23));
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
}

/// The same by dtype, f16 or bf16.
inline float from_narrow_bits(uint16_t bits, DType dtype) { return dtype == DType::kF16 ? from_f16_bits(bits) : from_bf16_bits(bits); }
inline uint16_t to_narrow_bits(double value, DType dtype) { return dtype == DType::kF16 ? to_f16_bits(value) : to_bf16_bits(value); }

}  // namespace sinter
