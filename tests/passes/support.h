// What the tests of passes share: passes by name, inputs for a function, and the comparison of what two modules
// compute.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "ir/module.h"
#include "passes/pass.h"

namespace sinter::passes::test {

/// The passes of this folder. Raises Error kName.
Pass pass_by_name(const std::string& name);
std::vector<Pass> passes_by_name(const std::vector<std::string>& names);
ir::Module run(const ir::Module& module, const std::vector<std::string>& names);

/// How many nodes of this op the module has, regions included.
int64_t count_op(const ir::Module& module, const std::string& op);

/// A size for each symbol of the module: 3, 2, 5, 4, ... in alphabetical order, but where `fixed` has one.
SymbolValues sizes_of(const ir::Module& module, const SymbolValues& fixed = {});

/// [lower, upper) for integers of a variable.
using Ranges = std::map<std::string, std::pair<int64_t, int64_t>>;
using Tensors = std::map<std::string, Tensor>;
/// Floats are standard normal, integers drawn from their range (0, 1, 2 by default).
Tensors random_inputs(const ir::Module& module, const ir::Function& function, const SymbolValues& sizes, uint32_t seed,
                      const Ranges& ranges = {});

/// f64 within 1e-9 of the largest element or 1e-12, f32 within 1e-5 of it or 1e-6; other dtypes exactly.
void expect_equal(const Tensor& expected, const Tensor& actual, const std::string& what);
/// Every function of `before` computes the same in `after`, for `seeds` random inputs each.
void expect_same_results(const ir::Module& before, const ir::Module& after, const SymbolValues& sizes = {},
                         const Ranges& ranges = {}, int seeds = 2);

/// For each result `d.X` of a function: it is the derivative of result `loss` by argument X, by differences. All in
/// f64.
void expect_gradients(const ir::Module& module, const ir::Function& function, const Tensors& inputs,
                      const SymbolValues& sizes);
/// The same for all functions, on random inputs.
void expect_gradients(const ir::Module& module, const SymbolValues& sizes = {}, const Ranges& ranges = {});

}  // namespace sinter::passes::test
