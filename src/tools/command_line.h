// What the verbs of the command line share: their registration, the options that several have, and opening a model by its path.
#pragma once

#include <CLI/CLI.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "driver/compile.h"
#include "frontend/language/language.h"
#include "runtime/checkpoint.h"
#include "runtime/feed.h"
#include "runtime/function.h"
#include "runtime/team.h"

namespace sinter::tools {

/// Each verb adds itself; its callback does the work and may raise Error.
void add_bench(CLI::App& app);
void add_check(CLI::App& app);
void add_compile(CLI::App& app);
void add_completion(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_fmt(CLI::App& app);
void add_info(CLI::App& app);
void add_inspect(CLI::App& app);
void add_opt(CLI::App& app);
void add_plot(CLI::App& app);
void add_predict(CLI::App& app);
void add_run(CLI::App& app);
void add_train(CLI::App& app);

/// Options of every verb that opens a model.
struct ModelOptions {
  std::string file, model, data;
  std::vector<std::string> specialize;  // symbol=value
  std::optional<int64_t> epochs, batch;
  std::optional<uint32_t> seed;
  std::optional<double> learning_rate;
};
void add_model_options(CLI::App& verb, ModelOptions& options);
void add_train_options(CLI::App& verb, ModelOptions& options);

/// Options of every verb that runs something.
struct RunOptions {
  std::string weights;
  int threads = 0;  // 0: all cores
  bool reference = false;
  bool no_cache = false;
};
void add_run_options(CLI::App& verb, RunOptions& options);
/// Checks an option's value, and tells the whole range when it does not hold.
CLI::Validator whole_number(int64_t lowest, int64_t highest = INT64_MAX);
driver::CompileOptions compile_options(const RunOptions& options);
std::unique_ptr<runtime::Team> make_team(int threads);

/// A model file, opened: a model text, a graph text or an ONNX model. Raises Error.
struct Opened {
  std::string path;
  ir::Module module;
  std::optional<language::TrainSpec> train;
  std::vector<std::string> inputs, outputs;  // of `predict`, when there is one
  runtime::ModelIdentity identity;           // of the text whatever was specialised, so that weights serve all its forms
  std::vector<std::pair<std::string, Tensor>> values;  // of parameters that the file itself holds
  std::map<std::string, std::string> variables;        // by names of the file that the module could not keep
};
Opened open_model(const ModelOptions& options);
/// Options of the language that a verb's options mean.
language::Options language_options(const ModelOptions& options);
bool is_graph_text(const std::string& path);

/// "name=value" pairs of an option. Raises Error kUsage.
std::map<std::string, std::string> parse_pairs(const std::vector<std::string>& pairs, const std::string& option);
int64_t parse_count(const std::string& text, const std::string& what);
/// A file that a verb reads or writes, and the words that name it in a message: the option, mostly. An empty path is no file.
struct NamedFile {
  std::string what, path;
};
/// Raises Error kUsage when an output would replace a file that is read, or another output, under whatever names: whichever is written last would
/// be all that is left.
void check_apart(const std::vector<NamedFile>& outputs, const std::vector<NamedFile>& inputs);
/// What every verb that runs a model reads: its text, the file of its data (when `train` tells that data are read), its weights.
std::vector<NamedFile> files_read(const ModelOptions& model, const RunOptions& run, const language::TrainSpec* train = nullptr);
/// Values of --dim for a function. Raises Error kUsage, kName for a symbol that the function does not have.
SymbolValues parse_dims(const std::vector<std::string>& pairs, const ir::Module& module, std::string_view function);

/// Parameters and state of the module, declared, and filled: from a weights file, the model's own values, or by running `init` with the seed.
void prepare_state(const Opened& opened, const RunOptions& options, uint32_t seed, runtime::State& state, runtime::Team& team);

/// A function of the model on the state: native code, or the evaluator when the options say so.
std::unique_ptr<runtime::Function> make_function(const Opened& opened, std::string_view function, const RunOptions& options, runtime::State& state,
                                                 runtime::Team& team);

/// Several, compiled together.
std::vector<std::unique_ptr<runtime::Function>> make_functions(const Opened& opened, const std::vector<std::string>& functions, const RunOptions& options,
                                                               runtime::State& state, runtime::Team& team);

/// The train block. Raises Error kUsage for a file without one; `verb` is for its text.
const language::TrainSpec& train_block(const Opened& opened, const std::string& verb);
runtime::FeedPorts feed_ports(const language::TrainSpec& train);
/// The function that makes metrics of totals over an epoch, run by the evaluator: a few numbers per epoch. Null when no metric wants it.
std::unique_ptr<runtime::Function> measure_function(const Opened& opened, runtime::State& state);
/// A tensor as nested lists.
nlohmann::ordered_json json_of(const Tensor& tensor);

/// Set by Ctrl-C while a guard of this kind lives; a second Ctrl-C ends the program at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  static const std::atomic<bool>& flag();
};

/// Lines of equal columns; the first row is the head. Numbers are right-aligned (columns that `right` names by index).
std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& right = {});
std::string format_number(double value, int digits);
std::string format_bytes(double bytes);
/// 1234567 as "1,234,567".
std::string format_count(int64_t count);

}  // namespace sinter::tools
