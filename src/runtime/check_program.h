// The rules that every program keeps, whoever made it. Used by `decode`, which trusts no bytes, and by Executable, which trusts no compiler.
// Says nothing about memory reuse or missing dependencies: that is the plan checker's work.
//
//   P1  symbols are distinct; every dim is over them
//   P2  ports have distinct names and are no constants
//   P3  a buffer of a variable has its port's type, one of a constant the constant's size; one of rows is what rows of an earlier
//       buffer are, as many as its loop has steps
//   P4  a buffer of the arena lives in a range of kernels, and only these use it
//   P5  a buffer takes over an earlier buffer of the arena that ends by its first kernel; no two take over the same
//   P6  kernels use existing buffers, come after earlier kernels of their segment, and write neither constants nor ports that are not written
//   P7  segments follow each other and cover the kernels
//   P8  sizes: at most 2^24 kernels, 2^40 bytes of scratch
//   P9  steps are choices and loops that nest; they run every segment, in order; rows are used in the loop that they are of
//   P10 a buffer of the arena that lives when a loop begins and is used in it lives to its end, and nobody in the loop takes it over
#pragma once

#include <optional>
#include <string>

#include "runtime/program.h"

namespace sinter::runtime {

/// The first rule that `program` breaks and where ("P4: buffer 3 ..."), or nothing.
std::optional<std::string> check_program(const Program& program);

}  // namespace sinter::runtime
