// Comparisons: elements of equal types in, bools out.
#include <cmath>

#include "ir/ops/ops.h"
#include "ir/ops/scalar_record.h"

namespace sinter::ir {
namespace {

NotDifferentiable step() { return {"a comparison is constant but for a jump, and its result is bool"}; }

template <class F> OpDef comparison(const char* name, ScalarOp op, const char* doc, F f) {
  return scalar_record({name,
                        op,
                        Domain::kAny,
                        doc,
                        {{"lhs", "any shape, any dtype"}, {"rhs", "of the type of lhs"}},
                        each_pair<Domain::kAny>(f),
                        step(),
                        {Fill::kNormal, Fill::kNormal},
                        0,
                        DType::kBool});
}

template <class F> OpDef test(const char* name, ScalarOp op, const char* doc, F f) {
  return scalar_record(
      {name, op, Domain::kFloat, doc, {{"x", "any shape"}}, each<Domain::kFloat>(f), step(), {Fill::kNormal}, 0, DType::kBool});
}

}  // namespace

void add_compare_ops(OpRegistry& registry) {
  registry.add(comparison("equal", ScalarOp::kEqual, "lhs = rhs; false with a NaN; -0 equals 0.", [](auto a, auto b) { return a == b; }));
  registry.add(comparison("not_equal", ScalarOp::kNotEqual, "Not lhs = rhs; true with a NaN.", [](auto a, auto b) { return a != b; }));
  registry.add(comparison("less", ScalarOp::kLess, "lhs < rhs; false with a NaN; false < true.", [](auto a, auto b) { return a < b; }));
  registry.add(comparison("less_equal", ScalarOp::kLessEqual, "lhs <= rhs; false with a NaN.", [](auto a, auto b) { return a <= b; }));
  registry.add(comparison("greater", ScalarOp::kGreater, "lhs > rhs; false with a NaN.", [](auto a, auto b) { return a > b; }));
  registry.add(
      comparison("greater_equal", ScalarOp::kGreaterEqual, "lhs >= rhs; false with a NaN.", [](auto a, auto b) { return a >= b; }));
  registry.add(test("is_nan", ScalarOp::kIsNan, "Whether x is not a number.", [](auto x) { return std::isnan(x); }));
  registry.add(test("is_finite", ScalarOp::kIsFinite, "Whether x is neither infinite nor NaN.", [](auto x) { return std::isfinite(x); }));
}

}  // namespace sinter::ir
