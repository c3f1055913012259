// Stores past the caches: native code against the loop evaluator with results that begin anywhere in a line, of sizes around the vectors, two
// results of different elements, rows, and an operand updated in place.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/loop/evaluate.h"
#include "backend/loop/text.h"
#include "backend/support/native.h"
#include "backend/support/native_kernel.h"
#include "support/levels.h"

namespace sinter::test {
namespace {

const char* const kChain = R"(loops 1
kernel chain {
    dims n
    tiles floordiv(n + 199, 200)
    read x: f32[n]
    write y: f32[n]
    write z: f64[n]
    write b: bool[n]
    for j in min(200, n - 200*tile) vector 16 {
        store y[j + 200*tile] beyond 100 = add(x[j + 200*tile], 1.0: f32)
        store z[j + 200*tile] beyond 100 = cast(x[j + 200*tile], f64)
        store b[j + 200*tile] beyond 100 = less(x[j + 200*tile], 9.0: f32)
    }
}
)";

const char* const kRows = R"(loops 1
kernel rows {
    dims m, n
    tiles m
    read x: i32[m, n]
    write y: i32[m, n]
    for j in n vector 8 {
        store y[tile, j] beyond 64 = multiply(x[tile, j], 3: i32)
    }
}
)";

/// Sums beside what is stored: whose lane an element belongs to may not depend on where memory begins.
std::string sums(int lanes) {
  return R"(loops 1
kernel sums {
    dims m, n
    tiles m
    read x: f32[m, n]
    write y: f32[m, n]
    write t: f32[m, n]
    var a: f32 = 0.0: f32
    for j in n vector )" +
         std::to_string(lanes) + R"( {
        let v: f32 = multiply(x[tile, j], 0.1: f32)
        prefetch x[tile + 1, j]
        update a add v
        store y[tile, j] beyond 64 = v
    }
    for k in n vector 4 {
        store t[tile, k] = a
    }
}
)";
}

/// A tensor that begins `shift` elements into aligned memory, full of a byte that stays where nothing is stored.
Tensor shifted(DType dtype, const Extents& extents, int64_t shift) {
  const size_t bytes = static_cast<size_t>(element_count(extents) + shift) * size_in_bytes(dtype);
  const std::shared_ptr<std::byte> owner(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)), [](std::byte* p) { std::free(p); });
  std::memset(owner.get(), 0, bytes);
  return Tensor::wrap(dtype, extents, owner.get() + static_cast<size_t>(shift) * size_in_bytes(dtype), owner);
}

void check(const std::string& text, const std::vector<DType>& dtypes, const Extents& extents, const SymbolValues& dims) {
  const loop::Kernel kernel = loop::parse_kernel(text);
  for (const TargetLevel level : levels_here()) {
    const auto code = load_native(kernel, level);
    for (const int64_t shift : {0, 1, 3, 8, 15, 16}) {
      std::vector<Tensor> expected, actual;
      for (const DType dtype : dtypes) {
        expected.push_back(shifted(dtype, extents, 0));
        actual.push_back(shifted(dtype, extents, shift));
      }
      for (int64_t i = 0; i < expected[0].size(); ++i) {
        expected[0].set(i, static_cast<double>(i % 50));
        actual[0].set(i, static_cast<double>(i % 50));
      }
      loop::evaluate(kernel, expected, dims);
      run_native(kernel, *code, actual, dims);
      for (size_t b = 0; b < dtypes.size(); ++b)
        ASSERT_EQ(std::memcmp(expected[b].raw(), actual[b].raw(), expected[b].bytes()), 0)
            << name(level) << " shift " << shift << " buffer " << b << " " << to_string(extents);
    }
  }
}

TEST(Streams, ResultsAreTheSameWhereverTheyBegin) {
  for (const int64_t n : {0, 1, 26, 63, 64, 65, 199, 200, 201, 1000, 4099})
    check(kChain, {DType::kF32, DType::kF32, DType::kF64, DType::kBool}, {n}, {{"n", n}});
  for (const int64_t n : {1, 31, 32, 33, 40, 100, 129}) check(kRows, {DType::kI32, DType::kI32}, {5, n}, {{"m", 5}, {"n", n}});
}

TEST(Streams, SumsBesideThemAreTheSameWhereverTheyBegin) {
  for (const int lanes : {4, 8, 16})
    for (const int64_t n : {1, 15, 16, 32, 48, 64, 100, 128, 129})
      check(sums(lanes), {DType::kF32, DType::kF32, DType::kF32}, {5, n}, {{"m", 5}, {"n", n}});
}

TEST(Streams, AnOperandUpdatedInPlaceIsRight) {
  const loop::Kernel kernel = loop::parse_kernel(kRows);
  for (const TargetLevel level : levels_here()) {
    Tensor memory = shifted(DType::kI32, {4, 150}, 2);
    for (int64_t i = 0; i < memory.size(); ++i) memory.set(i, static_cast<double>(i));
    std::vector<Tensor> buffers{memory, memory};
    run_native(kernel, *load_native(kernel, level), buffers, {{"m", 4}, {"n", 150}});
    for (int64_t i = 0; i < memory.size(); ++i) ASSERT_EQ(memory.get(i), static_cast<double>(3 * i));
  }
}

TEST(Streams, TheHintStandsInTheText) {
  for (const char* text : {kChain, kRows}) EXPECT_EQ(print(loop::parse_kernel(text)), text);
  for (const TargetLevel level : levels_here()) {
    const std::string code = backend::generate_code({loop::parse_kernel(kRows)}, level, backend::CodeForm::kLlvm);
    EXPECT_NE(code.find("!nontemporal"), std::string::npos) << name(level) << code;
    EXPECT_NE(code.find("sfence"), std::string::npos);
  }
  std::string negative = kRows;
  negative.replace(negative.find("beyond 64"), 9, "beyond -1");
  EXPECT_THROW(loop::parse_kernel(negative), Error);
}

}  // namespace
}  // namespace sinter::test
