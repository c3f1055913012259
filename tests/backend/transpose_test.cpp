// The transpose of the loop language as native code, on each instruction set: against the loop evaluator, for every element size, at sizes
// around the blocks, with and without filling, with gaps between lines that must stay as they are.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/loop/evaluate.h"
#include "backend/loop/text.h"
#include "backend/support/native.h"
#include "backend/support/native_kernel.h"
#include "support/close.h"
#include "support/levels.h"

namespace sinter::test {
namespace {

std::string kernel_text(std::string_view dtype, int64_t filled) {
  const std::string type(dtype), zeros = filled > 0 ? " filled " + std::to_string(filled) : "";
  return "loops 1 kernel swaps { dims columns, from_stride, rows, size, stride tiles 1 read x: " + type + "[size] readwrite y: " + type +
         "[size] transpose y(offset 3, row_stride stride) { from x(offset 5, column_stride from_stride) rows rows columns columns" + zeros + " } }";
}

/// Bytes that count; bools stay bools.
Tensor bytes(DType dtype, int64_t size, int start) {
  Tensor tensor(dtype, {size});
  auto* raw = static_cast<unsigned char*>(const_cast<void*>(static_cast<const void*>(tensor.raw())));
  for (size_t i = 0; i < tensor.bytes(); ++i) {
    const auto value = static_cast<unsigned>(i) * 37u + static_cast<unsigned>(i >> 8) * 11u + static_cast<unsigned>(start);
    raw[i] = static_cast<unsigned char>(dtype == DType::kBool ? value / 3 % 2 : value);
  }
  return tensor;
}

class Transpose : public testing::TestWithParam<DType> {};

TEST_P(Transpose, NativeCodeEqualsTheEvaluator) {
  const DType dtype = GetParam();
  for (const TargetLevel level : levels_here()) {
    for (const int64_t filled : {0, 70}) {
      const loop::Kernel kernel = loop::parse_kernel(kernel_text(name(dtype), filled));
      const auto code = load_native(kernel, level);
      for (const int64_t rows : {0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 70})
        for (const int64_t columns : {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 70}) {
          const int64_t from_stride = rows + 3, stride = std::max(columns, filled) + 2;
          const int64_t size = 8 + std::max(columns * from_stride + rows, rows * stride + stride);
          const SymbolValues dims{{"rows", rows}, {"columns", columns}, {"size", size}, {"from_stride", from_stride}, {"stride", stride}};
          std::vector<Tensor> expected{bytes(dtype, size, 1), bytes(dtype, size, 100)}, actual{expected[0].clone(), expected[1].clone()};
          loop::evaluate(kernel, expected, dims);
          run_native(kernel, *code, actual, dims);
          ASSERT_EQ(std::memcmp(expected[1].raw(), actual[1].raw(), actual[1].bytes()), 0)
              << name(level) << " " << rows << "x" << columns << " filled " << filled;
        }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Transpose, testing::Values(DType::kF64, DType::kF32, DType::kI32, DType::kF16, DType::kI16, DType::kI8, DType::kBool),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace sinter::test
