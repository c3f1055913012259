// The evaluator of the loop language: kernels written by hand against closed forms, lanes against orders computed here, and kernels with a
// seeded bug each, which must be rejected with the names of what is wrong.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/loop/evaluate.h"
#include "backend/loop/text.h"
#include "backend/support/loop_kernels.h"
#include "base/random.h"

namespace sinter::test {
namespace {

using loop::EvaluateOptions;
using loop::EvaluateResult;
using loop::TileOrder;

EvaluateResult run(const std::string& text, std::vector<Tensor>& buffers, const SymbolValues& dims = {},
                   const EvaluateOptions& options = {}) {
  return loop::evaluate(loop::parse_kernel(text), buffers, dims, options);
}

template <class T> Tensor sequence(Extents extents, double first, double step) {
  Tensor tensor(dtype_of<T>(), std::move(extents));
  for (int64_t i = 0; i < tensor.size(); ++i) tensor.set(i, first + step * static_cast<double>(i));
  return tensor;
}

TEST(LoopEvaluate, AChainOfOperations) {
  for (const int64_t n : {0, 1, 7, 8, 9, 5000}) {
    std::vector<Tensor> buffers{sequence<float>({n}, -2, 0.01), Tensor::scalar(0.5f), Tensor(DType::kF32, {n})};
    EXPECT_FALSE(run(loop_kernels()[0], buffers, {{"n", n}}).failed);
    for (int64_t i = 0; i < n; ++i) {
      const float x = std::fma(buffers[0].data<float>()[i], 0.5f, -0.5f), t = static_cast<float>(std::tanh(static_cast<double>(x)));
      EXPECT_EQ(buffers[2].data<float>()[i], std::max(x, t));
    }
  }
}

TEST(LoopEvaluate, SoftmaxOfRowsAndThePlaceOfTheLargest) {
  std::vector<Tensor> buffers{Tensor::of<float>({2, 5}, {1, 3, 2, 3, 0, -1, -2, -3, -4, 5}), Tensor(DType::kF32, {2, 5}),
                              Tensor(DType::kI64, {2})};
  for (const TileOrder order : {TileOrder::kForward, TileOrder::kReversed, TileOrder::kShuffled}) {
    run(loop_kernels()[1], buffers, {{"rows", 2}, {"columns", 5}}, {order});
    EXPECT_EQ(buffers[2].data<int64_t>()[0], 1);
    EXPECT_EQ(buffers[2].data<int64_t>()[1], 4);
    for (int64_t r = 0; r < 2; ++r) {
      double sum = 0;
      for (int64_t c = 0; c < 5; ++c) sum += std::exp(buffers[0].get(r * 5 + c));
      for (int64_t c = 0; c < 5; ++c) EXPECT_NEAR(buffers[1].get(r * 5 + c), std::exp(buffers[0].get(r * 5 + c)) / sum, 1e-6);
    }
  }
}

TEST(LoopEvaluate, GatheringAndFailing) {
  const auto buffers_with = [](int32_t place, uint8_t start) {
    return std::vector<Tensor>{sequence<int16_t>({4, 3}, 0, 10),
                               Tensor::of<int32_t>({20},
                                                   [&] {
                                                     std::vector<int32_t> places(20, 2);
                                                     places[17] = place;
                                                     places[18] = place - 1;
                                                     return places;
                                                   }()),
                               Tensor::scalar(start), Tensor(DType::kI16, {20})};
  };
  auto good = buffers_with(3, 1);
  EXPECT_FALSE(run(loop_kernels()[2], good, {{"n", 20}, {"size", 4}}).failed);
  EXPECT_EQ(good[3].data<int16_t>()[0], 70 - 3 * 50);
  EXPECT_EQ(good[3].data<int16_t>()[17], 100 - 3 * 50);
  auto bad = buffers_with(-7, 1);
  const EvaluateResult lane = run(loop_kernels()[2], bad, {{"n", 20}, {"size", 4}});
  EXPECT_TRUE(lane.failed);
  EXPECT_EQ(lane.site, 0);
  EXPECT_EQ(lane.value, -7);  // the lowest lane, not -8
  EXPECT_EQ(lane.limit, 4);
  auto worse = buffers_with(-7, 200);
  const EvaluateResult first = run(loop_kernels()[2], worse, {{"n", 20}, {"size", 4}});
  EXPECT_EQ(first.site, 1);
  EXPECT_EQ(first.value, 200);
  auto masked = buffers_with(-7, 1);  // lanes beyond the last iteration do not count
  masked[3] = Tensor(DType::kI16, {17});
  masked[1] = Tensor::of<int32_t>({17}, std::vector<int32_t>(17, 2));
  EXPECT_FALSE(run(loop_kernels()[2], masked, {{"n", 17}, {"size", 4}}).failed);
}

TEST(LoopEvaluate, TheLowestFailingTileIsReportedInAnyOrder) {
  const std::string text =
      "loops 1 kernel k { tiles 9 failure_sites 1 read p: i64[9] write out: i64[9] checked x < 5 site 0 = p[tile] store out[tile] = "
      "index(x) }";
  for (const TileOrder order : {TileOrder::kForward, TileOrder::kReversed, TileOrder::kShuffled}) {
    std::vector<Tensor> buffers{Tensor::of<int64_t>({9}, {0, 1, 2, 33, 4, 5, 0, 77, 0}), Tensor(DType::kI64, {9})};
    const EvaluateResult result = run(text, buffers, {}, {order, 5});
    EXPECT_TRUE(result.failed);
    EXPECT_EQ(result.tile, 3);
    EXPECT_EQ(result.value, 33);
  }
}

TEST(LoopEvaluate, GuardsBranchesAndBits) {
  std::vector<Tensor> buffers{Tensor::of<double>({3}, {1.5, 2.5, 3.5}), Tensor(DType::kF64, {4}), sequence<uint32_t>({4, 4}, 0, 1),
                              Tensor(DType::kBool, {4})};
  run(loop_kernels()[3], buffers, {{"n", 3}});
  EXPECT_EQ(buffers[1].data<double>()[0], 5e-324);
  EXPECT_EQ(buffers[1].data<double>()[3], 3.5);
  EXPECT_EQ(buffers[2].data<uint32_t>()[0], 1u ^ 7u);
  EXPECT_EQ(buffers[2].data<uint32_t>()[2], 3u ^ 7u);
  EXPECT_EQ(buffers[2].data<uint32_t>()[3], 3u);
  EXPECT_FALSE(buffers[3].data<bool>()[0]);  // 1^7 = 6, 2^7 = 5, 3^7 = 4
  EXPECT_TRUE(buffers[3].data<bool>()[2]);   // 9^7 = 14
  EXPECT_TRUE(buffers[3].data<bool>()[3]);
}

TEST(LoopEvaluate, AProductOfSpreadRows) {
  for (const int64_t m : {0, 1, 2}) {
    std::vector<Tensor> buffers{sequence<float>({m, 3}, 1, 1), sequence<float>({3, 4}, -2, 1), Tensor(DType::kF32, {m, 4})};
    run(loop_kernels()[8], buffers, {{"m", m}});
    for (int64_t r = 0; r < m; ++r)
      for (int64_t j = 0; j < 4; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < 3; ++k) sum += buffers[0].get(r * 3 + k) * buffers[1].get(k * 4 + j);
        EXPECT_EQ(buffers[2].get(r * 4 + j), sum);
      }
  }
}

TEST(LoopEvaluate, AProductByRegisterTiles) {
  for (const int64_t m : {1, 4, 5})
    for (const int64_t n : {1, 8, 19}) {
      std::vector<Tensor> buffers{sequence<float>({m, 5}, 1, 0.7), sequence<float>({n, 5}, -3, 0.3), sequence<float>({n}, 0, 1),
                                  Tensor(DType::kF32, {m, n})};
      for (const bool fused : {false, true}) {
        run(loop_kernels()[4], buffers, {{"m", m}, {"n", n}}, {.order = TileOrder::kReversed, .fused_multiply_add = fused});
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j) {
            volatile float sum = 0;
            for (int64_t k = 0; k < 5; ++k) {
              const float x = buffers[0].data<float>()[i * 5 + k], y = buffers[1].data<float>()[j * 5 + k];
              volatile float product = x * y;
              sum = fused ? std::fma(x, y, sum) : sum + product;
            }
            EXPECT_EQ(buffers[3].data<float>()[i * n + j], sum + static_cast<float>(j));
          }
      }
    }
}

TEST(LoopEvaluate, ProductsOfWords) {
  Tensor a(DType::kBF16, {2, 3}), x(DType::kI8, {2, 8});
  for (int64_t i = 0; i < a.size(); ++i) a.set(i, static_cast<double>(i) - 2.5);
  for (int64_t i = 0; i < x.size(); ++i) x.set_integer(i, i * 17 - 128);
  // Column j of depth k is k - j by bf16, 3k - 7j by bytes; the word of depth 2 is half a word.
  Tensor b(DType::kU32, {2, 4}), w(DType::kU32, {2, 4});
  for (int64_t j = 0; j < 4; ++j) {
    for (int64_t k = 0; k < 3; ++k) {
      Tensor one(DType::kBF16, {});
      one.set(0, static_cast<double>(k - j));
      b.data<uint32_t>()[k / 2 * 4 + j] |= static_cast<uint32_t>(*static_cast<const uint16_t*>(one.raw())) << (k % 2 * 16);
    }
    for (int64_t k = 0; k < 8; ++k) w.data<uint32_t>()[k / 4 * 4 + j] |= static_cast<uint32_t>(static_cast<uint8_t>(3 * k - 7 * j)) << (k % 4 * 8);
  }
  std::vector<Tensor> buffers{a, b, x, w, Tensor(DType::kF32, {2, 4}), Tensor(DType::kI32, {2, 4})};
  EXPECT_FALSE(run(loop_kernels()[9], buffers, {{"m", 2}}).failed);
  for (int64_t m = 0; m < 2; ++m)
    for (int64_t j = 0; j < 4; ++j) {
      double sum = 0;
      int64_t raised = 0;
      for (int64_t k = 0; k < 3; ++k) sum += a.get(m * 3 + k) * static_cast<double>(k - j);
      for (int64_t k = 0; k < 8; ++k) raised += (x.get_integer(m * 8 + k) + 128) * (3 * k - 7 * j);
      EXPECT_EQ(buffers[4].get(m * 4 + j), sum);
      EXPECT_EQ(buffers[5].get_integer(m * 4 + j), raised);
    }
}

TEST(LoopEvaluate, BatchesOfIntegersWrap) {
  std::vector<Tensor> buffers{sequence<int32_t>({2, 3, 4}, 1, 1), sequence<int32_t>({2, 4, 2}, 1, 1), Tensor(DType::kI32, {3, 2})};
  buffers[0].data<int32_t>()[0] = INT32_MAX;
  run(loop_kernels()[5], buffers);
  for (int64_t r = 0; r < 3; ++r)
    for (int64_t j = 0; j < 2; ++j) {
      uint32_t sum = 0;
      for (int64_t b = 0; b < 2; ++b)
        for (int64_t k = 0; k < 4; ++k)
          sum += static_cast<uint32_t>(buffers[0].data<int32_t>()[b * 12 + r * 4 + k]) *
                 static_cast<uint32_t>(buffers[1].data<int32_t>()[b * 8 + k * 2 + j]);
      EXPECT_EQ(static_cast<uint32_t>(buffers[2].data<int32_t>()[r * 2 + j]), sum);
    }
}

TEST(LoopEvaluate, RandomBitsAndSumsPerLane) {
  std::vector<Tensor> buffers{Tensor::scalar<uint32_t>(41), Tensor(DType::kU64, {5})};
  run(loop_kernels()[6], buffers, {{"n", 5}});
  for (int64_t j = 0; j < 5; ++j) {
    uint64_t all = 0;
    for (int64_t k = 0; k < 3; ++k) all += random_word(42, 9, 5, 3 * j + k) >> 7;
    EXPECT_EQ(buffers[1].data<uint64_t>()[j], 2 * all);
  }
}

/// The fixed tree: partial sums per lane, halved, then added to the accumulator.
TEST(LoopEvaluate, SumsOverLanesFollowTheTree) {
  const std::string text =
      "loops 1 kernel k { dims n tiles 1 read x: f32[n] write out: f32[] var a: f32 = 0.1: f32 for i in n vector 4 { update a add x[i] } "
      "store out[] = a }";
  for (const int64_t n : {0, 1, 3, 4, 5, 50}) {
    std::vector<Tensor> buffers{sequence<float>({n}, 1e-3, 0.37), Tensor(DType::kF32, {})};
    run(text, buffers, {{"n", n}});
    float lanes[4] = {0, 0, 0, 0};
    for (int64_t i = 0; i < n; ++i) lanes[i % 4] += buffers[0].data<float>()[i];
    const float expected = 0.1f + ((lanes[0] + lanes[2]) + (lanes[1] + lanes[3]));
    EXPECT_EQ(buffers[1].data<float>()[0], expected) << n;
    run(edited(text, "vector 4", "vector 1"), buffers, {{"n", n}});
    float serial = 0.1f;
    for (int64_t i = 0; i < n; ++i) serial += buffers[0].data<float>()[i];
    EXPECT_EQ(buffers[1].data<float>()[0], serial) << n;
  }
}

TEST(LoopEvaluate, AnOperandMayBeUpdatedInPlace) {
  const std::string text =
      "loops 1 kernel k { dims n tiles n read x: f32[n, 3] write y: f32[n, 3] for j in 3 vector 4 { store y[tile, j] = negate(x[tile, j]) "
      "} }";
  const Tensor memory = sequence<float>({6}, 1, 1);
  std::vector<Tensor> buffers{memory, memory};  // of another shape too
  run(text, buffers, {{"n", 2}});
  EXPECT_EQ(memory.data<float>()[5], -6);
}

// ---- seeded bugs ----

struct Bug {
  const char* name;
  std::string text;
  std::vector<Tensor> buffers;
  SymbolValues dims;
  std::vector<std::string> parts;  // of the message
};

std::vector<Bug> bugs() {
  const auto f32 = [](Extents extents) { return Tensor(DType::kF32, std::move(extents)); };
  const auto chain = [&](const char* from, const char* to) { return edited(loop_kernels()[0], from, to); };
  const std::vector<Tensor> for_chain{f32({9000}), f32({}), f32({9000})};
  const auto product = [&](const char* from, const char* to) { return edited(loop_kernels()[4], from, to); };
  const std::vector<Tensor> for_product{f32({5, 5}), f32({19, 5}), f32({19}), f32({5, 19})};
  const SymbolValues mn{{"m", 5}, {"n", 19}};
  const Tensor shared = f32({6}), square = f32({2, 2});
  const auto in_place = [](const std::string& value) {
    return "loops 1 kernel k { tiles 3 read x: f32[3, 2] write y: f32[3, 2] for j in 2 { store y[tile, j] = " + value + " } }";
  };
  const auto one_loop = [](const std::string& body) {
    return "loops 1 kernel k { dims n tiles 1 read x: f32[n] write y: f32[n] scratch s: f32[64] " + body + " }";
  };
  const std::vector<Tensor> xy{f32({10}), f32({10})};
  const SymbolValues ten{{"n", 10}};
  return {
      {"one element too far",
       chain("b0[j + 4096*tile]", "b0[j + 4096*tile + 1]"),
       for_chain,
       {{"n", 9000}},
       {"kernel chain", "tile 2", "let x", "b0[9000] is outside b0: f32[9000]"}},
      {"one element too early",
       chain("b0[j + 4096*tile]", "b0[j + 4096*tile - 1]"),
       for_chain,
       {{"n", 9000}},
       {"tile 0", "b0[-1] is outside"}},
      {"a loop that goes on", chain("min(4096, n - 4096*tile)", "4096"), for_chain, {{"n", 9000}}, {"tile 2", "b0[9000] is outside"}},
      {"a loop that stops early",
       chain("min(4096, n - 4096*tile)", "min(4095, n - 4096*tile)"),
       for_chain,
       {{"n", 9000}},
       {"b2[4095] is written by no tile"}},
      {"a tile that is missing",
       chain("floordiv(n + 4095, 4096)", "floordiv(n, 4096)"),
       for_chain,
       {{"n", 9000}},
       {"b2[8192] is written by no tile"}},
      {"tiles that overlap",
       chain("min(4096, n - 4096*tile)", "min(4097, n - 4096*tile)"),
       for_chain,
       {{"n", 9000}},
       {"kernel chain, tile 1", "store b2", "b2[4096] is written by two tiles: tile 0 and tile 1"}},
      {"all tiles at one place",
       chain("store b2[j + 4096*tile]", "store b2[j]"),
       for_chain,
       {{"n", 9000}},
       {"b2[0] is written by two tiles: tile 0 and tile 1"}},
      {"a negative extent",
       chain("tiles floordiv(n + 4095, 4096)", "tiles 5"),
       for_chain,
       {{"n", 9000}},
       {"tile 3", "for j", "extent is negative"}},
      {"a division by zero", one_loop("for i in n { store y[mod(i, n - 10)] = x[i] }"), xy, ten, {"divided by zero"}},
      {"an overflow", one_loop("for i in n { store y[9223372036854775807*n + i] = x[i] }"), xy, ten, {"leaves 64 bits"}},
      {"scratch read before it is written",
       product("store panel[j0 + 8*k]", "store panel[j0 + 7*k]"),
       for_product,
       mn,
       {"contract t", "is read before tile 0 wrote it"}},
      {"scratch of the tile before",
       edited(edited(loop_kernels()[4], "for k in 5 {", "if 0 <= tile < 1 { for k in 5 {"), "k], 0.0: f32)\n        }\n    }",
              "k], 0.0: f32)\n        }\n    }}"),
       for_product,
       mn,
       {"tile 1", "panel[0] is read before tile 1 wrote it"}},
      {"accumulating on garbage",
       edited(loop_kernels()[5], "row_stride 2) {", "row_stride 2) accumulate {"),
       {Tensor(DType::kI32, {2, 3, 4}), Tensor(DType::kI32, {2, 4, 2}), Tensor(DType::kI32, {3, 2})},
       {},
       {"contract c", "c[0, 0] is read before tile 0 wrote it"}},
      {"more rows than the register tile has",
       product("rows min(2, m - 2*r) at most 2\n            columns 8 at most 8\n            depth 4",
               "rows m at most 2\n            columns 8 at most 8\n            depth 4"),
       for_product,
       mn,
       {"5 rows", "register tile"}},
      {"a contract beyond its operand",
       edited(loop_kernels()[5], "depth 4", "depth 5"),
       {Tensor(DType::kI32, {2, 3, 4}), Tensor(DType::kI32, {2, 4, 2}), Tensor(DType::kI32, {3, 2})},
       {},
       {"contract c", "element 16 is outside b: i32[2, 4, 2]"}},
      {"rows that are not spread",
       edited(loop_kernels()[8], "store spread[j + 8*k + 4*r] = a[r, k]", "store spread[j + 8*k + 4*r] = multiply(a[r, k], cast(index(j), f32))"),
       {sequence<float>({2, 3}, 1, 1), f32({3, 4}), f32({2, 4})},
       {{"m", 2}},
       {"contract c", "row 0 of A is not spread at depth 0"}},
      {"rows that are spread in part",
       edited(loop_kernels()[8], "for j in 4 vector 4", "for j in 3 vector 4"),
       {sequence<float>({2, 3}, 1, 1), f32({3, 4}), f32({2, 4})},
       {{"m", 2}},
       {"contract c", "is read before tile 0 wrote it"}},
      {"another row of what is overwritten",
       in_place("add(x[tile, j], x[2 - tile, j])"),
       {shared, shared},
       {},
       {"written and read by two tiles: tile 0 and tile 2", "x[0, 0]"}},
      {"what this tile has overwritten",
       in_place("add(x[tile, j], x[tile, 0])"),
       {shared, shared},
       {},
       {"tile 0", "x[0, 0] is read after it was overwritten through y"}},
      {"a contract over its own operand",
       "loops 1 kernel k { tiles 1 read x: f32[2, 2] read w: f32[2, 2] write y: f32[2, 2] contract y(offset 0, row_stride 2) { a x(offset "
       "0, stride 2, depth_stride 1, batch_stride 0) "
       "b w(offset 0, stride 1, depth_stride 2, batch_stride 0) rows 2 at most 2 columns 2 at most 8 depth 2 batches 1 } }",
       {square, f32({2, 2}), square},
       {},
       {"contract y", "lies in the memory of an operand"}},
      {"lanes that follow each other",
       one_loop("for i in n vector 4 { store y[i] = guarded(1 <= i < n; y[i - 1], x[i]) }"),
       xy,
       ten,
       {"y[0] is read before tile 0 wrote it"}},
      {"a scan in lanes",
       one_loop("for i in n { store y[i] = x[i] } for i1 in n - 1 vector 4 { store y[i1 + 1] = add(y[i1], x[i1 + 1]) }"),
       xy,
       ten,
       {"y[1] is written by iteration 0 of a vector loop and read by another one"}},
      {"a scan in lanes, later vectors",
       one_loop("for i in n { store y[i] = x[i] } for i1 in n - 4 vector 4 { store y[i1 + 4] = add(y[i1], x[i1 + 4]) }"),
       xy,
       ten,
       {"y[4] is written and read by two iterations of a vector loop: 0 and 4"}},
      {"two lanes at one place",
       one_loop("for i in n vector 4 { store s[floordiv(i, 2)] = x[i] } for i1 in n { store y[i1] = s[0] }"),
       xy,
       ten,
       {"s[0] is written by two iterations of a vector loop: 0 and 1"}},
      {"a transpose beyond its operand",
       edited(loop_kernels()[7], "rows k\n", "rows k + 1\n"),
       {Tensor(DType::kI16, {9, 5}), Tensor(DType::kI16, {9, 5})},
       {{"n", 9}, {"k", 5}},
       {"transpose panel", "element 45 is outside b: i16[9, 5]"}},
      {"more columns than are filled",
       edited(loop_kernels()[7], "columns min(8, n - 8*tile) filled 8", "columns n filled 8"),
       {Tensor(DType::kI16, {9, 5}), Tensor(DType::kI16, {9, 5})},
       {{"n", 9}, {"k", 5}},
       {"transpose panel", "9 columns, more than it fills"}},
      {"a transpose that leaves columns out",
       edited(loop_kernels()[7], "columns k", "columns k - 1"),
       {Tensor(DType::kI16, {9, 5}), Tensor(DType::kI16, {9, 5})},
       {{"n", 9}, {"k", 5}},
       {"c[0, 4] is written by no tile"}},
      {"a transpose in place",
       "loops 1 kernel k { tiles 1 read x: f32[2, 2] write y: f32[2, 2] transpose y(offset 0, row_stride 2) { from x(offset 0, "
       "column_stride 2) rows 2 columns 2 } }",
       {square, square},
       {},
       {"transpose y", "writes what it reads"}},
      {"a bool of another value",
       "loops 1 kernel k { tiles 1 read x: bool[1] write y: bool[1] store y[0] = not(x[0]) }",
       {Tensor::wrap(DType::kBool, {1}, const_cast<char*>("\2"), nullptr), Tensor(DType::kBool, {1})},
       {},
       {"x[0] is a bool of value 2"}},
  };
}

TEST(LoopEvaluate, SeededBugsAreRejected) {
  int rejected = 0;
  for (const Bug& bug : bugs()) {
    std::vector<Tensor> buffers = bug.buffers;
    try {
      run(bug.text, buffers, bug.dims);
      ADD_FAILURE() << bug.name << " is not noticed";
    } catch (const InternalError& error) {
      for (const std::string& part : bug.parts)
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << bug.name << ": " << error.what() << "\nlacks: " << part;
      ++rejected;
    }
  }
  EXPECT_GE(rejected, 20);
}

TEST(LoopEvaluate, RacesAreFoundInAnyOrder) {
  for (const Bug& bug : bugs()) {
    const bool race = std::any_of(bug.parts.begin(), bug.parts.end(),
                                  [](const std::string& part) { return part.find("two tiles") != std::string::npos; });
    if (!race) continue;
    for (const TileOrder order : {TileOrder::kReversed, TileOrder::kShuffled}) {
      std::vector<Tensor> buffers = bug.buffers;
      EXPECT_THROW(run(bug.text, buffers, bug.dims, {order, 3}), InternalError) << bug.name;
    }
  }
}

TEST(LoopEvaluate, BuffersThatDoNotFitAreRefused) {
  const Tensor x(DType::kF32, {9}), c(DType::kF32, {});
  for (std::vector<Tensor> wrong :
       {std::vector<Tensor>{x, c}, {x, c, x, x}, {x, c, Tensor(DType::kF64, {9})}, {x, c, Tensor(DType::kF32, {8})}})
    EXPECT_THROW(run(loop_kernels()[0], wrong, {{"n", 9}}), InternalError);
  std::vector<Tensor> right{x, c, x.clone()};
  EXPECT_THROW(run(loop_kernels()[0], right), std::exception);
}

}  // namespace
}  // namespace sinter::test
