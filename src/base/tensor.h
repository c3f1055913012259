// The one dense tensor: a dtype, concrete extents, and row-major contiguous elements on a 64-byte boundary.
//
// A Tensor is a handle: copies share the elements (`clone` copies them). Used by the evaluator, by readers and
// writers of files, by state and by the public API. It computes nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/shape.h"

namespace sinter {

class Tensor {
 public:
  /// f32 rank 0, zero.
  Tensor();
  /// Zero-filled. Raises Error kCheck when the size is negative or cannot be had.
  Tensor(DType dtype, Extents extents);
  static Tensor uninitialized(DType dtype, Extents extents);
  /// A view of memory that `owner` keeps alive; `data` is aligned for the dtype.
  static Tensor wrap(DType dtype, Extents extents, void* data, std::shared_ptr<void> owner);

  template <class T> static Tensor of(Extents extents, const std::vector<T>& values) {
    Tensor t = uninitialized(dtype_of<T>(), std::move(extents));
    SINTER_CHECK(static_cast<int64_t>(values.size()) == t.size(), "Tensor::of: number of values");
    for (int64_t i = 0; i < t.size(); ++i) t.data<T>()[i] = values[static_cast<size_t>(i)];
    return t;
  }
  template <class T> static Tensor scalar(T value) { return of<T>({}, {value}); }

  DType dtype() const { return dtype_; }
  const Extents& extents() const { return extents_; }
  size_t rank() const { return extents_.size(); }
  int64_t size() const { return size_; }  // elements
  size_t bytes() const { return static_cast<size_t>(size_) * size_in_bytes(dtype_); }

  void* raw() { return data_; }
  const void* raw() const { return data_; }
  /// The elements as T, which must be the dtype's own C++ type.
  template <class T> T* data() {
    SINTER_CHECK(dtype_of<T>() == dtype_, "Tensor::data: wrong element type");
    return static_cast<T*>(data_);
  }
  template <class T> const T* data() const { return const_cast<Tensor*>(this)->data<T>(); }
  template <class T> std::span<T> span() { return {data<T>(), static_cast<size_t>(size_)}; }
  template <class T> std::span<const T> span() const { return {data<T>(), static_cast<size_t>(size_)}; }

  /// Element `index` (row-major) read as double or int64, written from them; converts from and to any dtype
  /// (float to integer saturates, NaN becomes 0). For tests, printers and the evaluator's slow paths.
  double get(int64_t index) const;
  int64_t get_integer(int64_t index) const;
  void set(int64_t index, double value);
  void set_integer(int64_t index, int64_t value);

  Tensor clone() const;
  /// The same elements under other extents of the same element count.
  Tensor reshaped(Extents extents) const;

  /// Same dtype, extents and bits (NaNs compare by bits).
  friend bool same_bits(const Tensor& a, const Tensor& b);
  std::string type_string() const;  // "f32[2, 3]"

 private:
  Tensor(DType dtype, Extents extents, void* data, std::shared_ptr<void> owner);

  DType dtype_ = DType::kF32;
  Extents extents_;
  int64_t size_ = 1;
  void* data_ = nullptr;
  std::shared_ptr<void> owner_;
};

/// Row-major strides in elements.
Extents row_major_strides(const Extents& extents);

}  // namespace sinter
