// sinter inspect: what a model is, before anything runs: inputs, outputs, parameters, arithmetic, planned memory.
#include <algorithm>
#include <iostream>
#include <set>

#include "runtime/layout.h"
#include "tools/command_line.h"
#include "tools/plan_text.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  std::vector<std::string> dims;
  bool train = false, tasks = false;
};

std::string list_of(const ir::Module& module, Role role, const std::string& title, int64_t& elements, double& bytes) {
  std::vector<std::vector<std::string>> rows{{title, "type", "elements"}};
  for (const ir::Variable& variable : module.variables) {
    if (variable.role != role) continue;
    const auto count = variable.type.shape.element_count();
    if (count.is_constant()) {
      elements += count.constant();
      bytes += static_cast<double>(byte_count(variable.type).constant());
    }
    rows.push_back({variable.name, variable.type.to_string(), count.is_constant() ? format_count(count.constant()) : count.to_string()});
  }
  return rows.size() > 1 ? table(rows, {2}) + "\n" : "";
}

/// A row for each layer, by the names in the model: what it gives, and the parameters below its name.
std::string layer_table(const ir::Module& module) {
  const ir::Function* function = module.find_function("predict");
  if (function == nullptr) return "";
  struct Layer {
    std::string name, type;
    int64_t parameters = 0;
  };
  std::vector<Layer> layers;
  const auto layer = [&](const std::string& name) -> Layer& {
    const auto found = std::find_if(layers.begin(), layers.end(), [&](const Layer& l) { return l.name == name; });
    return found != layers.end() ? *found : layers.emplace_back(Layer{name, "", 0});
  };
  for (const ir::Node& node : function->graph.nodes())
    if (!node.name.empty() && !node.results.empty()) layer(node.name).type = function->graph.type(node.results[0]).to_string();
  for (const std::string& argument : function->arguments) {
    const ir::Variable& variable = module.variable(argument);
    const auto count = variable.type.shape.element_count();
    if (variable.role == Role::kParameter && count.is_constant()) layer(argument.substr(0, argument.rfind('.'))).parameters += count.constant();
  }
  std::vector<std::vector<std::string>> rows{{"layer", "output", "parameters"}};
  for (const Layer& l : layers) rows.push_back({l.name, l.type, l.parameters > 0 ? format_count(l.parameters) : ""});
  return rows.size() > 1 ? table(rows, {2}) + "\n" : "";
}

/// How several threads share the work: a line for each task.
struct TaskList {
  std::vector<std::vector<std::string>> rows{{"task", "kernels", "shared", "at least", "what"}};
  int64_t tasks = 0, together = 0;  // kernels that run in one task with others
};

TaskList list_tasks(const runtime::Program& program, const runtime::Layout& layout) {
  TaskList list;
  const std::vector<std::vector<int32_t>> dependencies = layout.dependencies();
  for (const runtime::Segment& segment : program.segments)
    for (const runtime::Task& task : runtime::plan_tasks(segment, layout.estimates(), dependencies)) {
      const int32_t last = task.first + task.count - 1;
      std::string what;
      for (int32_t k = task.first; k <= last; ++k) what += (what.empty() ? "" : "; ") + program.kernels[static_cast<size_t>(k)].name;
      const int64_t tiles = layout.calls()[static_cast<size_t>(task.first)].tiles;
      list.rows.push_back({std::to_string(list.tasks++), std::to_string(task.first) + (last == task.first ? "" : " to " + std::to_string(last)),
                           task.shared ? std::to_string(tiles) + " tiles" : "no", format_number(task.seconds * 1e6, 3) + " us", what});
      if (task.count > 1) list.together += task.count;
    }
  return list;
}

void run(const Options& options) {
  const Opened opened = open_model(options.model);
  std::string function = options.train ? "step" : opened.module.find_function("predict") ? "predict" : opened.module.functions.at(0).name;
  const ir::Module part = driver::only(opened.module, function);
  // Printed at the end: a value that is out of range shows only when sizes are computed.
  std::string text = "model " + opened.module.name + ", function " + function + "\n\n";
  int64_t parameters = 0, states = 0, other = 0;
  double parameter_bytes = 0, state_bytes = 0, other_bytes = 0;
  text += layer_table(opened.module);
  text += list_of(part, Role::kInput, "input", other, other_bytes);
  text += list_of(part, Role::kOutput, "output", other, other_bytes);
  text += list_of(part, Role::kParameter, "parameter", parameters, parameter_bytes);
  text += list_of(part, Role::kState, "state", states, state_bytes);
  const driver::Lowered lowered = driver::lower(opened.module, function);
  const runtime::Program& program = lowered.code.program;
  SymbolValues symbols = parse_dims(options.dims, opened.module, function);
  std::string at;
  for (const std::string& symbol : program.symbols) {
    symbols.try_emplace(symbol, opened.train && opened.train->batch_symbol == symbol ? opened.train->batch : 1);
    at += (at.empty() ? " at " : ", ") + symbol + " = " + std::to_string(symbols[symbol]);
  }
  Dim flops = 0;
  int64_t scratch = 0;
  for (const runtime::ProgramKernel& kernel : program.kernels) flops = flops + kernel.flops * kernel.rounds, scratch = std::max(scratch, kernel.scratch_bytes);
  // Sizes need a program only; its kernels are never called.
  constexpr SinterKernel kNothing = [](const SinterArgs*, int64_t, int64_t) -> int32_t { return SINTER_OK; };
  const auto shell = [&](const runtime::Program& of, std::shared_ptr<const runtime::Executable> preparation) {
    return std::make_shared<runtime::Executable>(of, std::vector<SinterKernel>(of.kernels.size(), kNothing), nullptr, std::move(preparation));
  };
  const auto preparation = lowered.preparation ? shell(lowered.preparation->code.program, nullptr) : nullptr;
  const auto executable = shell(program, preparation);
  const runtime::Layout layout(*executable, symbols);
  const TaskList tasks = list_tasks(program, layout);
  double prepared = 0, constants = 0;
  for (const ir::Variable& variable : lowered.fused.variables) {
    if (variable.role == Role::kPrepared) prepared += static_cast<double>(byte_count(variable.type).constant());
    if (variable.role == Role::kConstant) constants += static_cast<double>(byte_count(variable.type).constant());
  }
  text += table({
      {"parameters", format_count(parameters) + " (" + format_bytes(parameter_bytes) + ")"},
      {"state", format_count(states) + " (" + format_bytes(state_bytes) + ")"},
      {"constants", format_bytes(constants)},
      {"prepared", format_bytes(prepared) + (preparation ? " computed ahead by " + std::to_string(preparation->program().kernels.size()) + " kernels" : "")},
      {"kernels", std::to_string(program.kernels.size()) + " in " + std::to_string(tasks.tasks) + " tasks for several threads" +
                      (tasks.together > 0 ? ", " + std::to_string(tasks.together) + " of them cheap and run together by one" : "")},
      {"arithmetic", flops.to_string() + " operations" + (at.empty() ? "" : ", " + format_count(flops.evaluate(symbols)) + at)},
      {"temporaries", format_bytes(static_cast<double>(layout.arena_bytes())) + at + ", scratch " + format_bytes(static_cast<double>(scratch)) + " per thread"},
  });
  if (options.tasks) text += "\n" + table(tasks.rows, {0, 3});
  std::cout << text;
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("inspect", "Show inputs, outputs, parameters, arithmetic and planned memory of a model");
  add_model_options(*verb, options->model);
  add_train_options(*verb, options->model);
  verb->add_option("--dim", options->dims, "A symbol's value; the train block's batch, else 1, unless given")->type_name("SYMBOL=VALUE");
  verb->add_flag("--train", options->train, "The training step, not the prediction");
  verb->add_flag("--tasks", options->tasks, "Also which kernels several threads share, and which one of them runs together");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
