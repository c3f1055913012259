// How long compiling takes, part by part, on a training step.
#include <benchmark/benchmark.h>

#include <string>

#include "driver/compile.h"
#include "frontend/language/language.h"
#include "suite.h"

namespace sinter::bench {
namespace {

constexpr const char* kModel = R"(sinter 1
model classifier(x: f32[batch, 32]) -> logits {
    h1 = relu(dense(x, 64))
    h2 = relu(dense(h1, 64))
    logits = dense(h2, 10)
}
train classifier {
    loss = cross_entropy(logits, label)
    optimizer = adam(learning_rate = 0.01)
    metrics = [accuracy(logits, label)]
}
)";

ir::Module model() { return language::compile_text(kModel, "benchmark").module; }

void add(const std::string& name, void (*body)(benchmark::State&)) {
  benchmark::RegisterBenchmark(("compile/" + name).c_str(), body)->UseRealTime()->Unit(benchmark::kMillisecond);
}

/// One part of a compilation, by how long its report says it took.
void add_part(const std::string& name, double (*seconds)(const driver::CompileReport&)) {
  benchmark::RegisterBenchmark(("compile/" + name).c_str(), [seconds](benchmark::State& state) {
    const ir::Module module = model();
    driver::CompileOptions options;
    options.use_cache = false;
    for (auto round : state) {
      driver::CompileReport report;
      driver::compile(module, "step", options, &report);
      state.SetIterationTime(seconds(report));
    }
  })->UseManualTime()->Unit(benchmark::kMillisecond);
}

void add_pass(const std::string& pass) {
  benchmark::RegisterBenchmark(("compile/pass/" + pass).c_str(), [pass](benchmark::State& state) {
    const ir::Module module = model();
    for (auto round : state) {
      driver::CompileReport report;
      driver::lower(module, "step", {}, &report);
      double milliseconds = 0;
      for (const passes::PassRecord& record : report.passes.passes)
        if (record.name == pass) milliseconds += record.milliseconds;
      state.SetIterationTime(milliseconds / 1e3);
    }
  })->UseManualTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

void register_compile_time(bool tiny) {
  add("frontend", [](benchmark::State& state) {
    for (auto round : state) benchmark::DoNotOptimize(model());
  });
  add("cached", [](benchmark::State& state) {
    const ir::Module module = model();
    driver::compile(module, "step");
    for (auto round : state) benchmark::DoNotOptimize(driver::compile(module, "step"));
  });
  add_part("passes", [](const driver::CompileReport& report) { return report.passes_seconds; });
  if (tiny) return;
  add_part("cold", [](const driver::CompileReport& report) { return report.seconds; });
  add_part("lowering", [](const driver::CompileReport& report) { return report.lowering_seconds; });
  add_part("code", [](const driver::CompileReport& report) { return report.code_seconds; });
  add_part("link", [](const driver::CompileReport& report) { return report.link_seconds; });
  driver::CompileReport report;
  driver::lower(model(), "step", {}, &report);
  std::string last;
  for (const passes::PassRecord& record : report.passes.passes)
    if (record.name != last) add_pass(last = record.name);
}

}  // namespace sinter::bench
