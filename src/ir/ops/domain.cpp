#include "ir/ops/domain.h"

namespace sinter::ir {

const char* words(Domain domain) {
  switch (domain) {
    case Domain::kFloat: return "a float dtype";
    case Domain::kInteger: return "an integer dtype";
    case Domain::kNumber: return "a float or integer dtype";
    case Domain::kLogic: return "bool";
    case Domain::kBits: return "an integer dtype or bool";
    case Domain::kAny: return "any dtype";
  }
  return "";
}

std::vector<DType> sample_dtypes(Domain domain) {
  std::vector<DType> result;
  for (DType dtype :
       {DType::kF32, DType::kF64, DType::kBF16, DType::kF16, DType::kI32, DType::kI64, DType::kU32, DType::kU8, DType::kI16, DType::kU64, DType::kBool}) {
    if (admits(domain, dtype)) result.push_back(dtype);
  }
  return result;
}

DType outsider(Domain domain) {
  for (DType dtype : {DType::kBool, DType::kF32, DType::kI32}) {
    if (!admits(domain, dtype)) return dtype;
  }
  SINTER_CHECK(false, "the domain of all dtypes has no outsider");
  return DType::kBool;
}

void require_domain(const TypeRequest& request, size_t operand, Domain domain, std::string_view label) {
  const DType dtype = request.dtype(operand);
  const bool cast_helps = domain == Domain::kFloat || domain == Domain::kNumber;
  request.require(admits(domain, dtype), label, std::string(name(dtype)) + " is not " + words(domain), cast_helps ? "cast it first" : "");
}

}  // namespace sinter::ir
