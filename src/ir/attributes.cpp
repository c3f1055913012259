#include "ir/attributes.h"

#include <bit>
#include <type_traits>

#include "base/error.h"

namespace sinter::ir {

std::string_view name(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kBool: return "bool";
    case AttributeKind::kInteger: return "integer";
    case AttributeKind::kNumber: return "number";
    case AttributeKind::kString: return "string";
    case AttributeKind::kDType: return "dtype";
    case AttributeKind::kIntegers: return "list of integers";
    case AttributeKind::kDim: return "dim";
    case AttributeKind::kShape: return "shape";
    case AttributeKind::kTensor: return "tensor";
  }
  throw InternalError("unknown attribute kind", __FILE__, __LINE__);
}

bool equal(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& left) -> bool {
        using T = std::decay_t<decltype(left)>;
        const T& right = std::get<T>(b);
        if constexpr (std::is_same_v<T, Tensor>) {
          return same_bits(left, right);
        } else if constexpr (std::is_same_v<T, double>) {
          return std::bit_cast<uint64_t>(left) == std::bit_cast<uint64_t>(right);  // tells -0 from 0, finds NaN equal to itself
        } else {
          return left == right;
        }
      },
      a);
}

}  // namespace sinter::ir
