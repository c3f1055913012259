// The routines that emitted code calls.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "base/random.h"
#include "base/scalar.h"
#include "runtime/kernel/math.h"
#include "runtime/kernel/random.h"
#include "runtime/kernel/table.h"

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::map<std::string, void*> table() {
  int64_t count = 0;
  const SinterRoutine* routines = sinter_routines(&count);
  std::map<std::string, void*> result;
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_TRUE(result.emplace(routines[i].name, routines[i].address).second) << routines[i].name;
    EXPECT_NE(routines[i].address, nullptr);
  }
  return result;
}

TEST(Routines, NamesAreThoseOfScalarOps) {
  const auto routines = table();
  for (const auto& [name, address] : routines) {
    ASSERT_TRUE(name.starts_with("sinter_"));
    const size_t last = name.rfind('_');
    EXPECT_TRUE(sinter::parse_scalar_op(name.substr(7, last - 7))) << name;
  }
  // Whatever neither the instruction sets nor the vector math library have.
  using sinter::ScalarOp;
  for (int i = 0; i < sinter::kScalarOpCount; ++i) {
    const ScalarOp op = static_cast<ScalarOp>(i);
    const bool function = op == ScalarOp::kRemainder || op == ScalarOp::kFma;
    for (const char* type : {"_f32", "_f64"}) EXPECT_EQ(routines.contains("sinter_" + std::string(name(op)) + type), function) << name(op);
  }
}

TEST(Routines, Values) {
  EXPECT_EQ(sinter_remainder_f64(-7, 3), -1);
  EXPECT_EQ(sinter_remainder_f32(7.5f, kInf), 7.5f);
  EXPECT_TRUE(std::isnan(sinter_remainder_f32(1, 0)));
  const float a = 1 + 0x1p-23f, c = -(1 + 0x1p-22f);
  EXPECT_EQ(sinter_fma_f32(a, a, c), 0x1p-46f);
  EXPECT_EQ(sinter_fma_f64(0x1p600, 0x1p600, -kInf), -kInf);
}

TEST(Routines, RandomWordsAreThoseOfBase) {
  for (const int64_t index : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{3}, int64_t{4}, int64_t{123456789}, int64_t{1} << 40, (int64_t{1} << 40) + 3})
    for (const uint32_t seed : {0u, 1u, 0xffffffffu})
      EXPECT_EQ(sinter_random_bits_u32(seed, 17, 99, index), sinter::random_word(seed, 99, 17, index));
}

}  // namespace
