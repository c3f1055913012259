// What the references of several records share: loops over indices, and arithmetic as docs/decisions/004-numbers.md defines it.
// Written for reading; used by the evaluate rules of this folder only, never by passes or kernels.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/tensor.h"

namespace sinter::ir {

/// Calls `body(index)` for every index below `extents`, in row-major order; once with no coordinates for rank 0.
template <class Body> void for_each_index(const Extents& extents, Body&& body) {
  for (const int64_t extent : extents) {
    if (extent == 0) return;
  }
  Extents index(extents.size(), 0);
  while (true) {
    body(std::as_const(index));
    size_t axis = extents.size();
    while (axis > 0 && ++index[axis - 1] == extents[axis - 1]) index[--axis] = 0;
    if (axis == 0) return;
  }
}

/// Sum of index[i] * strides[i].
inline int64_t offset_of(const Extents& index, const Extents& strides) {
  int64_t offset = 0;
  for (size_t axis = 0; axis < index.size(); ++axis) offset += index[axis] * strides[axis];
  return offset;
}

/// Sums and products of integers wrap: they are formed modulo 2^64 and cut.
template <class T> T add(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else return a + b;
}
template <class T> T subtract(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  else return a - b;
}
template <class T> T multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else return a * b;
}

template <class T> bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  else return false;
}

/// The larger one; NaN when either is NaN, and -0 < +0.
template <class T> T maximum(T a, T b) {
  if (is_nan(a) || is_nan(b)) return std::numeric_limits<T>::quiet_NaN();
  if constexpr (std::is_floating_point_v<T>) {
    if (a == b) return std::signbit(a) ? b : a;
  }
  return a < b ? b : a;
}
template <class T> T minimum(T a, T b) {
  if (is_nan(a) || is_nan(b)) return std::numeric_limits<T>::quiet_NaN();
  if constexpr (std::is_floating_point_v<T>) {
    if (a == b) return std::signbit(a) ? a : b;
  }
  return b < a ? b : a;
}

/// What sums and products of T are accumulated in, so that the reference is a truth for native code: f64 for floats.
template <class T> using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, T>;

}  // namespace sinter::ir
