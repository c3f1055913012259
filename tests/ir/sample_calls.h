// Calls of one op from its samples: a graph with one node, symbols given values, operands filled. For tests over records.
#pragma once

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "ir/builder.h"
#include "ir/evaluate.h"

namespace sinter::ir {

inline std::set<std::string> symbols_of(const Sample& sample) {
  std::set<std::string> symbols;
  for (const SampleOperand& operand : sample.operands) {
    for (const Dim& dim : operand.type.shape) dim.collect_symbols(symbols);
  }
  return symbols;
}

/// Every assignment of `values` to the symbols of the sample; one empty assignment when it has none.
inline std::vector<SymbolValues> assignments(const Sample& sample, const std::vector<int64_t>& values) {
  std::vector<SymbolValues> all{{}};
  for (const std::string& symbol : symbols_of(sample)) {
    std::vector<SymbolValues> longer;
    for (const SymbolValues& known : all) {
      for (const int64_t value : values) (longer.emplace_back(known))[symbol] = value;
    }
    all = std::move(longer);
  }
  return all;
}

/// Values as the operand's fill wants them, the same for equal seeds.
inline Tensor filled(const SampleOperand& operand, const SymbolValues& symbols, uint32_t seed) {
  Tensor tensor(operand.type.dtype, operand.type.shape.evaluate(symbols));
  RandomSequence random(seed, 1);
  const int64_t bound = operand.bound.evaluate(symbols);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const double normal = random.normal(), unit = random.uniform();
    switch (operand.fill) {
      case Fill::kNormal: tensor.set(i, normal); break;
      case Fill::kPositive: tensor.set(i, 0.2 + 2.8 * unit); break;
      case Fill::kUnit: tensor.set(i, 1.8 * unit - 0.9); break;
      case Fill::kAwayFromZero: tensor.set(i, std::copysign(0.2 + 1.8 * unit, normal)); break;
      case Fill::kAwayFromInteger: tensor.set(i, std::floor(3 * normal) + 0.2 + 0.6 * unit); break;
      case Fill::kDistinct: tensor.set(i, static_cast<double>(i * 7 % tensor.size())); break;
      case Fill::kIndex: tensor.set_integer(i, std::min(static_cast<int64_t>(unit * static_cast<double>(bound)), bound - 1)); break;
      case Fill::kSmallInteger: tensor.set_integer(i, static_cast<int64_t>(unit * 6)); break;
      case Fill::kBool: tensor.set_integer(i, normal > 0 ? 1 : 0); break;
    }
  }
  return tensor;
}

inline std::vector<Tensor> filled(const Sample& sample, const SymbolValues& symbols, uint32_t seed = 1) {
  std::vector<Tensor> operands;
  for (const SampleOperand& operand : sample.operands) operands.push_back(filled(operand, symbols, seed++));
  return operands;
}

/// Appends the arguments of the sample to an empty graph.
inline std::vector<Value> add_arguments(Graph& graph, const Sample& sample) {
  std::vector<Value> arguments;
  for (const SampleOperand& operand : sample.operands) arguments.push_back(graph.add_argument(operand.type));
  return arguments;
}

/// The graph that calls `op` once, as the sample says.
inline Graph call_of(const OpDef& op, const Sample& sample) {
  Graph graph;
  const std::vector<Value> arguments = add_arguments(graph, sample);
  Builder builder(graph);
  builder.set_name("sampled");
  graph.set_results(builder.apply(op, arguments, sample.attributes));
  return graph;
}

inline std::string describe(const OpDef& op, size_t sample_index, const SymbolValues& symbols) {
  std::string text = op.name + " sample " + std::to_string(sample_index);
  for (const auto& [symbol, value] : symbols) text += ", " + symbol + " = " + std::to_string(value);
  return text;
}

}  // namespace sinter::ir
