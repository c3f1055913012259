#include "support/close.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace sinter::test {
namespace {

/// From |x| to the next number away from zero.
template <class T> double ulp_of(T x) {
  const T magnitude = std::fabs(x);
  const T next = std::nextafter(magnitude, std::numeric_limits<T>::infinity());
  return std::isfinite(next) ? static_cast<double>(next) - static_cast<double>(magnitude)
                             : static_cast<double>(magnitude) - static_cast<double>(std::nextafter(magnitude, T{0}));
}

template <class T> bool close(T actual, T expected, const Tolerance& tolerance) {
  if constexpr (!std::is_floating_point_v<T>) {
    return actual == expected;
  } else {
    if (std::isnan(expected)) return std::isnan(actual);
    const bool exact = tolerance.ulp == 0 && tolerance.relative == 0 && tolerance.absolute == 0;
    if (actual == expected) return !exact || std::signbit(actual) == std::signbit(expected);
    if (std::isnan(actual) || std::isinf(expected)) return false;
    if (std::isinf(actual)) {  // rounding up past the largest number, within the ULP
      return tolerance.ulp > 0 && std::signbit(actual) == std::signbit(expected) &&
             std::fabs(expected) > std::numeric_limits<T>::max() * (1 - 1e-6);
    }
    const double size = std::fabs(static_cast<double>(expected));
    const double allowed = std::max({tolerance.ulp * ulp_of(expected), tolerance.relative * size, tolerance.absolute});
    return std::fabs(static_cast<double>(actual) - static_cast<double>(expected)) <= allowed;
  }
}

template <class T> std::string text_of(T value) {
  if constexpr (std::is_floating_point_v<T>) return to_text(value);
  else return std::to_string(value);
}

std::string coordinates(int64_t position, const Extents& extents) {
  Extents index(extents.size());
  for (size_t axis = extents.size(); axis-- > 0; position /= extents[axis]) index[axis] = position % extents[axis];
  return to_string(index);
}

/// As numbers, an ULP being that of the dtype; exact ones to every bit but those of NaNs.
std::string difference_of_narrow(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  const bool half = expected.dtype() == DType::kF16;
  const int mantissa = half ? 10 : 7, least = half ? -14 : -126;
  const double largest = half ? 65504 : 0x1.fep127;
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double a = actual.get(i), e = expected.get(i);
    const double ulp = std::isfinite(e) && e != 0 ? std::ldexp(1.0, std::max(std::ilogb(e), least) - mantissa) : std::ldexp(1.0, least - mantissa);
    const double allowed = std::max({tolerance.ulp * ulp, tolerance.relative * std::fabs(e), tolerance.absolute});
    const bool exact = allowed == 0, same = a == e && (!exact || std::signbit(a) == std::signbit(e));
    const bool beyond = std::isinf(a) && std::isfinite(e) && !exact && std::fabs(e) >= largest - allowed;
    if (same || (std::isnan(a) && std::isnan(e)) || beyond || (std::isfinite(a) && std::isfinite(e) && !exact && std::fabs(a - e) <= allowed)) continue;
    return "element " + coordinates(i, expected.extents()) + " is " + to_text(a) + ", expected " + to_text(e) + " in " + expected.type_string();
  }
  return "";
}

}  // namespace

std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance) {
  if (actual.dtype() != expected.dtype() || actual.extents() != expected.extents()) {
    return "is " + actual.type_string() + ", expected " + expected.type_string();
  }
  if (is_narrow(expected.dtype())) return difference_of_narrow(actual, expected, tolerance);
  return visit_dtype(expected.dtype(), [&](auto zero) -> std::string {
    using T = decltype(zero);
    int64_t wrong = 0, first = -1;
    for (int64_t i = 0; i < expected.size(); ++i) {
      if (close(actual.data<T>()[i], expected.data<T>()[i], tolerance)) continue;
      if (wrong++ == 0) first = i;
    }
    if (wrong == 0) return "";
    const T a = actual.data<T>()[first], e = expected.data<T>()[first];
    std::string text = "element " + coordinates(first, expected.extents()) + " is " + text_of(a) + ", expected " + text_of(e);
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isfinite(a) && std::isfinite(e)) text += " (" + to_text(std::fabs(double{a} - double{e}) / ulp_of(e)) + " ULP)";
    }
    return text + "; " + std::to_string(wrong) + " of " + std::to_string(expected.size()) + " elements of " + expected.type_string() +
           " differ";
  });
}

void expect_close(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance, const std::string& what) {
  const std::string text = difference(actual, expected, tolerance);
  EXPECT_TRUE(text.empty()) << what << (what.empty() ? "" : ": ") << text;
}

}  // namespace sinter::test
