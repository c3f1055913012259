// sinter fmt: the canonical layout of a model text.
#include <iostream>

#include "io/atomic_write.h"
#include "io/mapping.h"
#include "tools/command_line.h"

namespace sinter::tools {

void add_fmt(CLI::App& app) {
  struct Options {
    std::vector<std::string> files;
    bool check = false, print = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("fmt", "Lay model texts out canonically, in place");
  verb->add_option("files", options->files, "Model texts")->required();
  verb->add_flag("--check", options->check, "Change nothing; exit with 1 and name the files whose layout is another");
  verb->add_flag("--print", options->print, "Change nothing; print the result");
  verb->callback([options] {
    std::string others;
    for (const std::string& file : options->files) {
      const std::string text = io::read_text(file), formatted = language::format(text, file);
      if (options->print) {
        std::cout << formatted;
      } else if (text != formatted && options->check) {
        others += (others.empty() ? "" : ", ") + file;
      } else if (text != formatted) {
        io::write_atomically(file, formatted);
        std::cerr << "formatted " << file << "\n";
      }
    }
    if (!others.empty()) throw Error(ErrorCode::kUsage, "not laid out canonically: " + others).hint("run sinter fmt on them");
  });
}

}  // namespace sinter::tools
