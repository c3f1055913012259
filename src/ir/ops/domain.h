// Domains: the sets of dtypes that records accept, as a rule, as the instantiations of a reference loop, and as what samples try.
// Used by the records of this folder only.
#pragma once

#include <type_traits>
#include <vector>

#include "ir/op_def.h"

namespace sinter::ir {

enum class Domain {
  kFloat,    // f32, f64, and f16 and bf16, which are computed with as f32 (ir::widens)
  kInteger,  // i8 .. i64, u8 .. u64
  kNumber,   // both
  kLogic,    // bool
  kBits,     // integers and bool
  kAny,      // all there are
};

constexpr bool admits(Domain domain, DType dtype) {
  const bool is_float = dtype == DType::kF32 || dtype == DType::kF64 || is_narrow(dtype), logic = dtype == DType::kBool;
  const bool integer = !is_float && !logic;
  switch (domain) {
    case Domain::kFloat: return is_float;
    case Domain::kInteger: return integer;
    case Domain::kNumber: return is_float || integer;
    case Domain::kLogic: return logic;
    case Domain::kBits: return integer || logic;
    case Domain::kAny: return is_float || integer || logic;
  }
  return false;
}

/// For rules and errors: "a float dtype".
const char* words(Domain domain);
/// The dtypes that samples of a record try, floats first.
std::vector<DType> sample_dtypes(Domain domain);
/// A dtype outside the domain, for bad samples. Broken invariant for kAny.
DType outsider(Domain domain);

/// Raises the error of rule `label` unless the dtype of `operand` is in the domain.
void require_domain(const TypeRequest& request, size_t operand, Domain domain, std::string_view label);

/// Calls `body(T{})` with the C++ type of `dtype`, instantiated for the domain's types alone.
template <Domain domain, class Body> void visit(DType dtype, Body&& body) {
  visit_dtype(dtype, [&](auto zero) {
    if constexpr (admits(domain, dtype_of<decltype(zero)>())) {
      body(zero);
    } else {
      SINTER_CHECK(false, "a reference met a dtype that the type rule refuses");
    }
  });
}

}  // namespace sinter::ir
