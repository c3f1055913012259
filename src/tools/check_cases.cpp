#include "tools/check_cases.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <regex>
#include <thread>

#include "base/text.h"
#include "driver/training.h"
#include "frontend/onnx/onnx.h"
#include "ir/evaluate.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

namespace fs = std::filesystem;

/// What differs first; empty when nothing does.
std::string difference(const Tensor& actual, const Tensor& expected, const CaseOptions& options) {
  if (actual.dtype() != expected.dtype() || actual.extents() != expected.extents())
    return "is " + actual.type_string() + ", expected " + expected.type_string();
  if (!is_float(actual.dtype())) {
    for (int64_t i = 0; i < actual.size(); ++i)
      if (actual.get_integer(i) != expected.get_integer(i))
        return "element " + std::to_string(i) + " is " + std::to_string(actual.get_integer(i)) + ", expected " +
               std::to_string(expected.get_integer(i));
    return {};
  }
  double worst = -1;
  int64_t where = 0, count = 0;
  for (int64_t i = 0; i < actual.size(); ++i) {
    const double a = actual.get(i), e = expected.get(i);
    if (a == e || (std::isnan(a) && std::isnan(e))) continue;
    const double error = std::abs(a - e);
    if (error <= options.absolute + options.relative * std::abs(e) && std::isfinite(e)) continue;
    ++count;
    const double size = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
    if (size > worst) worst = size, where = i;
  }
  if (count == 0) return {};
  return std::to_string(count) + " of " + std::to_string(actual.size()) + " elements differ, most element " + std::to_string(where) + ": " +
         to_text(actual.get(where)) + ", expected " + to_text(expected.get(where));
}

/// Test data made by tools without bf16 store its bits as u16.
Tensor as_stored(Tensor tensor, DType wanted) {
  if (wanted != DType::kBF16 || tensor.dtype() != DType::kU16) return tensor;
  const auto owner = std::make_shared<Tensor>(std::move(tensor));
  return Tensor::wrap(wanted, owner->extents(), owner->raw(), owner);
}

/// A model ready to be given one data set after the other.
class Subject {
 public:
  Subject(const std::string& path, const CaseOptions& options)
      : imported_(onnx::import_file(path)), options_(options), team_(make_team(1)) {
    opened_.module = imported_.module;
    opened_.values = imported_.parameters;
    RunOptions run;
    prepare_state(opened_, run, 0, state_, *team_);
    if (options.reference) return;
    driver::CompileOptions compile;
    compile.threads = 1;
    compile.use_cache = options.use_cache;
    executable_ = driver::compile(opened_.module, "predict", compile);
  }

  const onnx::Imported& imported() const { return imported_; }
  DType dtype(const std::string& variable) const { return opened_.module.variable(variable).type.dtype; }

  std::vector<Tensor> run(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (options_.reference) {
      std::map<std::string, Tensor> variables;
      for (size_t i = 0; i < inputs.size(); ++i) variables[imported_.inputs[i]] = inputs[i];
      for (const auto& entry : state_.entries()) variables[entry.name] = entry.value;
      const auto results = ir::evaluate(opened_.module, "predict", variables);
      for (const std::string& name : imported_.outputs) outputs.push_back(results.at(name));
      return outputs;
    }
    runtime::Run run(executable_, state_, *team_);
    for (size_t i = 0; i < inputs.size(); ++i) run.bind(imported_.inputs[i], inputs[i]);
    run.execute();
    for (const std::string& name : imported_.outputs) outputs.push_back(run.output(name).clone());
    return outputs;
  }

 private:
  onnx::Imported imported_;
  const CaseOptions& options_;
  std::unique_ptr<runtime::Team> team_;
  Opened opened_;
  runtime::State state_;
  std::shared_ptr<const runtime::Executable> executable_;
};

std::vector<Tensor> read_all(const fs::path& folder, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (int i = 0; fs::exists(folder / (prefix + std::to_string(i) + ".pb")); ++i)
    tensors.push_back(onnx::read_tensor_file((folder / (prefix + std::to_string(i) + ".pb")).string()));
  return tensors;
}

/// What differs in one data set; empty when nothing does.
std::string run_data_set(Subject& subject, const fs::path& folder, const CaseOptions& options) {
  std::vector<Tensor> inputs = read_all(folder, "input_"), expected = read_all(folder, "output_");
  const std::vector<std::string>& names = subject.imported().outputs;
  if (inputs.size() != subject.imported().inputs.size())
    return "it has " + std::to_string(inputs.size()) + " inputs, the model takes " + std::to_string(subject.imported().inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = as_stored(std::move(inputs[i]), subject.dtype(subject.imported().inputs[i]));
  const std::vector<Tensor> actual = subject.run(inputs);
  if (expected.size() > actual.size())
    return "it has " + std::to_string(expected.size()) + " outputs, the model " + std::to_string(actual.size());
  for (size_t i = 0; i < expected.size(); ++i)
    if (const std::string found = difference(actual[i], as_stored(std::move(expected[i]), actual[i].dtype()), options); !found.empty()) return "output " + names[i] + ": " + found;
  return {};
}

}  // namespace

std::vector<std::string> find_cases(const std::vector<std::string>& folders, const CaseOptions& options) {
  std::vector<std::string> cases;
  std::regex pattern;
  try {
    pattern = std::regex(options.filter);
  } catch (const std::regex_error&) {
    throw Error(ErrorCode::kUsage, "--filter " + quoted(options.filter) + " is no regular expression");
  }
  const auto add = [&](const fs::path& folder) {
    if (fs::exists(folder / "model.onnx") && std::regex_search(folder.string(), pattern)) cases.push_back(folder.string());
  };
  for (const std::string& folder : folders) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) throw Error(ErrorCode::kIo, folder + " is no folder");
    add(folder);
    for (auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
         at != fs::recursive_directory_iterator(); at.increment(error))
      if (!error && at->is_directory(error)) add(at->path());
  }
  std::sort(cases.begin(), cases.end());
  cases.erase(std::unique(cases.begin(), cases.end()), cases.end());
  return cases;
}

CaseResult run_case(const std::string& folder, const CaseOptions& options) {
  CaseResult result{folder, CaseStatus::kPassed, {}};
  try {
    Subject subject((fs::path(folder) / "model.onnx").string(), options);
    int sets = 0;
    for (; fs::is_directory(fs::path(folder) / ("test_data_set_" + std::to_string(sets))); ++sets) {
      const std::string found = run_data_set(subject, fs::path(folder) / ("test_data_set_" + std::to_string(sets)), options);
      if (!found.empty()) return {folder, CaseStatus::kFailed, "test_data_set_" + std::to_string(sets) + ": " + found};
    }
    if (sets == 0) result.status = CaseStatus::kSkipped, result.reason = "it has no data";
  } catch (const Error& error) {
    result.status = error.code() == ErrorCode::kUnsupported ? CaseStatus::kSkipped : CaseStatus::kFailed;
    result.reason = error.what();
  } catch (const std::exception& error) {
    result.status = CaseStatus::kFailed;
    result.reason = error.what();
  }
  return result;
}

std::vector<CaseResult> run_cases(const std::vector<std::string>& folders, const CaseOptions& options) {
  std::vector<CaseResult> results(folders.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < folders.size() && !InterruptGuard::flag(); i = next++) results[i] = run_case(folders[i], options);
  };
  std::vector<std::jthread> others;
  const int threads = options.threads > 0 ? options.threads : this_machine().cores;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  others.clear();
  if (InterruptGuard::flag()) throw Error(ErrorCode::kInterrupted, "interrupted");
  return results;
}

}  // namespace sinter::tools
