// Short words for tests of the model language.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "frontend/language/language.h"

namespace sinter::language {

std::string read_file(const std::string& path);
/// The text of examples/NAME.sinter.
std::string example(const std::string& name);
inline const std::vector<std::string> kExamples = {"neuron", "two_three_one", "classifier", "digits"};

/// compile_text with the version line put in front.
Compiled compile(std::string_view body, const Options& options = {});
/// The message of the Error that compiling raises; "no error" when it raises none.
std::string error_of(std::string_view text);

/// Runs a function of a module on the reference evaluator and takes what it writes into `variables`.
void run(const ir::Module& module, std::string_view function, std::map<std::string, Tensor>& variables);
/// The module with its gradients expanded, its variables initialised with `seed`.
struct Machine {
  ir::Module module;
  std::map<std::string, Tensor> variables;
  explicit Machine(const Compiled& compiled, uint32_t seed = 1);
  float number(const std::string& variable) const { return static_cast<float>(variables.at(variable).get(0)); }
};

}  // namespace sinter::language
