// sinter check: files are parsed, type-checked, optimised and planned, without generating code; folders of ONNX's conformance tests are
// run.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "frontend/onnx/onnx.h"
#include "io/mapping.h"
#include "tools/check_cases.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string model;
  CaseOptions cases;
  bool list = false, json = false, no_cache = false;
};

/// All models of a text; one without a name stands for a graph text's, and for the error about a text that has none.
std::vector<std::string> models_of(const std::string& file) {
  std::vector<std::string> names;
  if (!is_graph_text(file) && !onnx::is_model_path(file)) names = language::model_names(io::read_text(file), file);
  if (names.empty()) names.emplace_back();
  return names;
}

void check(const std::string& file, const std::string& model) {
  ModelOptions options;
  options.file = file;
  options.model = model;
  const Opened opened = open_model(options);
  std::string functions;
  for (const ir::Function& function : opened.module.functions) {
    const driver::Lowered lowered = driver::lower(opened.module, function.name);
    functions += (functions.empty() ? "" : ", ") + function.name + " (" + std::to_string(lowered.code.program.kernels.size()) + " kernels)";
  }
  std::cout << file << ": " << opened.module.name << " is sound: " << functions << "\n";
}

std::string word(CaseStatus status) {
  return status == CaseStatus::kPassed ? "passed" : status == CaseStatus::kFailed ? "failed" : "skipped";
}

/// Raises Error kCheck when a case failed.
void check_folders(const std::vector<std::string>& folders, const Options& options) {
  const std::vector<std::string> cases = find_cases(folders, options.cases);
  if (options.list) {
    for (const std::string& folder : cases) std::cout << folder << "\n";
    return;
  }
  const InterruptGuard guard;
  const std::vector<CaseResult> results = run_cases(cases, options.cases);
  int64_t counts[3] = {};
  nlohmann::json rows = nlohmann::json::array();
  for (const CaseResult& result : results) {
    ++counts[static_cast<int>(result.status)];
    if (options.json) rows.push_back({{"folder", result.folder}, {"status", word(result.status)}, {"reason", result.reason}});
    else if (result.status != CaseStatus::kPassed)
      std::cout << word(result.status) << " " << result.folder << ": " << result.reason << "\n";
  }
  if (options.json)
    std::cout << nlohmann::json{{"cases", rows}, {"passed", counts[0]}, {"failed", counts[1]}, {"skipped", counts[2]}}.dump(2) << "\n";
  else std::cout << counts[0] << " passed, " << counts[1] << " failed, " << counts[2] << " skipped\n";
  if (counts[1] > 0) throw Error(ErrorCode::kCheck, std::to_string(counts[1]) + " of " + std::to_string(results.size()) + " cases failed");
}

void run(Options options) {
  options.cases.use_cache = !options.no_cache;
  std::vector<std::string> folders;
  for (const std::string& path : options.paths)
    if (std::filesystem::is_directory(path)) folders.push_back(path);
  if (!folders.empty() && folders.size() != options.paths.size())
    throw Error(ErrorCode::kUsage, "check takes files, or folders of test cases, not both");
  if (!folders.empty()) return check_folders(folders, options);
  for (const std::string& file : options.paths)
    for (const std::string& name : options.model.empty() ? models_of(file) : std::vector{options.model}) check(file, name);
}

}  // namespace

void add_check(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("check", "Parse, type-check and plan models without running anything; run folders of ONNX test cases");
  verb->add_option("files", options->paths,
                   "Model texts (.sinter), graph texts (.sir), ONNX models (.onnx); or folders with test cases: model.onnx, "
                   "test_data_set_N/input_I.pb, output_I.pb")
      ->required();
  verb->add_option("--model", options->model, "This model of the files; all of them unless given");
  verb->add_option("--rtol", options->cases.relative, "Of test cases: the difference allowed, as a share of the expected number")
      ->capture_default_str();
  verb->add_option("--atol", options->cases.absolute, "Of test cases: the difference allowed besides")->capture_default_str();
  verb->add_option("--filter", options->cases.filter, "Of test cases: those whose path matches a regular expression");
  verb->add_flag("--list", options->list, "Show the folders of test cases, and run none");
  verb->add_flag("--reference", options->cases.reference, "Run test cases by the reference evaluator instead of native code (slow)");
  verb->add_flag("--json", options->json, "Results of test cases as JSON");
  verb->add_option("--threads", options->cases.threads, "Test cases at a time; all cores unless given")->check(whole_number(1, 1024));
  verb->add_flag("--no-cache", options->no_cache, "Compile test cases anew, and keep nothing");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
