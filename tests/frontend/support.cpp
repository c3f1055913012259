#include "frontend/support.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "ir/evaluate.h"
#include "passes/grad.h"

namespace sinter::language {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string example(const std::string& name) { return read_file(std::string(SINTER_SOURCE_DIR) + "/examples/" + name + ".sinter"); }

Compiled compile(std::string_view body, const Options& options) {
  Compiled compiled = compile_text("sinter 1\n" + std::string(body), "test.sinter", options);
  ir::verify(compiled.module);
  return compiled;
}

std::string error_of(std::string_view text) {
  try {
    compile_text(text, "test.sinter");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void run(const ir::Module& module, std::string_view function, std::map<std::string, Tensor>& variables) {
  for (auto& [name, value] : ir::evaluate(module, function, variables)) variables.insert_or_assign(name, value);
}

Machine::Machine(const Compiled& compiled, uint32_t seed) : module(passes::grad(compiled.module)) {
  variables.emplace("seed", Tensor::scalar(seed));
  run(module, "init", variables);
}

}  // namespace sinter::language
