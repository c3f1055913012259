// sinter check: parse, type-check, optimise and plan, without generating code.
#include <iostream>

#include "io/mapping.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

/// All models of a text; one without a name stands for a graph text's, and for the error about a text that has none.
std::vector<std::string> models_of(const std::string& file) {
  std::vector<std::string> names;
  if (!is_graph_text(file)) names = language::model_names(io::read_text(file), file);
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

}  // namespace

void add_check(CLI::App& app) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto model = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("check", "Parse, type-check and plan models, without running anything");
  verb->add_option("files", *files, "Model texts (.sinter) or graph texts (.sir)")->required();
  verb->add_option("--model", *model, "This model of the files; all of them unless given");
  verb->callback([files, model] {
    for (const std::string& file : *files)
      for (const std::string& name : model->empty() ? models_of(file) : std::vector{*model}) check(file, name);
  });
}

}  // namespace sinter::tools
