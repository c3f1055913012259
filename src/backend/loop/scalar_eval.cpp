#include "backend/loop/scalar_eval.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "base/narrow_float.h"
#include "base/random.h"

namespace sinter::loop {
namespace {

template <class T> constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// Integers wrap: computed without sign, where C++ defines it, in at least 32 bits.
template <class T> using Wide = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <class T> T maximum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
    if (a == b) return std::signbit(a) ? b : a;
  }
  return a > b ? a : b;
}

template <class T> T minimum(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
    if (a == b) return std::signbit(a) ? a : b;
  }
  return a < b ? a : b;
}

/// Towards zero; x / 0 = 0 and MIN / -1 = MIN.
template <class T> T integer_divide(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return static_cast<T>(Wide<T>{0} - static_cast<Wide<T>>(a));
  return static_cast<T>(a / b);
}

template <class T> T integer_remainder(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return 0;
  return static_cast<T>(a % b);
}

template <class T> T shift_left(T a, T amount) {
  using Unsigned = std::make_unsigned_t<T>;
  const auto by = static_cast<Unsigned>(amount);
  return by >= sizeof(T) * 8 ? T{0} : static_cast<T>(static_cast<Wide<T>>(static_cast<Unsigned>(a)) << by);
}

template <class T> T shift_right(T a, T amount) {
  const auto by = static_cast<std::make_unsigned_t<T>>(amount);
  if (by >= sizeof(T) * 8) return a < 0 ? static_cast<T>(-1) : T{0};
  return static_cast<T>(a >> by);
}

double sigmoid(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double e = std::exp(x);  // keeps small results where 1 + exp(-x) would overflow
  return e / (1 + e);
}

/// Functions with an error bound, in binary64.
double function(ScalarOp op, double x, double y) {
  switch (op) {
    case ScalarOp::kPower: return std::pow(x, y);
    case ScalarOp::kAtan2: return std::atan2(x, y);
    case ScalarOp::kRsqrt: return 1 / std::sqrt(x);
    case ScalarOp::kExp: return std::exp(x);
    case ScalarOp::kExp2: return std::exp2(x);
    case ScalarOp::kExpm1: return std::expm1(x);
    case ScalarOp::kLog: return std::log(x);
    case ScalarOp::kLog1p: return std::log1p(x);
    case ScalarOp::kLog2: return std::log2(x);
    case ScalarOp::kSin: return std::sin(x);
    case ScalarOp::kCos: return std::cos(x);
    case ScalarOp::kTan: return std::tan(x);
    case ScalarOp::kAsin: return std::asin(x);
    case ScalarOp::kAcos: return std::acos(x);
    case ScalarOp::kAtan: return std::atan(x);
    case ScalarOp::kSinh: return std::sinh(x);
    case ScalarOp::kCosh: return std::cosh(x);
    case ScalarOp::kTanh: return std::tanh(x);
    case ScalarOp::kSigmoid: return sigmoid(x);
    case ScalarOp::kErf: return std::erf(x);
    default: break;
  }
  SINTER_CHECK(false, "no function of floats: " + std::string(name(op)));
}

template <class T> T float_op(ScalarOp op, T a, T b, T c) {
  switch (op) {
    case ScalarOp::kAdd: return a + b;
    case ScalarOp::kSubtract: return a - b;
    case ScalarOp::kMultiply: return a * b;
    case ScalarOp::kDivide: return a / b;
    case ScalarOp::kRemainder: return std::fmod(a, b);
    case ScalarOp::kFma: return std::fma(a, b, c);
    case ScalarOp::kNegate: return -a;
    case ScalarOp::kAbs: return std::fabs(a);
    case ScalarOp::kSign: return a > 0 ? T{1} : a < 0 ? T{-1} : a;
    case ScalarOp::kFloor: return std::floor(a);
    case ScalarOp::kCeil: return std::ceil(a);
    case ScalarOp::kRound: return std::nearbyint(a);  // the rounding mode is to nearest, ties to even
    case ScalarOp::kTrunc: return std::trunc(a);
    case ScalarOp::kSqrt: return std::sqrt(a);
    default: return static_cast<T>(function(op, a, b));
  }
}

template <class T> T integer_op(ScalarOp op, T a, T b) {
  using W = Wide<T>;
  switch (op) {
    case ScalarOp::kAdd: return static_cast<T>(static_cast<W>(a) + static_cast<W>(b));
    case ScalarOp::kSubtract: return static_cast<T>(static_cast<W>(a) - static_cast<W>(b));
    case ScalarOp::kMultiply: return static_cast<T>(static_cast<W>(a) * static_cast<W>(b));
    case ScalarOp::kDivide: return integer_divide(a, b);
    case ScalarOp::kRemainder: return integer_remainder(a, b);
    case ScalarOp::kNegate: return static_cast<T>(W{0} - static_cast<W>(a));
    case ScalarOp::kAbs: return a < 0 ? static_cast<T>(W{0} - static_cast<W>(a)) : a;
    case ScalarOp::kSign: return static_cast<T>(a > 0 ? 1 : a < 0 ? -1 : 0);
    case ScalarOp::kShiftLeft: return shift_left(a, b);
    case ScalarOp::kShiftRight: return shift_right(a, b);
    case ScalarOp::kAnd: return static_cast<T>(a & b);
    case ScalarOp::kOr: return static_cast<T>(a | b);
    case ScalarOp::kXor: return static_cast<T>(a ^ b);
    case ScalarOp::kNot: return static_cast<T>(~a);
    default: break;
  }
  SINTER_CHECK(false, "no operation of integers: " + std::string(name(op)));
}

bool logic_op(ScalarOp op, bool a, bool b) {
  switch (op) {
    case ScalarOp::kAnd: return a && b;
    case ScalarOp::kOr: return a || b;
    case ScalarOp::kXor: return a != b;
    case ScalarOp::kNot: return !a;
    default: break;
  }
  SINTER_CHECK(false, "no operation of bools: " + std::string(name(op)));
}

template <class T> Scalar typed(ScalarOp op, std::span<const Scalar> operands) {
  const T a = operands[0].as<T>();
  const T b = operands.size() > 1 ? operands[1].as<T>() : T{};
  switch (op) {
    case ScalarOp::kEqual: return Scalar::of(a == b);
    case ScalarOp::kNotEqual: return Scalar::of(a != b);
    case ScalarOp::kLess: return Scalar::of(a < b);
    case ScalarOp::kLessEqual: return Scalar::of(a <= b);
    case ScalarOp::kGreater: return Scalar::of(a > b);
    case ScalarOp::kGreaterEqual: return Scalar::of(a >= b);
    case ScalarOp::kMaximum: return Scalar::of(maximum(a, b));
    case ScalarOp::kMinimum: return Scalar::of(minimum(a, b));
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) {
    if (op == ScalarOp::kIsNan) return Scalar::of(std::isnan(a));
    if (op == ScalarOp::kIsFinite) return Scalar::of(std::isfinite(a));
    return Scalar::of(float_op(op, a, b, operands.size() > 2 ? operands[2].as<T>() : T{}));
  } else if constexpr (std::is_same_v<T, bool>) {
    return Scalar::of(logic_op(op, a, b));
  } else {
    return Scalar::of(integer_op(op, a, b));
  }
}

/// Towards zero, saturating; NaN gives 0. The bounds are compared as powers of two, which every float dtype holds.
template <class To, class From> To saturated(From value) {
  if (std::isnan(value)) return 0;
  const From above = std::ldexp(From{1}, std::numeric_limits<To>::digits);
  if (value >= above) return std::numeric_limits<To>::max();
  if (value <= (std::is_signed_v<To> ? -above : From{0})) return std::numeric_limits<To>::min();
  return static_cast<To>(value);
}

template <class To, class From> To converted(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_floating_point_v<From> && kIsInteger<To>) {
    return saturated<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

bool is_exact(ScalarOp op) {
  switch (op) {
    case ScalarOp::kPower:
    case ScalarOp::kAtan2: return false;
    default: return op < ScalarOp::kRsqrt || op > ScalarOp::kErf;
  }
}

bool is_defined(ScalarOp op, const std::vector<DType>& operands) {
  const DType dtype = operands.empty() ? DType::kF32 : operands.back();
  const bool floating = dtype == DType::kF32 || dtype == DType::kF64, integer = is_integer(dtype), logic = dtype == DType::kBool;
  switch (op) {
    case ScalarOp::kCast:
    case ScalarOp::kSelect: return true;
    case ScalarOp::kBitcast: return !logic;
    case ScalarOp::kRandomBits:
      return operands.size() == 4 && operands[0] == DType::kU32 && operands[1] == DType::kU32 && operands[2] == DType::kU32 &&
             operands[3] == DType::kI64;
    case ScalarOp::kAdd:
    case ScalarOp::kSubtract:
    case ScalarOp::kMultiply:
    case ScalarOp::kDivide:
    case ScalarOp::kRemainder:
    case ScalarOp::kNegate:
    case ScalarOp::kAbs:
    case ScalarOp::kSign: return floating || integer;
    case ScalarOp::kMaximum:
    case ScalarOp::kMinimum:
    case ScalarOp::kEqual:
    case ScalarOp::kNotEqual:
    case ScalarOp::kLess:
    case ScalarOp::kLessEqual:
    case ScalarOp::kGreater:
    case ScalarOp::kGreaterEqual: return floating || integer || logic;
    case ScalarOp::kAnd:
    case ScalarOp::kOr:
    case ScalarOp::kXor:
    case ScalarOp::kNot: return integer || logic;
    case ScalarOp::kShiftLeft:
    case ScalarOp::kShiftRight: return integer;
    default: return floating;  // rounding, functions, fma, is_nan and is_finite
  }
}

Scalar apply(ScalarOp op, DType dtype, std::span<const Scalar> operands) {
  if (op == ScalarOp::kSelect) return operands[0].as<bool>() ? operands[1] : operands[2];
  if (op == ScalarOp::kRandomBits)
    return Scalar::of(
        random_word(operands[0].as<uint32_t>(), operands[2].as<uint32_t>(), operands[1].as<uint32_t>(), operands[3].as<int64_t>()));
  return visit_dtype(dtype, [&](auto zero) { return typed<decltype(zero)>(op, operands); });
}

Scalar cast(Scalar value, DType from, DType to) {
  if (from == to) return value;
  if (from == DType::kF16) return cast(Scalar::of(from_f16_bits(value.as<uint16_t>())), DType::kF32, to);
  if (from == DType::kBF16) return cast(Scalar::of(from_bf16_bits(value.as<uint16_t>())), DType::kF32, to);
  if (to == DType::kF16) return Scalar::of(to_f16_bits(cast(value, from, DType::kF64).as<double>()));
  if (to == DType::kBF16) return Scalar::of(to_bf16_bits(cast(value, from, DType::kF64).as<double>()));
  return visit_dtype(from, [&](auto source) {
    return visit_dtype(to, [&](auto target) { return Scalar::of(converted<decltype(target)>(value.as<decltype(source)>())); });
  });
}

Scalar identity(ScalarOp op, DType dtype) {
  return visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    switch (op) {
      case ScalarOp::kAdd:
      case ScalarOp::kOr: return Scalar::of(T{});
      case ScalarOp::kMultiply: return Scalar::of(static_cast<T>(1));
      case ScalarOp::kMaximum: return Scalar::of(Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest());
      case ScalarOp::kMinimum: return Scalar::of(Limits::has_infinity ? Limits::infinity() : Limits::max());
      case ScalarOp::kAnd: return from_integer(-1, dtype);
      default: break;
    }
    SINTER_CHECK(false, "accumulators are not updated by " + std::string(name(op)));
  });
}

Scalar multiply_add(Scalar a, Scalar b, Scalar sum, DType dtype, bool fused) {
  if (fused && is_float(dtype)) {
    const Scalar operands[] = {a, b, sum};
    return apply(ScalarOp::kFma, dtype, operands);
  }
  const Scalar factors[] = {a, b};
  const Scalar terms[] = {sum, apply(ScalarOp::kMultiply, dtype, factors)};
  return apply(ScalarOp::kAdd, dtype, terms);
}

Scalar from_integer(int64_t value, DType dtype) {
  if (dtype == DType::kBool) return Scalar::of(value != 0);
  return cast(Scalar::of(value), DType::kI64, dtype);
}

Scalar from_number(double value, DType dtype) { return cast(Scalar::of(value), DType::kF64, dtype); }

int64_t to_integer(Scalar value, DType dtype) { return cast(value, dtype, DType::kI64).as<int64_t>(); }

}  // namespace sinter::loop
