// Scalar operations on one element, exactly as docs/decisions/004-numbers.md says. Used by the evaluator of the loop language and by its
// verifier. The references of op records (ir/ops) say the same a second time, on purpose: the tests hold each to the other.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/scalar.h"

namespace sinter::loop {

/// The bits of one element of any dtype; who holds it knows which.
struct Scalar {
  uint64_t bits = 0;

  template <class T> static Scalar of(T value) {
    Scalar scalar;
    std::memcpy(&scalar.bits, &value, sizeof value);
    return scalar;
  }
  template <class T> T as() const {
    T value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

/// Whether `op` has a meaning for operands of these dtypes (their number and equality are result_dtype's matter).
bool is_defined(ScalarOp op, const std::vector<DType>& operands);

/// One right answer, bit for bit, on every path: everything but the functions with an error bound.
bool is_exact(ScalarOp op);

/// `op` on operands of `dtype` (of the last two for select, u32 and i64 for random bits). Not for kCast and kBitcast.
/// f32 is rounded after each operation; functions are computed in f64 and rounded once.
Scalar apply(ScalarOp op, DType dtype, std::span<const Scalar> operands);
Scalar cast(Scalar value, DType from, DType to);

/// What no other value of the dtype can beat in `op`, one of those of Update: 0 for add, -inf for maximum ...
Scalar identity(ScalarOp op, DType dtype);

/// a * b + sum as a contract adds it: floats by one rounding when `fused`, else by two; integers wrap.
Scalar multiply_add(Scalar a, Scalar b, Scalar sum, DType dtype, bool fused);

Scalar from_integer(int64_t value, DType dtype);  // of an integer dtype or bool, the low bits
Scalar from_number(double value, DType dtype);    // of a float dtype, rounded once
/// The value of an integer dtype; a u64 beyond the largest i64 wraps.
int64_t to_integer(Scalar value, DType dtype);

}  // namespace sinter::loop
