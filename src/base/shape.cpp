#include "base/shape.h"

#include <algorithm>

namespace sinter {
namespace {

template <class List, class Spell> std::string bracketed(const List& list, Spell spell) {
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) text += (i == 0 ? "" : ", ") + spell(list[i]);
  return text + "]";
}

}  // namespace

int64_t element_count(const Extents& extents) {
  constexpr int64_t kLimit = int64_t{1} << 62;
  for (const int64_t extent : extents) {
    if (extent < 0) throw Error(ErrorCode::kCheck, "negative size in " + to_string(extents));
  }
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return 0;
  int64_t count = 1;
  for (const int64_t extent : extents) {
    if (__builtin_mul_overflow(count, extent, &count) || count > kLimit) {
      throw Error(ErrorCode::kCheck, "too many elements in " + to_string(extents));
    }
  }
  return count;
}

std::string to_string(const Extents& extents) {
  return bracketed(extents, [](int64_t extent) { return std::to_string(extent); });
}

Shape Shape::of(const Extents& extents) { return Shape(std::vector<Dim>(extents.begin(), extents.end())); }

bool Shape::is_constant() const {
  return std::all_of(dims_.begin(), dims_.end(), [](const Dim& dim) { return dim.is_constant(); });
}

Dim Shape::element_count(size_t begin, size_t end) const {
  Dim product = 1;
  for (size_t axis = begin; axis < end; ++axis) product = product * dims_[axis];
  return product;
}

Extents Shape::evaluate(const SymbolValues& symbols) const {
  Extents extents;
  extents.reserve(dims_.size());
  for (const Dim& dim : dims_) {
    extents.push_back(dim.evaluate(symbols));
    if (extents.back() < 0) {
      throw Error(ErrorCode::kCheck, "the size " + dim.to_string() + " of " + to_string() + " is negative: " + std::to_string(extents.back()));
    }
  }
  return extents;
}

Shape Shape::substitute(const DimMap& map) const {
  Shape result;
  for (const Dim& dim : dims_) result.push_back(dim.substitute(map));
  return result;
}

std::string Shape::to_string() const {
  return bracketed(dims_, [](const Dim& dim) { return dim.to_string(); });
}

std::string TensorType::to_string() const { return std::string(name(dtype)) + shape.to_string(); }

Dim byte_count(const TensorType& type) { return type.shape.element_count() * Dim(static_cast<int64_t>(size_in_bytes(type.dtype))); }

}  // namespace sinter
