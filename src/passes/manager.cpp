#include "passes/manager.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "ir/structural_hash.h"
#include "ir/text.h"

namespace sinter::passes {
namespace {

/// The same failure with the module in its text: what is needed to reproduce it.
[[noreturn]] void fail_with_module(const std::string& what, const InternalError& error, const ir::Module& module) {
  throw InternalError(what + ": " + error.what() + "\n" + ir::print(module), __FILE__, __LINE__);
}

void check_stop_after(std::span<const Pass> passes, const std::string& stop_after) {
  if (stop_after.empty()) return;
  std::vector<std::string> names;
  for (const Pass& pass : passes) names.push_back(pass.name);
  if (std::find(names.begin(), names.end(), stop_after) != names.end()) return;
  const std::string guess = closest(stop_after, names);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  throw Error(ErrorCode::kName, "there is no pass '" + stop_after + "' to stop after")
      .hint(guess.empty() ? "the passes are " + all : "did you mean '" + guess + "'?");
}

ir::Module run_one(const ir::Module& before, const Pass& pass, bool verify, double& milliseconds) {
  const WorkingOn scope("pass " + pass.name);
  const auto begin = std::chrono::steady_clock::now();
  ir::Module after;
  try {
    after = pass.run(before);
  } catch (const InternalError& error) {
    fail_with_module("pass " + pass.name + " failed on this module", error, before);
  }
  milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  if (verify) {
    try {
      ir::verify(after);
    } catch (const InternalError& error) {
      fail_with_module("pass " + pass.name + " made a module that does not verify", error, after);
    }
  }
  return after;
}

}  // namespace

int64_t count_nodes(const ir::Graph& graph) {
  int64_t count = static_cast<int64_t>(graph.nodes().size());
  for (const ir::Node& node : graph.nodes()) {
    for (const ir::Graph& region : node.regions) count += count_nodes(region);
  }
  return count;
}

int64_t count_nodes(const ir::Module& module) {
  int64_t count = 0;
  for (const ir::Function& function : module.functions) count += count_nodes(function.graph);
  return count;
}

std::string PassReport::to_string() const {
  std::string text;
  for (const PassRecord& record : passes) {
    char line[128];
    std::snprintf(line, sizeof line, "%-16s %-9s %6lld nodes %9.3f ms  ", record.name.c_str(),
                  record.changed ? "changed" : "unchanged", static_cast<long long>(record.nodes), record.milliseconds);
    text += line + record.reason + "\n";
  }
  return text;
}

ir::Module run_passes(ir::Module module, std::span<const Pass> passes, const RunOptions& options, PassReport* report) {
  check_stop_after(passes, options.stop_after);
  if (options.first >= 0 && options.first < static_cast<int64_t>(passes.size())) {
    passes = passes.subspan(0, static_cast<size_t>(options.first));
  }
  Hash128 hash = ir::structural_hash(module, true);
  for (const Pass& pass : passes) {
    PassRecord record{.name = pass.name, .reason = pass.reason};
    module = run_one(module, pass, options.verify, record.milliseconds);
    const Hash128 after = ir::structural_hash(module, true);
    record.changed = after != hash;
    hash = after;
    record.nodes = count_nodes(module);
    if (options.on_pass) options.on_pass(record, module);
    if (report) report->passes.push_back(record);
    if (pass.name == options.stop_after) break;
  }
  return module;
}

}  // namespace sinter::passes
