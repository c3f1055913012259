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

template <class Wide> Wide sigmoid_reference(Wide x) {
  const Wide t = std::exp(-std::fabs(x));
  return (x < 0 ? t : 1) / (1 + t);
}

inline constexpr UnaryReference<double> kReferencesF32[] = {
    {"exp", [](double x) { return std::exp(x); }, 1.5},   {"log", [](double x) { return std::log(x); }, 1.5},
    {"tanh", [](double x) { return std::tanh(x); }, 1.5}, {"sigmoid", sigmoid_reference<double>, 2},
    {"erf", [](double x) { return std::erf(x); }, 1.5},
};

template <class Wide, size_t n> const UnaryReference<Wide>& reference(const UnaryReference<Wide> (&all)[n], std::string_view name) {
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
