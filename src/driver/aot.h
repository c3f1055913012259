// Ahead of time: functions of a module as one object and a plain-C header. The object needs the C library alone (of libm, fmod for a
// remainder of floats, and fma on v2); nothing of Sinter, no C++ library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "driver/compile.h"

namespace sinter::driver {

struct ObjectFile {
  std::string object;  // the bytes of an ELF object
  std::string header;  // C99, and C++
};

/// All names in the object begin with `prefix`, a C identifier. Raises Error kUsage when it is none.
ObjectFile compile_object(const ir::Module& module, const std::vector<std::string>& functions, std::string_view prefix, const CompileOptions& options = {});

}  // namespace sinter::driver
