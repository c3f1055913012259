#include "tools/command_line.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "driver/training.h"
#include "frontend/onnx/onnx.h"
#include "io/atomic_write.h"
#include "io/mapping.h"
#include "ir/text.h"

namespace sinter::tools {

void add_model_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("file", options.file, "A model text (.sinter), a graph text (.sir) or an ONNX model (.onnx)")->required();
  verb.add_option("--model", options.model, "Which model of the file, when it has several");
  verb.add_option("--specialize", options.specialize, "Compile a symbol's value in: SYMBOL=VALUE")->type_name("SYMBOL=VALUE");
  verb.add_option("--data", options.data, "Other data than the text's: a file (csv, npy, npz, idx, txt), a folder (of idx files, or of pictures by class), or a call such as 'csv(\"f.csv\", label = \"kind\")'");
}

void add_train_options(CLI::App& verb, ModelOptions& options) {
  verb.add_option("--epochs", options.epochs, "Epochs, instead of the text's");
  verb.add_option("--batch", options.batch, "Samples per step, instead of the text's");
  verb.add_option("--seed", options.seed, "Seed of initial values and shuffling, instead of the text's")->check(whole_number(0, UINT32_MAX));
  verb.add_option("--learning-rate", options.learning_rate, "Learning rate, instead of the text's");
}

void add_run_options(CLI::App& verb, RunOptions& options) {
  verb.add_option("--weights", options.weights, "Parameters and state from a .safetensors file (weights or a checkpoint)");
  verb.add_option("--threads", options.threads, "Threads to use; all cores unless given")->check(whole_number(1, 1024));
  verb.add_flag("--reference", options.reference, "Run the reference evaluator instead of native code (slow)");
  verb.add_flag("--no-cache", options.no_cache, "Compile anew, and keep nothing");
}

CLI::Validator whole_number(int64_t lowest, int64_t highest) {
  const std::string limit = highest == INT64_MAX ? "" : std::to_string(highest);
  const auto check = [=](const std::string& text) -> std::string {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= lowest && value <= highest) return {};
    return quoted(text) + " is no whole number from " + std::to_string(lowest) + (limit.empty() ? " up" : " to " + limit);
  };
  return CLI::Validator(check, std::to_string(lowest) + ".." + limit);
}

driver::CompileOptions compile_options(const RunOptions& options) {
  driver::CompileOptions compile;
  compile.threads = options.threads;
  compile.use_cache = !options.no_cache;
  return compile;
}

std::unique_ptr<runtime::Team> make_team(int threads) {
  const int count = threads > 0 ? threads : this_machine().cores;
  return count == 1 ? runtime::serial_team() : runtime::thread_team(count);
}

bool is_graph_text(const std::string& path) { return std::filesystem::path(path).extension() == ".sir"; }

std::map<std::string, std::string> parse_pairs(const std::vector<std::string>& pairs, const std::string& option) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == pair.size())
      throw Error(ErrorCode::kUsage, option + " " + quoted(pair) + " is no NAME=VALUE");
    if (!map.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second)
      throw Error(ErrorCode::kUsage, option + " names " + quoted(pair.substr(0, equals)) + " twice");
  }
  return map;
}

int64_t parse_count(const std::string& text, const std::string& what) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw Error(ErrorCode::kUsage, what + " is " + quoted(text) + ", not a whole number from 0");
  return value;
}

SymbolValues parse_dims(const std::vector<std::string>& pairs, const ir::Module& module, std::string_view function) {
  std::set<std::string> known;
  for (const ir::Variable& variable : driver::only(module, function).variables)
    for (const Dim& dim : variable.type.shape) dim.collect_symbols(known);
  SymbolValues symbols;
  for (const auto& [symbol, value] : parse_pairs(pairs, "--dim")) {
    if (!known.count(symbol)) {
      std::string all;
      for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
      throw Error(ErrorCode::kName, "--dim: what is run has no symbol " + quoted(symbol)).hint(all.empty() ? "it has none" : "its symbols: " + all);
    }
    symbols[symbol] = parse_count(value, "the dim " + symbol);
  }
  return symbols;
}

namespace {

bool same_place(const std::string& a, const std::string& b) {
  if (a == b) return true;
  // A path that cannot be looked at is told of when it is opened. The last name may be a link to a file that is not there yet.
  std::error_code ignored;
  const auto place = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(std::filesystem::absolute(io::follow_links(path), ignored), ignored);
  };
  return place(a) == place(b) && !place(a).empty();
}

}  // namespace

void check_apart(const std::vector<NamedFile>& outputs, const std::vector<NamedFile>& inputs) {
  const auto check = [](const NamedFile& output, const NamedFile& other, const char* hint) {
    if (output.path.empty() || other.path.empty() || !same_place(output.path, other.path)) return;
    throw Error(ErrorCode::kUsage, output.what + " and " + other.what + " both name " + output.path).hint(hint);
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    for (const NamedFile& input : inputs) check(outputs[i], input, "what is read would be overwritten; write to another file");
    for (size_t j = i + 1; j < outputs.size(); ++j) check(outputs[i], outputs[j], "give each a file of its own");
  }
}

std::vector<NamedFile> files_read(const ModelOptions& model, const RunOptions& run, const language::TrainSpec* train) {
  std::vector<NamedFile> files{{"the model text", model.file}, {"--weights", run.weights}};
  if (train == nullptr || !train->data) return files;
  const auto path = train->data->arguments.find("path");
  if (path != train->data->arguments.end()) files.push_back({model.data.empty() ? "the train block's data" : "--data", std::get<std::string>(path->second)});
  return files;
}

language::Options language_options(const ModelOptions& options) {
  language::Options wanted;
  wanted.model = options.model;
  wanted.epochs = options.epochs;
  wanted.batch = options.batch;
  wanted.seed = options.seed;
  wanted.learning_rate = options.learning_rate;
  wanted.data = options.data;
  for (const auto& [symbol, value] : parse_pairs(options.specialize, "--specialize")) wanted.dims[symbol] = parse_count(value, "the dim " + symbol);
  return wanted;
}

Opened open_model(const ModelOptions& options) {
  Opened opened;
  opened.path = options.file;
  const language::Options wanted = language_options(options);
  const bool is_onnx = onnx::is_model_path(options.file);
  const std::string text = is_onnx ? std::string() : io::read_text(options.file);
  if (is_onnx) {
    onnx::Imported imported = onnx::import_file(options.file, {wanted.dims});
    opened.module = std::move(imported.module);
    opened.values = std::move(imported.parameters);
    opened.variables = std::move(imported.variables);
  } else if (is_graph_text(options.file)) {
    if (!wanted.dims.empty()) throw Error(ErrorCode::kUsage, "--specialize is for model texts").hint("write the value into the graph text");
    opened.module = ir::parse_module(text, options.file);
  } else {
    language::Compiled compiled = language::compile_text(text, options.file, wanted);
    opened.module = std::move(compiled.module);
    opened.train = std::move(compiled.train);
  }
  opened.identity = wanted.dims.empty() || is_onnx ? driver::identity_of(opened.module) : driver::identity_of_text(text, options.file, wanted);
  const std::string main = opened.module.find_function("predict") ? "predict" : "main";
  if (const ir::Function* function = opened.module.find_function(main)) {
    for (const std::string& name : function->arguments)
      if (opened.module.variable(name).role == Role::kInput) opened.inputs.push_back(name);
    for (const std::string& name : function->results)
      if (opened.module.variable(name).role == Role::kOutput) opened.outputs.push_back(name);
  }
  return opened;
}

std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& right) {
  std::vector<size_t> widths;
  // Code points, not bytes, decide the width of a column.
  const auto width = [](const std::string& text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width(row[i]), ' ');
      const bool to_the_right = std::find(right.begin(), right.end(), i) != right.end();
      line += (i ? "  " : "") + (to_the_right ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string format_number(double value, int digits) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string format_bytes(double bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) bytes /= 1024, ++unit;
  return format_number(bytes, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

std::string format_count(int64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (count < 0 ? 1 : 0); at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

}  // namespace sinter::tools
