#include "support/samples.h"

#include <numeric>
#include <set>

#include "base/random.h"
#include "ir/builder.h"
#include "ir/text.h"

namespace sinter::test {
namespace {

void collect(const Shape& shape, std::set<std::string>& symbols) {
  for (const Dim& dim : shape) dim.collect_symbols(symbols);
}

std::set<std::string> symbols_of(const ir::Sample& sample) {
  std::set<std::string> symbols;
  for (const ir::SampleOperand& operand : sample.operands) collect(operand.type.shape, symbols);
  for (const auto& [name, attribute] : sample.attributes) {
    if (const Dim* dim = std::get_if<Dim>(&attribute)) dim->collect_symbols(symbols);
    if (const Shape* shape = std::get_if<Shape>(&attribute)) collect(*shape, symbols);
  }
  return symbols;
}

std::vector<int64_t> permutation(int64_t size, RandomSequence& random) {
  std::vector<int64_t> result(static_cast<size_t>(size));
  std::iota(result.begin(), result.end(), 0);
  for (size_t i = result.size(); i > 1; --i) std::swap(result[i - 1], result[random.below(static_cast<uint32_t>(i))]);
  return result;
}

/// lower .. upper, of either sign.
double signed_between(double lower, double upper, RandomSequence& random) {
  const double magnitude = lower + (upper - lower) * random.uniform();
  return random.below(2) == 0 ? magnitude : -magnitude;
}

double make_float(ir::Fill fill, RandomSequence& random) {
  switch (fill) {
    case ir::Fill::kPositive: return 0.2 + 2.8 * random.uniform();
    case ir::Fill::kUnit: return signed_between(0, 0.9, random);
    case ir::Fill::kAwayFromZero: return signed_between(0.2, 2, random);
    case ir::Fill::kAwayFromInteger: return random.below(6) - 3.0 + 0.2 + 0.6 * random.uniform();
    case ir::Fill::kSmallInteger: return random.below(11) - 5.0;
    default: return random.normal();
  }
}

}  // namespace

std::string operand_name(const ir::OpDef& op, size_t index) {
  const size_t last = op.operands.size() - 1;
  if (index < last || !op.operands[last].variadic) return op.operands[index].name;
  return op.operands[last].name + "." + std::to_string(index - last);
}

std::vector<TensorType> operand_types(const ir::Sample& sample) {
  std::vector<TensorType> types;
  for (const ir::SampleOperand& operand : sample.operands) types.push_back(operand.type);
  return types;
}

std::vector<ir::Graph> regions_of(const std::vector<std::string>& region_texts) {
  std::vector<ir::Graph> regions;
  for (const std::string& text : region_texts) regions.push_back(ir::parse_graph(text));
  return regions;
}

ir::Module module_of(const ir::OpDef& op, const ir::Sample& sample) {
  ir::Module module;
  module.name = op.name + "_sample";
  ir::Function main;
  main.name = "main";
  std::vector<ir::Value> operands;
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    const TensorType& type = sample.operands[i].type;
    operands.push_back(main.graph.add_argument(type));
    main.arguments.push_back(operand_name(op, i));
    module.variables.push_back({main.arguments.back(), Role::kInput, type, {}});
  }
  ir::Builder builder(main.graph);
  const std::vector<ir::Value> results = builder.apply(op, operands, sample.attributes, regions_of(sample.region_texts));
  main.graph.set_results(results);
  for (size_t i = 0; i < results.size(); ++i) {
    main.results.push_back(results.size() == 1 ? "result" : "result." + std::to_string(i));
    module.variables.push_back({main.results.back(), Role::kOutput, main.graph.type(results[i]), {}});
  }
  module.functions.push_back(std::move(main));
  return module;
}

Tensor make_input(const ir::SampleOperand& operand, const SymbolValues& symbols, uint32_t seed) {
  const DType dtype = operand.type.dtype;
  Tensor tensor(dtype, operand.type.shape.evaluate(symbols));
  RandomSequence random(seed, 77);
  const int64_t bound = operand.fill == ir::Fill::kIndex ? operand.bound.evaluate(symbols) : 1;
  if (bound <= 0 && tensor.size() > 0) throw Error(ErrorCode::kCheck, "no index below " + std::to_string(bound));
  const std::vector<int64_t> order = operand.fill == ir::Fill::kDistinct ? permutation(tensor.size(), random) : std::vector<int64_t>();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (operand.fill == ir::Fill::kIndex) {
      tensor.set_integer(i, random.below(static_cast<uint32_t>(bound)));
    } else if (operand.fill == ir::Fill::kDistinct) {
      const double rank = static_cast<double>(order[static_cast<size_t>(i)] - tensor.size() / 2);
      tensor.set(i, is_float(dtype) ? rank * 0.37 + 0.1 : rank);
    } else if (dtype == DType::kBool) {
      tensor.set_integer(i, random.below(2));
    } else if (is_integer(dtype)) {
      tensor.set_integer(i, is_signed_integer(dtype) ? static_cast<int64_t>(random.below(11)) - 5 : static_cast<int64_t>(random.below(6)));
    } else {
      tensor.set(i, make_float(operand.fill, random));
    }
  }
  return tensor;
}

std::map<std::string, Tensor> make_inputs(const ir::OpDef& op, const ir::Sample& sample, const SymbolValues& symbols, uint32_t seed) {
  std::map<std::string, Tensor> inputs;
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    inputs.emplace(operand_name(op, i), make_input(sample.operands[i], symbols, seed * 31 + static_cast<uint32_t>(i)));
  }
  return inputs;
}

std::vector<SymbolValues> symbol_choices(const ir::Sample& sample) {
  static constexpr int64_t kSizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17};
  constexpr size_t kCount = std::size(kSizes);
  const std::set<std::string> symbols = symbols_of(sample);
  if (symbols.empty()) return {{}};
  std::vector<SymbolValues> choices;
  for (size_t shift : {size_t{0}, size_t{5}}) {  // all symbols alike, then each another
    if (shift > 0 && symbols.size() == 1) break;
    for (size_t first = 0; first < kCount; ++first) {
      SymbolValues& choice = choices.emplace_back();
      size_t position = first;
      for (const std::string& symbol : symbols) {
        choice[symbol] = kSizes[position % kCount];
        position += shift;
      }
    }
  }
  return choices;
}

SymbolValues small_symbols(const ir::Sample& sample) {
  SymbolValues choice;
  int64_t size = 2;
  for (const std::string& symbol : symbols_of(sample)) choice[symbol] = size++;
  return choice;
}

std::vector<const ir::OpDef*> all_ops(bool (*holds)(const ir::OpDef&)) {
  std::vector<const ir::OpDef*> ops;
  for (const auto& op : ir::OpRegistry::instance().all()) {
    if (holds == nullptr || holds(*op)) ops.push_back(op.get());
  }
  return ops;
}

}  // namespace sinter::test
