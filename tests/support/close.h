// Comparing tensors within a tolerance, with a failure text that says where and by how much.
#pragma once

#include <string>

#include "base/tensor.h"
#include "support/tolerances.h"

namespace sinter::test {

/// Empty when `actual` has the type and, within the tolerance, the elements of `expected`; else the first difference and how many there
/// are. NaN equals NaN; infinities and signs of exact zeros must agree, the latter where the tolerance is 0.
std::string difference(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {});

/// A GoogleTest failure unless they are close.
void expect_close(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance = {}, const std::string& what = {});

}  // namespace sinter::test
