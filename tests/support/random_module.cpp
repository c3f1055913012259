#include "support/random_module.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/random_draft.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

constexpr int64_t kMostElements = 20000;  // of one value

ir::Attributes substitute(ir::Attributes attributes, const DimMap& map) {
  for (auto& [name, attribute] : attributes) {
    if (Dim* dim = std::get_if<Dim>(&attribute)) *dim = dim->substitute(map);
    if (Shape* shape = std::get_if<Shape>(&attribute)) *shape = shape->substitute(map);
  }
  return attributes;
}

ir::Graph substitute(const ir::Graph& graph, const DimMap& map) {
  ir::Graph result;
  for (const TensorType& type : graph.argument_types()) result.add_argument({type.dtype, type.shape.substitute(map)});
  ir::Builder builder(result);
  for (const ir::Node& node : graph.nodes()) {
    std::vector<ir::Graph> regions;
    for (const ir::Graph& region : node.regions) regions.push_back(substitute(region, map));
    builder.set_name(node.name);
    builder.apply(*node.op, node.operands, substitute(node.attributes, map), std::move(regions));  // ids stay as they are
  }
  result.set_results(graph.results());
  return result;
}

ir::SampleOperand substitute(const ir::SampleOperand& operand, const DimMap& map) {
  return {{operand.type.dtype, operand.type.shape.substitute(map)}, operand.fill, operand.bound.substitute(map)};
}

bool between(double lower, double value, double upper) { return lower <= value && value <= upper; }

bool are_distinct(const Tensor& tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.size(); ++i) values.push_back(tensor.get(i));
  std::sort(values.begin(), values.end());
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] - values[i - 1] < 0.05) return false;
  }
  return true;
}

/// Whether an existing value may stand where a sample asks for `fill`; keeps numbers small and away from kinks and poles.
bool fits(const Tensor& tensor, ir::Fill fill) {
  if (fill == ir::Fill::kIndex) return false;
  if (tensor.dtype() == DType::kBool) return true;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const double value = tensor.get(i), magnitude = std::abs(value);
    if (!(magnitude <= 50)) return false;
    if (fill == ir::Fill::kPositive && value < 0.05) return false;
    if (fill == ir::Fill::kUnit && magnitude > 0.95) return false;
    if (fill == ir::Fill::kAwayFromZero && !between(0.05, magnitude, 20)) return false;
    if (fill == ir::Fill::kAwayFromInteger && std::abs(value - std::round(value)) < 0.1) return false;
    if (fill == ir::Fill::kSmallInteger && value != std::round(value)) return false;
  }
  return fill != ir::Fill::kDistinct || are_distinct(tensor);
}

class Generator {
 public:
  Generator(uint32_t seed, const RandomModuleOptions& options) : options_(options), random_(seed, 501) {
    draft_.seed = seed;
    for (const auto& op : ir::OpRegistry::instance().all()) {
      if (!op->samples.empty() && (!options.allowed || options.allowed(*op))) ops_.push_back(op.get());
    }
    SINTER_CHECK(!ops_.empty(), "no op is allowed");
  }

  RandomModule operator()() {
    make_symbols();
    // The first op goes round with the seed, so that few modules are enough for all.
    bool made = add_call(*ops_[draft_.seed % ops_.size()]);
    for (int i = 0; i < options_.nodes || !made; ++i) {
      SINTER_CHECK(i < 100 * (options_.nodes + 1), "no call could be made");
      if (add_call(*ops_[below(ops_.size())])) made = true;
    }
    choose_results();
    return draft_.emit();
  }

 private:
  size_t below(size_t n) { return random_.below(static_cast<uint32_t>(n)); }
  bool chance(size_t percent) { return below(100) < percent; }

  void make_symbols() {
    static const char* const kNames[] = {"batch", "seq", "width"};
    const size_t count = 1 + below(3);
    for (size_t i = 0; i < count; ++i) {
      draft_.symbols[kNames[i]] = options_.sizes[below(options_.sizes.size())];
      const ir::SampleOperand row{{DType::kF32, {Dim::symbol(kNames[i])}}};
      const int item = add_argument(row, Role::kInput);
      draft_.items[static_cast<size_t>(item)].binds_symbol = true;
    }
  }

  int add_argument(const ir::SampleOperand& operand, Role role) {
    const Tensor value = make_input(operand, draft_.symbols, static_cast<uint32_t>(random_.next()));
    return draft_.add_argument({.type = operand.type, .value = value, .role = role, .fill = operand});
  }

  Role draw_role(const TensorType& type) {
    if (!type.shape.is_constant() || chance(40)) return Role::kInput;
    if (chance(40)) return Role::kConstant;
    return is_float(type.dtype) && chance(60) ? Role::kParameter : Role::kState;
  }

  /// An existing value of this type where one fits, else a new argument.
  int choose_operand(const ir::SampleOperand& operand) {
    if (chance(80)) {
      std::vector<int> candidates;
      for (size_t i = 0; i < draft_.items.size(); ++i) {
        if (draft_.items[i].type == operand.type && fits(draft_.items[i].value, operand.fill)) candidates.push_back(static_cast<int>(i));
      }
      if (!candidates.empty()) return candidates[below(candidates.size())];
    }
    return add_argument(operand, draw_role(operand.type));
  }

  /// A meaning for each symbol of a sample: a symbol of the module, a sum with one, or a number.
  DimMap draw_dims(const ir::Sample& sample) {
    DimMap map;
    for (const auto& [symbol, ignored] : small_symbols(sample)) {
      auto chosen = draft_.symbols.begin();
      std::advance(chosen, below(draft_.symbols.size()));
      const Dim dim = Dim::symbol(chosen->first);
      map[symbol] = chance(75) ? dim : chance(40) ? dim + 1 : chance(20) ? 2 * dim : Dim(static_cast<int64_t>(1 + below(5)));
    }
    return map;
  }

  bool add_call(const ir::OpDef& op) {
    const Draft before = draft_;
    for (int attempt = 0; attempt < 4; ++attempt) {
      const ir::Sample& sample = op.samples[below(op.samples.size())];
      try {
        if (attempt == 0 ? call_freely(op, sample) : call_as_sampled(op, sample)) return true;
      } catch (const Error&) {
        // The type rule or the data refuse: another try.
      }
      draft_ = before;
    }
    return false;
  }

  bool call_as_sampled(const ir::OpDef& op, const ir::Sample& sample) {
    const DimMap map = draw_dims(sample);
    std::vector<int> operands;
    for (const ir::SampleOperand& operand : sample.operands) operands.push_back(choose_operand(substitute(operand, map)));
    std::vector<ir::Graph> regions;
    for (const ir::Graph& region : regions_of(sample.region_texts)) regions.push_back(substitute(region, map));
    return append(op, operands, substitute(sample.attributes, map), std::move(regions));
  }

  /// Existing values of any shape, where the sample decides no more than dtypes, which operands are alike, and attributes.
  bool call_freely(const ir::OpDef& op, const ir::Sample& sample) {
    if (sample.operands.empty() || !sample.region_texts.empty()) return false;
    std::vector<int> operands;
    for (size_t i = 0; i < sample.operands.size(); ++i) {
      const TensorType& type = sample.operands[i].type;
      const bool as_first = i > 0 && type == sample.operands[0].type;
      const bool same_shape = i > 0 && type.shape == sample.operands[0].type.shape;
      std::vector<int> candidates;
      for (size_t k = 0; k < draft_.items.size(); ++k) {
        const Draft::Item& item = draft_.items[k];
        const Draft::Item* first = operands.empty() ? nullptr : &draft_.items[static_cast<size_t>(operands[0])];
        if (item.type.dtype != type.dtype || (same_shape && item.type.shape != first->type.shape)) continue;
        if (as_first && item.type != first->type) continue;
        if (fits(item.value, sample.operands[i].fill)) candidates.push_back(static_cast<int>(k));
      }
      if (candidates.empty()) return false;
      operands.push_back(candidates[below(candidates.size())]);
    }
    return append(op, operands, substitute(sample.attributes, draw_dims(sample)), {});
  }

  /// Runs the call on the values; false when its results are too large.
  bool append(const ir::OpDef& op, const std::vector<int>& operands, const ir::Attributes& attributes, std::vector<ir::Graph> regions) {
    ir::Graph graph;
    std::vector<ir::Value> arguments;
    std::vector<Tensor> values;
    for (const int operand : operands) {
      arguments.push_back(graph.add_argument(draft_.items[static_cast<size_t>(operand)].type));
      values.push_back(draft_.items[static_cast<size_t>(operand)].value);
    }
    ir::Builder builder(graph);
    const std::vector<ir::Value> results = builder.apply(op, arguments, attributes, regions);
    for (const ir::Value result : results) {
      if (element_count(graph.type(result).shape.evaluate(draft_.symbols)) > kMostElements) return false;
    }
    graph.set_results(results);
    const std::vector<Tensor> made = ir::evaluate(graph, values, draft_.symbols);

    Draft::Step step{&op, operands, attributes, std::move(regions), chance(50) ? "layer." + std::to_string(draft_.steps.size()) : "", {}};
    for (size_t i = 0; i < results.size(); ++i) {
      step.results.push_back(static_cast<int>(draft_.items.size()));
      draft_.items.push_back({.type = graph.type(results[i]), .value = made[i]});
    }
    draft_.steps.push_back(std::move(step));
    return true;
  }

  /// States take new values where some value has their type; whatever nothing reads is an output, and a few others are.
  void choose_results() {
    std::vector<bool> used(draft_.items.size());
    const auto use = [&](int item) { used[static_cast<size_t>(item)] = true; };
    for (const Draft::Step& step : draft_.steps) {
      for (const int operand : step.operands) use(operand);
    }
    for (size_t i = 0; i < draft_.items.size(); ++i) {
      if (!draft_.items[i].is_argument || draft_.items[i].role != Role::kState) continue;
      std::vector<int> candidates;
      for (size_t k = 0; k < draft_.items.size(); ++k) {
        if (draft_.items[k].type == draft_.items[i].type) candidates.push_back(static_cast<int>(k));
      }
      draft_.updates.emplace_back(static_cast<int>(i), candidates[below(candidates.size())]);
      use(draft_.updates.back().second);
    }
    for (size_t i = 0; i < draft_.items.size(); ++i) {
      if (!draft_.items[i].is_argument && (!used[i] || chance(10))) draft_.outputs.push_back(static_cast<int>(i));
    }
  }

  const RandomModuleOptions& options_;
  RandomSequence random_;
  std::vector<const ir::OpDef*> ops_;
  Draft draft_;
};

}  // namespace

RandomModule random_module(uint32_t seed, const RandomModuleOptions& options) { return Generator(seed, options)(); }

std::string RandomModule::describe() const {
  std::string text = "seed " + std::to_string(seed);
  for (const auto& [symbol, value] : symbols) text += ", " + symbol + " = " + std::to_string(value);
  return text + "\n" + ir::print(module);
}

std::map<std::string, Tensor> make_arguments(const RandomModule& random, const SymbolValues& symbols, uint32_t seed) {
  std::map<std::string, Tensor> arguments;
  for (const auto& [name, fill] : random.fills) arguments.emplace(name, make_input(fill, symbols, ++seed));
  return arguments;
}

void OpCoverage::add(const ir::Module& module) {
  for (const ir::Function& function : module.functions) add(function.graph);
}

void OpCoverage::add(const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) {
    ++counts_[node.op->name];
    for (const ir::Graph& region : node.regions) add(region);
  }
}

std::vector<std::string> OpCoverage::missing(const std::function<bool(const ir::OpDef&)>& allowed) const {
  std::vector<std::string> names;
  for (const auto& op : ir::OpRegistry::instance().all()) {
    if (!op->samples.empty() && (!allowed || allowed(*op)) && !counts_.contains(op->name)) names.push_back(op->name);
  }
  return names;
}

std::string OpCoverage::report() const {
  std::string text;
  for (const auto& [name, count] : counts_) text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
  return text;
}

}  // namespace sinter::test
