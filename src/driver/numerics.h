// Which operation of a step gave the first number that is none. Used by `sinter train --check-numerics` after a step went wrong.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/tensor.h"
#include "ir/module.h"
#include "runtime/executable.h"

namespace sinter::driver {

/// Runs the function by the reference evaluator on the state and the inputs, keeping every value, and tells in words of the first that is NaN (else
/// infinite): an input, a variable, or an operation by its name in the model. Says so when all are finite. Slow.
std::string first_not_finite(const ir::Module& module, std::string_view function, const runtime::State& state, const std::map<std::string, Tensor>& inputs);

}  // namespace sinter::driver
