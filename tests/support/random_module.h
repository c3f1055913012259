// Random modules: seeded, driven by the records' own samples and type rules, so that every op that has samples appears. The tests of texts, passes and
// the backend run them against the evaluator; a module that fails is reduced before it is shown.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir/module.h"
#include "ir/op_def.h"

namespace sinter::test {

/// A module with one function `main`, and what it was made with.
struct RandomModule {
  uint32_t seed = 0;
  ir::Module module;
  SymbolValues symbols;                            // each is a dim of some argument
  std::map<std::string, ir::SampleOperand> fills;  // of each argument but the constants: its type and what may fill it
  std::map<std::string, Tensor> arguments;         // values at these sizes

  /// Seed, sizes and text.
  std::string describe() const;
};

struct RandomModuleOptions {
  int nodes = 20;                                 // at least so many calls are tried
  std::function<bool(const ir::OpDef&)> allowed;  // absent: every op that has samples
  std::vector<int64_t> sizes = {0, 1, 2, 3, 3, 4, 4, 5, 7, 8, 9, 16, 17};  // of symbols; one is drawn per symbol
};

RandomModule random_module(uint32_t seed, const RandomModuleOptions& options = {});

/// Arguments at other sizes. Raises Error kCheck when a fill has no value there (an index below 0 entries); what data decides, such as
/// NaN from a logarithm, may differ from the module's own arguments.
std::map<std::string, Tensor> make_arguments(const RandomModule& random, const SymbolValues& symbols, uint32_t seed);

/// A smaller module for which `fails` still holds, by leaving out outputs and nodes as long as it does. `fails` holds for `random`.
RandomModule reduce(const RandomModule& random, const std::function<bool(const RandomModule&)>& fails);

/// How often each op appeared, in regions too.
class OpCoverage {
 public:
  void add(const ir::Module& module);
  void add(const ir::Graph& graph);
  /// Ops of the registry that have samples, are allowed, and never appeared.
  std::vector<std::string> missing(const std::function<bool(const ir::OpDef&)>& allowed = {}) const;
  std::string report() const;  // "add 31, argmax 4, ..."

 private:
  std::map<std::string, int> counts_;
};

}  // namespace sinter::test
