// Control flow natively: choices and loops, nested in all ways, against the evaluator; their plans against the plan checker.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "driver/native.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "passes/grad.h"
#include "runtime/check_plan.h"
#include "support/close.h"
#include "support/levels.h"

namespace sinter::driver {
namespace {

struct Case {
  const char* name;
  const char* text;
  double relative = 2e-5;
};

const Case kCases[] = {
    {"running_sum", R"(sir 1
module m
variable start: f32[width] input
variable x: f32[n, width] input
variable last: f32[width] output
variable sums: f32[n, width] output
function main {
    %0: f32[width] = argument @start
    %1: f32[n, width] = argument @x
    %2: f32[width], %3: f32[n, width] = scan %0, %1 {carried = 1, length = dim(n)} "sum" body {
        %0: f32[width] = argument 0
        %1: f32[width] = argument 1
        %2: f32[width] = add %0, %1
        return %2, %2
    }
    return @last = %2, @sums = %3
}
)"},
    {"backwards", R"(sir 1
module m
variable start: f32[width] input
variable x: f32[n, width] input
variable last: f32[width] output
variable sums: f32[n, width] output
function main {
    %0: f32[width] = argument @start
    %1: f32[n, width] = argument @x
    %2: f32[width], %3: f32[n, width] = scan %0, %1 {carried = 1, length = dim(n), reverse = true} "sum" body {
        %0: f32[width] = argument 0
        %1: f32[width] = argument 1
        %2: f32[width] = add %0, %1
        %3: f32[width] = exp %0
        %4: f32[width] = tanh %3
        return %2, %4
    }
    return @last = %2, @sums = %3
}
)"},
    // A cell with weights that go round unchanged, and two values that change places.
    {"recurrent", R"(sir 1
module m
variable h: f32[batch, 5] input
variable c: f32[batch, 5] input
variable w: f32[5, 5] input
variable x: f32[n, batch, 5] input
variable out: f32[batch, 5] output
variable other: f32[batch, 5] output
variable all: f32[n, batch, 5] output
function main {
    %0: f32[batch, 5] = argument @h
    %1: f32[batch, 5] = argument @c
    %2: f32[5, 5] = argument @w
    %3: f32[n, batch, 5] = argument @x
    %4: f32[batch, 5] = tanh %1
    %5: f32[batch, 5], %6: f32[batch, 5], %7: f32[5, 5], %8: f32[n, batch, 5] = scan %0, %4, %2, %3 {carried = 3, length = dim(n)} "cell" body {
        %0: f32[batch, 5] = argument 0
        %1: f32[batch, 5] = argument 1
        %2: f32[5, 5] = argument 2
        %3: f32[batch, 5] = argument 3
        %4: f32[batch, 5] = dot_general %0, %2 {lhs_batch = [], lhs_contract = [1], rhs_batch = [], rhs_contract = [0]} "hidden"
        %5: f32[batch, 5] = add %4, %3
        %6: f32[batch, 5] = tanh %5
        %7: f32[batch, 5] = add %6, %1
        return %1, %6, %2, %7
    }
    %9: f32[batch, 5] = dot_general %5, %7 {lhs_batch = [], lhs_contract = [1], rhs_batch = [], rhs_contract = [0]} "after"
    return @out = %9, @other = %6, @all = %8
}
)"},
    {"choice", R"(sir 1
module m
variable p: bool[] input
variable x: f32[n, width] input
variable y: f32[n, width] output
variable z: f32[width] output
function main {
    %0: bool[] = argument @p
    %1: f32[n, width] = argument @x
    %2: f32[n, width] = exp %1
    %3: f32[n, width], %4: f32[width] = if %0, %1, %2 "branch" then {
        %0: f32[n, width] = argument 0
        %1: f32[n, width] = argument 1
        %2: f32[n, width] = add %0, %1
        %3: f32[width] = reduce_sum %2 {axes = [0]}
        return %2, %3
    } otherwise {
        %0: f32[n, width] = argument 0
        %1: f32[n, width] = argument 1
        %2: f32[width] = reduce_max %1 {axes = [0]}
        return %0, %2
    }
    %5: f32[n, width] = multiply %3, %2
    return @y = %5, @z = %4
}
)"},
    // As often as the data say: halves until the largest is below a bound, and counts.
    {"as_long_as", R"(sir 1
module m
variable x: f32[width] input
variable y: f32[width] output
variable steps: i64[] output
function main {
    %0: f32[width] = argument @x
    %1: i64[] = constant {value = i64[]{0}}
    %2: f32[width], %3: i64[] = while %0, %1 "halve" condition {
        %0: f32[width] = argument 0
        %1: i64[] = argument 1
        %2: f32[] = constant {value = f32[]{0.25}}
        %3: f32[width] = broadcast %2 {axes = [], shape = shape[width]}
        %4: bool[width] = less %3, %0
        %5: bool[] = reduce_any %4 {axes = [0]}
        return %5
    } body {
        %0: f32[width] = argument 0
        %1: i64[] = argument 1
        %2: f32[] = constant {value = f32[]{0.5}}
        %3: f32[width] = broadcast %2 {axes = [], shape = shape[width]}
        %4: f32[width] = multiply %0, %3
        %5: i64[] = constant {value = i64[]{1}}
        %6: i64[] = add %1, %5
        return %4, %6
    }
    return @y = %2, @steps = %3
}
)"},
    // Rows of rows, a choice by data inside, and a loop by data inside that.
    {"nested", R"(sir 1
module m
variable x: f32[n, k, width] input
variable flags: bool[n] input
variable y: f32[n, width] output
variable z: f32[n, k, width] output
variable total: f32[width] output
function main {
    %0: f32[n, k, width] = argument @x
    %1: bool[n] = argument @flags
    %2: f32[] = constant {value = f32[]{0}}
    %3: f32[width] = broadcast %2 {axes = [], shape = shape[width]}
    %4: f32[width], %5: f32[n, width], %6: f32[n, k, width] = scan %3, %0, %1 {carried = 1, length = dim(n)} "outer" body {
        %0: f32[width] = argument 0
        %1: f32[k, width] = argument 1
        %2: bool[] = argument 2
        %3: f32[width], %4: f32[k, width] = scan %0, %1 {carried = 1, length = dim(k), reverse = true} "inner" body {
            %0: f32[width] = argument 0
            %1: f32[width] = argument 1
            %2: f32[width] = add %0, %1
            %3: f32[width] = multiply %0, %1
            return %2, %3
        }
        %5: f32[width] = if %2, %3, %0 "side" then {
            %0: f32[width] = argument 0
            %1: f32[width] = argument 1
            %2: f32[width] = tanh %0
            return %2
        } otherwise {
            %0: f32[width] = argument 0
            %1: f32[width] = argument 1
            %2: f32[width], %3: f32[width] = while %0, %1 "shrink" condition {
                %0: f32[width] = argument 0
                %1: f32[width] = argument 1
                %2: f32[width] = abs %0
                %3: f32[] = reduce_sum %2 {axes = [0]}
                %4: f32[] = constant {value = f32[]{0.5}}
                %5: bool[] = less %4, %3
                return %5
            } body {
                %0: f32[width] = argument 0
                %1: f32[width] = argument 1
                %2: f32[] = constant {value = f32[]{0.5}}
                %3: f32[width] = broadcast %2 {axes = [], shape = shape[width]}
                %4: f32[width] = multiply %0, %3
                return %4, %1
            }
            %4: f32[width] = subtract %2, %3
            return %4
        }
        return %5, %3, %4
    }
    return @y = %5, @z = %6, @total = %4
}
)"},
    // A loop in a loop by data; the inner loop's rows are what the outer one carries.
    {"scan_inside_while", R"(sir 1
module m
variable x: f32[n, width] input
variable y: f32[n, width] output
variable steps: i32[] output
function main {
    %0: f32[n, width] = argument @x
    %1: i32[] = constant {value = i32[]{0}}
    %2: f32[n, width], %3: i32[] = while %0, %1 "rounds" condition {
        %0: f32[n, width] = argument 0
        %1: i32[] = argument 1
        %2: i32[] = constant {value = i32[]{3}}
        %3: bool[] = less %1, %2
        return %3
    } body {
        %0: f32[n, width] = argument 0
        %1: i32[] = argument 1
        %2: f32[] = constant {value = f32[]{0.125}}
        %3: f32[width] = broadcast %2 {axes = [], shape = shape[width]}
        %4: f32[width], %5: f32[n, width] = scan %3, %0 {carried = 1, length = dim(n)} "mix" body {
            %0: f32[width] = argument 0
            %1: f32[width] = argument 1
            %2: f32[width] = multiply %0, %1
            %3: f32[width] = subtract %1, %2
            return %3, %2
        }
        %6: i32[] = constant {value = i32[]{1}}
        %7: i32[] = add %1, %6
        return %5, %7
    }
    return @y = %2, @steps = %3
}
)"},
    // A state that is updated in a loop while its old value is read after it; a result that is an argument; a table of constants inside.
    {"state", R"(sir 1
module m
variable s: f32[3] state
variable x: f32[n, 3] input
variable y: f32[3] output
variable z: f32[n, 3] output
function main {
    %0: f32[3] = argument @s
    %1: f32[n, 3] = argument @x
    %2: f32[3], %3: f32[n, 3] = scan %0, %1 {carried = 1, length = dim(n)} "walk" body {
        %0: f32[3] = argument 0
        %1: f32[3] = argument 1
        %2: f32[3] = constant {value = f32[3]{1, 2, 3}}
        %3: f32[3] = multiply %1, %2
        %4: f32[3] = add %0, %3
        return %4, %0
    }
    %4: f32[3] = subtract %2, %0
    return @s = %2, @y = %4, @z = %3
}
)"},
    // Everything goes round unchanged, and a loop without kernels.
    {"unchanged", R"(sir 1
module m
variable p: bool[] input
variable x: f32[n, width] input
variable y: f32[n, width] output
variable z: f32[n, width] output
function main {
    %0: bool[] = argument @p
    %1: f32[n, width] = argument @x
    %2: f32[n, width] = scan %1 {carried = 1, length = dim(n)} "idle" body {
        %0: f32[n, width] = argument 0
        return %0
    }
    %3: f32[n, width] = if %0, %1, %2 "either" then {
        %0: f32[n, width] = argument 0
        %1: f32[n, width] = argument 1
        return %0
    } otherwise {
        %0: f32[n, width] = argument 0
        %1: f32[n, width] = argument 1
        return %1
    }
    return @y = %2, @z = %3
}
)"},
};

/// Values between -1 and 1, indices and flags from the seed.
Tensors inputs_of(const ir::Module& module, const SymbolValues& symbols, uint32_t seed) {
  Tensors inputs;
  RandomSequence random(seed, 1);
  for (const std::string& name : module.function("main").arguments) {
    const ir::Variable& variable = module.variable(name);
    if (variable.value) continue;
    Tensor tensor(variable.type.dtype, variable.type.shape.evaluate(symbols));
    for (int64_t i = 0; i < tensor.size(); ++i)
      is_float(tensor.dtype()) ? tensor.set(i, std::tanh(random.normal())) : tensor.set_integer(i, random.below(2));
    inputs[name] = tensor;
  }
  return inputs;
}

/// Two calls, from the same inputs; of a state the second step.
Tensors run_twice(const std::shared_ptr<const runtime::Executable>& executable, const Tensors& inputs, const SymbolValues& symbols, runtime::Team& team) {
  return run_natively(executable, inputs, symbols, team, 2);
}

/// The same on the evaluator.
Tensors expected_of(const ir::Module& module, Tensors inputs, const SymbolValues& symbols) {
  Tensors outputs = ir::evaluate(module, "main", inputs, symbols);
  for (auto& [name, tensor] : inputs)
    if (outputs.contains(name)) tensor = outputs.at(name);
  return ir::evaluate(module, "main", inputs, symbols);
}

class Control : public testing::TestWithParam<Case> {};

TEST_P(Control, AgreesWithTheEvaluator) {
  const ir::Module module = passes::grad(ir::parse_module(GetParam().text));
  for (const TargetLevel level : test::levels_here()) {
    const auto executable = compile(module, "main", at_level(level));
    for (const int64_t n : {0, 1, 2, 7}) {
      for (const int64_t width : {1, 8, 37}) {
        SCOPED_TRACE(std::string(name(level)) + ", n = " + std::to_string(n) + ", width = " + std::to_string(width));
        const SymbolValues symbols{{"n", n}, {"width", width}, {"k", (n + 1) % 4}, {"batch", 3}};
        for (const uint32_t seed : {1, 2}) {
          const Tensors inputs = inputs_of(module, symbols, seed);
          const Tensors expected = expected_of(module, inputs, symbols);
          const Tensors actual = run_twice(executable, inputs, symbols, *runtime::serial_team());
          for (const auto& [name, tensor] : expected) test::expect_close(actual.at(name), tensor, {0, GetParam().relative, GetParam().relative}, name);
        }
      }
    }
  }
}

TEST_P(Control, HasTheSameBitsForAnyTeam) {
  const ir::Module module = passes::grad(ir::parse_module(GetParam().text));
  const auto executable = compile(module, "main", at_level());
  const SymbolValues symbols{{"n", 5}, {"width", 30000}, {"k", 3}, {"batch", 300}};
  const Tensors inputs = inputs_of(module, symbols, 4);
  const Tensors expected = run_twice(executable, inputs, symbols, *runtime::serial_team());
  for (const int participants : {1, 2, 3}) {
    const Tensors actual = run_twice(executable, inputs, symbols, *runtime::thread_team(participants));
    for (const auto& [name, tensor] : expected) EXPECT_TRUE(same_bits(actual.at(name), tensor)) << name << " with " << participants;
  }
}

TEST_P(Control, HasASoundPlan) {
  const ir::Module module = passes::grad(ir::parse_module(GetParam().text));
  const auto executable = compile(module, "main", at_level());
  for (const int64_t n : {0, 1, 5, 1000}) {
    SymbolValues symbols;
    for (const std::string& symbol : executable->program().symbols) symbols[symbol] = n;
    const runtime::Layout layout(*executable, symbols);
    EXPECT_EQ(runtime::check_plan(executable->program(), runtime::laid_out_plan(executable->program(), layout), symbols), std::nullopt) << n;
  }
  const std::string bytes = runtime::encode(executable->program());
  EXPECT_EQ(runtime::encode(runtime::decode(bytes)), bytes);
}

INSTANTIATE_TEST_SUITE_P(All, Control, testing::ValuesIn(kCases), [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sinter::driver
