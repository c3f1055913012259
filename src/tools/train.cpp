// sinter train: fit a model to the data its train block names.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "driver/numerics.h"
#include "driver/training.h"
#include "runtime/fit.h"
#include "tools/command_line.h"
#include "tools/load_data.h"
#include "tools/training_log.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::string out, checkpoint, resume, validate, log, early_stop, checkpoint_every;
  bool json = false, keep_best = false, check_numerics = false;
  int verbosity = 0;
};

std::string time_left(double seconds) {
  const auto total = static_cast<int64_t>(seconds + 0.5);
  if (total >= 3600) return std::to_string(total / 3600) + " h " + std::to_string(total / 60 % 60) + " min";
  if (total >= 60) return std::to_string(total / 60) + " min " + std::to_string(total % 60) + " s";
  return std::to_string(total) + " s";
}

std::string metric_text(const std::string& name, double value) {
  // A share of samples reads best in percent.
  if (name.find("accuracy") != std::string::npos) return name + " " + format_number(100 * value, 2) + " %";
  return name + " " + format_number(value, 4);
}

/// Tells of a training: a line that renews itself on a terminal, plain lines elsewhere, one JSON object per epoch when asked for.
class Teller final : public runtime::FitObserver {
 public:
  Teller(const Options& options, const language::TrainSpec& train, const runtime::State& state, const runtime::ModelIdentity& identity)
      : options_(options), train_(train), state_(state), identity_(identity), terminal_(::isatty(STDERR_FILENO) == 1) {
    if (!options.log.empty()) log_.emplace(options.log, !options.resume.empty());
  }

  void progress(const runtime::FitProgress& p) override {
    const std::string line = "epoch " + std::to_string(p.epoch) + "/" + std::to_string(p.epochs) + "  step " + std::to_string(p.step) + "/" + std::to_string(p.steps) +
                             "  loss " + format_number(p.loss, 4) + "  " + format_count(static_cast<int64_t>(p.samples_per_second)) + " samples/s  " +
                             time_left(p.seconds_left) + " left";
    if (terminal_) {
      std::cerr << "\r\033[K" << line << std::flush;
      shown_ = true;
    } else if (p.seconds_left > 5 && ++quiet_calls_ % 50 == 0) {
      std::cerr << line << "\n";
    }
  }

  /// Hours of training are worth more than one checkpoint: the one before is still there, and the next is tried.
  void checkpoint_failed(const Error& error) override {
    clear();
    std::cerr << error.message() << "; the checkpoint before it is kept, training goes on\n";
    failure_ = error;
    checkpoint_failed_ = true;
  }

  void epoch(const runtime::EpochRecord& record) override {
    clear();
    if (!checkpoint_failed_) failure_.reset();
    checkpoint_failed_ = false;
    if (!options_.keep_best || record.best) save_weights();
    if (log_) log_->add(record, record.steps);
    if (options_.json) {
      last_ = to_json(record);
      std::cout << last_.dump() << std::endl;
      return;
    }
    std::string line = "epoch " + std::to_string(record.epoch) + "/" + std::to_string(train_.epochs) + "  loss " + format_number(record.loss, 4);
    for (const auto& [name, value] : record.metrics) line += "  " + metric_text(name, value);
    if (record.val_loss) {
      line += "  |  validation: loss " + format_number(*record.val_loss, 4);
      for (const auto& [name, value] : record.val_metrics) line += "  " + metric_text(name, value);
    }
    std::cout << line << "  |  " << format_number(record.seconds + record.val_seconds, 3) << " s" << std::endl;
  }

  /// The failure of the last thing that was to be written: what a person counts on is not there.
  const std::optional<Error>& failure() const { return failure_; }

  void save_weights() {
    if (options_.out.empty()) return;
    try {
      runtime::save_weights(options_.out, state_, identity_);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kIo) throw;
      std::cerr << error.message() << "; the weights before it are kept, training goes on\n";
      failure_ = error;
    }
  }

  void finish(const std::optional<runtime::Evaluation>& tested) {
    clear();
    if (options_.json) {
      if (last_.is_null()) return;
      last_["final"] = true;
      if (tested) {
        last_["test_loss"] = tested->loss;
        for (const auto& [name, value] : tested->metrics) last_["test_" + name] = value;
        for (const auto& [name, value] : tested->tables) last_["test_" + name] = json_of(value);
      }
      std::cout << last_.dump() << std::endl;
    } else if (tested) {
      std::string line = "test data: " + format_count(tested->samples) + " samples  loss " + format_number(tested->loss, 4);
      for (const auto& [name, value] : tested->metrics) line += "  " + metric_text(name, value);
      std::cout << line << std::endl;
    }
  }
  void clear() {
    if (shown_) std::cerr << "\r\033[K" << std::flush;
    shown_ = false;
  }

 private:
  static nlohmann::ordered_json to_json(const runtime::EpochRecord& record) {
    nlohmann::ordered_json json = {{"epoch", record.epoch}, {"samples", record.samples}, {"seconds", record.seconds}, {"loss", record.loss}};
    for (const auto& [name, value] : record.metrics) json[name] = value;
    if (record.val_loss) json["val_loss"] = *record.val_loss;
    for (const auto& [name, value] : record.val_metrics) json["val_" + name] = value;
    for (const auto& [name, value] : record.tables) json[name] = json_of(value);
    for (const auto& [name, value] : record.val_tables) json["val_" + name] = json_of(value);
    return json;
  }

  const Options& options_;
  const language::TrainSpec& train_;
  const runtime::State& state_;
  const runtime::ModelIdentity& identity_;
  std::optional<TrainingLog> log_;
  std::optional<Error> failure_;
  bool terminal_, shown_ = false, checkpoint_failed_ = false;
  int64_t quiet_calls_ = 0;
  nlohmann::ordered_json last_;
};

/// Hours of training must not end at a folder that is not there.
void check_writable(const std::string& path) {
  if (path.empty()) return;
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  if (::access(folder.c_str(), W_OK | X_OK) != 0) throw Error(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(errno));
  if (std::filesystem::is_directory(path)) throw Error(ErrorCode::kIo, "cannot write " + path + ": it is a folder");
}

void resume(const Options& options, runtime::State& state, runtime::FitOptions& fit) {
  fit.resume = runtime::load_checkpoint(options.resume, state, fit.identity);
  const std::optional<uint32_t> seed = options.model.seed;
  if (seed && *seed != fit.resume->seed)
    throw Error(ErrorCode::kUsage, "--seed " + std::to_string(*seed) + ": the training in " + options.resume + " began with seed " + std::to_string(fit.resume->seed) + " and keeps it")
        .hint("leave --seed away, or begin a new training from its weights: --weights " + options.resume);
}

void check_files(const Options& options, const language::TrainSpec& train) {
  check_writable(options.out);
  check_writable(options.checkpoint);
  const std::vector<NamedFile> inputs = files_read(options.model, options.run, &train);
  check_apart({{"--out", options.out}, {"--checkpoint", options.checkpoint}}, inputs);
  // A checkpoint may go on in its own file.
  check_apart({{"--out", options.out}}, {{"--resume", options.resume}});
}

runtime::DataSplit load(const Options& options, const Opened& opened, const language::TrainSpec& train, const runtime::DataRequest& request) {
  runtime::DataSplit data = runtime::load_data(request);
  tell_notes(data.training);
  if (options.validate.empty()) return data;
  if (data.validation.samples() > 0)
    throw Error(ErrorCode::kUsage, "--validate " + options.validate + ": the data are split already, and the part that does not train validates")
        .hint("leave split out, or --validate");
  data.validation = runtime::load_test_dataset(other_data_request(opened, train, options.validate, data.training.facts));
  tell_notes(data.validation);
  return data;
}

/// "5", or "5:NAME", or "5:steps".
std::pair<int64_t, std::string> count_and_word(const std::string& text, const std::string& option) {
  const size_t colon = text.find(':');
  const int64_t count = parse_count(text.substr(0, colon), option);
  if (count < 1 || colon + 1 == text.size()) throw Error(ErrorCode::kUsage, option + " is " + quoted(text) + ", not a number from 1, or one with a colon and a name");
  return {count, colon == std::string::npos ? "" : text.substr(colon + 1)};
}

/// What ends the training and what is kept of it.
void set_rules(const Options& options, const language::TrainSpec& train, bool validates, runtime::FitOptions& fit) {
  if (options.keep_best && options.out.empty()) throw Error(ErrorCode::kUsage, "--keep-best wants a file for the best weights").hint("--out W.safetensors");
  if (options.keep_best || !options.early_stop.empty()) fit.watch.emplace();
  if (fit.watch) fit.watch->name = validates ? "val_loss" : "loss";
  if (!options.early_stop.empty()) {
    const auto [patience, name] = count_and_word(options.early_stop, "--early-stop");
    fit.watch->patience = patience;
    if (!name.empty()) fit.watch->name = name;
    std::vector<std::string> known{"loss"};
    for (const std::string& metric : train.metrics) known.push_back(metric);
    for (size_t i = 0, count = known.size(); i < count && validates; ++i) known.push_back("val_" + known[i]);
    if (std::find(known.begin(), known.end(), fit.watch->name) == known.end()) {
      std::string all;
      for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
      throw Error(ErrorCode::kUsage, "--early-stop: nothing is measured that is called " + quoted(fit.watch->name)).hint("what is measured: " + all);
    }
  }
  if (options.checkpoint_every.empty()) return;
  if (options.checkpoint.empty()) throw Error(ErrorCode::kUsage, "--checkpoint-every wants a file for the checkpoint").hint("--checkpoint FILE");
  const auto [count, unit] = count_and_word(options.checkpoint_every, "--checkpoint-every");
  if (unit == "steps") fit.checkpoint_steps = count;
  else if (unit.empty() || unit == "epochs") fit.checkpoint_every = count;
  else throw Error(ErrorCode::kUsage, "--checkpoint-every counts epochs or steps, not " + quoted(unit));
}

void tell_begin(const Options& options, const language::TrainSpec& train, const runtime::DataSplit& data, double load_seconds, double compile_seconds, const runtime::State& state) {
  if (options.verbosity < 1) return;
  int64_t parameters = 0;
  for (const auto& entry : state.entries())
    if (entry.role == Role::kParameter) parameters += entry.value.size();
  std::cerr << "data: " << format_count(data.training.samples()) << " samples train, " << format_count(data.validation.samples()) << " validate, " << format_count(data.test.samples())
            << " test; read in " << format_number(load_seconds, 3) << " s" << (data.training.reader ? ", brought batch by batch" : ", in memory") << "\n"
            << "model " << train.model << ": " << format_count(parameters) << " parameters; compiled in " << format_number(compile_seconds, 3) << " s\n";
  if (options.verbosity < 2) return;
  for (const auto& entry : state.entries()) std::cerr << "  " << name(entry.role) << " " << entry.name << ": " << entry.value.type_string() << "\n";
}

void run(const Options& options) {
  const Opened opened = open_model(options.model);
  const language::TrainSpec& train = train_block(opened, "train");
  check_files(options, train);
  if (!options.resume.empty() && !options.run.weights.empty())
    throw Error(ErrorCode::kUsage, "--resume continues a training, --weights begins one from other weights: give one of them");
  const InterruptGuard guard;
  const runtime::DataRequest request = data_request(opened, train, options.resume.empty() ? options.run.weights : options.resume);
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  const runtime::DataSplit data = load(options, opened, train, request);
  const double load_seconds = seconds();
  const auto team = make_team(options.run.threads);
  runtime::State state;
  driver::declare_variables(opened.module, state);
  runtime::FitOptions fit;
  fit.ports = feed_ports(train);
  fit.epochs = train.epochs;
  fit.batch = train.batch;
  fit.seed = train.seed;
  fit.normalise = driver::normalise_of(train);
  if (train.data->arguments.count("shuffle")) fit.shuffle = std::get<bool>(train.data->arguments.at("shuffle"));
  fit.label_is_classes = train.label_is_classes;
  fit.classes = train.classes;
  fit.checkpoint = options.checkpoint;
  fit.identity = opened.identity;
  if (data.training.facts) fit.identity.facts = runtime::to_metadata(*data.training.facts);
  // Reads all data once more, which only a checkpoint has a use for.
  if (!options.checkpoint.empty() || !options.resume.empty()) fit.identity.data = driver::data_identity(request, data, train);
  fit.stop = &InterruptGuard::flag();
  set_rules(options, train, data.validation.samples() > 0, fit);
  if (options.check_numerics) {
    fit.explain = [&](const runtime::Batch& batch) {
      return driver::first_not_finite(opened.module, "step", state, {{train.feature, batch.features}, {train.label, batch.labels}});
    };
  }
  std::vector<std::string> names{"step", "evaluate"};
  if (options.resume.empty()) names.push_back("init");
  else resume(options, state, fit);
  const double before_compiling = seconds();
  const auto made = make_functions(opened, names, options.run, state, *team);
  tell_begin(options, train, data, load_seconds, seconds() - before_compiling, state);
  runtime::FitFunctions functions{nullptr, made[0].get(), made[1].get()};
  if (options.resume.empty()) functions.init = made[2].get();
  if (!options.run.weights.empty()) {
    runtime::initialise(*functions.init, train.seed);
    runtime::load_weights(options.run.weights, state, fit.identity);
    functions.init = nullptr;
  }
  const auto measure = measure_function(opened, state);
  fit.ports.measure = measure.get();
  Teller teller(options, train, state, fit.identity);
  const runtime::FitResult result = runtime::fit(functions, state, data, fit, teller);
  if (result.interrupted) {
    teller.clear();
    if (!options.out.empty()) runtime::save_weights(options.out, state, fit.identity);
    Error error(ErrorCode::kInterrupted, "interrupted in epoch " + std::to_string(result.position.epoch + 1) + " after step " + std::to_string(result.position.step));
    if (!options.checkpoint.empty()) error.hint("continue with --resume " + options.checkpoint);
    throw error;
  }
  if (result.stopped_early) {
    teller.clear();
    std::cerr << "stopped early: " << fit.watch->name << " was best in epoch " << result.position.best_epoch << "\n";
  }
  // What is measured last is what is kept.
  if (options.keep_best && result.position.best_epoch > 0 && !teller.failure()) runtime::load_weights(options.out, state, fit.identity);
  std::optional<runtime::Evaluation> tested;
  if (data.test.samples() > 0) tested = runtime::evaluate_dataset(*functions.evaluate, fit.ports, data.test, train.batch, &InterruptGuard::flag());
  teller.finish(tested);
  if (fit.resume && fit.resume->epoch >= fit.epochs)
    std::cerr << "nothing is left to train: " << options.resume << " holds " << fit.resume->epoch << " epochs; --epochs says how many there are in all\n";
  if (!options.out.empty() && !result.last) runtime::save_weights(options.out, state, fit.identity);
  if (teller.failure()) throw *teller.failure();
  if (!options.out.empty() && !options.json) std::cerr << "weights are in " << options.out << "\n";
}

}  // namespace

void add_train(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("train", "Train a model on the data its train block names");
  add_model_options(*verb, options->model);
  add_train_options(*verb, options->model);
  add_run_options(*verb, options->run);
  verb->add_option("-o,--out", options->out, "Write parameters and model state here after each epoch (.safetensors)");
  verb->add_option("--validate", options->validate, "Data that validate, instead of a part of the training data: as --data");
  verb->add_option("--checkpoint", options->checkpoint, "Write all of the training's state here after each epoch and on Ctrl-C");
  verb->add_option("--resume", options->resume, "Continue from a checkpoint, to the same bits as without the interruption");
  verb->add_option("--checkpoint-every", options->checkpoint_every, "Epochs between two checkpoints, or with :steps steps")->type_name("N[:steps]");
  verb->add_option("--early-stop", options->early_stop, "Stop after so many epochs without a better validation loss, or other metric")->type_name("N[:METRIC]");
  verb->add_flag("--keep-best", options->keep_best, "Keep the weights of the epoch that is best by --early-stop's metric, else by the validation loss");
  verb->add_option("--log", options->log, "A folder for the log: log.csv, and event files for TensorBoard; sinter plot draws it");
  verb->add_flag("--check-numerics", options->check_numerics, "Check each step; when numbers are NaN or infinite, name the first operation that gives them (slower)");
  verb->add_flag("-v", options->verbosity, "Tell more: data, parameters and times; -vv: all variables");
  verb->add_flag("--json", options->json, "One JSON object per epoch on stdout, and a last one with \"final\": true");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
