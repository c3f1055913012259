// The generated plain-C header of an object: inline functions that bind a caller's memory to the programs in it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/module.h"
#include "runtime/program.h"

namespace sinter::driver {

struct ObjectFunction {
  runtime::Program program;
  std::optional<runtime::Program> preparation;  // of the prepared values that it reads
};

std::string object_header(const ir::Module& module, const std::vector<ObjectFunction>& functions, const std::string& prefix);

}  // namespace sinter::driver
