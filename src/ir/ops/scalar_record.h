// Records of ops that apply one scalar operation to each element: a row of a table says what is particular, the rest follows.
// Used by elementwise.cpp, math.cpp and compare.cpp only.
#pragma once

#include "ir/builder.h"
#include "ir/op_def.h"
#include "ir/ops/domain.h"

namespace sinter::ir {

/// Short, so that a gradient fits its row: [](E x, E y, E dy) { return dy * y; }.
using E = const Expression&;
using UnaryDerivative = Expression (*)(E x, E y, E dy);
using BinaryDerivative = Expression (*)(E a, E b, E y, E dy);

/// A record of one or two operands of equal types.
struct ScalarRow {
  const char* name;
  ScalarOp op;
  Domain domain;
  const char* doc;
  std::vector<OperandDef> operands;
  EvaluateRule evaluate;
  Gradient gradient;
  std::vector<Fill> fills;  // of float samples, per operand; integers take small integers
  int ulp = 0;
  std::optional<DType> result = std::nullopt;  // absent: the operands' dtype
};
/// C1: the operands have equal types (of two operands); then the domain. Samples for each dtype of the domain.
OpDef scalar_record(ScalarRow row);

Gradient derivative(UnaryDerivative by_x);
Gradient derivative(BinaryDerivative by_lhs, BinaryDerivative by_rhs);
/// For functions that are constant between jumps.
Gradient zero_derivative();

/// `value` in the type of `like`.
Expression constant_like(double value, E like);

/// result[i] = f(x[i]), f called with the operand's C++ type.
template <Domain domain, class F> EvaluateRule each(F f) {
  return [f](const EvaluateRequest& request) {
    Tensor result = request.make_result();
    visit<domain>(request.operands[0].dtype(), [&](auto zero) {
      const auto x = request.operands[0].span<decltype(zero)>();
      const auto out = result.span<decltype(f(zero))>();
      for (size_t i = 0; i < out.size(); ++i) out[i] = f(x[i]);
    });
    return std::vector<Tensor>{result};
  };
}

/// result[i] = f(a[i], b[i]).
template <Domain domain, class F> EvaluateRule each_pair(F f) {
  return [f](const EvaluateRequest& request) {
    Tensor result = request.make_result();
    visit<domain>(request.operands[0].dtype(), [&](auto zero) {
      const auto a = request.operands[0].span<decltype(zero)>(), b = request.operands[1].span<decltype(zero)>();
      const auto out = result.span<decltype(f(zero, zero))>();
      for (size_t i = 0; i < out.size(); ++i) out[i] = f(a[i], b[i]);
    });
    return std::vector<Tensor>{result};
  };
}

}  // namespace sinter::ir
