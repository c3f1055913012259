// Scalar operations: the closed vocabulary of arithmetic on one element, shared by the scalar bodies of op records,
// the loop language and the LLVM emitter. Meaning of each: docs/decisions/004-numbers.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace sinter {

enum class ScalarOp : uint8_t {
  // arithmetic, result has the operands' dtype
  kAdd, kSubtract, kMultiply, kDivide, kRemainder, kPower, kMaximum, kMinimum, kAtan2,
  kFma,  // a * b + c, rounded once
  kNegate, kAbs, kSign, kFloor, kCeil, kRound, kTrunc, kSqrt, kRsqrt,
  kExp, kExp2, kExpm1, kLog, kLog1p, kLog2, kSin, kCos, kTan, kAsin, kAcos, kAtan, kSinh, kCosh, kTanh, kSigmoid, kErf,
  // bits and logic: integers and bool
  kAnd, kOr, kXor, kNot, kShiftLeft, kShiftRight,
  // comparisons, result bool
  kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIsNan, kIsFinite,
  // select(condition, then, otherwise); cast to the instruction's dtype; bit cast between equal sizes
  kSelect, kCast, kBitcast,
  // word(seed u32, step u32, stream u32 (constant), index i64) -> u32: word index % 4 of the Philox4x32-10 block at counter (stream, step, index / 4)
  kRandomBits,
};

std::string_view name(ScalarOp op);  // "add", "select", ...: the spelling in the loop text
std::optional<ScalarOp> parse_scalar_op(std::string_view text);
int arity(ScalarOp op);
inline constexpr int kScalarOpCount = static_cast<int>(ScalarOp::kRandomBits) + 1;

/// A scalar expression over numbered operands: the body of an elementwise op, as data. A shared, immutable tree.
/// dtypes are left open: they follow from the operands' dtypes (see result_dtype), so that one body serves f32 and f64.
class ScalarBody {
 public:
  enum class Kind { kOperand, kConstant, kApply };
  struct Node {
    Kind kind;
    int operand = 0;               // kOperand
    double constant = 0;           // kConstant: takes the dtype of the operand it meets (the first non-constant sibling)
    ScalarOp op = ScalarOp::kAdd;  // kApply
    std::optional<DType> cast;     // kApply of kCast / kBitcast: the fixed dtype; absent: the op's result dtype
    std::vector<ScalarBody> args;
  };

  ScalarBody(double constant);  // NOLINT: implicit on purpose
  static ScalarBody operand(int index);
  static ScalarBody apply(ScalarOp op, std::vector<ScalarBody> args, std::optional<DType> cast = {});
  const Node& node() const { return *node_; }

 private:
  std::shared_ptr<const Node> node_;
};

/// The dtype of op applied to arguments of these dtypes (kCast and kBitcast need `cast`).
DType result_dtype(ScalarOp op, const std::vector<DType>& args, std::optional<DType> cast = {});

}  // namespace sinter
