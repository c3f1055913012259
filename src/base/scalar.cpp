#include "base/scalar.h"

#include <array>

#include "base/error.h"

namespace sinter {
namespace {

struct Record {
  ScalarOp op;
  std::string_view name;
  int arity;
};

constexpr std::array<Record, kScalarOpCount> kRecords = {{
    {ScalarOp::kAdd, "add", 2},
    {ScalarOp::kSubtract, "subtract", 2},
    {ScalarOp::kMultiply, "multiply", 2},
    {ScalarOp::kDivide, "divide", 2},
    {ScalarOp::kRemainder, "remainder", 2},
    {ScalarOp::kPower, "power", 2},
    {ScalarOp::kMaximum, "maximum", 2},
    {ScalarOp::kMinimum, "minimum", 2},
    {ScalarOp::kAtan2, "atan2", 2},
    {ScalarOp::kFma, "fma", 3},
    {ScalarOp::kNegate, "negate", 1},
    {ScalarOp::kAbs, "abs", 1},
    {ScalarOp::kSign, "sign", 1},
    {ScalarOp::kFloor, "floor", 1},
    {ScalarOp::kCeil, "ceil", 1},
    {ScalarOp::kRound, "round", 1},
    {ScalarOp::kTrunc, "trunc", 1},
    {ScalarOp::kSqrt, "sqrt", 1},
    {ScalarOp::kRsqrt, "rsqrt", 1},
    {ScalarOp::kExp, "exp", 1},
    {ScalarOp::kExp2, "exp2", 1},
    {ScalarOp::kExpm1, "expm1", 1},
    {ScalarOp::kLog, "log", 1},
    {ScalarOp::kLog1p, "log1p", 1},
    {ScalarOp::kLog2, "log2", 1},
    {ScalarOp::kSin, "sin", 1},
    {ScalarOp::kCos, "cos", 1},
    {ScalarOp::kTan, "tan", 1},
    {ScalarOp::kAsin, "asin", 1},
    {ScalarOp::kAcos, "acos", 1},
    {ScalarOp::kAtan, "atan", 1},
    {ScalarOp::kSinh, "sinh", 1},
    {ScalarOp::kCosh, "cosh", 1},
    {ScalarOp::kTanh, "tanh", 1},
    {ScalarOp::kSigmoid, "sigmoid", 1},
    {ScalarOp::kErf, "erf", 1},
    {ScalarOp::kAnd, "and", 2},
    {ScalarOp::kOr, "or", 2},
    {ScalarOp::kXor, "xor", 2},
    {ScalarOp::kNot, "not", 1},
    {ScalarOp::kShiftLeft, "shift_left", 2},
    {ScalarOp::kShiftRight, "shift_right", 2},
    {ScalarOp::kEqual, "equal", 2},
    {ScalarOp::kNotEqual, "not_equal", 2},
    {ScalarOp::kLess, "less", 2},
    {ScalarOp::kLessEqual, "less_equal", 2},
    {ScalarOp::kGreater, "greater", 2},
    {ScalarOp::kGreaterEqual, "greater_equal", 2},
    {ScalarOp::kIsNan, "is_nan", 1},
    {ScalarOp::kIsFinite, "is_finite", 1},
    {ScalarOp::kSelect, "select", 3},
    {ScalarOp::kCast, "cast", 1},
    {ScalarOp::kBitcast, "bitcast", 1},
    {ScalarOp::kRandomBits, "random_bits", 4},
}};

constexpr bool in_order() {
  for (int i = 0; i < kScalarOpCount; ++i) {
    if (static_cast<int>(kRecords[static_cast<size_t>(i)].op) != i) return false;
  }
  return true;
}
static_assert(in_order(), "one record per ScalarOp, in the order of the enumeration");

const Record& record(ScalarOp op) { return kRecords[static_cast<size_t>(op)]; }

[[noreturn]] void reject(ScalarOp op, const std::string& why, const std::vector<DType>& args) {
  std::string types;
  for (const DType arg : args) types += (types.empty() ? "" : ", ") + std::string(name(arg));
  throw Error(ErrorCode::kType, std::string(name(op)) + "(" + types + "): " + why);
}

void require_equal(ScalarOp op, const std::vector<DType>& args, size_t first) {
  for (size_t i = first + 1; i < args.size(); ++i) {
    if (args[i] != args[first]) reject(op, "the operands' dtypes differ", args);
  }
}

}  // namespace

std::string_view name(ScalarOp op) { return record(op).name; }

std::optional<ScalarOp> parse_scalar_op(std::string_view text) {
  for (const Record& candidate : kRecords) {
    if (candidate.name == text) return candidate.op;
  }
  return std::nullopt;
}

int arity(ScalarOp op) { return record(op).arity; }

ScalarBody::ScalarBody(double constant) : node_(std::make_shared<Node>(Node{.kind = Kind::kConstant, .constant = constant})) {}

ScalarBody ScalarBody::operand(int index) {
  SINTER_CHECK(index >= 0, "ScalarBody::operand: negative index");
  ScalarBody body(0.0);
  body.node_ = std::make_shared<Node>(Node{.kind = Kind::kOperand, .operand = index});
  return body;
}

ScalarBody ScalarBody::apply(ScalarOp op, std::vector<ScalarBody> args, std::optional<DType> cast) {
  SINTER_CHECK(static_cast<int>(args.size()) == arity(op), "ScalarBody::apply: number of arguments of " + std::string(name(op)));
  ScalarBody body(0.0);
  body.node_ = std::make_shared<Node>(Node{.kind = Kind::kApply, .op = op, .cast = cast, .args = std::move(args)});
  return body;
}

DType result_dtype(ScalarOp op, const std::vector<DType>& args, std::optional<DType> cast) {
  if (static_cast<int>(args.size()) != arity(op)) reject(op, "takes " + std::to_string(arity(op)) + " operands", args);
  switch (op) {
    case ScalarOp::kEqual:
    case ScalarOp::kNotEqual:
    case ScalarOp::kLess:
    case ScalarOp::kLessEqual:
    case ScalarOp::kGreater:
    case ScalarOp::kGreaterEqual:
    case ScalarOp::kIsNan:
    case ScalarOp::kIsFinite: require_equal(op, args, 0); return DType::kBool;
    case ScalarOp::kSelect:
      if (args[0] != DType::kBool) reject(op, "the condition is not bool", args);
      require_equal(op, args, 1);
      return args[1];
    case ScalarOp::kCast:
    case ScalarOp::kBitcast:
      if (!cast) reject(op, "the dtype to cast to is missing", args);
      if (op == ScalarOp::kBitcast && size_in_bytes(*cast) != size_in_bytes(args[0])) {
        reject(op, "cannot take the bits of another size as " + std::string(name(*cast)), args);
      }
      return *cast;
    case ScalarOp::kRandomBits: return DType::kU32;
    default: require_equal(op, args, 0); return args[0];
  }
}

}  // namespace sinter
