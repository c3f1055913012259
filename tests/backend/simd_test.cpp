// The vector math library at every level that this machine can run: accuracy over a sample of all floats, special values, and that
// single elements have the bits of lanes.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "backend/simd/accuracy.h"
#include "backend/simd/arrays.h"
#include "backend/simd/bitcode.h"
#include "base/machine.h"
#include "base/random.h"

namespace sinter::backend::simd {
namespace {

class SimdMath : public testing::TestWithParam<TargetLevel> {
 protected:
  void SetUp() override {
    if (GetParam() > this_machine().best_level) GTEST_SKIP() << "this machine lacks " << name(GetParam());
  }
  const MathArrays& arrays() const {
    switch (GetParam()) {
      case TargetLevel::kV2: return sinter_simd_arrays_v2;
      case TargetLevel::kV3: return sinter_simd_arrays_v3;
      default: return sinter_simd_arrays_v4;
    }
  }
};

/// Both signs of the values where functions change their ways, and their neighbours.
template <class T> std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  const T special[] = {0, Limits::denorm_min(), Limits::min(), Limits::epsilon() / 2, Limits::epsilon(), T(0.25), T(1.0 / 3), T(0.5),
                       T(0.6), T(2.0 / 3), T(0.70710678118654757), T(0.93), 1, T(1.4142135623730951), T(1.5), T(1.5707963267948966), 2, 3,
                       T(3.1415926535897931), 4, 6, T(9.01), 10, T(16.6), T(17.3), T(18.7), 20, 36, 37, 40, T(87.33654), T(88.722839), 89,
                       T(103.97208), 104, 127, 128, 148, 149, T(149.5), 150, T(708.4), T(709.78271289338397), T(709.8),
                       T(710.4758600739439), T(710.5), T(744.4), T(745.13321910194122), T(745.2), T(746), 1022, 1023, 1024, T(1074.5),
                       1075, 1076, 8192, 131072, T(0x1p20), T(0x1p22), T(0x1p23), T(0x1p24), T(0x1p25), T(0x1p30), T(0x1p31), T(0x1p32),
                       T(0x1p52), T(0x1p53), T(0x1p63), T(0x1p64), T(0x1p100), T(0x1p126), T(0x1p127), Limits::max(), Limits::infinity(),
                       Limits::quiet_NaN()};
  std::vector<T> values;
  for (const T x : special) {
    for (const T y : {x, std::nextafter(x, T(0)), std::nextafter(x, Limits::infinity())}) {
      values.push_back(y);
      values.push_back(-y);
    }
  }
  return values;
}

template <class T> void fill_up(std::vector<T>& sample) { sample.resize((sample.size() + 15) / 16 * 16, T(1)); }

/// Every 1031st float of all bit patterns and the special values.
std::vector<float> sample_f32() {
  std::vector<float> sample = special_values<float>();
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += 1031) sample.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  fill_up(sample);
  return sample;
}

/// Every range of exponents, ordinary numbers, and the neighbours of multiples of pi/2 up to 2^60 of them; the last number is of all
/// doubles the nearest to such a multiple.
std::vector<double> sample_f64() {
  std::vector<double> sample = special_values<double>();
  for (uint64_t i = 0; i < 200000; ++i) sample.push_back(std::bit_cast<double>(i * 92233720368547ull + i % 7));
  RandomSequence random(1, 2);
  for (int i = 0; i < 300000; ++i) sample.push_back((random.uniform() - 0.5) * (i % 3 == 0 ? 2 : i % 3 == 1 ? 12 : 1600));
  for (int i = 0; i < 60000; ++i) {
    const double n = std::floor(std::ldexp(random.uniform() - 0.5, i % 60 + 1) + random.uniform());
    sample.push_back(static_cast<double>(n * 1.57079632679489661923132169163975144L));
  }
  sample.push_back(std::ldexp(6381956970095103.0, 797));
  fill_up(sample);
  return sample;
}

/// Checks the results of one function against the truth and names the worst argument.
template <class T, class Function> void expect_accurate(const char* name, const std::vector<T>& result, Function truth, double max_ulp) {
  size_t worst = 0;
  double worst_error = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    const double error = ulp_error(result[i], truth(i));
    if (error > worst_error) worst = i, worst_error = error;
  }
  EXPECT_LE(worst_error, max_ulp) << name << " of argument " << worst << " gave " << result[worst] << ", not " << truth(worst);
}

TEST_P(SimdMath, UnaryF32IsAccurate) {
  const std::vector<float> x = sample_f32();
  std::vector<float> result(x.size());
  for (const auto* f = arrays().unary_f32; f->name; ++f) {
    const auto& truth = reference(kUnaryReferences<double>, f->name);
    f->vectors(x.data(), result.data(), static_cast<int64_t>(x.size()));
    expect_accurate(f->name, result, [&](size_t i) { return truth.function(x[i]); }, truth.max_ulp);
  }
}

TEST_P(SimdMath, UnaryF64IsAccurate) {
  const std::vector<double> x = sample_f64();
  std::vector<double> result(x.size());
  for (const auto* f = arrays().unary_f64; f->name; ++f) {
    const auto& truth = reference(kUnaryReferences<long double>, f->name);
    f->vectors(x.data(), result.data(), static_cast<int64_t>(x.size()));
    expect_accurate(f->name, result, [&](size_t i) { return truth.function(x[i]); }, truth.max_ulp);
  }
}

/// All pairs of special values, and pairs of numbers whose power is in range.
template <class T> void sample_pairs(std::vector<T>& x, std::vector<T>& y) {
  for (const T a : special_values<T>()) {
    for (const T b : special_values<T>()) x.push_back(a), y.push_back(b);
  }
  RandomSequence random(3, 4);
  const double widest = sizeof(T) == 4 ? 160 : 1400, exponents = sizeof(T) == 4 ? 210 : 1490;
  for (int i = 0; i < 300000; ++i) {
    const double a = std::exp((random.uniform() - 0.5) * (i % 2 ? 4 : widest));
    x.push_back(static_cast<T>(i % 5 ? a : -a));
    y.push_back(i % 3 ? static_cast<T>((random.uniform() - 0.5) * exponents / std::log(a)) : static_cast<T>(random.below(40)) - 20);
  }
  fill_up(x), fill_up(y);
}

template <class Wide, class T> void expect_pairs_accurate(const BinaryArrays<T>* functions) {
  std::vector<T> x, y;
  sample_pairs(x, y);
  std::vector<T> result(x.size());
  for (const auto* f = functions; f->name; ++f) {
    const auto& truth = reference(kBinaryReferences<Wide>, f->name);
    f->vectors(x.data(), y.data(), result.data(), static_cast<int64_t>(x.size()));
    expect_accurate(f->name, result, [&](size_t i) { return truth.function(x[i], y[i]); }, truth.max_ulp);
  }
}

TEST_P(SimdMath, BinaryF32IsAccurate) { expect_pairs_accurate<double>(arrays().binary_f32); }
TEST_P(SimdMath, BinaryF64IsAccurate) { expect_pairs_accurate<long double>(arrays().binary_f64); }

/// Powers that are doubles themselves: of integers, of powers of two, and square roots of squares.
TEST_P(SimdMath, PowerF64IsExactWhereTheResultIsADouble) {
  std::vector<double> x, y, truth;
  const auto add = [&](double base, double exponent, double power) { x.push_back(base), y.push_back(exponent), truth.push_back(power); };
  for (int base = -100; base <= 100; ++base) {
    if (base == 0) continue;
    double power = 1;
    for (int exponent = 0; std::fabs(power) < 0x1p53; ++exponent, power *= base) {
      add(base, exponent, power);
      if (exponent > 60) break;
    }
  }
  for (int n = -1074; n <= 1023; ++n) {
    const double power = std::ldexp(1.0, n);
    add(2, n, power), add(power, 1, power), add(power, -0.0, 1);
  }
  for (int n = -1022; n <= 1022; n += 2) {
    const double root = std::ldexp(1.0, n / 2), square = std::ldexp(1.0, n);
    add(square, 0.5, root), add(-root, 2, square);
  }
  for (int n = 1; n < 20000; n += 7) add(static_cast<double>(n) * n, 0.5, n);
  while (x.size() % 16) add(1, 1, 1);
  std::vector<double> result(x.size());
  for (const auto* f = arrays().binary_f64; f->name; ++f) {
    if (std::string_view(f->name) != "power") continue;
    f->vectors(x.data(), y.data(), result.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(result[i], truth[i]) << x[i] << "^" << y[i];
  }
}

template <class T, class Function> void expect_same_bits(const Function& f, const std::vector<T>& x) {
  std::vector<T> lanes(x.size()), single(x.size());
  f.vectors(x.data(), lanes.data(), static_cast<int64_t>(x.size()));
  f.scalars(x.data(), single.data(), static_cast<int64_t>(x.size()));
  EXPECT_EQ(0, std::memcmp(lanes.data(), single.data(), x.size() * sizeof(T))) << f.name;
}

template <class T> void expect_same_bits(const BinaryArrays<T>* functions, const std::vector<T>& x) {
  const std::vector<T> y(x.rbegin(), x.rend());
  std::vector<T> lanes(x.size()), single(x.size());
  for (const auto* f = functions; f->name; ++f) {
    f->vectors(x.data(), y.data(), lanes.data(), static_cast<int64_t>(x.size()));
    f->scalars(x.data(), y.data(), single.data(), static_cast<int64_t>(x.size()));
    EXPECT_EQ(0, std::memcmp(lanes.data(), single.data(), x.size() * sizeof(T))) << f->name;
  }
}

TEST_P(SimdMath, SingleElementsHaveTheBitsOfLanes) {
  std::vector<float> x = special_values<float>();
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += 65521) x.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  fill_up(x);
  for (const auto* f = arrays().unary_f32; f->name; ++f) expect_same_bits(*f, x);
  std::vector<double> wide(x.begin(), x.end());
  for (int i = 0; i < 5000; ++i) wide.push_back(std::bit_cast<double>(i * 3689348814741911ull));
  fill_up(wide);
  for (const auto* f = arrays().unary_f64; f->name; ++f) expect_same_bits(*f, wide);
  expect_same_bits(arrays().binary_f32, x);
  expect_same_bits(arrays().binary_f64, wide);
}

TEST_P(SimdMath, RandomBitsAreTheWordsOfPhilox) {
  std::vector<int64_t> index;
  for (int64_t i = 0; i < 64; ++i) index.push_back(i);
  for (int64_t i = 0; i < 64; ++i) index.push_back(static_cast<int64_t>((uint64_t{1} << i) - 1 + static_cast<uint64_t>(i % 3)));
  for (const int64_t first : {int64_t{1}, int64_t{6}, int64_t{19}, (int64_t{1} << 32) - 7, (int64_t{1} << 34) - 6, (int64_t{1} << 40) + 4})
    for (int64_t i = 0; i < 16; ++i) index.push_back(first + i);  // in a row, from inside a block, across its halves
  std::vector<uint32_t> vectors(index.size()), scalars(index.size()), truth;
  for (const int64_t i : index) truth.push_back(random_word(0x12345678, 0x9abcdef0, 77, i));
  arrays().random_vectors(0x12345678, 77, 0x9abcdef0, index.data(), vectors.data(), static_cast<int64_t>(index.size()));
  arrays().random_scalars(0x12345678, 77, 0x9abcdef0, index.data(), scalars.data(), static_cast<int64_t>(index.size()));
  EXPECT_EQ(vectors, truth);
  EXPECT_EQ(scalars, truth);
}

INSTANTIATE_TEST_SUITE_P(Levels, SimdMath, testing::Values(TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(SimdBitcode, EveryLevelIsEmbedded) {
  for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4, TargetLevel::kV4Bf16}) {
    const auto module = math_bitcode(level);
    ASSERT_GT(module.size(), 4u);
    EXPECT_EQ(0, std::memcmp(module.data(), "BC\xC0\xDE", 4)) << "LLVM's magic bytes";
    EXPECT_LT(module.size(), 120000u);
  }
  EXPECT_EQ(math_bitcode(TargetLevel::kV4).data(), math_bitcode(TargetLevel::kV4Bf16).data());
}

TEST(SimdBitcode, Symbols) {
  EXPECT_EQ(math_symbol(ScalarOp::kExp, DType::kF32, 16), "sinter_exp_f32x16");
  EXPECT_EQ(math_symbol(ScalarOp::kTanh, DType::kF32, 1), "sinter_tanh_f32x1");
  EXPECT_EQ(math_symbol(ScalarOp::kRandomBits, DType::kU32, 8), "sinter_random_bits_u32x8");
  EXPECT_EQ(math_symbol(ScalarOp::kPower, DType::kF32, 4), "sinter_power_f32x4");
  EXPECT_EQ(math_symbol(ScalarOp::kErf, DType::kF64, 8), "sinter_erf_f64x8");
  EXPECT_EQ(math_symbol(ScalarOp::kExp, DType::kF64, 16), std::nullopt);
  EXPECT_EQ(math_symbol(ScalarOp::kAtan2, DType::kF64, 2), "sinter_atan2_f64x2");
  EXPECT_EQ(math_symbol(ScalarOp::kRemainder, DType::kF64, 8), std::nullopt);
  EXPECT_EQ(math_symbol(ScalarOp::kExp, DType::kF32, 2), std::nullopt);
  EXPECT_EQ(math_symbol(ScalarOp::kExp, DType::kI32, 1), std::nullopt);
  EXPECT_EQ(math_symbol(ScalarOp::kAdd, DType::kF32, 16), std::nullopt);
}

}  // namespace
}  // namespace sinter::backend::simd
