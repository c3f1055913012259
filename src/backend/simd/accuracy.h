// What the vector math functions promise: the function each stands for, and its greatest error in ULP. Used by the tests and by sinter_ulp.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace sinter::backend::simd {

/// The true function in the next wider type, and the bound for every argument (docs/decisions/010-simd-math.md).
template <class Wide> struct UnaryReference {
  std::string_view name;
  Wide (*function)(Wide);
  double max_ulp;
};

template <class Wide> struct BinaryReference {
  std::string_view name;
  Wide (*function)(Wide, Wide);
  double max_ulp;
};

template <class Wide> Wide sigmoid_reference(Wide x) {
  const Wide t = std::exp(-std::fabs(x));
  return (x < 0 ? t : 1) / (1 + t);
}

/// glibc's long double pow is wrong at (-infinity)^(-2^63); its double one is right.
template <class Wide> Wide power_reference(Wide x, Wide y) {
  return std::isinf(x) ? std::pow(static_cast<double>(x), static_cast<double>(y)) : std::pow(x, y);
}

/// In f32 (with a double for truth) and f64 (with a long double).
template <class Wide> constexpr double bound(double f32, double f64) { return sizeof(Wide) == sizeof(double) ? f32 : f64; }

template <class Wide>
inline constexpr UnaryReference<Wide> kUnaryReferences[] = {
    {"exp", [](Wide x) { return std::exp(x); }, 1.5},
    {"exp2", [](Wide x) { return std::exp2(x); }, 1.5},
    {"expm1", [](Wide x) { return std::expm1(x); }, 2},
    {"log", [](Wide x) { return std::log(x); }, 1.5},
    {"log1p", [](Wide x) { return std::log1p(x); }, 2},
    {"log2", [](Wide x) { return std::log2(x); }, 2},
    {"tanh", [](Wide x) { return std::tanh(x); }, 1.5},
    {"sigmoid", sigmoid_reference<Wide>, 2},
    {"erf", [](Wide x) { return std::erf(x); }, bound<Wide>(1.5, 2)},
    {"sin", [](Wide x) { return std::sin(x); }, 2},
    {"cos", [](Wide x) { return std::cos(x); }, 2},
    {"tan", [](Wide x) { return std::tan(x); }, 2},
    {"asin", [](Wide x) { return std::asin(x); }, 2},
    {"acos", [](Wide x) { return std::acos(x); }, 2},
    {"atan", [](Wide x) { return std::atan(x); }, 2},
    {"sinh", [](Wide x) { return std::sinh(x); }, 2},
    {"cosh", [](Wide x) { return std::cosh(x); }, 2},
    {"rsqrt", [](Wide x) { return 1 / std::sqrt(x); }, 1.5},
};

template <class Wide>
inline constexpr BinaryReference<Wide> kBinaryReferences[] = {
    {"power", power_reference<Wide>, 1},
    {"atan2", [](Wide y, Wide x) { return std::atan2(y, x); }, 2},
};

template <class Reference, size_t n> const Reference& reference(const Reference (&all)[n], std::string_view name) {
  return *std::find_if(std::begin(all), std::end(all), [&](const auto& r) { return r.name == name; });
}

/// The greatest power of two that is not above |x|, for normal x.
inline double leading_power(double x) { return std::bit_cast<double>(std::bit_cast<uint64_t>(x) & 0x7ff0'0000'0000'0000); }
inline long double leading_power(long double x) { return std::ldexp(1.0L, std::ilogb(x)); }

/// The error of `result` against the true value, in units of the last place of T there. Infinite where no error is allowed: a wrong NaN,
/// infinity, zero or sign of zero.
template <class T, class Wide> double ulp_error(T result, Wide truth) {
  using Limits = std::numeric_limits<T>;
  constexpr double kWrong = std::numeric_limits<double>::infinity();
  const T nearest = static_cast<T>(truth);
  if (nearest != nearest || result != result) return nearest != nearest && result != result ? 0 : kWrong;
  if (nearest == 0) return result == 0 && std::signbit(result) == std::signbit(nearest) ? 0 : kWrong;
  if (std::isinf(nearest)) return result == nearest ? 0 : kWrong;
  // An infinity stands for the number that would follow the largest.
  const Wide given = std::isinf(result) ? std::copysign(Wide(Limits::max()) * (1 + Wide(Limits::epsilon()) / 2), result) : Wide(result);
  return static_cast<double>(std::fabs(given - truth) / std::max(leading_power(truth) * Limits::epsilon(), Wide(Limits::denorm_min())));
}

}  // namespace sinter::backend::simd
