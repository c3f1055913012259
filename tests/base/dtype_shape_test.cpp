#include <gtest/gtest.h>

#include "base/dtype.h"
#include "base/error.h"
#include "base/shape.h"

namespace sinter {
namespace {

TEST(DType, NamesRoundTrip) {
  for (const DType dtype : kAllDTypes) EXPECT_EQ(parse_dtype(name(dtype)), dtype);
  EXPECT_EQ(name(DType::kBF16), "bf16");
  for (const char* wrong : {"", "f3", "f322", "F32", "int"}) EXPECT_FALSE(parse_dtype(wrong)) << wrong;
}

TEST(DType, ClassesAndSizes) {
  for (const DType dtype : kAllDTypes) {
    EXPECT_EQ(is_float(dtype) + is_integer(dtype) + (dtype == DType::kBool), 1) << name(dtype);
    if (dtype == DType::kF16 || dtype == DType::kBF16) {
      EXPECT_THROW(visit_dtype(dtype, [](auto) {}), Error);
      EXPECT_EQ(size_in_bytes(dtype), 2u);
      continue;
    }
    visit_dtype(dtype, [&](auto zero) {
      using T = decltype(zero);
      EXPECT_EQ(size_in_bytes(dtype), sizeof(T));
      EXPECT_EQ(dtype_of<T>(), dtype);
      EXPECT_EQ(is_float(dtype), std::is_floating_point_v<T>);
      EXPECT_EQ(is_signed_integer(dtype), (std::is_integral_v<T> && std::is_signed_v<T>));
    });
  }
}

TEST(Extents, CountsAreChecked) {
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({2, 3, 4}), 24);
  EXPECT_EQ(element_count({5, 0}), 0);
  EXPECT_EQ(element_count({int64_t{1} << 62, int64_t{1} << 62, 0}), 0);  // nothing overflows where nothing is
  EXPECT_EQ(element_count({int64_t{1} << 62}), int64_t{1} << 62);
  EXPECT_THROW(element_count({int64_t{1} << 62, 2}), Error);
  EXPECT_THROW(element_count({int64_t{1} << 40, int64_t{1} << 40}), Error);
  EXPECT_THROW(element_count({-1}), Error);
  EXPECT_THROW(element_count({0, -1}), Error);
  EXPECT_EQ(to_string(Extents{2, 3}), "[2, 3]");
  EXPECT_EQ(to_string(Extents{}), "[]");
}

TEST(Shape, SymbolsAndConstants) {
  const Dim batch = Dim::symbol("batch");
  const Shape shape{batch, 32};
  EXPECT_EQ(shape.rank(), 2u);
  EXPECT_EQ(shape.to_string(), "[batch, 32]");
  EXPECT_FALSE(shape.is_constant());
  EXPECT_EQ(shape.element_count(), 32 * batch);
  EXPECT_EQ(shape.evaluate({{"batch", 7}}), (Extents{7, 32}));
  EXPECT_EQ(shape.substitute({{"batch", 4}}), Shape::of({4, 32}));
  EXPECT_TRUE(Shape::of({4, 32}).is_constant());
  EXPECT_EQ(Shape{}.element_count(), 1);
  EXPECT_EQ(Shape{}.to_string(), "[]");
  EXPECT_NE(shape, (Shape{32, batch}));
  EXPECT_THROW(shape.evaluate({}), Error);
  EXPECT_THROW((Shape{batch - 8}).evaluate({{"batch", 7}}), Error);
}

TEST(TensorType, Text) {
  const TensorType type{DType::kF32, {Dim::symbol("past") + Dim::symbol("seq"), 32}};
  EXPECT_EQ(type.to_string(), "f32[past + seq, 32]");
  EXPECT_EQ(TensorType{}.to_string(), "f32[]");
  EXPECT_EQ(type, type);
  EXPECT_NE(type, (TensorType{DType::kF64, type.shape}));
}

}  // namespace
}  // namespace sinter
