// A function of a module run by the reference evaluator, for `--reference`: the same interface as native code, slow, and independent of it.
#pragma once

#include <memory>
#include <string_view>

#include "ir/module.h"
#include "runtime/function.h"

namespace sinter::driver {

/// `state` must outlive it. Raises Error kName when the module has no such function.
std::unique_ptr<runtime::Function> reference_function(const ir::Module& module, std::string_view function, runtime::State& state);

}  // namespace sinter::driver
