#include "support/tolerances.h"

#include <algorithm>

namespace sinter::test {
namespace {

enum class Kind {
  kExact,     // moves or selects elements, or rounds once: every bit
  kFunction,  // a scalar function: the record's ULP
  kSum,       // adds many terms, or is made of ops that do
};

/// Sums: what an f32 tree over a few hundred terms around 1 may lose. f64 has 29 bits more.
constexpr Tolerance kSumF32{0, 1e-5, 1e-5}, kSumF64{0, 1e-13, 1e-13};
/// f16 and bf16: computed as f32 and rounded; where f32 differs, the rounding may go to the next number.
constexpr Tolerance kRoundedOnce{1, 0, 1e-5};
/// f64 functions come from the C library, on both sides.
constexpr Tolerance kFunctionF64{2, 0, 0};

Kind kind_of(const ir::OpDef& op) {
  if (std::holds_alternative<ir::Contract>(op.lowering) || std::holds_alternative<ir::Composite>(op.lowering) ||
      std::holds_alternative<ir::Control>(op.lowering) || std::holds_alternative<ir::Opaque>(op.lowering) ||
      std::holds_alternative<ir::Window>(op.lowering)) {
    return Kind::kSum;
  }
  if (const auto* reduce = std::get_if<ir::Reduce>(&op.lowering)) {
    const bool adds = reduce->combine == ScalarOp::kAdd || reduce->combine == ScalarOp::kMultiply;
    return adds ? Kind::kSum : Kind::kExact;
  }
  if (const auto* index = std::get_if<ir::Index>(&op.lowering)) {
    return index->kind == ir::Index::Kind::kScatterAdd ? Kind::kSum : Kind::kExact;
  }
  return op.ulp > 0 ? Kind::kFunction : Kind::kExact;
}

Tolerance of_kind(Kind kind, int ulp, DType dtype) {
  if (!is_float(dtype)) return {};
  if (is_narrow(dtype) && kind != Kind::kExact) return kRoundedOnce;
  switch (kind) {
    case Kind::kExact: return {};
    case Kind::kFunction: return dtype == DType::kF64 ? kFunctionF64 : Tolerance{static_cast<double>(ulp), 0, 0};
    case Kind::kSum: return dtype == DType::kF64 ? kSumF64 : kSumF32;
  }
  return {};
}

}  // namespace

Tolerance native_tolerance(const ir::OpDef& op, DType dtype) { return of_kind(kind_of(op), op.ulp, dtype); }

Tolerance golden_tolerance(const ir::OpDef& op, DType dtype) {
  const Kind kind = kind_of(op);
  const bool composite = std::holds_alternative<ir::Composite>(op.lowering);  // some round in between
  if (kind != Kind::kExact && dtype == DType::kF32) return {composite ? std::max(1.0, static_cast<double>(op.ulp)) : 1.0, 0, 0};
  return of_kind(kind, 0, dtype);
}

Tolerance expansion_tolerance(DType dtype) { return of_kind(Kind::kSum, 0, dtype); }

}  // namespace sinter::test
