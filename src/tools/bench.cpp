// sinter bench: a whole program and each of its kernels, against this machine's peaks measured in the same run.
#include <iostream>

#include "base/random.h"
#include "io/atomic_write.h"
#include "tools/command_line.h"
#include "tools/timing.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::vector<std::string> dims;
  std::string json, function;
  bool train = false;
};

/// Plausible values: normal floats, and indices that are in range wherever a class or row is meant.
Tensor made_up(const runtime::Port& port, const SymbolValues& symbols, RandomSequence& random) {
  Tensor tensor(port.type.dtype, port.type.shape.evaluate(symbols));
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (is_float(tensor.dtype())) {
      tensor.set(i, random.normal());
    } else {
      tensor.set_integer(i, random.below(2));
    }
  }
  return tensor;
}

void run(const Options& options) {
  const Opened opened = open_model(options.model);
  std::string function = options.function;
  if (function.empty()) function = options.train ? "step" : opened.module.find_function("predict") ? "predict" : opened.module.functions.at(0).name;
  if (options.train && !opened.module.find_function("step")) throw Error(ErrorCode::kUsage, options.model.file + " has no train block, so there is no step to time");
  const auto team = make_team(options.run.threads);
  const driver::CompileOptions compile = compile_options(options.run);
  driver::CompileReport report;
  const auto executable = driver::compile(opened.module, function, compile, &report);
  runtime::State state;
  prepare_state(opened, options.run, opened.train ? opened.train->seed : 0, state, *team);
  runtime::Run run(executable, state, *team);
  SymbolValues symbols;
  for (const auto& [symbol, value] : parse_pairs(options.dims, "--dim")) symbols[symbol] = parse_count(value, "the dim " + symbol);
  const int64_t batch = options.model.batch.value_or(opened.train ? opened.train->batch : 1);
  for (const std::string& symbol : executable->program().symbols) {
    symbols.try_emplace(symbol, opened.train && opened.train->batch_symbol == symbol ? batch : 1);
    run.set_dim(symbol, symbols[symbol]);
  }
  RandomSequence random(1, 2);
  for (const runtime::Port& port : executable->program().ports)
    if (port.role == Role::kInput) run.bind(port.name, made_up(port, symbols, random));
  const Timing timing = time_program(run, *executable, symbols, compile.level, *team);
  std::string at;
  for (const auto& [symbol, value] : symbols) at += (at.empty() ? " at " : ", ") + symbol + " = " + std::to_string(value);
  std::cout << opened.module.name << "." << function << at << ", " << (report.from_cache ? "from the cache" : "compiled") << " in " << format_number(report.seconds * 1e3, 1)
            << " ms, temporaries " << format_bytes(static_cast<double>(timing.arena_bytes)) << "\n" << timing_table(timing);
  if (!options.json.empty()) io::write_atomically(options.json, timing_json(timing, opened.module.name + "." + function));
  if (timing.peak_share(timing.total) > 1) throw InternalError("a share of the peak above 1: the peak was measured in a disturbed moment", __FILE__, __LINE__);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("bench", "Time a model's program and each of its kernels against the peaks of this machine");
  add_model_options(*verb, options->model);
  add_train_options(*verb, options->model);
  add_run_options(*verb, options->run);
  verb->add_option("--dim", options->dims, "A symbol's value; the train block's batch, else 1, unless given")->type_name("SYMBOL=VALUE");
  verb->add_option("--function", options->function, "One function: init, predict, evaluate or step");
  verb->add_option("--json", options->json, "Write Google Benchmark's format to this file");
  verb->add_flag("--train", options->train, "The training step, not the prediction");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
