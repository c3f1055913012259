#include "base/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/narrow_float.h"
#include "base/pages.h"

namespace sinter {
namespace {

constexpr size_t kAlignment = 64;
constexpr int64_t kMostBytes = int64_t{1} << 46;

int64_t checked_bytes(DType dtype, const Extents& extents) {
  const int64_t count = element_count(extents), element = static_cast<int64_t>(size_in_bytes(dtype));
  if (count > kMostBytes / element) {
    throw Error(ErrorCode::kCheck, "a tensor " + std::string(name(dtype)) + to_string(extents) + " is too large");
  }
  return count * element;
}

struct Memory {
  void* data;
  std::shared_ptr<void> owner;
};

/// Large memory comes from the system, in large pages. An empty tensor has an address too.
Memory allocate(DType dtype, const Extents& extents, bool zeroed) {
  const size_t bytes = (static_cast<size_t>(checked_bytes(dtype, extents)) + kAlignment) / kAlignment * kAlignment;
  const bool large = bytes >= kHugePage;
  void* block = large ? take_pages(bytes) : zeroed ? std::calloc(bytes + kAlignment, 1) : std::aligned_alloc(kAlignment, bytes);
  if (block == nullptr) {
    throw Error(ErrorCode::kCheck,
                "no memory for a tensor " + std::string(name(dtype)) + to_string(extents) + " of " + std::to_string(bytes) + " bytes");
  }
  if (large) return {block, std::shared_ptr<void>(block, [bytes](void* p) { free_pages(p, bytes); })};
  const uintptr_t address = (reinterpret_cast<uintptr_t>(block) + kAlignment - 1) / kAlignment * kAlignment;
  return {reinterpret_cast<void*>(address), std::shared_ptr<void>(block, [](void* p) { std::free(p); })};
}

/// `value` as To: integers saturate, NaN becomes 0 (true as a bool, which asks whether a value differs from zero).
template <class To, class From> To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_floating_point_v<To> || std::is_same_v<From, bool>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    // Both limits below are powers of two and exact as double; the maximum itself is one less.
    constexpr double kLow = static_cast<double>(std::numeric_limits<To>::min());
    const double above = std::ldexp(1.0, std::numeric_limits<To>::digits), wide = static_cast<double>(value);
    if (std::isnan(wide)) return 0;
    if (wide >= above) return std::numeric_limits<To>::max();
    return wide <= kLow ? std::numeric_limits<To>::min() : static_cast<To>(wide);
  } else {
    if (std::in_range<To>(value)) return static_cast<To>(value);
    return value < From{0} ? std::numeric_limits<To>::min() : std::numeric_limits<To>::max();
  }
}

template <class To> To read_as(const Tensor& tensor, int64_t index) {
  SINTER_CHECK(index >= 0 && index < tensor.size(), "Tensor: element " + std::to_string(index) + " of " + tensor.type_string());
  if (is_narrow(tensor.dtype())) return convert<To>(from_narrow_bits(static_cast<const uint16_t*>(tensor.raw())[index], tensor.dtype()));
  return visit_dtype(tensor.dtype(), [&](auto zero) { return convert<To>(tensor.data<decltype(zero)>()[index]); });
}

template <class From> void write_from(Tensor& tensor, int64_t index, From value) {
  SINTER_CHECK(index >= 0 && index < tensor.size(), "Tensor: element " + std::to_string(index) + " of " + tensor.type_string());
  if (is_narrow(tensor.dtype())) {
    static_cast<uint16_t*>(tensor.raw())[index] = to_narrow_bits(static_cast<double>(value), tensor.dtype());
    return;
  }
  visit_dtype(tensor.dtype(), [&](auto zero) { tensor.data<decltype(zero)>()[index] = convert<decltype(zero)>(value); });
}

}  // namespace

Tensor::Tensor() : Tensor(DType::kF32, {}) {}

Tensor::Tensor(DType dtype, Extents extents) : dtype_(dtype), extents_(std::move(extents)), size_(sinter::element_count(extents_)) {
  Memory memory = allocate(dtype_, extents_, true);
  data_ = memory.data;
  owner_ = std::move(memory.owner);
}

Tensor Tensor::uninitialized(DType dtype, Extents extents) {
  Memory memory = allocate(dtype, extents, false);
  return wrap(dtype, std::move(extents), memory.data, std::move(memory.owner));
}

Tensor Tensor::wrap(DType dtype, Extents extents, void* data, std::shared_ptr<void> owner) {
  checked_bytes(dtype, extents);
  SINTER_CHECK(reinterpret_cast<uintptr_t>(data) % size_in_bytes(dtype) == 0, "Tensor::wrap: data is not aligned for its dtype");
  return Tensor(dtype, std::move(extents), data, std::move(owner));
}

Tensor::Tensor(DType dtype, Extents extents, void* data, std::shared_ptr<void> owner)
    : dtype_(dtype), extents_(std::move(extents)), size_(sinter::element_count(extents_)), data_(data), owner_(std::move(owner)) {}

double Tensor::get(int64_t index) const { return read_as<double>(*this, index); }
int64_t Tensor::get_integer(int64_t index) const { return read_as<int64_t>(*this, index); }
void Tensor::set(int64_t index, double value) { write_from(*this, index, value); }
void Tensor::set_integer(int64_t index, int64_t value) { write_from(*this, index, value); }

Tensor Tensor::clone() const {
  Tensor copy = uninitialized(dtype_, extents_);
  if (bytes() > 0) std::memcpy(copy.data_, data_, bytes());
  return copy;
}

Tensor Tensor::reshaped(Extents extents) const {
  if (sinter::element_count(extents) != size_) {
    throw Error(ErrorCode::kCheck, "cannot reshape " + type_string() + " to " + to_string(extents) + ": the number of elements differs");
  }
  return Tensor(dtype_, std::move(extents), data_, owner_);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype_ == b.dtype_ && a.extents_ == b.extents_ && (a.bytes() == 0 || std::memcmp(a.data_, b.data_, a.bytes()) == 0);
}

std::string Tensor::type_string() const { return std::string(name(dtype_)) + to_string(extents_); }

Extents row_major_strides(const Extents& extents) {
  Extents strides(extents.size());
  int64_t stride = 1;
  for (size_t axis = extents.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= std::max<int64_t>(extents[axis], 1);
  }
  return strides;
}

}  // namespace sinter
