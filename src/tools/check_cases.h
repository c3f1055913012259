// Folders in the layout of ONNX's conformance tests: a model, and inputs with the outputs they should give. Used by `sinter check` and by
// tests.
#pragma once

#include <string>
#include <vector>

namespace sinter::tools {

struct CaseOptions {
  double relative = 1e-3, absolute = 1e-7;  // |actual - expected| <= absolute + relative * |expected|
  bool reference = false;                   // the evaluator computes instead of native code
  bool use_cache = true;
  int threads = 0;                          // cases at a time; all cores unless given
  std::string filter;                       // a regular expression that the folder's path has to match somewhere
};

enum class CaseStatus { kPassed, kFailed, kSkipped };

struct CaseResult {
  std::string folder;
  CaseStatus status = CaseStatus::kPassed;
  std::string reason;  // why it failed, or what is not supported; may have several lines
};

/// The folders with a model below (or at) the given paths, sorted. Raises Error kIo for a path that is no folder.
std::vector<std::string> find_cases(const std::vector<std::string>& folders, const CaseOptions& options);

/// One case: skipped when the model uses what is not supported, failed for every other reason but a match of all outputs of all its data
/// sets.
CaseResult run_case(const std::string& folder, const CaseOptions& options);

/// All of them in parallel; results in their order.
std::vector<CaseResult> run_cases(const std::vector<std::string>& folders, const CaseOptions& options);

}  // namespace sinter::tools
