// Families of kernels as expressions. Shapes are those of real models and awkward neighbours of them; to add one is to add a line.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cctype>

#include "driver/measure.h"
#include "frontend/language/language.h"
#include "program.h"
#include "suite.h"

namespace sinter::bench {
namespace {

struct Row {
  const char* family;
  const char* expression;
  bool gradient = false;
};

constexpr Row kRows[] = {
    // Matrix products: both operands given, the right one packed ahead, one row, other dtypes, batches.
    {"contract", "f32[64, 64] @ f32[64, 64]"},
    {"contract", "f32[512, 512] @ f32[512, 512]"},
    {"contract", "f32[1024, 1024] @ f32[1024, 1024]"},
    {"contract", "f32[512, 512] @ const f32[512, 512]"},
    {"contract", "f32[1024, 1024] @ const f32[1024, 1024]"},
    {"contract", "f32[32, 64] @ const f32[64, 64]"},
    {"contract", "f32[32, 768] @ const f32[768, 3072]"},
    {"contract", "f32[128, 3072] @ const f32[3072, 768]"},
    {"contract", "f32[256, 784] @ const f32[784, 1024]"},
    {"contract", "f32[129, 31] @ f32[31, 65]"},
    {"contract", "f32[1000, 333] @ f32[333, 777]"},
    {"contract", "f32[1, 768] @ const f32[768, 3072]"},
    {"contract", "f32[512, 512] @ transpose(f32[512, 512])"},
    {"contract", "f32[12, 128, 64] @ transpose(f32[12, 128, 64])"},
    {"contract", "f64[512, 512] @ const f64[512, 512]"},
    {"contract", "i8[512, 512] @ const i8[512, 512]"},
    {"contract", "relu(f32[256, 784] @ const f32[784, 1024] + const f32[1024])"},
    // Rows: each is read once.
    {"rows", "softmax(f32[64, 100])"},
    {"rows", "softmax(f32[4096, 1024])"},
    {"rows", "softmax(f32[4096, 1024])", true},
    {"rows", "log_softmax(f32[4096, 1000])"},
    {"rows", "layer_norm(f32[64, 96], f32[96], f32[96])"},
    {"rows", "layer_norm(f32[4096, 1024], f32[1024], f32[1024])"},
    {"rows", "layer_norm(f32[4096, 1024], f32[1024], f32[1024])", true},
    {"rows", "sum(f32[4096, 1024], axes = 0)"},
    {"rows", "cross_entropy(f32[1024, 1000], i64[1024])", true},
    // Chains: one pass over memory.
    {"chains", "f32[16777216] * 2 + f32[16777216]"},
    {"chains", "f32[256] * 2 + f32[256]"},
    {"chains", "f32[100, 200] * f32[200] + 1"},
    {"chains", "(x: f32[4096, 4096]) * gelu(x) + f32[4096]"},
    {"chains", "transpose(f32[2048, 2048]) + 1"},
    {"chains", "select(f32[65536] > 0, f32[65536], 0)"},
    // Vector math, in cache.
    {"math", "exp(f32[8192])"},
    {"math", "log(f32[8192] + 2)"},
    {"math", "tanh(f32[8192])"},
    {"math", "sin(f32[8192])"},
    {"math", "cos(f32[8192])"},
    {"math", "erf(f32[8192])"},
    {"math", "exp(f64[4096])"},
};

/// Whether every number of the text is small.
bool is_tiny(const std::string& text) {
  constexpr int64_t kSmall = 256;
  int64_t number = 0, largest = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    const bool in_word = i > 0 && (std::isalpha(static_cast<unsigned char>(text[i - 1])) != 0);  // f32
    number = digit && !in_word ? 10 * number + (text[i] - '0') : 0;
    if (in_word && digit) ++i;
    largest = std::max(largest, number);
  }
  return largest <= kSmall;
}

/// Runs until the time is up; peaks are measured right before and after.
void measure(benchmark::State& state, Program& program, runtime::Team& team) {
  const TargetLevel level = default_target_level();
  double peak = driver::measure_arithmetic(level, program.arithmetic(), team);
  program.run();
  for (auto round : state) program.run();
  peak = std::max(peak, driver::measure_arithmetic(level, program.arithmetic(), team));
  using benchmark::Counter;
  state.counters["gflops"] = Counter(program.flops() / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["gbps"] = Counter(program.bytes() / 1e9, Counter::kIsIterationInvariantRate);
  state.counters["peak_share"] = Counter(program.flops() / 1e9 / peak, Counter::kIsIterationInvariantRate);
}

void register_expression(const Row& row, runtime::Team& team) {
  const std::string expression = row.expression;
  const std::string name = std::string(row.family) + "/" + expression + (row.gradient ? "/gradient" : "");
  const bool gradient = row.gradient;
  benchmark::RegisterBenchmark(name.c_str(), [expression, gradient, &team](benchmark::State& state) {
    const language::CompiledExpression compiled = language::compile_expression(expression, {}, gradient);
    Program program(compiled.module, gradient ? "gradient" : "predict", {}, team);
    measure(state, program, team);
  })->UseRealTime()->Unit(benchmark::kMicrosecond);
}

void register_step(const std::string& name, const std::string& text, int64_t batch, runtime::Team& team) {
  benchmark::RegisterBenchmark(("step/" + name).c_str(), [text, batch, &team](benchmark::State& state) {
    const language::Compiled compiled = language::compile_text(text, "benchmark");
    Program program(compiled.module, "step", {{"batch", batch}}, team);
    measure(state, program, team);
  })->UseRealTime()->Unit(benchmark::kMicrosecond);
}

/// A perceptron with its training, as a model text.
std::string perceptron(int inputs, int hidden, int classes) {
  const std::string units = std::to_string(hidden);
  return "sinter 1\nmodel perceptron(x: f32[batch, " + std::to_string(inputs) + "]) -> logits {\n    h1 = relu(dense(x, " + units + "))\n    h2 = relu(dense(h1, " + units +
         "))\n    logits = dense(h2, " + std::to_string(classes) +
         ")\n}\ntrain perceptron {\n    loss = cross_entropy(logits, label)\n    optimizer = adam(learning_rate = 0.001)\n}\n";
}

}  // namespace

void register_kernels(runtime::Team& team, bool tiny) {
  for (const Row& row : kRows)
    if (!tiny || is_tiny(row.expression)) register_expression(row, team);
  register_step("32-64-64-10/32", perceptron(32, 64, 10), 32, team);
  if (!tiny) register_step("784-1024-1024-10/256", perceptron(784, 1024, 10), 256, team);
}

}  // namespace sinter::bench
