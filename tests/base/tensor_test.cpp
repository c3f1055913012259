#include "base/tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/pages.h"

namespace sinter {
namespace {

TEST(Tensor, IsZeroAndAligned) {
  for (const Extents& extents : {Extents{}, Extents{0}, Extents{3, 0, 2}, Extents{1}, Extents{7, 13}, Extents{1000, 1000}}) {
    for (const DType dtype : kAllDTypes) {
      const Tensor tensor(dtype, extents);
      ASSERT_NE(tensor.raw(), nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(tensor.raw()) % 64, 0u);
      ASSERT_EQ(tensor.bytes(), static_cast<size_t>(element_count(extents)) * size_in_bytes(dtype));
      const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
      for (size_t i = 0; i < tensor.bytes(); ++i) ASSERT_EQ(bytes[i], 0);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(Tensor::uninitialized(dtype, extents).raw()) % 64, 0u);
    }
  }
  EXPECT_EQ(Tensor().rank(), 0u);
  EXPECT_EQ(Tensor().get(0), 0);
}

TEST(Tensor, RefusesAbsurdSizes) {
  EXPECT_THROW(Tensor(DType::kF32, {-1}), Error);
  EXPECT_THROW(Tensor(DType::kF32, {int64_t{1} << 45}), Error);
  EXPECT_THROW(Tensor(DType::kU8, {(int64_t{1} << 46) + 1}), Error);
  EXPECT_THROW(Tensor(DType::kF64, {int64_t{1} << 32, int64_t{1} << 32}), Error);
  EXPECT_THROW(Tensor::uninitialized(DType::kF64, {int64_t{1} << 61}), Error);
  EXPECT_THROW(Tensor::wrap(DType::kF32, {int64_t{1} << 61}, nullptr, nullptr), Error);
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  Tensor shared = a;
  Tensor copied = a.clone();
  shared.data<float>()[0] = 9;
  EXPECT_EQ(a.get(0), 9);
  EXPECT_EQ(copied.get(0), 1);
  EXPECT_TRUE(same_bits(a, shared));
  EXPECT_FALSE(same_bits(a, copied));
  const Tensor flat = a.reshaped({4});
  EXPECT_EQ(flat.raw(), a.raw());
  EXPECT_FALSE(same_bits(a, flat));
  EXPECT_THROW(a.reshaped({3}), Error);
  EXPECT_EQ(a.type_string(), "f32[2, 2]");
  EXPECT_THROW(a.data<double>(), InternalError);
}

TEST(Tensor, SameBitsComparesNans) {
  const Tensor a = Tensor::scalar(std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(same_bits(a, a.clone()));
  EXPECT_FALSE(same_bits(Tensor::scalar(0.0f), Tensor::scalar(-0.0f)));
  EXPECT_FALSE(same_bits(Tensor(DType::kI32, {1}), Tensor(DType::kF32, {1})));
}

TEST(Tensor, WrapKeepsTheOwner) {
  auto owner = std::make_shared<std::vector<float>>(4, 2.0f);
  const std::weak_ptr<std::vector<float>> watch = owner;
  {
    float* data = owner->data();
    const Tensor view = Tensor::wrap(DType::kF32, {4}, data, std::move(owner));
    EXPECT_EQ(view.get(3), 2);
    EXPECT_FALSE(watch.expired());
    EXPECT_THROW(Tensor::wrap(DType::kF32, {1}, reinterpret_cast<char*>(data) + 1, nullptr), InternalError);
  }
  EXPECT_TRUE(watch.expired());
}

template <class T> void expect_saturation() {
  Tensor t(dtype_of<T>(), {1});
  const auto stored = [&](double value) {
    t.set(0, value);
    return t.data<T>()[0];
  };
  constexpr T kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  EXPECT_EQ(stored(1e300), kHigh);
  EXPECT_EQ(stored(-1e300), kLow);
  EXPECT_EQ(stored(std::numeric_limits<double>::infinity()), kHigh);
  EXPECT_EQ(stored(-std::numeric_limits<double>::infinity()), kLow);
  EXPECT_EQ(stored(std::nan("")), 0);
  EXPECT_EQ(stored(std::ldexp(1.0, std::numeric_limits<T>::digits)), kHigh);
  EXPECT_EQ(stored(static_cast<double>(kLow)), kLow);
  EXPECT_EQ(stored(2.9), 2);
  EXPECT_EQ(stored(-0.9), 0);
  t.set_integer(0, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(t.data<T>()[0], kLow);
  t.set_integer(0, std::numeric_limits<int64_t>::max());
  constexpr bool kWider = std::is_same_v<T, uint64_t>;
  EXPECT_EQ(t.data<T>()[0], kWider ? static_cast<T>(std::numeric_limits<int64_t>::max()) : kHigh);
}

TEST(Tensor, IntegersSaturate) {
  expect_saturation<int8_t>();
  expect_saturation<int16_t>();
  expect_saturation<int32_t>();
  expect_saturation<int64_t>();
  expect_saturation<uint8_t>();
  expect_saturation<uint16_t>();
  expect_saturation<uint32_t>();
  expect_saturation<uint64_t>();
  const Tensor large = Tensor::scalar(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(large.get_integer(0), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(large.get(0), 0x1.0p64);
}

TEST(Tensor, ReadsAndWritesEveryDtype) {
  for (const DType dtype : kAllDTypes) {
    Tensor t(dtype, {3});
    t.set(1, 1);
    t.set_integer(2, 1);
    EXPECT_EQ(t.get(0), 0) << name(dtype);
    EXPECT_EQ(t.get(1), 1) << name(dtype);
    EXPECT_EQ(t.get_integer(2), 1) << name(dtype);
    EXPECT_THROW(t.get(3), InternalError);
    EXPECT_THROW(t.set(-1, 0), InternalError);
  }
  Tensor flag(DType::kBool, {1});
  flag.set(0, 0.5);
  EXPECT_EQ(flag.get(0), 1);
  Tensor half = Tensor::scalar(2.75);
  EXPECT_EQ(half.get_integer(0), 2);
  EXPECT_EQ(Tensor::scalar(std::nan("")).get_integer(0), 0);
}

TEST(Tensor, Strides) {
  EXPECT_EQ(row_major_strides({}), (Extents{}));
  EXPECT_EQ(row_major_strides({2, 3, 4}), (Extents{12, 4, 1}));
  EXPECT_EQ(row_major_strides({2, 0, 4}), (Extents{4, 4, 1}));
}

TEST(Tensor, LargeOnesAreZeroWholePagesOfTheirOwn) {
  for (const int64_t bytes : {int64_t{kHugePage} - 128, int64_t{kHugePage}, int64_t{kHugePage} + 1, int64_t{33} << 20}) {
    for (int round = 0; round < 2; ++round) {
      Tensor tensor(DType::kU8, {bytes});
      if (bytes >= static_cast<int64_t>(kHugePage)) EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.raw()) % kHugePage, 0u);
      EXPECT_TRUE(std::all_of(tensor.span<uint8_t>().begin(), tensor.span<uint8_t>().end(), [](uint8_t byte) { return byte == 0; }));
      std::memset(tensor.raw(), 255, tensor.bytes());
      const Tensor copy = tensor.clone();
      EXPECT_TRUE(same_bits(copy, tensor));
    }
  }
}

}  // namespace
}  // namespace sinter
