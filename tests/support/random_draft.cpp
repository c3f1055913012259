#include "support/random_draft.h"

#include <algorithm>
#include <set>

#include "ir/builder.h"
#include "ir/evaluate.h"

namespace sinter::test {
namespace {

void collect(const Shape& shape, std::set<std::string>& symbols) {
  for (const Dim& dim : shape) dim.collect_symbols(symbols);
}

void collect(const ir::Attributes& attributes, std::set<std::string>& symbols) {
  for (const auto& [name, attribute] : attributes) {
    if (const Dim* dim = std::get_if<Dim>(&attribute)) dim->collect_symbols(symbols);
    if (const Shape* shape = std::get_if<Shape>(&attribute)) collect(*shape, symbols);
  }
}

void collect(const ir::Graph& graph, std::set<std::string>& symbols) {
  for (int32_t id = 0; id < graph.value_count(); ++id) collect(graph.type({id}).shape, symbols);
  for (const ir::Node& node : graph.nodes()) {
    collect(node.attributes, symbols);
    for (const ir::Graph& region : node.regions) collect(region, symbols);
  }
}

/// Which items the outputs and updates need.
std::vector<bool> live_items(const Draft& draft) {
  std::vector<bool> live(draft.items.size());
  const auto mark = [&](int item) { live[static_cast<size_t>(item)] = true; };
  for (const int output : draft.outputs) mark(output);
  for (const auto& [state, value] : draft.updates) {
    mark(state);
    mark(value);
  }
  const auto is_live = [&](int item) -> bool { return live[static_cast<size_t>(item)]; };
  for (auto step = draft.steps.rbegin(); step != draft.steps.rend(); ++step) {
    if (std::any_of(step->results.begin(), step->results.end(), is_live)) {
      for (const int operand : step->operands) mark(operand);
    }
  }
  return live;
}

std::set<std::string> used_symbols(const Draft& draft, const std::vector<bool>& live) {
  std::set<std::string> symbols;
  for (size_t i = 0; i < live.size(); ++i) {
    if (live[i]) collect(draft.items[i].type.shape, symbols);
  }
  for (const Draft::Step& step : draft.steps) {
    if (std::none_of(step.results.begin(), step.results.end(), [&](int item) { return live[static_cast<size_t>(item)]; })) continue;
    for (const int result : step.results) collect(draft.items[static_cast<size_t>(result)].type.shape, symbols);
    collect(step.attributes, symbols);
    for (const ir::Graph& region : step.regions) collect(region, symbols);
  }
  return symbols;
}

const char* prefix(Role role) {
  switch (role) {
    case Role::kInput: return "x";
    case Role::kParameter: return "w";
    case Role::kState: return "s";
    case Role::kConstant: return "c";
    case Role::kOutput: return "y";
  }
  return "";
}

/// Makes the module of a draft, item by item.
class Emitter {
 public:
  explicit Emitter(const Draft& draft) : draft_(draft), live_(live_items(draft)), values_(draft.items.size()), names_(draft.items.size()) {}

  RandomModule operator()() {
    result_.seed = draft_.seed;
    result_.module.name = "random";
    main_.name = "main";
    const std::set<std::string> symbols = used_symbols(draft_, live_);
    for (const std::string& symbol : symbols) result_.symbols[symbol] = draft_.symbols.at(symbol);
    for (size_t i = 0; i < draft_.items.size(); ++i) {
      const Draft::Item& item = draft_.items[i];
      const bool binds = item.binds_symbol && symbols.contains(*item.type.shape[0].as_symbol());
      if (item.is_argument && (live_[i] || binds)) emit_argument(i);
    }
    ir::Builder builder(main_.graph);
    for (const Draft::Step& step : draft_.steps) emit_step(builder, step);
    emit_results();
    result_.module.functions.push_back(std::move(main_));
    return std::move(result_);
  }

 private:
  void emit_argument(size_t i) {
    const Draft::Item& item = draft_.items[i];
    names_[i] = prefix(item.role) + std::to_string(result_.module.variables.size());
    ir::Variable variable{names_[i], item.role, item.type, {}};
    if (item.role == Role::kConstant) {
      variable.value = item.value;
    } else {
      result_.fills[names_[i]] = item.fill;
      result_.arguments[names_[i]] = item.value;
    }
    result_.module.variables.push_back(std::move(variable));
    main_.arguments.push_back(names_[i]);
    values_[i] = main_.graph.add_argument(item.type);
  }

  void emit_step(ir::Builder& builder, const Draft::Step& step) {
    if (std::none_of(step.results.begin(), step.results.end(), [&](int item) { return live_[static_cast<size_t>(item)]; })) return;
    std::vector<ir::Value> operands;
    for (const int operand : step.operands) operands.push_back(values_[static_cast<size_t>(operand)]);
    builder.set_name(step.name);
    const std::vector<ir::Value> results = builder.apply(*step.op, operands, step.attributes, step.regions);
    for (size_t k = 0; k < results.size(); ++k) values_[static_cast<size_t>(step.results[k])] = results[k];
  }

  void emit_results() {
    std::vector<ir::Value> results;
    for (const auto& [state, value] : draft_.updates) {
      main_.results.push_back(names_[static_cast<size_t>(state)]);
      results.push_back(values_[static_cast<size_t>(value)]);
    }
    for (const int output : draft_.outputs) {
      const std::string name = prefix(Role::kOutput) + std::to_string(result_.module.variables.size());
      result_.module.variables.push_back({name, Role::kOutput, draft_.items[static_cast<size_t>(output)].type, {}});
      main_.results.push_back(name);
      results.push_back(values_[static_cast<size_t>(output)]);
    }
    main_.graph.set_results(std::move(results));
  }

  const Draft& draft_;
  const std::vector<bool> live_;
  std::vector<ir::Value> values_;
  std::vector<std::string> names_;
  RandomModule result_;
  ir::Function main_;
};

/// Whether this argument is the first row of its symbol, from which the symbol can be bound.
bool binds_symbol(const TensorType& type, std::set<std::string>& bound) {
  return type.dtype == DType::kF32 && type.shape.rank() == 1 && type.shape[0].as_symbol() && bound.insert(*type.shape[0].as_symbol()).second;
}

}  // namespace

int Draft::add_argument(Item item) {
  item.is_argument = true;
  items.push_back(std::move(item));
  return static_cast<int>(items.size()) - 1;
}

RandomModule Draft::emit() const { return Emitter(*this)(); }

Draft draft_of(const RandomModule& random) {
  const ir::Function& main = random.module.function("main");
  Draft draft;
  draft.seed = random.seed;
  draft.symbols = random.symbols;
  std::map<std::string, int> arguments;
  std::set<std::string> bound;
  std::vector<Tensor> values;
  for (const std::string& name : main.arguments) {
    const ir::Variable& variable = random.module.variable(name);
    values.push_back(variable.value ? *variable.value : random.arguments.at(name));
    const ir::SampleOperand fill = variable.value ? ir::SampleOperand{variable.type} : random.fills.at(name);
    const bool binds = variable.role == Role::kInput && binds_symbol(variable.type, bound);
    arguments[name] = draft.add_argument({.type = variable.type, .binds_symbol = binds, .role = variable.role, .fill = fill});
  }
  ir::Graph all = main.graph;
  std::vector<ir::Value> everything;
  for (int32_t id = 0; id < all.value_count(); ++id) everything.push_back({id});
  all.set_results(everything);
  values = ir::evaluate(all, values, random.symbols);
  draft.items.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    draft.items[i].type = all.type({static_cast<int32_t>(i)});
    draft.items[i].value = values[i];
  }
  const auto ids = [](const std::vector<ir::Value>& list) {
    std::vector<int> result;
    for (const ir::Value value : list) result.push_back(value.id);
    return result;
  };
  for (const ir::Node& node : main.graph.nodes()) {
    draft.steps.push_back({node.op, ids(node.operands), node.attributes, node.regions, node.name, ids(node.results)});
  }
  for (size_t i = 0; i < main.results.size(); ++i) {
    const int value = main.graph.results()[i].id;
    if (random.module.variable(main.results[i]).role == Role::kOutput) {
      draft.outputs.push_back(value);
    } else {
      draft.updates.emplace_back(arguments.at(main.results[i]), value);
    }
  }
  return draft;
}

}  // namespace sinter::test
