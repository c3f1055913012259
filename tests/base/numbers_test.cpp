// Random numbers, hashes, and the vocabulary of scalar operations.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/scalar.h"

namespace sinter {
namespace {

using Words = std::array<uint32_t, 4>;

TEST(Philox, KnownAnswers) {  // kat_vectors of the Random123 distribution, philox4x32 with 10 rounds
  EXPECT_EQ(philox4x32({0, 0}, {0, 0, 0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u}, {~0u, ~0u, ~0u, ~0u}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  static_assert(philox4x32({0, 0}, {0, 0, 0, 0})[0] == 0x6627e8d5);
}

TEST(Philox, WordsOfAnElement) {
  const Words block = philox4x32({5, 0}, {6, 7, 2, 1});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(random_word(5, 6, 7, ((int64_t{1} << 32) + 2) * 4 + i), block[static_cast<size_t>(i)]);
}

TEST(RandomSequence, HasTheRightMoments) {
  RandomSequence random(42, 1);
  constexpr int kCount = 200000;
  double mean = 0, square = 0, uniform = 0;
  std::vector<int> histogram(7);
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    mean += value / kCount;
    square += value * value / kCount;
    const double flat = random.uniform();
    ASSERT_TRUE(flat >= 0 && flat < 1);
    uniform += flat / kCount;
    ++histogram[random.below(7)];
  }
  EXPECT_NEAR(mean, 0, 0.01);  // standard error 0.0022
  EXPECT_NEAR(square, 1, 0.015);
  EXPECT_NEAR(uniform, 0.5, 0.004);
  for (const int count : histogram) EXPECT_NEAR(count, kCount / 7, 700);
}

TEST(RandomSequence, StreamsAndSeedsDiffer) {
  RandomSequence a(1, 1), same(1, 1), stream(1, 2), seed(2, 1);
  int equal = 0;
  for (int i = 0; i < 100; ++i) {
    const uint32_t word = a.next();
    EXPECT_EQ(word, same.next());
    equal += (word == stream.next()) + (word == seed.next());
  }
  EXPECT_EQ(equal, 0);
}

TEST(Hash, IsStable) {  // written to caches and checkpoints: a change here must come with new versions of those
  EXPECT_EQ(hash_text("").to_string(), "4e43abf418938829a13c529d30c58fbb");
  EXPECT_EQ(hash_text("sinter").to_string(), "f3f7dc2d98eca262c29ac5a1b18036e8");
  EXPECT_EQ(Hasher().number(1).number(2).finish().to_string(), "4449a4f456ec5d5fff38e556574ce125");
}

TEST(Hash, SeparatesNeighbours) {
  EXPECT_NE(Hasher().text("ab").text("c").finish(), Hasher().text("a").text("bc").finish());
  EXPECT_NE(Hasher().text("").finish(), Hasher().finish());
  EXPECT_NE(hash_text(std::string(1, '\0')), hash_text(std::string(2, '\0')));
  EXPECT_NE(Hasher().number(1).number(2).finish(), Hasher().number(2).number(1).finish());
}

TEST(Hash, EveryBitMatters) {
  std::string text(37, 'x');
  const Hash128 original = hash_text(text);
  std::set<Hash128> seen = {original};
  double changed = 0;
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    const Hash128 hash = hash_text(text);
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(seen.insert(hash).second);
    changed += __builtin_popcountll(hash.high ^ original.high) + __builtin_popcountll(hash.low ^ original.low);
  }
  EXPECT_NEAR(changed / (37 * 8), 64, 2);  // half of the bits on average
}

TEST(ScalarOp, NamesRoundTrip) {
  std::set<std::string_view> names;
  for (int i = 0; i < kScalarOpCount; ++i) {
    const auto op = static_cast<ScalarOp>(i);
    EXPECT_EQ(parse_scalar_op(name(op)), op);
    EXPECT_TRUE(names.insert(name(op)).second);
    EXPECT_GE(arity(op), 1);
    EXPECT_LE(arity(op), 4);
  }
  EXPECT_FALSE(parse_scalar_op("frobnicate"));
  EXPECT_EQ(arity(ScalarOp::kFma), 3);
}

TEST(ScalarOp, ResultDtypes) {
  EXPECT_EQ(result_dtype(ScalarOp::kAdd, {DType::kF64, DType::kF64}), DType::kF64);
  EXPECT_EQ(result_dtype(ScalarOp::kLess, {DType::kI32, DType::kI32}), DType::kBool);
  EXPECT_EQ(result_dtype(ScalarOp::kIsNan, {DType::kF32}), DType::kBool);
  EXPECT_EQ(result_dtype(ScalarOp::kSelect, {DType::kBool, DType::kI64, DType::kI64}), DType::kI64);
  EXPECT_EQ(result_dtype(ScalarOp::kCast, {DType::kI64}, DType::kF32), DType::kF32);
  EXPECT_EQ(result_dtype(ScalarOp::kBitcast, {DType::kF32}, DType::kU32), DType::kU32);
  EXPECT_EQ(result_dtype(ScalarOp::kRandomBits, {DType::kU32, DType::kU32, DType::kU32, DType::kI64}), DType::kU32);
  EXPECT_THROW(result_dtype(ScalarOp::kAdd, {DType::kF64, DType::kF32}), Error);
  EXPECT_THROW(result_dtype(ScalarOp::kAdd, {DType::kF64}), Error);
  EXPECT_THROW(result_dtype(ScalarOp::kSelect, {DType::kF32, DType::kF32, DType::kF32}), Error);
  EXPECT_THROW(result_dtype(ScalarOp::kSelect, {DType::kBool, DType::kF64, DType::kF32}), Error);
  EXPECT_THROW(result_dtype(ScalarOp::kCast, {DType::kF32}), Error);
  EXPECT_THROW(result_dtype(ScalarOp::kBitcast, {DType::kF32}, DType::kF64), Error);
}

TEST(ScalarBody, IsATree) {
  const ScalarBody body = ScalarBody::apply(ScalarOp::kMaximum, {ScalarBody::operand(0), 0.0});
  ASSERT_EQ(body.node().args.size(), 2u);
  EXPECT_EQ(body.node().args[0].node().kind, ScalarBody::Kind::kOperand);
  EXPECT_EQ(body.node().args[1].node().constant, 0);
  EXPECT_THROW(ScalarBody::apply(ScalarOp::kAdd, {1.0}), InternalError);
  EXPECT_THROW(ScalarBody::operand(-1), InternalError);
}

}  // namespace
}  // namespace sinter
