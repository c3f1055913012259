// The generated plain-C header of an object: inline functions that bind a caller's memory to the programs in it.
#pragma once

#include <string>
#include <vector>

#include "ir/module.h"
#include "runtime/program.h"

namespace sinter::driver {

std::string object_header(const ir::Module& module, const std::vector<runtime::Program>& programs, const std::string& prefix);

}  // namespace sinter::driver
