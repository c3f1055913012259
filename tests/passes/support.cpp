#include "support.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/random.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "passes/assign_layout.h"
#include "passes/bind_results.h"
#include "passes/canonical_contracts.h"
#include "passes/canonical_convolutions.h"
#include "passes/cleanup.h"
#include "passes/cse.h"
#include "passes/dce.h"
#include "passes/expand.h"
#include "passes/fold_constants.h"
#include "passes/fuse.h"
#include "passes/grad.h"
#include "passes/group_contracts.h"
#include "passes/hoist_constants.h"
#include "passes/lift_invariants.h"
#include "passes/manager.h"
#include "passes/pack_filters.h"
#include "passes/prepare_values.h"
#include "passes/recognise.h"
#include "passes/simplify.h"
#include "passes/widen.h"

namespace sinter::passes::test {

Pass pass_by_name(const std::string& name) {
  const std::map<std::string, std::function<ir::Module(const ir::Module&)>> all = {
      {"recognise", [](const ir::Module& m) { return recognise(m); }},
      {"assign_layout", [](const ir::Module& m) { return assign_layout(m); }},
      {"widen", [](const ir::Module& m) { return widen(m); }},
      {"group_contracts",
       [](const ir::Module& m) {
         return group_contracts(m, [](const Dim&, const Dim&, const Dim&, DType, int) { return WordPacking{.width = 4, .unsigned_bytes = true}; });
       }},
      {"grad", [](const ir::Module& m) { return grad(m); }},
      {"expand", [](const ir::Module& m) { return expand(m); }},
      {"simplify", [](const ir::Module& m) { return simplify(m); }},
      {"fold_constants", [](const ir::Module& m) { return fold_constants(m); }},
      {"cse", [](const ir::Module& m) { return cse(m); }},
      {"dce", [](const ir::Module& m) { return dce(m); }},
      {"cleanup", [](const ir::Module& m) { return cleanup(m); }},
      {"canonical_contracts", [](const ir::Module& m) { return canonical_contracts(m); }},
      {"canonical_convolutions", [](const ir::Module& m) { return canonical_convolutions(m); }},
      {"pack_filters",
       [](const ir::Module& m) {
         return pack_filters(m, [](const ir::Node& node, const ir::Graph& graph) {
           const Shape& filter = graph.type(node.operands[1]).shape;
           return filter[filter.rank() - 1].constant() > 4 ? int64_t{4} : int64_t{0};
         });
       }},
      {"lift_invariants", [](const ir::Module& m) { return lift_invariants(m); }},
      {"hoist_constants", [](const ir::Module& m) { return hoist_constants(m); }},
      {"prepare_values", [](const ir::Module& m) { return prepare_values(m); }},
      {"fuse", [](const ir::Module& m) { return fuse(m); }},
      {"bind_results", [](const ir::Module& m) { return bind_results(m); }},
  };
  const auto found = all.find(name);
  if (found == all.end()) throw Error(ErrorCode::kName, "no pass '" + name + "'");
  return {name, "the test asks for it", found->second};
}

std::vector<Pass> passes_by_name(const std::vector<std::string>& names) {
  std::vector<Pass> passes;
  for (const std::string& name : names) passes.push_back(pass_by_name(name));
  return passes;
}

ir::Module run(const ir::Module& module, const std::vector<std::string>& names) {
  return run_passes(module, passes_by_name(names));
}

namespace {

int64_t count_op(const ir::Graph& graph, const std::string& op) {
  int64_t count = 0;
  for (const ir::Node& node : graph.nodes()) {
    count += node.op->name == op;
    for (const ir::Graph& region : node.regions) count += count_op(region, op);
  }
  return count;
}

Tensor random_tensor(DType dtype, const Extents& extents, RandomSequence& random, std::pair<int64_t, int64_t> range) {
  Tensor tensor(dtype, extents);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (is_float(dtype)) {
      tensor.set(i, random.normal());
    } else if (dtype == DType::kBool) {
      tensor.set_integer(i, random.below(2));
    } else {
      tensor.set_integer(i, range.first + random.below(static_cast<uint32_t>(range.second - range.first)));
    }
  }
  return tensor;
}

double largest(const Tensor& tensor) {
  double result = 0;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (std::isfinite(tensor.get(i))) result = std::max(result, std::abs(tensor.get(i)));
  }
  return result;
}

}  // namespace

int64_t count_op(const ir::Module& module, const std::string& op) {
  int64_t count = 0;
  for (const ir::Function& function : module.functions) count += count_op(function.graph, op);
  return count;
}

SymbolValues sizes_of(const ir::Module& module, const SymbolValues& fixed) {
  std::set<std::string> symbols;
  for (const ir::Variable& variable : module.variables) {
    for (const Dim& dim : variable.type.shape) dim.collect_symbols(symbols);
  }
  constexpr int64_t kSizes[] = {3, 2, 5, 4, 7, 6};
  SymbolValues sizes = fixed;
  size_t next = 0;
  for (const std::string& symbol : symbols) sizes.try_emplace(symbol, kSizes[next++ % std::size(kSizes)]);
  return sizes;
}

Tensors random_inputs(const ir::Module& module, const ir::Function& function, const SymbolValues& sizes, uint32_t seed,
                      const Ranges& ranges) {
  RandomSequence random(seed, 1);
  Tensors inputs;
  for (const std::string& name : function.arguments) {
    const ir::Variable& variable = module.variable(name);
    if (variable.value) continue;
    const auto range = ranges.find(name);
    inputs[name] = random_tensor(variable.type.dtype, variable.type.shape.evaluate(sizes), random,
                                 range == ranges.end() ? std::pair<int64_t, int64_t>(0, 3) : range->second);
  }
  return inputs;
}

void expect_equal(const Tensor& expected, const Tensor& actual, const std::string& what) {
  ASSERT_EQ(expected.type_string(), actual.type_string()) << what;
  // What is smaller than the floor is left of numbers around 1 that cancel.
  const bool wide = expected.dtype() == DType::kF64;
  const double tolerance = !is_float(expected.dtype()) ? 0
                           : wide                      ? 1e-9 * std::max(largest(expected), 1e-3)
                                                       : 1e-5 * std::max(largest(expected), 0.1);
  for (int64_t i = 0; i < expected.size(); ++i) {
    if (!is_float(expected.dtype())) {
      ASSERT_EQ(expected.get_integer(i), actual.get_integer(i)) << what << ", element " << i;
      continue;
    }
    const double e = expected.get(i), a = actual.get(i);
    if (std::isnan(e) ? std::isnan(a) : e == a) continue;
    ASSERT_LE(std::abs(e - a), tolerance) << what << ", element " << i << ": expected " << e << ", is " << a;
  }
}

void expect_same_results(const ir::Module& before, const ir::Module& after, const SymbolValues& sizes,
                         const Ranges& ranges, int seeds) {
  const SymbolValues symbols = sizes_of(before, sizes);
  for (const ir::Function& function : before.functions) {
    for (int seed = 0; seed < seeds; ++seed) {
      const Tensors inputs = random_inputs(before, function, symbols, static_cast<uint32_t>(seed), ranges);
      const auto expected = ir::evaluate(before, function.name, inputs, symbols);
      const auto actual = ir::evaluate(after, function.name, inputs, symbols);
      ASSERT_EQ(expected.size(), actual.size());
      for (const auto& [name, tensor] : expected)
        expect_equal(tensor, actual.at(name), function.name + " " + name + ", seed " + std::to_string(seed));
    }
  }
}

namespace {

/// The derivative by each element of `name` from losses at one and two steps to both sides; the error is of the order
/// of step^4.
Tensor differences(const ir::Module& module, const ir::Function& function, Tensors inputs, const std::string& name,
                   const SymbolValues& sizes) {
  constexpr double kStep = 1e-4;
  const Tensor at = inputs.at(name);
  Tensor gradient(DType::kF64, at.extents());
  for (int64_t i = 0; i < at.size(); ++i) {
    const auto loss = [&](double steps) {
      inputs[name] = at.clone();
      inputs[name].set(i, at.get(i) + steps * kStep);
      return ir::evaluate(module, function.name, inputs, sizes).at("loss").get(0);
    };
    gradient.set(i, (8 * (loss(1) - loss(-1)) - (loss(2) - loss(-2))) / (12 * kStep));
  }
  return gradient;
}

}  // namespace

void expect_gradients(const ir::Module& module, const ir::Function& function, const Tensors& inputs,
                      const SymbolValues& sizes) {
  const auto results = ir::evaluate(module, function.name, inputs, sizes);
  int checked = 0;
  for (const std::string& result : function.results) {
    if (!result.starts_with("d.")) continue;
    const Tensor expected = differences(module, function, inputs, result.substr(2), sizes);
    const Tensor& actual = results.at(result);
    ASSERT_EQ(expected.type_string(), actual.type_string()) << result;
    const double scale = std::max(largest(expected), 1e-3);
    for (int64_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(expected.get(i), actual.get(i), 1e-6 * scale) << function.name << " " << result << ", element " << i;
    }
    ++checked;
  }
  ASSERT_GT(checked, 0) << "no result is named d.ARGUMENT";
}

void expect_gradients(const ir::Module& module, const SymbolValues& sizes, const Ranges& ranges) {
  const SymbolValues symbols = sizes_of(module, sizes);
  for (const ir::Function& function : module.functions) {
    expect_gradients(module, function, random_inputs(module, function, symbols, 7, ranges), symbols);
  }
}

}  // namespace sinter::passes::test
