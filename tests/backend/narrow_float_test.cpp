// f16 and bf16 in kernels: loads, stores and casts, native code against the loop evaluator on each instruction set. All values of the narrow
// types; of the wide ones those around every rounding boundary, infinities, NaNs, subnormals; and the evaluator against itself.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "backend/loop/evaluate.h"
#include "backend/loop/text.h"
#include "backend/support/native.h"
#include "backend/support/native_kernel.h"
#include "base/narrow_float.h"
#include "support/levels.h"

namespace sinter::test {
namespace {

std::string cast_text(DType from, DType to) {
  const std::string a(name(from)), b(name(to));
  return "loops 1 kernel casts { dims n tiles 1 read x: " + a + "[n] write y: " + b + "[n] for j in n vector 16 { store y[j] = cast(x[j], " + b + ") } }";
}

/// Every number of the narrow type, the midpoints between neighbours, and what lies just beside both.
template <class Wide> std::vector<Wide> around_all(float (*widen)(uint16_t)) {
  std::vector<Wide> values;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto here = static_cast<Wide>(widen(static_cast<uint16_t>(bits))), next = static_cast<Wide>(widen(static_cast<uint16_t>(bits + 1)));
    const Wide middle = here + (next - here) / 2;
    for (const Wide value : {here, middle}) {
      values.push_back(value);
      values.push_back(std::nextafter(value, std::numeric_limits<Wide>::infinity()));
      values.push_back(std::nextafter(value, -std::numeric_limits<Wide>::infinity()));
    }
  }
  return values;
}

void check(DType from, DType to, const Tensor& input) {
  const loop::Kernel kernel = loop::parse_kernel(cast_text(from, to));
  const SymbolValues dims{{"n", input.size()}};
  std::vector<Tensor> expected{input, Tensor(to, {input.size()})};
  loop::evaluate(kernel, expected, dims);
  for (const TargetLevel level : levels_here()) {
    std::vector<Tensor> actual{input, Tensor(to, {input.size()})};
    run_native(kernel, *load_native(kernel, level), actual, dims);
    const auto* x = static_cast<const unsigned char*>(expected[1].raw());
    const auto* y = static_cast<const unsigned char*>(actual[1].raw());
    const size_t size = size_in_bytes(to);
    for (size_t i = 0; i < static_cast<size_t>(input.size()); ++i)
      ASSERT_EQ(std::memcmp(x + i * size, y + i * size, size), 0) << name(from) << " to " << name(to) << " on " << name(level) << ", element " << i;
  }
}

Tensor all_bits(DType dtype) {
  Tensor tensor(dtype, {0x10000 + 5});
  auto* bits = static_cast<uint16_t*>(const_cast<void*>(static_cast<const void*>(tensor.raw())));
  for (uint32_t i = 0; i < 0x10000 + 5; ++i) bits[i] = static_cast<uint16_t>(i);
  return tensor;
}

TEST(NarrowFloats, EveryValueComesBack) {
  for (uint32_t i = 0; i < 0x10000; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    if (!std::isnan(from_f16_bits(bits))) EXPECT_EQ(to_f16_bits(from_f16_bits(bits)), bits);
    if (!std::isnan(from_bf16_bits(bits))) EXPECT_EQ(to_bf16_bits(from_bf16_bits(bits)), bits);
  }
  EXPECT_EQ(from_f16_bits(0x3c00), 1.0f);
  EXPECT_EQ(from_f16_bits(0x0001), 0x1p-24f);
  EXPECT_EQ(from_f16_bits(0xfbff), -65504.0f);
  EXPECT_EQ(to_f16_bits(65519.999), 0x7bff);
  EXPECT_EQ(to_f16_bits(65520), 0x7c00);
  EXPECT_EQ(to_f16_bits(1e300), 0x7c00);
  EXPECT_EQ(to_f16_bits(-0x1p-25), 0x8000);
  EXPECT_EQ(to_bf16_bits(1.00390625), 0x3f80);
  EXPECT_EQ(to_bf16_bits(3.4e38), 0x7f80);
}

TEST(NarrowFloats, WideningIsExact) {
  for (const DType from : {DType::kF16, DType::kBF16})
    for (const DType to : {DType::kF32, DType::kF64, DType::kI32, from == DType::kF16 ? DType::kBF16 : DType::kF16}) check(from, to, all_bits(from));
}

TEST(NarrowFloats, NarrowingRoundsOnce) {
  check(DType::kF32, DType::kF16, Tensor::of<float>({0x10000 * 6}, around_all<float>(from_f16_bits)));
  check(DType::kF32, DType::kBF16, Tensor::of<float>({0x10000 * 6}, around_all<float>(from_bf16_bits)));
  check(DType::kF64, DType::kF16, Tensor::of<double>({0x10000 * 6}, around_all<double>(from_f16_bits)));
  check(DType::kF64, DType::kBF16, Tensor::of<double>({0x10000 * 6}, around_all<double>(from_bf16_bits)));
  std::vector<int32_t> integers;
  for (int32_t i = -3000; i < 3000; ++i)
    for (const int32_t factor : {1, 37, 715827}) integers.push_back(i * factor);
  const auto count = static_cast<int64_t>(integers.size());
  for (const DType to : {DType::kF16, DType::kBF16}) check(DType::kI32, to, Tensor::of<int32_t>({count}, integers));
}

}  // namespace
}  // namespace sinter::test
