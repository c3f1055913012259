// A function of a module in native code, held to what it should compute. What the tests of this folder share; it knows nothing of what they test.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "driver/compile.h"
#include "support/tolerances.h"

namespace sinter::driver {

using Tensors = std::map<std::string, Tensor>;

/// Options for `level`, the best of this machine unless given, that neither read nor fill the cache.
CompileOptions at_level(TargetLevel level = default_target_level());

/// Values for every argument of `function`: the variable's own where it has one, else normal ones, integers from 0 to 255 (-128 to 127 where signed), flags.
Tensors drawn_arguments(const ir::Module& module, const std::string& function, const SymbolValues& symbols, uint32_t seed);

/// `calls` executions on a state of its own. `arguments` names inputs, parameters and states (absent ones are zero); `symbols` may name more than the program
/// knows. Gives every port that the program writes.
Tensors run_natively(const std::shared_ptr<const runtime::Executable>& executable, const Tensors& arguments, const SymbolValues& symbols, runtime::Team& team,
                     int calls = 1);

/// Runs it with one, two and three threads: results close to `expected`, which names some or all of them, and with the same bits each time.
void expect_natively(const std::shared_ptr<const runtime::Executable>& executable, const Tensors& arguments, const SymbolValues& symbols, const Tensors& expected,
                     const test::Tolerance& tolerance, const std::string& what = {});

}  // namespace sinter::driver
