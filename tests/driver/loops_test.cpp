// Whole programs below the graph: fused, planned and lowered functions on the loop evaluator, which sees races, bounds, garbage and what is
// overwritten in place; kernel by kernel against the graph's evaluator. Where all arithmetic is exact, native code of the same programs has
// every bit of it.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "backend/loop/scalar_eval.h"
#include "backend/loop/text.h"
#include "backend/support/loop_program.h"
#include "base/random.h"
#include "driver/native.h"
#include "frontend/language/language.h"
#include "io/mapping.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/grad.h"
#include "passes/prepare_values.h"
#include "runtime/team.h"
#include "support/close.h"
#include "support/random_module.h"

namespace sinter::driver {
namespace {

using loop::EvaluateOptions;
using loop::TileOrder;
using test::RandomModule;

/// Every value of a fused function, by the graph's evaluator.
std::vector<Tensor> all_values(const ir::Module& module, const ir::Function& function, const Tensors& inputs, const SymbolValues& symbols) {
  std::vector<Tensor> arguments;
  for (const std::string& name : function.arguments) {
    const ir::Variable& variable = module.variable(name);
    arguments.push_back(variable.value ? *variable.value : inputs.at(name));
  }
  ir::Graph graph = function.graph;
  std::vector<ir::Value> values;
  for (int32_t id = 0; id < graph.value_count(); ++id) values.push_back({id});
  graph.set_results(values);
  return ir::evaluate(graph, arguments, symbols);
}

/// Sums and products of floats over axes, whose order the reference leaves open.
bool has_sums(const ir::Graph& body) {
  for (const ir::Node& node : body.nodes()) {
    for (const ir::Graph& region : node.regions)
      if (has_sums(region)) return true;
    const auto* reduce = std::get_if<ir::Reduce>(&node.op->lowering);
    const bool sums = std::holds_alternative<ir::Contract>(node.op->lowering) || std::holds_alternative<ir::Window>(node.op->lowering) ||
                      (reduce != nullptr && (reduce->combine == ScalarOp::kAdd || reduce->combine == ScalarOp::kMultiply));
    if (sums && is_float(body.type(node.results[0]).dtype)) return true;
  }
  return false;
}

double largest(const Tensor& tensor) {
  double most = 0;
  for (int64_t i = 0; i < tensor.size(); ++i)
    if (const double value = std::fabs(tensor.get(i)); std::isfinite(value)) most = std::max(most, value);
  return most;
}

/// Runs a program kernel by kernel. Each kernel's results are compared with the reference of its node and then replaced by them, so that
/// every kernel is judged by what it does itself.
Tensors expect_kernels(const ir::Module& fused, const ir::Function& function, const MemoryPlan& plan, const backend::LoweredFunction& code,
                       const Tensors& inputs, const SymbolValues& symbols, const EvaluateOptions& options) {
  const ir::Graph& graph = function.graph;
  const std::vector<Tensor> expected = all_values(fused, function, inputs, symbols);
  return test::run_loops(code, inputs, symbols, options, [&](size_t k, std::vector<Tensor>& buffers) {
    const ir::Node& node = graph.nodes()[k];
    double scale = 1;
    for (const ir::Value operand : node.operands) scale = std::max(scale, largest(expected[static_cast<size_t>(operand.id)]));
    const bool sums = has_sums(node.regions[0]);
    const test::Tolerance tolerance = sums ? test::Tolerance{0, 1e-4, 1e-5 * scale} : test::Tolerance{};
    const std::vector<runtime::KernelBuffer>& uses = code.program.kernels[k].buffers;
    for (const ir::Value result : node.results) {
      const Tensor& wanted = expected[static_cast<size_t>(result.id)];
      for (size_t i = 0; i < uses.size(); ++i) {
        if (uses[i].buffer != plan.buffer_of_value[static_cast<size_t>(result.id)] || uses[i].access == runtime::Access::kRead)
          continue;
        Tensor actual = buffers[i].reshaped(wanted.extents());
        const bool decided_by_rounding = sums && !is_float(wanted.dtype());  // a comparison of sums, their bits
        if (!decided_by_rounding) test::expect_close(actual, wanted, tolerance, code.program.kernels[k].name);
        if (wanted.bytes() > 0) std::memcpy(actual.raw(), wanted.raw(), wanted.bytes());
      }
    }
  });
}

void expect_kernels(const Lowered& lowered, Tensors inputs, const SymbolValues& symbols, const EvaluateOptions& options) {
  const ir::Function& main = lowered.fused.functions[0];
  if (lowered.preparation) {
    const ir::Function& preparation = *passes::preparation_of(lowered.fused, main);
    inputs.merge(expect_kernels(lowered.fused, preparation, lowered.preparation->plan, lowered.preparation->code, inputs, symbols, options));
  }
  expect_kernels(lowered.fused, main, lowered.plan, lowered.code, inputs, symbols, options);
}

/// What a function computes on the loop evaluator, prepared values first.
Tensors run_loops(const Lowered& lowered, Tensors inputs, const SymbolValues& symbols, const EvaluateOptions& options) {
  if (lowered.preparation) inputs.merge(test::run_loops(lowered.preparation->code, inputs, symbols, options));
  return test::run_loops(lowered.code, inputs, symbols, options);
}

EvaluateOptions evaluated(TargetLevel level, TileOrder order) {
  return {.order = order, .seed = 3, .fused_multiply_add = target_of(level).has_fma};
}

// ---- the examples ----

/// Values for all arguments of a function.
Tensors arguments_of(const ir::Module& module, const std::string& function, int64_t batch) {
  Tensors inputs;
  uint32_t stream = 0;
  for (const std::string& name : module.function(function).arguments) {
    const ir::Variable& variable = module.variable(name);
    if (variable.value) continue;
    Tensor tensor(variable.type.dtype, variable.type.shape.evaluate({{"batch", batch}}));
    RandomSequence random(5, ++stream);
    const bool variance = variable.role == Role::kState;  // second moments are not negative
    for (int64_t i = 0; i < tensor.size(); ++i) {
      const double value = 0.3 * random.normal();
      is_float(tensor.dtype()) ? tensor.set(i, variance ? std::fabs(value) : value) : tensor.set_integer(i, random.below(2));
    }
    inputs[name] = tensor;
  }
  return inputs;
}

class ExampleLoops : public testing::TestWithParam<const char*> {};

TEST_P(ExampleLoops, DoWhatTheGraphDoes) {
  const std::string path = std::string(SINTER_SOURCE_DIR) + "/examples/" + GetParam() + ".sinter";
  const ir::Module module = language::compile_text(io::read_text(path), path).module;
  for (const ir::Function& function : module.functions) {
    for (const TargetLevel level : {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4}) {
      const Lowered lowered = lower(module, function.name, at_level(level));
      for (const int64_t batch : level == TargetLevel::kV4 ? std::vector<int64_t>{1, 32, 201} : std::vector<int64_t>{7}) {
        SCOPED_TRACE(function.name + " for " + std::string(name(level)) + ", batch " + std::to_string(batch));
        const Tensors inputs = arguments_of(module, function.name, batch);
        const SymbolValues symbols{{"batch", batch}};
        expect_kernels(lowered, inputs, symbols, evaluated(level, TileOrder::kReversed));
        const Tensors forward = run_loops(lowered, inputs, symbols, evaluated(level, TileOrder::kForward));
        const Tensors shuffled = run_loops(lowered, inputs, symbols, evaluated(level, TileOrder::kShuffled));
        for (const auto& [name, tensor] : forward)
          EXPECT_TRUE(same_bits(tensor, shuffled.at(name))) << name << ": the order of tiles is seen";
        if (HasFailure()) return;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExampleLoops, testing::Values("neuron", "two_three_one", "classifier", "digits"),
                         [](const auto& info) { return std::string(info.param); });

// ---- random modules ----

bool can_be_lowered(const ir::OpDef& op) {
  return op.regions.empty() && !std::holds_alternative<ir::NotNative>(op.lowering) && op.name != "grad";
}

bool is_exact(const ScalarBody& body) {
  const ScalarBody::Node& node = body.node();
  if (node.kind != ScalarBody::Kind::kApply) return true;
  return loop::is_exact(node.op) &&
         std::all_of(node.args.begin(), node.args.end(), [](const ScalarBody& argument) { return is_exact(argument); });
}

bool is_exact_op(const ir::OpDef& op) {
  if (const auto* elementwise = std::get_if<ir::Elementwise>(&op.lowering)) return is_exact(elementwise->body);
  if (std::holds_alternative<ir::Composite>(op.lowering))
    return op.name == "relu" || op.name == "leaky_relu" || op.name == "square" || op.name == "clamp" || op.name == "one_hot" ||
           op.name == "mean";
  return can_be_lowered(op);
}

/// What is wrong with the kernels of a module; empty: nothing.
std::string fault(const RandomModule& random, TargetLevel level) {
  try {
    ir::evaluate(random.module, "main", random.arguments, random.symbols);
  } catch (const Error&) {
    return {};  // an index that the module computes and that is out of range
  }
  try {
    const Lowered lowered = lower(random.module, "main", at_level(level));
    for (const loop::Kernel& kernel : lowered.kernels())
      if (print(loop::parse_kernel(print(kernel))) != print(kernel)) return "the text of a kernel does not round-trip";
    expect_kernels(lowered, random.arguments, random.symbols, evaluated(level, TileOrder::kShuffled));
  } catch (const std::exception& error) {
    return error.what();
  }
  return testing::Test::HasFailure() ? "other values" : "";
}

int compared = 0;  // modules, by native_fault

/// How a module's native code differs from its kernels on the loop evaluator; empty: in nothing, or some arithmetic is not exact.
std::string native_fault(const RandomModule& random, TargetLevel level) {
  const Lowered lowered = lower(random.module, "main", at_level(level));
  for (const loop::Kernel& kernel : lowered.kernels())
    if (!test::is_exact(kernel)) return {};
  Tensors expected;
  try {
    expected = run_loops(lowered, random.arguments, random.symbols, evaluated(level, TileOrder::kForward));
  } catch (const Error&) {
    return {};
  }
  const Tensors results = run_natively(compile(random.module, "main", at_level(level)), random.arguments, random.symbols, *runtime::serial_team());
  ++compared;
  for (const auto& [name, tensor] : expected) {
    const Tensor& actual = results.at(name);
    if (!test::same_values(actual, tensor)) return name + ": " + test::difference(actual, tensor);
  }
  return {};
}

template <class Fault> void expect_none(const RandomModule& random, TargetLevel level, const Fault& fault) {
  const std::string what = fault(random, level);
  if (what.empty()) return;
  const RandomModule small =
      testing::Test::HasFailure() ? random : test::reduce(random, [&](const RandomModule& r) { return !fault(r, level).empty(); });
  std::string kernels;
  try {
    for (const loop::Kernel& kernel : lower(small.module, "main", at_level(level)).kernels()) kernels += print(kernel);
  } catch (const std::exception& error) {
    kernels = error.what();
  }
  FAIL() << what << "\nfor " << name(level) << "\n" << small.describe() << kernels;
}

TEST(RandomLoops, DoWhatTheGraphDoes) {
  constexpr TargetLevel kLevels[] = {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4};
  test::RandomModuleOptions options{.nodes = 25, .allowed = can_be_lowered};
  for (uint32_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    if (seed == 300) options.sizes = {1, 3, 40, 70};  // several tiles of rows and columns
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_none(test::random_module(seed, options), kLevels[seed % 3], fault);
  }
}

TEST(RandomLoops, AreWhatNativeCodeDoes) {
  const TargetLevel kLevels[] = {TargetLevel::kV2, std::min(TargetLevel::kV3, this_machine().best_level),
                                 std::min(TargetLevel::kV4, this_machine().best_level)};
  for (uint32_t seed = 0; seed < 75 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_none(test::random_module(seed, {.nodes = 25, .allowed = is_exact_op}), kLevels[seed % 3], native_fault);
  }
  EXPECT_GT(compared, 40);
}

// ---- cases that random ones are unlikely to meet ----

Tensors run_native(const ir::Module& module, const Tensors& inputs) {
  return run_natively(compile(module, "main", at_level()), inputs, {}, *runtime::serial_team());
}

TEST(Lowered, TheSideOfAGuardThatIsNotTakenMayHaveAnEmptyAxis) {
  const ir::Module module = ir::parse_module(R"(sir 1
module m

variable x: f32[n, m] input
variable z: f32[k] input
variable y: f32[k + m*n] output

function main {
    %0: f32[n, m] = argument @x
    %1: f32[k] = argument @z
    %2: f32[m, n] = transpose %0 {permutation = [1, 0]}
    %3: f32[m*n] = reshape %2 {shape = shape[m*n]}
    %4: f32[k + m*n] = concatenate %1, %3 {axis = 0}
    return @y = %4
}
)");
  const Tensor z = Tensor::of<float>({5}, {1, 2, 3, 4, 5});
  for (const int64_t n : {0, 3})
    for (const int64_t m : {0, 2}) {
      const Tensors inputs{{"x", Tensor(DType::kF32, {n, m})}, {"z", z}};
      EXPECT_TRUE(same_bits(run_native(module, inputs).at("y"), ir::evaluate(module, "main", inputs).at("y"))) << n << " " << m;
    }
}

ir::Module reversing(const std::string& rows, const std::string& columns) {
  const std::string type = "f32[" + rows + ", " + columns + "]";
  return ir::parse_module("sir 1\nmodule m\n\nvariable x: " + type + " input\nvariable y: " + type +
                          " output\n\nfunction main {\n    %0: " + type + " = argument @x\n    %1: " + type +
                          " = reverse %0 {axes = [1]}\n    return @y = %1\n}\n");
}

TEST(Lowered, DimsMayBeCalledAsTheKernelsOwnNames) {
  const Tensors inputs{{"x", Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6})}};
  for (const char* rows : {"j0", "r0", "v0", "b0", "n"})
    for (const char* columns : {"j1", "b1", "s2"}) {
      const ir::Module module = reversing(rows, columns);
      EXPECT_TRUE(same_bits(run_native(module, inputs).at("y"), Tensor::of<float>({2, 3}, {3, 2, 1, 6, 5, 4}))) << rows << " " << columns;
    }
  EXPECT_THROW(lower(reversing("tile", "n"), "main", at_level(TargetLevel::kV2)), Error);
}

}  // namespace
}  // namespace sinter::driver
