// sinter evaluate: loss and metrics of trained weights on data.
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "driver/training.h"
#include "tools/command_line.h"
#include "tools/load_data.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::string part;
  bool json = false;
};

/// A metric of several numbers: a row for each index along the first axis.
void print_table(const std::string& name, const Tensor& value) {
  const int64_t count = value.extents()[0], width = count == 0 ? 0 : value.size() / count;
  std::vector<std::vector<std::string>> rows;
  std::vector<size_t> right;
  for (int64_t i = 0; i < count; ++i) {
    rows.push_back({std::to_string(i)});
    for (int64_t k = 0; k < width; ++k) {
      const double number = value.get(i * width + k);
      rows.back().push_back(number == std::floor(number) && std::abs(number) < 1e15 ? format_count(static_cast<int64_t>(number)) : format_number(number, 4));
    }
  }
  for (size_t i = 0; i <= static_cast<size_t>(width); ++i) right.push_back(i);
  std::cout << "\n" << name << "\n" << table(rows, right);
}

/// Unless told, what did not train: test data where there are such, else the part that validates, else all.
const runtime::Dataset& choose_part(const std::string& name, const runtime::DataSplit& data) {
  if (name.empty()) return data.test.samples() > 0 ? data.test : data.validation.samples() > 0 ? data.validation : data.training;
  const runtime::Dataset& part = name == "training" ? data.training : name == "validation" ? data.validation : data.test;
  if (part.samples() > 0) return part;
  throw Error(ErrorCode::kUsage, "the " + name + " part has no samples").hint("--part all, or another split of the data");
}

void run(const Options& options) {
  if (options.run.weights.empty()) throw Error(ErrorCode::kUsage, "evaluate needs trained weights").hint("--weights W.safetensors, written by sinter train --out");
  const Opened opened = open_model(options.model);
  const language::TrainSpec& train = train_block(opened, "evaluate");
  const InterruptGuard guard;
  const runtime::DataRequest request = data_request(opened, train, options.run.weights);
  runtime::DataSplit data;
  if (options.part == "all") data.test = runtime::load_dataset(request);
  else data = runtime::load_data(request);
  tell_notes(data.training);
  const auto team = make_team(options.run.threads);
  runtime::State state;
  prepare_state(opened, options.run, train.seed, state, *team);
  const auto evaluate = make_function(opened, "evaluate", options.run, state, *team);
  const auto measure = measure_function(opened, state);
  runtime::FeedPorts ports = feed_ports(train);
  ports.measure = measure.get();
  const runtime::Dataset& part = choose_part(options.part, data);
  const runtime::Evaluation result = runtime::evaluate_dataset(*evaluate, ports, part, train.batch, &InterruptGuard::flag());
  if (options.json) {
    nlohmann::ordered_json json = {{"samples", result.samples}, {"loss", result.loss}};
    for (const auto& [name, value] : result.metrics) json[name] = value;
    for (const auto& [name, value] : result.tables) json[name] = json_of(value);
    std::cout << json.dump() << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows{{"samples", format_count(result.samples)}, {"loss", format_number(result.loss, 4)}};
  for (const auto& [name, value] : result.metrics) rows.push_back({name, format_number(value, 4)});
  std::cout << table(rows, {1});
  for (const auto& [name, value] : result.tables) print_table(name, value);
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("evaluate", "Loss and metrics of trained weights on data");
  add_model_options(*verb, options->model);
  verb->add_option("--batch", options->model.batch, "Samples at a time");
  add_run_options(*verb, options->run);
  verb->add_option("--part", options->part, "Which part of the data: training, validation, test or all; unless given, test data, else the part that validates, else all")
      ->check(CLI::IsMember({"training", "validation", "test", "all"}));
  verb->add_flag("--json", options->json, "One JSON object on stdout");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
