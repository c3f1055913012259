// sinter run: one function on given tensors.
#include <filesystem>
#include <iostream>

#include "base/random.h"
#include "base/text.h"
#include "frontend/onnx/onnx.h"
#include "io/npy.h"
#include "ir/evaluate.h"
#include "passes/grad.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::vector<std::string> inputs, dims;
  std::string out, function;
  std::optional<uint32_t> seed;  // not one of the model's options: a model without a train block has initial values, too
};

/// The first elements, as people read them.
std::string preview(const Tensor& tensor) {
  constexpr int64_t kShown = 8;
  std::string text;
  for (int64_t i = 0; i < std::min(tensor.size(), kShown); ++i)
    text += (i ? ", " : "") + (is_float(tensor.dtype()) ? to_text(static_cast<float>(tensor.get(i))) : std::to_string(tensor.get_integer(i)));
  return "[" + text + (tensor.size() > kShown ? ", ...]" : "]");
}

std::string output_path(const std::string& folder, const std::string& name) { return folder + "/" + name + ".npy"; }

void write_outputs(const std::map<std::string, Tensor>& outputs, const std::string& folder) {
  if (folder.empty()) {
    for (const auto& [name, tensor] : outputs) std::cout << name << ": " << tensor.type_string() << " = " << preview(tensor) << "\n";
    return;
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(ErrorCode::kIo, "cannot make the folder " + folder + ": " + error.message());
  for (const auto& [name, tensor] : outputs) io::write_npy(output_path(folder, name), tensor);
  std::cerr << "wrote " << outputs.size() << (outputs.size() == 1 ? " output to " : " outputs to ") << folder << "\n";
}

/// A .npy file, or a tensor as ONNX stores it.
Tensor read_tensor(const std::string& path) { return std::filesystem::path(path).extension() == ".pb" ? onnx::read_tensor_file(path) : io::read_npy(path); }

/// Every input has a value, and every value is an input's.
void check_inputs(const ir::Module& module, const std::string& function, const std::map<std::string, Tensor>& given) {
  std::string names;
  std::vector<std::string> inputs;
  for (const std::string& name : module.function(function).arguments) {
    if (module.variable(name).role != Role::kInput) continue;
    inputs.push_back(name);
    names += (names.empty() ? "" : ", ") + name;
  }
  for (const auto& [name, tensor] : given)
    if (std::find(inputs.begin(), inputs.end(), name) == inputs.end())
      throw Error(ErrorCode::kUsage, function + " has no input " + quoted(name)).hint(names.empty() ? "it has none" : "its inputs: " + names);
  for (const std::string& name : inputs)
    if (!given.count(name))
      throw Error(ErrorCode::kUsage, "input " + quoted(name) + " has no value").hint("--input " + name + "=FILE.npy, of type " + module.variable(name).type.to_string());
}

/// No output replaces a file that is read.
void check_outputs(const Options& options, const ir::Module& module, const std::string& function) {
  if (options.out.empty()) return;
  std::vector<NamedFile> outputs, read = files_read(options.model, options.run);
  for (const std::string& name : module.function(function).results)
    if (module.variable(name).role == Role::kOutput) outputs.push_back({"the output " + name, output_path(options.out, name)});
  for (const auto& [name, path] : parse_pairs(options.inputs, "--input")) read.push_back({"--input " + name, path});
  check_apart(outputs, read);
}

void run(const Options& options) {
  const Opened opened = open_model(options.model);
  std::string function = options.function;
  if (function.empty()) function = opened.module.find_function("predict") ? "predict" : opened.module.functions.at(0).name;
  std::map<std::string, Tensor> inputs;
  for (const auto& [name, path] : parse_pairs(options.inputs, "--input")) {
    const auto known = opened.variables.find(name);
    inputs[known == opened.variables.end() ? name : known->second] = read_tensor(path);
  }
  check_inputs(opened.module, function, inputs);
  check_outputs(options, opened.module, function);
  const auto team = make_team(options.run.threads);
  runtime::State state;
  prepare_state(opened, options.run, options.seed.value_or(opened.train ? opened.train->seed : 0), state, *team);
  const SymbolValues symbols = parse_dims(options.dims, opened.module, function);
  std::map<std::string, Tensor> outputs;
  if (options.run.reference) {
    std::map<std::string, Tensor> variables = inputs;
    for (const auto& entry : state.entries()) variables[entry.name] = entry.value;
    for (auto& [name, tensor] : ir::evaluate(passes::grad(driver::only(opened.module, function)), function, variables, symbols))
      if (opened.module.variable(name).role == Role::kOutput) outputs[name] = tensor;
  } else {
    const auto executable = driver::compile(opened.module, function, compile_options(options.run));
    runtime::Run run(executable, state, *team);
    for (const auto& [name, tensor] : inputs) run.bind(name, tensor);
    for (const auto& [symbol, value] : symbols) run.set_dim(symbol, value);
    run.execute();
    for (const runtime::Port& port : executable->program().ports)
      if (port.role == Role::kOutput) outputs[port.name] = run.output(port.name);
  }
  write_outputs(outputs, options.out);
}

}  // namespace

void add_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("run", "Run a model on given tensors and show or save what comes out");
  add_model_options(*verb, options->model);
  add_run_options(*verb, options->run);
  verb->add_option("--seed", options->seed, "Seed of initial values, where no weights are given")->check(whole_number(0, UINT32_MAX));
  verb->add_option("--input", options->inputs, "An input's value, from a .npy file or a tensor of ONNX (.pb)")->type_name("NAME=FILE");
  verb->add_option("--dim", options->dims, "The value of a symbol that no input determines")->type_name("SYMBOL=VALUE");
  verb->add_option("--function", options->function, "One function: predict unless given");
  verb->add_option("-o,--out", options->out, "A folder for the outputs, one .npy file each; a preview is printed unless given");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
