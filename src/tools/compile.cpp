// sinter compile: any level of the compilation as text, or an object file with its header.
#include <filesystem>
#include <iostream>

#include "backend/loop/text.h"
#include "driver/aot.h"
#include "io/atomic_write.h"
#include "ir/text.h"
#include "tools/command_line.h"
#include "tools/plan_text.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  std::string emit = "object", out, header, function, prefix, target;
  bool train = false, explain = false, time = false;
};

std::vector<std::string> chosen_functions(const Options& options, const ir::Module& module) {
  if (!options.function.empty()) return {module.function(options.function).name};
  std::vector<std::string> functions;
  for (const ir::Function& function : module.functions)
    if (options.train || (function.name != "step" && function.name != "evaluate")) functions.push_back(function.name);
  return functions;
}

driver::CompileOptions compile_options(const Options& options) {
  driver::CompileOptions compile;
  if (options.target.empty()) return compile;
  const auto level = parse_target_level(options.target);
  if (!level) throw Error(ErrorCode::kUsage, "unknown target " + options.target).hint("one of v2, v3, v4, v4-bf16");
  compile.level = *level;
  return compile;
}

std::string emit_text(const Options& options, const Opened& opened, const std::string& function) {
  if (options.emit == "graph") return ir::print(driver::only(opened.module, function));
  const driver::CompileOptions compile = compile_options(options);
  driver::CompileReport report;
  const driver::Lowered lowered = driver::lower(opened.module, function, compile, &report);
  std::string text;
  if (options.explain) text += passes::to_text(report.fusion);
  if (options.time) std::cerr << report.passes.to_string();
  if (options.emit == "fused") return text + ir::print(lowered.fused);
  if (options.emit == "plan")
    return text + (lowered.preparation ? plan_text(lowered.preparation->code.program) + "\n" : "") + plan_text(lowered.code.program);
  if (options.emit == "loops") {
    for (const loop::Kernel& kernel : lowered.kernels()) text += loop::print(kernel);
    return text;
  }
  return driver::code_text(lowered, compile.level, options.emit == "llvm" ? driver::CodeText::kLlvm : driver::CodeText::kAssembly);
}

void write_object(const Options& options, const Opened& opened) {
  if (options.out.empty()) throw Error(ErrorCode::kUsage, "an object needs a file to go to").hint("-o model.o --header model.h");
  if (!opened.module.find_function("predict") && options.function.empty() && opened.module.functions.empty())
    throw Error(ErrorCode::kUsage, options.model.file + " has no functions");
  const std::string header = options.header.empty() ? std::filesystem::path(options.out).replace_extension(".h").string() : options.header;
  check_apart({{"-o", options.out}, {"--header", header}}, {{"the model text", options.model.file}});
  const std::string prefix = options.prefix.empty() ? opened.module.name : options.prefix;
  const driver::ObjectFile file = driver::compile_object(opened.module, chosen_functions(options, opened.module), prefix, compile_options(options));
  io::write_atomically(options.out, file.object);
  io::write_atomically(header, file.header);
  std::cerr << "wrote " << options.out << " (" << format_bytes(static_cast<double>(file.object.size())) << ") and " << header << "\n";
}

void run(const Options& options) {
  const Opened opened = open_model(options.model);
  if (options.train && !opened.module.find_function("step"))
    throw Error(ErrorCode::kUsage, options.model.file + " has no train block, so there is no step to compile");
  if (options.emit == "object") {
    if (options.explain) {
      for (const std::string& function : chosen_functions(options, opened.module)) {
        driver::CompileReport report;
        driver::lower(opened.module, function, compile_options(options), &report);
        std::cout << passes::to_text(report.fusion);
      }
      if (options.out.empty()) return;
    }
    return write_object(options, opened);
  }
  // One function as text: the step when training, else the prediction.
  std::string function = options.function;
  if (function.empty()) function = options.train ? "step" : opened.module.find_function("predict") ? "predict" : opened.module.functions.at(0).name;
  const std::string text = emit_text(options, opened, opened.module.function(function).name);
  if (options.out.empty()) {
    std::cout << text;
  } else {
    check_apart({{"-o", options.out}}, {{"the model text", options.model.file}});
    io::write_atomically(options.out, text);
  }
}

}  // namespace

void add_compile(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("compile", "Compile a model to an object file and a C header, or show any level of its compilation");
  add_model_options(*verb, options->model);
  add_train_options(*verb, options->model);
  verb->add_option("--emit", options->emit, "graph, fused, plan, loops, llvm, asm: text of one function; object: a file to link")
      ->check(CLI::IsMember({"graph", "fused", "plan", "loops", "llvm", "asm", "object"}))
      ->capture_default_str();
  verb->add_option("-o,--out", options->out, "Where to write; text goes to the terminal unless given");
  verb->add_option("--header", options->header, "Where to write the C header; beside the object unless given");
  verb->add_option("--prefix", options->prefix, "What all names in the object begin with; the model's name unless given");
  verb->add_option("--function", options->function, "One function: init, predict, evaluate or step");
  verb->add_option("--target", options->target, "The instruction set to compile for: v2, v3, v4, v4-bf16; the best of this machine unless given");
  verb->add_flag("--train", options->train, "The training step too, not the prediction alone");
  verb->add_flag("--explain", options->explain, "Tell why operations were fused, or not");
  verb->add_flag("--time", options->time, "Tell on stderr how long each pass took");
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
