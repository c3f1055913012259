// The one table of tolerances: how far results may be from what they are compared with, per op and dtype. Values are argued in
// docs/decisions/004-numbers.md; nothing else in the tests chooses a tolerance of its own for what an op computes.
#pragma once

#include "base/dtype.h"
#include "ir/op_def.h"

namespace sinter::test {

/// |actual - expected| <= max(ulp * ULP of expected, relative * |expected|, absolute). Integers and bools are always exact.
struct Tolerance {
  double ulp = 0;
  double relative = 0;
  double absolute = 0;
};

/// Native code against the evaluator, on samples whose values are around 1.
Tolerance native_tolerance(const ir::OpDef& op, DType dtype);
/// The evaluator against golden values of another tool: both compute f32 in f64 and round once, composites within their record's ULP.
Tolerance golden_tolerance(const ir::OpDef& op, DType dtype);
/// The expansion of a composite, whose f32 intermediates are rounded, against the composite.
Tolerance expansion_tolerance(DType dtype);

/// Gradients in f64 against differences, relative to the larger of 1 and the value.
inline constexpr double kGradientTolerance = 1e-6;

}  // namespace sinter::test
