// The contract of the loop language as native code, on each instruction set: against the loop evaluator, in every form of the microkernel (accumulating,
// batched, spread, with a line asked for ahead), at sizes around the register tile. The numbers are small integers, so that every sum is exact.
#include <gtest/gtest.h>

#include <cstring>

#include "backend/loop/evaluate.h"
#include "backend/loop/text.h"
#include "backend/support/native.h"
#include "backend/support/native_kernel.h"
#include "support/levels.h"

namespace sinter::test {
namespace {

struct Form {
  const char* name;
  bool accumulate = false, spread = false, ahead = false, batched = false, turned = false, after = false, gathered = false;
};

constexpr int64_t kSize = 4000, kRows = 6, kColumns = 32;

int64_t lanes_of(TargetLevel level) { return target_of(level).lanes(4); }

/// A in rows with a gap between them, turned by columns; spread: each element as often as a vector has lanes.
std::string kernel_text(const Form& form, int64_t lanes) {
  const std::string a = form.gathered ? "rows t from 1, depth_stride 1"
                        : form.spread ? "stride " + std::to_string(lanes) + ", depth_stride " + std::to_string(lanes * kRows)
                        : form.turned ? "stride 1, depth_stride 9"
                                      : "stride 13, depth_stride 1";
  return "loops 1 kernel product { dims rows, columns, depth tiles 1 read x: f32[8000] read w: f32[4000] readwrite y: f32[4000] " +
         std::string(form.gathered ? "read t: i64[8] " : "") + "contract y(offset 3, row_stride 37)" +
         std::string(form.accumulate ? " accumulate" : "") + (form.after ? " after depth - 1" : "") + (form.spread ? " spread" : "") + " { a x(offset " + (form.spread ? "0" : "5") + ", " + a +
         ", batch_stride 800) b w(offset 1, stride 1, depth_stride 35, batch_stride 700) " +
         (form.ahead ? "ahead w(offset 100000, depth_stride 350) " : "") + "rows rows at most 6 columns columns at most 32 depth depth batches " +
         (form.batched ? "2" : "1") + " } }";
}

Tensor numbers(int64_t size, int64_t repeated, int64_t period) {
  Tensor tensor(DType::kF32, {size});
  for (int64_t i = 0; i < size; ++i) tensor.set(i, static_cast<double>(i / repeated * 7 % period - period / 2));
  return tensor;
}

/// Where rows of A begin: anywhere, also twice.
Tensor row_table() {
  Tensor tensor(DType::kI64, {8});
  const int64_t rows[] = {-1, 40, 7, 300, 7, 0, 123, -1};
  for (int64_t i = 0; i < 8; ++i) tensor.set_integer(i, rows[i]);
  return tensor;
}

class ContractForm : public testing::TestWithParam<Form> {};

TEST_P(ContractForm, NativeCodeEqualsTheEvaluator) {
  const Form& form = GetParam();
  for (const TargetLevel level : levels_here()) {
    const int64_t lanes = lanes_of(level);
    const loop::Kernel kernel = loop::parse_kernel(kernel_text(form, lanes));
    const auto code = load_native(kernel, level);
    for (int64_t rows = 0; rows <= kRows; ++rows)
      for (const int64_t columns : {0, 1, 3, 4, 5, 8, 15, 16, 17, 31, 32})
        for (const int64_t depth : {0, 1, 2, 9}) {
          const SymbolValues dims{{"rows", rows}, {"columns", columns}, {"depth", depth}};
          std::vector<Tensor> expected{numbers(2 * kSize, form.spread ? lanes : 1, 11), numbers(kSize, 1, 13), numbers(kSize, 1, 17)};
          std::vector<Tensor> actual{expected[0].clone(), expected[1].clone(), expected[2].clone()};
          if (form.gathered) expected.push_back(row_table()), actual.push_back(row_table());
          loop::evaluate(kernel, expected, dims);
          run_native(kernel, *code, actual, dims);
          ASSERT_EQ(std::memcmp(expected[2].raw(), actual[2].raw(), actual[2].bytes()), 0)
              << name(level) << " " << rows << "x" << columns << "x" << depth;
        }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ContractForm,
                         testing::Values(Form{"plain"}, Form{"accumulate", true}, Form{"spread", false, true}, Form{"ahead", false, false, true},
                                         Form{"ahead_accumulate", true, false, true}, Form{"batched_ahead", false, false, true, true},
                                         Form{"turned", false, false, false, false, true}, Form{"spread_ahead", true, true, true}, Form{"after", true, false, false, false, false, true},
                                         Form{"after_ahead", true, false, true, true, false, true},
                                         Form{"gathered", false, false, false, false, false, false, true},
                                         Form{"gathered_batched", true, false, false, true, false, false, true}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::test
