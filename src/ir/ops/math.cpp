// Functions of one float: one row each. References are those of the C library in f64; f32 is widened and rounded once.
#include "ir/ops/math.h"

#include <cmath>
#include <numbers>

#include "ir/ops/scalar_record.h"

namespace sinter::ir {
namespace {

struct Function {
  const char* name;
  ScalarOp op;
  int ulp;  // of native f32 code, see docs/decisions/004-numbers.md
  Fill fill;
  double (*reference)(double);
  UnaryDerivative derivative;  // null: constant between jumps
  const char* doc;
};

double sigmoid(double x) {  // the exponential never overflows
  const double e = std::exp(-std::fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double round_half_even(double x) { return std::nearbyint(x); }  // the rounding mode is never changed

constexpr double kLn2 = std::numbers::ln2;

Expression square(E x) { return x * x; }

const Function kFunctions[] = {
    {"exp", ScalarOp::kExp, 2, Fill::kNormal, std::exp, [](E, E y, E dy) { return dy * y; }, "e to the power x."},
    {"exp2", ScalarOp::kExp2, 2, Fill::kNormal, std::exp2, [](E, E y, E dy) { return dy * y * kLn2; }, "2 to the power x."},
    {"expm1", ScalarOp::kExpm1, 3, Fill::kNormal, std::expm1, [](E, E y, E dy) { return dy * (y + 1.0); },
     "e to the power x, minus 1; exact near 0."},
    {"log", ScalarOp::kLog, 2, Fill::kPositive, std::log, [](E x, E, E dy) { return dy / x; },
     "The natural logarithm; -inf at 0, NaN below."},
    {"log1p", ScalarOp::kLog1p, 3, Fill::kPositive, std::log1p, [](E x, E, E dy) { return dy / (x + 1.0); },
     "The natural logarithm of 1 + x; exact near 0."},
    {"log2", ScalarOp::kLog2, 2, Fill::kPositive, std::log2, [](E x, E, E dy) { return dy / (x * kLn2); }, "The logarithm to base 2."},
    {"sqrt", ScalarOp::kSqrt, 0, Fill::kPositive, std::sqrt, [](E, E y, E dy) { return dy * 0.5 / y; }, "The square root; NaN below 0."},
    {"rsqrt", ScalarOp::kRsqrt, 2, Fill::kPositive, [](double x) { return 1 / std::sqrt(x); },
     [](E x, E y, E dy) { return dy * -0.5 * y / x; }, "1 / sqrt(x); inf at 0."},
    {"sin", ScalarOp::kSin, 2, Fill::kNormal, std::sin, [](E x, E, E dy) { return dy * x.call("cos"); }, "The sine of x in radians."},
    {"cos", ScalarOp::kCos, 2, Fill::kNormal, std::cos, [](E x, E, E dy) { return -dy * x.call("sin"); }, "The cosine of x in radians."},
    {"tan", ScalarOp::kTan, 3, Fill::kUnit, std::tan, [](E, E y, E dy) { return dy * (y * y + 1.0); }, "The tangent of x in radians."},
    {"asin", ScalarOp::kAsin, 3, Fill::kUnit, std::asin, [](E x, E, E dy) { return dy * (1.0 - square(x)).call("rsqrt"); },
     "The angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1]."},
    {"acos", ScalarOp::kAcos, 3, Fill::kUnit, std::acos, [](E x, E, E dy) { return -dy * (1.0 - square(x)).call("rsqrt"); },
     "The angle in [0, pi] whose cosine is x; NaN outside [-1, 1]."},
    {"atan", ScalarOp::kAtan, 3, Fill::kNormal, std::atan, [](E x, E, E dy) { return dy / (square(x) + 1.0); },
     "The angle in (-pi/2, pi/2) whose tangent is x."},
    {"sinh", ScalarOp::kSinh, 3, Fill::kNormal, std::sinh, [](E x, E, E dy) { return dy * x.call("cosh"); }, "The hyperbolic sine."},
    {"cosh", ScalarOp::kCosh, 3, Fill::kNormal, std::cosh, [](E x, E, E dy) { return dy * x.call("sinh"); }, "The hyperbolic cosine."},
    {"tanh", ScalarOp::kTanh, 3, Fill::kNormal, std::tanh, [](E, E y, E dy) { return dy * (1.0 - square(y)); }, "The hyperbolic tangent."},
    {"sigmoid", ScalarOp::kSigmoid, 3, Fill::kNormal, sigmoid, [](E, E y, E dy) { return dy * (y * (1.0 - y)); }, "1 / (1 + exp(-x))."},
    {"erf", ScalarOp::kErf, 3, Fill::kNormal, std::erf,
     [](E x, E, E dy) { return dy * ((-square(x)).call("exp") * (2 * std::numbers::inv_sqrtpi)); }, "The error function."},
    {"floor", ScalarOp::kFloor, 0, Fill::kAwayFromInteger, std::floor, nullptr, "The largest integer not above x, as a float."},
    {"ceil", ScalarOp::kCeil, 0, Fill::kAwayFromInteger, std::ceil, nullptr, "The smallest integer not below x, as a float."},
    {"round", ScalarOp::kRound, 0, Fill::kAwayFromInteger, round_half_even, nullptr,
     "The nearest integer as a float; ties go to the even one."},
    {"trunc", ScalarOp::kTrunc, 0, Fill::kAwayFromInteger, std::trunc, nullptr, "x without its fraction."},
};

}  // namespace

void add_math_ops(OpRegistry& registry) {
  for (const Function& f : kFunctions) {
    registry.add(scalar_record({f.name, f.op, Domain::kFloat, f.doc, {{"x", "any shape"}},
                                each<Domain::kFloat>([reference = f.reference](auto x) { return static_cast<decltype(x)>(reference(x)); }),
                                f.derivative ? derivative(f.derivative) : zero_derivative(), {f.fill}, f.ulp}));
  }
}

}  // namespace sinter::ir
