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

inline constexpr UnaryReference<double> kReferencesF32[] = {
    {"exp", [](double x) { return std::exp(x); }, 1.5},
    {"exp2", [](double x) { return std::exp2(x); }, 1.5},
    {"expm1", [](double x) { return std::expm1(x); }, 2},
    {"log", [](double x) { return std::log(x); }, 1.5},
    {"log1p", [](double x) { return std::log1p(x); }, 2},
    {"log2", [](double x) { return std::log2(x); }, 2},
    {"tanh", [](double x) { return std::tanh(x); }, 1.5},
    {"sigmoid", sigmoid_reference<double>, 2},
    {"erf", [](double x) { return std::erf(x); }, 1.5},
    {"sin", [](double x) { return std::sin(x); }, 2},
    {"cos", [](double x) { return std::cos(x); }, 2},
    {"tan", [](double x) { return std::tan(x); }, 2},
    {"asin", [](double x) { return std::asin(x); }, 2},
    {"acos", [](double x) { return std::acos(x); }, 2},
    {"atan", [](double x) { return std::atan(x); }, 2},
    {"sinh", [](double x) { return std::sinh(x); }, 2},
    {"cosh", [](double x) { return std::cosh(x); }, 2},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1.5},
};

inline constexpr BinaryReference<double> kBinaryReferencesF32[] = {
    {"power", [](double x, double y) { return std::pow(x, y); }, 1},
    {"atan2", [](double y, double x) { return std::atan2(y, x); }, 2},
};

inline constexpr UnaryReference<long double> kReferencesF64[] = {
    {"exp", [](long double x) { return std::exp(x); }, 1.5},   {"log", [](long double x) { return std::log(x); }, 1.5},
    {"tanh", [](long double x) { return std::tanh(x); }, 1.5}, {"sigmoid", sigmoid_reference<long double>, 2},
    {"erf", [](long double x) { return std::erf(x); }, 2},
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
