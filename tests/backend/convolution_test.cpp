// Convolutions, gradients by filters and windows of random attributes and sizes as kernels: native code and the loop evaluator, which checks bounds and races,
// against the reference. The numbers are small integers, so that every sum is exact and every bit is compared.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/loop/text.h"
#include "backend/support/loop_program.h"
#include "backend/support/native.h"
#include "base/random.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/close.h"
#include "support/levels.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

using ir::Attributes;
using ir::Integers;

class Random {
 public:
  explicit Random(uint32_t seed) : sequence_(seed, 11) {}
  int64_t between(int64_t low, int64_t high) { return low + sequence_.below(high - low + 1); }
  int64_t of(std::initializer_list<int64_t> choices) { return choices.begin()[between(0, static_cast<int64_t>(choices.size()) - 1)]; }

 private:
  RandomSequence sequence_;
};

struct Steps {
  Integers stride, dilation, spread;
  Shape low, high;

  Attributes attributes() const {
    return {{"stride", stride}, {"dilation", dilation}, {"input_dilation", spread}, {"padding_low", low}, {"padding_high", high}};
  }
};

Steps random_steps(Random& random, size_t rank, bool dilated_input) {
  Steps steps;
  for (size_t k = 0; k < rank; ++k) {
    steps.stride.push_back(random.of({1, 1, 2, 3}));
    steps.dilation.push_back(random.of({1, 1, 1, 2}));
    steps.spread.push_back(dilated_input ? random.of({1, 2, 3}) : 1);
    steps.low.push_back(random.of({0, 0, 1, 2, -1}));
    steps.high.push_back(random.of({0, 0, 1, 3, -1}));
  }
  return steps;
}

std::map<std::string, Tensor> small_integers(const ir::Module& module, const SymbolValues& symbols, uint32_t seed) {
  std::map<std::string, Tensor> inputs;
  for (const ir::Variable& variable : module.variables) {
    if (variable.role != Role::kInput) continue;
    Tensor tensor(variable.type.dtype, variable.type.shape.evaluate(symbols));
    RandomSequence random(++seed, 3);
    for (int64_t i = 0; i < tensor.size(); ++i) {
      const int64_t value = random.below(9);
      is_float(tensor.dtype()) ? tensor.set(i, static_cast<double>(value - 4)) : tensor.set_integer(i, value);
    }
    inputs[variable.name] = std::move(tensor);
  }
  return inputs;
}

/// Symbols of the sample take each of these values.
void check(const char* op, const ir::Sample& sample, std::initializer_list<int64_t> values) {
  const ir::OpDef& record = ir::OpRegistry::instance().get(op);
  ir::Module module;
  try {
    module = module_of(record, sample);
  } catch (const Error&) {
    return;  // no window fits
  }
  std::set<std::string> names;
  for (const ir::SampleOperand& operand : sample.operands)
    for (const Dim& dim : operand.type.shape) dim.collect_symbols(names);
  const auto one = runtime::serial_team(), two = runtime::thread_team(2), three = runtime::thread_team(3);
  for (const TargetLevel level : levels_here()) {
    const NativeProgram program(module, level);
    for (const int64_t value : values) {
      SymbolValues symbols;
      for (const std::string& name : names) symbols[name] = value;
      SCOPED_TRACE(ir::print(module) + "on " + std::string(name(level)) + " at " + std::to_string(value) + "\n" + loop::print(program.lowered().kernels[0]));
      std::map<std::string, Tensor> inputs, expected;
      try {
        inputs = small_integers(module, symbols, 1);
      } catch (const Error&) {
        continue;  // a size is negative
      }
      try {
        expected = ir::evaluate(module, "main", inputs, symbols);
      } catch (const Error&) {
        EXPECT_THROW(program.run(inputs, symbols, *one), Error);
        continue;
      }
      const auto actual = program.run(inputs, symbols, *one), of_two = program.run(inputs, symbols, *two), of_three = program.run(inputs, symbols, *three);
      for (const auto& [name, tensor] : expected) {
        ASSERT_TRUE(same_values(actual.at(name), tensor)) << difference(actual.at(name), tensor);
        ASSERT_TRUE(same_bits(actual.at(name), of_two.at(name)) && same_bits(actual.at(name), of_three.at(name)));
      }
      const auto checked = run_loops(program.lowered(), inputs, symbols, {.fused_multiply_add = target_of(level).has_fma});
      for (const auto& [name, tensor] : expected) ASSERT_TRUE(same_values(checked.at(name), tensor)) << "loop evaluator" << difference(checked.at(name), tensor);
    }
  }
}

Shape image_shape(Random& random, size_t rank, const Dim& batch, int64_t channels, int64_t most) {
  Shape shape{batch};
  for (size_t k = 0; k < rank; ++k) shape.push_back(random.between(1, most));
  shape.push_back(channels);
  return shape;
}

class RandomConvolution : public testing::TestWithParam<int> {};

TEST_P(RandomConvolution, EqualsTheReference) {
  Random random(static_cast<uint32_t>(GetParam()));
  const auto rank = static_cast<size_t>(random.of({1, 2, 2, 2, 3}));
  const bool depthwise = random.between(0, 3) == 0;
  const int64_t groups = depthwise ? random.of({3, 16, 19}) : random.of({1, 1, 1, 1, 2, 3});
  const int64_t channels = depthwise ? 1 : random.of({1, 2, 3, 8, 17}), features = depthwise ? random.of({1, 1, 1, 2}) : random.of({1, 3, 16, 31, 33, 64, 70, 97});
  const DType dtype = random.between(0, 3) == 0 ? DType::kF64 : DType::kF32;
  const Dim batch = random.between(0, 2) == 0 ? Dim::symbol("n") : Dim(random.between(1, 3));
  Shape input = image_shape(random, rank, batch, channels * groups, rank == 3 ? 5 : rank == 2 ? 17 : 40), filter;
  if (random.between(0, 3) == 0) input[static_cast<size_t>(random.between(1, static_cast<int64_t>(rank)))] = Dim::symbol("h");
  for (size_t k = 0; k < rank; ++k) filter.push_back(random.of({1, 2, 3, 3, 4}));
  filter.push_back(channels);
  filter.push_back(features * groups);
  Attributes attributes = random_steps(random, rank, random.between(0, 3) == 0).attributes();
  attributes["groups"] = groups;
  check("convolution", {{{{dtype, input}}, {{dtype, filter}}}, attributes, {}, false}, {0, 1, 4, 9});
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomConvolution, testing::Range(0, 48));

TEST(Convolution, LongLinesAndDeepFilters) {
  const auto steps = [](Integers stride, Shape low, Shape high, Integers spread = {1, 1}) {
    Attributes made = Steps{std::move(stride), {1, 1}, std::move(spread), std::move(low), std::move(high)}.attributes();
    made["groups"] = int64_t{1};
    return made;
  };
  const auto convolution = [&](Shape input, Shape filter, Attributes attributes, std::initializer_list<int64_t> values) {
    check("convolution", {{{{DType::kF32, std::move(input)}}, {{DType::kF32, std::move(filter)}}}, std::move(attributes), {}, false}, values);
  };
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h");
  convolution({n, 3, 150, 3}, {3, 3, 3, 20}, steps({1, 1}, {1, 1}, {1, 1}), {0, 2});    // columns in blocks
  convolution({1, 4, h, 2}, {3, 3, 2, 5}, steps({1, 2}, {1, 1}, {1, 1}), {1, 65, 131});
  convolution({n, 3, 3, 300}, {3, 3, 300, 66}, steps({1, 1}, {1, 1}, {1, 1}), {1, 3});  // a filter line after another
  convolution({n, 7, 7, 260}, {3, 3, 260, 40}, steps({2, 2}, {1, 1}, {0, 1}), {2});
  convolution({1, 4, 4, 256}, {3, 3, 256, 70}, steps({1, 1}, {1, 1}, {2, 2}, {2, 2}), {1});
}

class RandomFilterGradient : public testing::TestWithParam<int> {};

TEST_P(RandomFilterGradient, EqualsTheReference) {
  Random random(static_cast<uint32_t>(GetParam()) + 1000);
  const auto rank = static_cast<size_t>(random.of({1, 2, 2, 2, 3}));
  const int64_t kind = random.between(0, 5), groups = kind == 0 ? random.of({2, 3}) : kind == 1 ? random.of({3, 16, 35}) : 1;
  const int64_t channels = kind == 1 ? groups : groups * random.of({1, 3, 8, 17, 70}), features = kind == 1 ? groups : groups * random.of({1, 16, 33, 64, 97, 130});
  const DType dtype = random.between(0, 3) == 0 ? DType::kF64 : DType::kF32;
  const Dim batch = random.between(0, 1) == 0 ? Dim::symbol("n") : Dim(random.between(1, 5));
  Shape input = image_shape(random, rank, batch, channels, rank == 3 ? 4 : rank == 2 ? 11 : 30), window, cotangent{batch};
  const Steps steps = random_steps(random, rank, false);
  for (size_t k = 0; k < rank; ++k) {
    window.push_back(random.of({1, 2, 3}));
    const Dim last = input[k + 1] - 1 + steps.low[k] + steps.high[k] - (window[k] - 1) * steps.dilation[k];
    cotangent.push_back(floor_div(last, steps.stride[k]) + 1);
    if (cotangent[k + 1].constant() < 0) return;
  }
  cotangent.push_back(features);
  Attributes attributes = steps.attributes();
  attributes["window"] = window;
  attributes["blocks"] = random.of({1, 1, 2, 3});
  attributes["groups"] = groups;
  check("filter_gradient", {{{{dtype, input}}, {{dtype, cotangent}}}, attributes, {}, false}, {0, 1, 5});
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomFilterGradient, testing::Range(0, 24));

class RandomWindow : public testing::TestWithParam<int> {};

TEST_P(RandomWindow, EqualsTheReference) {
  Random random(static_cast<uint32_t>(GetParam()) + 2000);
  const auto rank = static_cast<size_t>(random.between(1, 4));
  const Dim n = Dim::symbol("n");
  Shape shape;
  for (size_t k = 0; k < rank; ++k) shape.push_back(random.between(0, 4) == 0 ? n : Dim(random.of({1, 2, 3, 5, 8, 17})));
  Integers axes, window;
  for (size_t k = 0; k < rank; ++k)
    if (random.between(0, 1) == 0 || (k + 1 == rank && axes.empty())) axes.push_back(static_cast<int64_t>(k));
  for (size_t k = 0; k < axes.size(); ++k) window.push_back(random.of({1, 2, 2, 3, 5}));
  Attributes attributes = random_steps(random, axes.size(), random.between(0, 3) == 0).attributes();
  attributes["axes"] = axes;
  attributes["window"] = window;
  const DType dtype = random.between(0, 2) == 0 ? DType::kF64 : DType::kF32;
  for (const char* op : {"reduce_window_max", "reduce_window_min", "reduce_window_sum", "reduce_window_argmax", "reduce_window_argmin"})
    check(op, {{{{dtype, shape}}}, attributes, {}, false}, {0, 1, 7});
  Shape sizes, windows = shape;
  for (const int64_t axis : axes) sizes.push_back(shape[static_cast<size_t>(axis)]);
  try {
    const std::vector<TensorType> operands{{dtype, shape}};
    windows = infer_types(ir::OpRegistry::instance().get("reduce_window_max"), operands, attributes)[0].shape;
  } catch (const Error&) {
    return;
  }
  attributes["sizes"] = sizes;
  check("scatter_window", {{{{dtype, windows}}, {{DType::kI64, windows}}}, attributes, {}, false}, {1, 7});
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomWindow, testing::Range(0, 40));

}  // namespace
}  // namespace sinter::test
