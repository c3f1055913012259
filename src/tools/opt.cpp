// sinter opt: the passes on a graph text, one by one, as text.
#include <iostream>

#include "driver/pipeline.h"
#include "io/mapping.h"
#include "ir/text.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  std::string dump, stop_after, passes;
  int64_t bisect = -1;
  bool list = false, time = false;
};

std::vector<passes::Pass> chosen_passes(const std::string& names) {
  std::vector<passes::Pass> all = driver::pipeline({}, target_of(default_target_level()));
  if (names.empty()) return all;
  std::vector<passes::Pass> chosen;
  for (size_t at = 0; at <= names.size();) {
    const size_t comma = std::min(names.find(',', at), names.size());
    const std::string name = names.substr(at, comma - at);
    const auto found = std::find_if(all.begin(), all.end(), [&](const passes::Pass& pass) { return pass.name == name; });
    if (found == all.end()) throw Error(ErrorCode::kName, "no pass is called \"" + name + "\"").hint("sinter opt --list shows them");
    chosen.push_back(*found);
    at = comma + 1;
  }
  return chosen;
}

void run(const Options& options) {
  const std::vector<passes::Pass> list = chosen_passes(options.passes);
  if (options.list) {
    std::vector<std::vector<std::string>> rows;
    for (const passes::Pass& pass : list) rows.push_back({pass.name, pass.reason});
    std::cout << table(rows);
    return;
  }
  if (options.model.file.empty()) throw Error(ErrorCode::kUsage, "opt wants a file").hint("sinter opt model.sir");
  passes::RunOptions run;
  run.first = options.bisect;
  run.stop_after = options.stop_after;
  if (!options.dump.empty())
    run.on_pass = [&options](const passes::PassRecord& record, const ir::Module& after) {
      if (options.dump == "all" || record.changed) std::cout << "# after " << record.name << (record.changed ? "" : " (unchanged)") << "\n" << ir::print(after) << "\n";
    };
  passes::PassReport report;
  const ir::Module result = passes::run_passes(open_model(options.model).module, list, run, &report);
  if (options.dump.empty()) std::cout << ir::print(result);
  if (options.time) std::cerr << report.to_string();
}

}  // namespace

void add_opt(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("opt", "Run the passes of the compiler on a graph text and print the result");
  verb->add_option("file", options->model.file, "A graph text (.sir), or a model text");
  verb->add_option("--model", options->model.model, "Which model of the file, when it has several");
  verb->add_option("--passes", options->passes, "Run these instead of the whole pipeline: a,b,c");
  verb->add_option("--dump", options->dump, "Print the module after each pass: all, or only when changed")->check(CLI::IsMember({"changed", "all"}));
  verb->add_option("--stop-after", options->stop_after, "Stop after the first pass of this name");
  verb->add_option("--bisect", options->bisect, "Run only the first N passes")->check(whole_number(0));
  verb->add_flag("--list", options->list, "List the passes and why each stands where it does");
  verb->add_flag("--time", options->time, "Tell on stderr what each pass did and how long it took");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
