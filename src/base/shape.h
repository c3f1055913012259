// Shapes and tensor types: a dtype and a list of Dims. Any rank from 0, any dim from 0.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "base/dim.h"
#include "base/dtype.h"

namespace sinter {

/// Concrete sizes in elements, outermost axis first.
using Extents = std::vector<int64_t>;

/// Product of extents; raises Error kCheck when negative or beyond 2^62.
int64_t element_count(const Extents& extents);
std::string to_string(const Extents& extents);  // "[2, 3]"

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
  static Shape of(const Extents& extents);

  size_t rank() const { return dims_.size(); }
  const Dim& operator[](size_t axis) const { return dims_[axis]; }
  Dim& operator[](size_t axis) { return dims_[axis]; }
  const std::vector<Dim>& dims() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  void push_back(Dim dim) { dims_.push_back(std::move(dim)); }

  bool is_constant() const;
  Dim element_count() const { return element_count(0, rank()); }
  Dim element_count(size_t begin, size_t end) const;  // of the axes from begin up to end
  Extents evaluate(const SymbolValues& symbols) const;  // raises as Dim::evaluate, and kCheck when a dim is negative
  Shape substitute(const DimMap& map) const;
  std::string to_string() const;  // "[batch, 32]"

  friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }

 private:
  std::vector<Dim> dims_;
};

struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;

  std::string to_string() const;  // "f32[batch, 32]"
  friend bool operator==(const TensorType& a, const TensorType& b) { return a.dtype == b.dtype && a.shape == b.shape; }
  friend bool operator!=(const TensorType& a, const TensorType& b) { return !(a == b); }
};

/// What a tensor of the type occupies, without padding.
Dim byte_count(const TensorType& type);

}  // namespace sinter
