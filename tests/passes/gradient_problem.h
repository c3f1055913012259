// A scalar function of an op's operands with its gradients, ready to run: what tests of gradient rules compare with differences.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/module.h"
#include "ir/op_def.h"

namespace sinter::test {

using Inputs = std::map<std::string, Tensor>;

/// Function main returns "objective.value" = the sum of all float results of the op, weighted, and "gradient.OPERAND" for each float
/// operand. Order 2 takes the weighted sum of these gradients as the value. The pass grad has run.
struct GradientProblem {
  ir::Module module;
  Inputs inputs;  // operands by name, weights as "weight.0", ...
  SymbolValues symbols;
  std::vector<std::string> wrt;  // the float operands

  Inputs run(const Inputs& at) const;
  double value(const Inputs& at) const;
  /// d value / d operand by differences of fourth order: truncation and rounding both stay far below the tolerance. f64 only.
  Tensor differences(const std::string& operand) const;
};

GradientProblem gradient_problem(const ir::OpDef& op, const ir::Sample& sample, int order);

}  // namespace sinter::test
