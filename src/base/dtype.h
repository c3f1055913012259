// The element types of tensors: names, sizes, classes, and the C++ type of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace sinter {

enum class DType : uint8_t { kF64, kF32, kF16, kBF16, kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64, kBool };

inline constexpr DType kAllDTypes[] = {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI8,  DType::kI16, DType::kI32,
                                       DType::kI64, DType::kU8,  DType::kU16, DType::kU32,  DType::kU64, DType::kBool};

/// "f32", "i64", "bool": the spelling in both texts.
std::string_view name(DType dtype);
std::optional<DType> parse_dtype(std::string_view text);

size_t size_in_bytes(DType dtype);  // a bool takes one byte, 0 or 1
bool is_float(DType dtype);
bool is_integer(DType dtype);       // signed or unsigned, not bool
bool is_signed_integer(DType dtype);

/// The dtype that holds C++ type T.
template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<double>() { return DType::kF64; }
template <> constexpr DType dtype_of<float>() { return DType::kF32; }
template <> constexpr DType dtype_of<int8_t>() { return DType::kI8; }
template <> constexpr DType dtype_of<int16_t>() { return DType::kI16; }
template <> constexpr DType dtype_of<int32_t>() { return DType::kI32; }
template <> constexpr DType dtype_of<int64_t>() { return DType::kI64; }
template <> constexpr DType dtype_of<uint8_t>() { return DType::kU8; }
template <> constexpr DType dtype_of<uint16_t>() { return DType::kU16; }
template <> constexpr DType dtype_of<uint32_t>() { return DType::kU32; }
template <> constexpr DType dtype_of<uint64_t>() { return DType::kU64; }
template <> constexpr DType dtype_of<bool>() { return DType::kBool; }

/// f16 and bf16: stored, and computed with as f32.
constexpr bool is_narrow(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

/// Calls `body(T{})` with a value of the C++ type of `dtype` and returns its result. f16 and bf16 have no such type (base/narrow_float.h speaks of
/// their bits) and raise Error kUnsupported: who calls this has widened them before.
template <class Body> decltype(auto) visit_dtype(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::kF64: return body(double{});
    case DType::kF32: return body(float{});
    case DType::kI8: return body(int8_t{});
    case DType::kI16: return body(int16_t{});
    case DType::kI32: return body(int32_t{});
    case DType::kI64: return body(int64_t{});
    case DType::kU8: return body(uint8_t{});
    case DType::kU16: return body(uint16_t{});
    case DType::kU32: return body(uint32_t{});
    case DType::kU64: return body(uint64_t{});
    case DType::kBool: return body(bool{});
    case DType::kF16:
    case DType::kBF16: break;
  }
  throw Error(ErrorCode::kUnsupported, std::string(dtype == DType::kF16 ? "f16" : "bf16") + " is not computed with here").hint("cast to f32");
}

}  // namespace sinter
