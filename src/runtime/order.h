// Dependencies of kernels from their accesses. Used by the backend when it has cut a program into kernels, and by tests.
#pragma once

#include "runtime/program.h"

namespace sinter::runtime {

/// Sets `after` of every kernel: within its segment it comes after the kernels that wrote what it reads or writes, and after those that read what it
/// writes. Buffers joined by `shares`, and all buffers of one port, are one piece of data. What follows from other dependencies is left out.
void order_kernels(Program& program);

}  // namespace sinter::runtime
