// The end of a training step: which parameters are trained, what becomes of their gradients, and the optimizer of each group.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "frontend/language/program.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

/// Whether `name` is of the pattern, in which `*` stands for any characters, also dots.
bool matches(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, after = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++after;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches(pattern, name); });
}

bool is_optimizer(const Datum& datum) {
  const auto* made = datum.as<TemplatePtr>();
  return made != nullptr && (*made)->declaration->kind == Declaration::Kind::kOptimizer;
}

}  // namespace

/// Parameters whose optimizer has arguments of its own. The last group takes what no other has.
struct Program::Group {
  std::vector<std::string> patterns;
  TemplatePtr optimizer;
  std::string path;  // of its schedules' states
};

TemplatePtr Program::optimizer(Lowering& lowering) {
  Frame frame{.source = model_.source};
  const Datum datum = lowering.evaluate(*train_->optimizer, frame);
  if (!is_optimizer(datum)) {
    lowering.fail(ErrorCode::kType, frame, train_->optimizer->offset,
                  "this is " + lowering.describe(datum) + ", not a call of an optimizer", "write for example adam(learning_rate = 0.001)");
  }
  const TemplatePtr& made = *datum.as<TemplatePtr>();
  if (!train_->learning_rate) return made;
  if (TemplatePtr changed = with_learning_rate(lowering, *made, *train_->learning_rate)) return changed;
  throw Error(ErrorCode::kUsage, "the optimizer '" + std::string(made->declaration->name) + "' has no learning_rate to override");
}

/// Null when it has no such argument. A schedule keeps its course: the rate that it takes is replaced.
TemplatePtr Program::with_learning_rate(Lowering& lowering, const Template& made, double learning_rate) const {
  constexpr std::string_view kRate = "learning_rate";
  const Datum* bound = made.bound.find(kRate);
  if (bound == nullptr) return nullptr;
  Datum value = learning_rate;
  if (const auto* schedule = bound->as<TemplatePtr>()) {
    value = with_learning_rate(lowering, **schedule, learning_rate);
    if (*value.as<TemplatePtr>() == nullptr)
      throw Error(ErrorCode::kUsage, "the schedule '" + std::string((*schedule)->declaration->name) + "' has no learning_rate to override");
  }
  const uint32_t offset = train_->optimizer->offset;
  Arguments changes;
  changes.items.push_back({kRate, value, offset});
  return lowering.changed(made, std::move(changes), Frame{.source = model_.source}, offset);
}

// ---- groups ----

std::vector<std::string> Program::read_patterns(Lowering& lowering, const Expression& expression, const Datum& datum) const {
  std::vector<std::string> patterns;
  const Datum list = datum.is<std::string>() ? make_list({datum}) : datum;
  const List* items = list.as<List>();
  for (size_t i = 0; items != nullptr && i < (*items)->size(); ++i)
    if (const auto* text = (**items)[i].as<std::string>()) patterns.push_back(*text);
  if (items == nullptr || patterns.size() != (*items)->size() || patterns.empty()) {
    lowering.fail(ErrorCode::kType, Frame{.source = model_.source}, expression.offset,
                  "parameters are chosen by a string or a list of strings, not " + lowering.describe(datum), "write \"*.bias\", for example");
  }
  std::vector<std::string> names;
  for (const DeclaredVariable* declared : table_.by_role())
    if (declared->variable.role == Role::kParameter) names.push_back(declared->variable.name);
  for (const std::string& pattern : patterns) {
    if (std::any_of(names.begin(), names.end(), [&](const std::string& name) { return matches(pattern, name); })) continue;
    lowering.fail(ErrorCode::kName, Frame{.source = model_.source}, expression.offset, "no parameter is named " + quoted(pattern),
                  did_you_mean(pattern, names, "the first is " + names.front() + "; '*' stands for any characters"));
  }
  return patterns;
}

Program::Group Program::read_group(Lowering& lowering, const Expression& call, const Template& optimizer, std::string path) {
  Frame frame{.source = model_.source};
  const auto fail = [&](uint32_t offset, const std::string& message) {
    lowering.fail(ErrorCode::kType, frame, offset, message, "write groups = [group(\"*.bias\", weight_decay = 0)], for example");
  };
  const bool is_call = call.kind == Expression::Kind::kCall && call.operands[0]->kind == Expression::Kind::kName && call.operands[0]->text == "group";
  if (!is_call) fail(call.offset, "this is no call of group");
  for (const auto& [name, value] : optimizer.bound) frame.names.set(name, value);  // so that arguments can be made from the others'
  Group group{{}, nullptr, std::move(path)};
  TemplatePtr base = std::make_shared<const Template>(optimizer);
  Arguments changes;
  for (const NamedExpression& argument : call.arguments) {
    const Datum value = lowering.evaluate(*argument.value, frame);
    if (argument.name.empty()) {
      if (!changes.items.empty()) fail(argument.offset, "the patterns of a group come first");
      for (std::string& pattern : read_patterns(lowering, *argument.value, value)) group.patterns.push_back(std::move(pattern));
    } else if (argument.name == "optimizer") {
      if (!is_optimizer(value)) fail(argument.value->offset, "the optimizer of this group is " + lowering.describe(value));
      base = *value.as<TemplatePtr>();
    } else {
      changes.items.push_back({argument.name, value, argument.value->offset});
    }
  }
  if (group.patterns.empty()) fail(call.offset, "this group names no parameters");
  group.optimizer = changes.items.empty() ? base : lowering.changed(*base, std::move(changes), frame, call.offset);
  return group;
}

std::vector<Program::Group> Program::read_groups(Lowering& lowering, const TemplatePtr& optimizer) {
  std::vector<Group> groups;
  if (const Expression* list = train_->groups) {
    if (list->kind != Expression::Kind::kList)
      lowering.fail(ErrorCode::kType, Frame{.source = model_.source}, list->offset, "groups are a list",
                    "write groups = [group(\"*.bias\", weight_decay = 0)], for example");
    for (const NamedExpression& item : list->arguments)
      groups.push_back(read_group(lowering, *item.value, *optimizer, "train.groups." + std::to_string(groups.size())));
  }
  groups.push_back({{"*"}, optimizer, "train"});
  return groups;
}

// ---- the update ----

std::vector<const DeclaredVariable*> Program::parameters_to_train(Lowering& lowering) {
  std::vector<const DeclaredVariable*> parameters;
  for (const DeclaredVariable* declared : table_.by_role())
    if (declared->variable.role == Role::kParameter) parameters.push_back(declared);
  if (parameters.empty()) {
    throw Error(ErrorCode::kType, "the model '" + std::string(model_.name) + "' has no parameters to train")
        .at(model_.source->place(model_.offset));
  }
  if (train_->frozen == nullptr) return parameters;
  Frame frame{.source = model_.source};
  const std::vector<std::string> frozen = read_patterns(lowering, *train_->frozen, lowering.evaluate(*train_->frozen, frame));
  std::erase_if(parameters, [&](const DeclaredVariable* declared) { return matches_any(frozen, declared->variable.name); });
  if (parameters.empty()) lowering.fail(ErrorCode::kType, frame, train_->frozen->offset, "all parameters are frozen: none is left to train");
  return parameters;
}

/// What the setting `gradients` makes of the loss's; without it these themselves.
std::vector<ir::Value> Program::gradients_of(Lowering& lowering, Emission& emission, const std::vector<const DeclaredVariable*>& parameters,
                                             ir::Value loss) {
  ir::Builder& builder = emission.builder();
  std::vector<ir::Value> operands = {loss};
  for (const DeclaredVariable* declared : parameters) operands.push_back(emission.read(declared->variable.name));
  builder.set_name("gradient");
  std::vector<ir::Value> gradients = builder.apply("grad", operands);
  if (train_->gradients == nullptr) return gradients;
  Frame frame{.source = model_.source};
  frame.names.set("gradients", make_list(std::vector<Datum>(gradients.begin(), gradients.end())));
  frame.names.set("parameters", make_list(std::vector<Datum>(operands.begin() + 1, operands.end())));
  const Datum made = lowering.evaluate(*train_->gradients, frame);
  const List* list = made.as<List>();
  if (list == nullptr || (*list)->size() != gradients.size()) {
    lowering.fail(ErrorCode::kType, frame, train_->gradients->offset,
                  "the gradients are a list of " + std::to_string(gradients.size()) + " tensors, this is " + lowering.describe(made),
                  "write gradients = clip_norm(gradients, 1), for example");
  }
  for (size_t i = 0; i < gradients.size(); ++i) {
    const ir::Value value = lowering.tensor((**list)[i], parameters[i]->variable.type.dtype, frame, train_->gradients->offset);
    if (builder.type(value) != parameters[i]->variable.type) {
      lowering.fail(ErrorCode::kType, frame, train_->gradients->offset,
                    "the gradient of '" + parameters[i]->variable.name + "' has become " + lowering.describe(value) + ", it was " +
                        lowering.describe(gradients[i]));
    }
    gradients[i] = value;
  }
  return gradients;
}

ir::Value Program::count_step(Emission& emission) {
  ir::Builder& builder = emission.builder();
  builder.set_name("train.step");
  const ir::Value step = builder.call("add", {emission.read("train.step"), builder.scalar(1, DType::kU32)});
  emission.write("train.step", step);
  return step;
}

void Program::update_parameters(Lowering& lowering, Emission& emission, ir::Value loss) {
  ir::Builder& builder = emission.builder();
  const std::vector<const DeclaredVariable*> parameters = parameters_to_train(lowering);
  const std::vector<Group> groups = read_groups(lowering, optimizer(lowering));
  const std::vector<ir::Value> gradients = gradients_of(lowering, emission, parameters, loss);
  const Spot spot{model_.source, train_->optimizer->offset};

  // Schedules see the steps that were done before this one.
  std::vector<Environment> arguments;
  for (const Group& group : groups) {
    const Datum* rate = group.optimizer->bound.find("learning_rate");
    const auto number = rate == nullptr ? std::nullopt : rate->known_number();
    if (number && !(std::isfinite(*number) && *number >= 0))
      lowering.fail(ErrorCode::kType, Frame{.source = model_.source}, spot.offset, "the learning rate is a finite number from 0, not " + to_text(*number));
    arguments.push_back(group.optimizer->bound);
    for (const auto& [name, value] : group.optimizer->bound) {
      const auto* made = value.as<TemplatePtr>();
      if (made != nullptr && (*made)->declaration->kind == Declaration::Kind::kSchedule)
        arguments.back().set(name, lowering.rate(*made, group.path + "." + std::string(name), spot));
    }
  }
  const ir::Value step = count_step(emission);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const ir::Variable& variable = parameters[i]->variable;
    const auto group = static_cast<size_t>(
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return matches_any(g.patterns, variable.name); }) - groups.begin());
    const Template& optimizer = *groups[group].optimizer;
    Frame frame{.source = optimizer.declaration->source, .declaration = optimizer.declaration};
    frame.path = frame.layer_path = "optimizer." + variable.name;
    frame.has_variables = true;
    frame.claimed = true;
    frame.state_type = variable.type;
    builder.set_name(frame.path);
    for (const auto& [name, value] : arguments[group]) {
      const auto* rate = value.as<ir::Value>();
      frame.names.set(name, rate == nullptr ? value : Datum(builder.cast(*rate, variable.type.dtype)));
    }
    frame.names.set("parameter", emission.read(variable.name));
    frame.names.set("gradient", gradients[i]);
    frame.names.set("step", builder.cast(step, variable.type.dtype));
    emission.write(variable.name, lowering.run_optimizer(optimizer, frame, spot));
  }
}

}  // namespace sinter::language
