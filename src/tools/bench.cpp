// sinter bench: a whole program and each of its kernels, against this machine's peaks measured in the same run.
#include <chrono>
#include <filesystem>
#include <iostream>

#include "base/text.h"
#include "io/atomic_write.h"
#include "tools/command_line.h"
#include "tools/made_up.h"
#include "tools/timing.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::vector<std::string> dims;
  std::string json, function;
  bool train = false, gradient = false, cold = false;
  int verbosity = 0;
};

/// What is timed: a function of a module, and which parameters have no first value of their own.
struct Subject {
  Opened opened;
  std::string function;
  std::vector<std::string> constants;
};

bool is_file(const std::string& text) {
  const std::string extension = std::filesystem::path(text).extension();
  std::error_code ignored;
  return extension == ".sinter" || extension == ".sir" || extension == ".onnx" || std::filesystem::exists(text, ignored);
}

Subject subject_of(const Options& options) {
  const auto refuse = [&](bool given, const std::string& option, const std::string& why) {
    if (given) throw Error(ErrorCode::kUsage, option + " " + why);
  };
  Subject subject;
  if (!is_file(options.model.file)) {
    refuse(options.train, "--train", "is for files: an expression has no train block");
    refuse(!options.function.empty(), "--function", "is for files: an expression is one function");
    refuse(!options.run.weights.empty(), "--weights", "is for files: an expression's constants are made up");
    const ModelOptions& m = options.model;
    refuse(m.epochs || m.batch || m.seed || m.learning_rate || !m.data.empty() || !m.model.empty(), "an option of training", "is for files");
    language::CompiledExpression compiled = language::compile_expression(options.model.file, language_options(options.model), options.gradient);
    subject.opened.path = subject.opened.module.name = "expression";
    subject.opened.module = std::move(compiled.module);
    subject.constants = std::move(compiled.constants);
    subject.function = options.gradient ? "gradient" : "predict";
    return subject;
  }
  refuse(options.gradient, "--gradient", "is for expressions; --train times the step of a file");
  subject.opened = open_model(options.model);
  const ir::Module& module = subject.opened.module;
  subject.function = options.function;
  if (subject.function.empty()) subject.function = options.train ? "step" : module.find_function("predict") ? "predict" : module.functions.at(0).name;
  if (options.train && !module.find_function("step")) throw Error(ErrorCode::kUsage, options.model.file + " has no train block, so there is no step to time");
  return subject;
}

SymbolValues symbol_values(const Options& options, const Opened& opened, const runtime::Program& program) {
  SymbolValues symbols = parse_dims(options.dims, opened.module, program.function);
  const int64_t batch = options.model.batch.value_or(opened.train ? opened.train->batch : 1);
  for (const std::string& symbol : program.symbols) symbols.try_emplace(symbol, opened.train && opened.train->batch_symbol == symbol ? batch : 1);
  return symbols;
}

/// Where the time went until the program ran at full speed: each part of compiling, and the first run, which also prepares values and touches its memory.
std::string compile_text(const driver::CompileReport& report, double first_run) {
  const auto line = [](const std::string& what, double seconds) { return "  " + what + " " + format_number(seconds * 1e3, 1) + " ms\n"; };
  std::string text = report.passes.to_string();
  if (!report.from_cache) {
    text += line("passes", report.passes_seconds) + line("lowering", report.lowering_seconds);
    text += line("code of " + std::to_string(report.kernels) + " kernels", report.code_seconds);
  }
  return text + line("linking", report.link_seconds) + line("first run", first_run);
}

void run(const Options& options) {
  const Subject subject = subject_of(options);
  const Opened& opened = subject.opened;
  check_apart({{"--json", options.json}}, files_read(options.model, options.run));
  const auto team = make_team(options.run.threads);
  const driver::CompileOptions compile = compile_options(options.run);
  driver::CompileReport report;
  const auto executable = driver::compile(opened.module, subject.function, compile, &report);
  runtime::State state;
  prepare_state(opened, options.run, opened.train ? opened.train->seed : 0, state, *team);
  for (size_t i = 0; i < subject.constants.size(); ++i) fill_made_up(state.get(subject.constants[i]), static_cast<uint32_t>(1000 + i));
  const SymbolValues symbols = symbol_values(options, opened, executable->program());
  runtime::Run run(executable, state, *team);
  for (const auto& [symbol, value] : symbols) run.set_dim(symbol, value);
  uint32_t seed = 0;
  for (const runtime::Port& port : executable->program().ports) {
    if (port.role != Role::kInput) continue;
    Tensor tensor(port.type.dtype, port.type.shape.evaluate(symbols));
    fill_made_up(tensor, ++seed);
    run.bind(port.name, tensor);
  }
  driver::pin(*team);  // not before: threads that compile would inherit it
  const auto begin = std::chrono::steady_clock::now();
  run.execute();
  const double first_run = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const Timing timing = time_program(run, *executable, symbols, {compile.level, options.cold}, *team);
  std::string at;
  for (const auto& [symbol, value] : symbols) at += (at.empty() ? " at " : ", ") + symbol + " = " + std::to_string(value);
  std::cout << opened.module.name << "." << subject.function << at << ", " << (report.from_cache ? "from the cache" : "compiled") << " in " << format_number(report.seconds * 1e3, 1)
            << " ms, temporaries " << format_bytes(static_cast<double>(timing.arena_bytes)) << "\n";
  if (options.verbosity > 0) std::cout << compile_text(report, first_run);
  std::cout << timing_table(timing);
  if (!options.json.empty()) io::write_atomically(options.json, timing_json(timing, opened.module.name + "." + subject.function));
  if (const TimedRow* row = timing.beyond_peak())
    throw InternalError(row->name + " reaches " + format_number(100 * timing.peak_share(*row), 1) + " % of the peak: one of the two is measured wrongly", __FILE__, __LINE__);
  if (timing.bandwidth_share(timing.total) > 1)
    std::cerr << "note: more than the measured bandwidth; part of the working set stays in a nearer cache\n";
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("bench", "Time a program and each of its kernels against the peaks of this machine");
  verb->footer(
      "An expression is written in the model language; tensors stand in it by their types:\n"
      "  f32[512, 512]        an input            x: f32[512, 512]  an input with a name, to be used again\n"
      "  const f32[512, 512]  never changes: what follows from it alone is computed before anything is timed\n"
      "  f32[batch, 512]      with a symbol, whose value --dim gives and --specialize compiles in\n"
      "Examples:\n"
      "  sinter bench 'matmul(f32[512, 512], const f32[512, 512])'\n"
      "  sinter bench '(x: f32[4096, 4096]) * gelu(x) + f32[4096]' --threads 1\n"
      "  sinter bench 'h = relu(f32[batch, 784] @ const f32[784, 1024]); h @ const f32[1024, 10]' --dim batch=256\n"
      "  sinter bench 'softmax(f32[4096, 1024])' --gradient\n"
      "With --gradient, what is timed goes from the inputs and the gradient of the result to the gradients of all float inputs; values of the\n"
      "forward that it needs are computed anew, as part of it.");
  add_model_options(*verb, options->model);
  verb->get_option("file")->description("A model text (.sinter), a graph text (.sir), or an expression");
  add_train_options(*verb, options->model);
  add_run_options(*verb, options->run);
  verb->add_option("--dim", options->dims, "A symbol's value; the train block's batch, else 1, unless given")->type_name("SYMBOL=VALUE");
  verb->add_option("--function", options->function, "One function: init, predict, evaluate or step");
  verb->add_option("--json", options->json, "Write Google Benchmark's format to this file");
  verb->add_flag("--train", options->train, "The training step of a file, not the prediction");
  verb->add_flag("--gradient", options->gradient, "The backward of an expression alone");
  verb->add_flag("--cold", options->cold, "Push everything out of the caches before each run");
  verb->add_flag("-v", options->verbosity, "Tell where the time of compiling went, and how long the first run took");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
