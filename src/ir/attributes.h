// Attributes: the compile-time facts of a node, by name. Printed sorted; compared structurally.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/dim.h"
#include "base/dtype.h"
#include "base/shape.h"
#include "base/tensor.h"

namespace sinter::ir {

using Integers = std::vector<int64_t>;

/// Spelling in the graph text, in this order: true / 3 / 0.5 / "word" / f32 / [1, 2] / dim(2*batch) / shape[batch, 32] / f32[2]{1.0, 2.0}.
using Attribute = std::variant<bool, int64_t, double, std::string, DType, Integers, Dim, Shape, Tensor>;
enum class AttributeKind { kBool, kInteger, kNumber, kString, kDType, kIntegers, kDim, kShape, kTensor };
std::string_view name(AttributeKind kind);
inline AttributeKind kind_of(const Attribute& attribute) { return static_cast<AttributeKind>(attribute.index()); }
bool equal(const Attribute& a, const Attribute& b);  // tensors by bits

using Attributes = std::map<std::string, Attribute, std::less<>>;

}  // namespace sinter::ir
