// The benchmark suite: what each family registers with Google Benchmark. Used by suite.cpp.
#pragma once

#include "runtime/team.h"

namespace sinter::bench {

/// Kernels by family, and training steps. `tiny`: only the smallest of each, to see that the suite works.
void register_kernels(runtime::Team& team, bool tiny);
/// Passes, lowering, code generation and linking of a training step, and a compilation from the cache.
void register_compile_time(bool tiny);

}  // namespace sinter::bench
