// sinter check: parse, type-check, optimise and plan, without generating code.
#include <iostream>

#include "tools/command_line.h"

namespace sinter::tools {

void add_check(CLI::App& app) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto model = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("check", "Parse, type-check and plan models, without running anything");
  verb->add_option("files", *files, "Model texts (.sinter) or graph texts (.sir)")->required();
  verb->add_option("--model", *model, "Which model of the files, where they have several");
  verb->callback([files, model] {
    for (const std::string& file : *files) {
      ModelOptions options;
      options.file = file;
      options.model = *model;
      const Opened opened = open_model(options);
      std::string functions;
      for (const ir::Function& function : opened.module.functions) {
        const driver::Lowered lowered = driver::lower(opened.module, function.name);
        functions += (functions.empty() ? "" : ", ") + function.name + " (" + std::to_string(lowered.code.program.kernels.size()) + " kernels)";
      }
      std::cout << file << ": " << opened.module.name << " is sound: " << functions << "\n";
    }
  });
}

}  // namespace sinter::tools
