// Calls of what a text declares: arguments are bound, bodies run in frames of their own, layers get their path.
#include <algorithm>
#include <cctype>

#include "frontend/language/lower.h"
#include "frontend/language/lower_scopes.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

}  // namespace

std::optional<Arguments::Item> Arguments::take(std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  if (found == items.end()) return std::nullopt;
  Item item = std::move(*found);
  items.erase(found);
  return item;
}

Callable Lowering::callee(const Expression& e, Frame& frame) {
  if (e.kind == Expression::Kind::kMember) {
    if (e.operands[0]->kind != Expression::Kind::kName || e.operands[0]->text != "op") {
      fail(ErrorCode::kName, frame, e.offset, "only 'op' has members, the ops", "functions are called: " + std::string(e.text) + "(...)");
    }
    if (const ir::OpDef* op = ir::OpRegistry::instance().find(e.text)) return {.op = op};
    std::vector<std::string> names;
    for (const auto& op : ir::OpRegistry::instance().all()) names.push_back(op->name);
    fail(ErrorCode::kName, frame, e.offset, "there is no op '" + std::string(e.text) + "'", did_you_mean(e.text, names));
  }
  if (e.kind == Expression::Kind::kName) {
    // A value that cannot be called does not hide the function of its name: `mean = mean(x)`.
    const Datum* local = frame.names.find(e.text);
    if (local != nullptr && local->is<Callable>()) return *local->as<Callable>();
    if (const auto found = find_callable(e.text, frame)) return *found;
    if (local == nullptr) fail_unknown(e.text, frame, e.offset);
    fail(ErrorCode::kType, frame, e.offset, "'" + std::string(e.text) + "' is " + describe(*local) + " and cannot be called");
  }
  const Datum value = evaluate(e, frame);
  if (const auto* callable = value.as<Callable>()) return *callable;
  fail(ErrorCode::kType, frame, e.offset, describe(value) + " cannot be called");
}

Datum Lowering::call(const Expression& e, Frame& frame) {
  const Callable called = callee(*e.operands[0], frame);
  Arguments arguments;
  if (called.declaration != nullptr) arguments.callee = called.declaration->name;
  else arguments.callee = called.op != nullptr ? called.op->name : std::string(language::name(*called.builtin));
  for (const NamedExpression& given : e.arguments) {
    if (given.name.empty() && !arguments.items.empty() && !arguments.items.back().name.empty()) {
      fail(ErrorCode::kType, frame, given.offset, "an argument without a name follows one with a name in the call of " + arguments.callee);
    }
    const bool twice = !given.name.empty() &&
                       std::any_of(arguments.items.begin(), arguments.items.end(), [&](const auto& i) { return i.name == given.name; });
    if (twice) fail(ErrorCode::kName, frame, given.offset, "the argument '" + std::string(given.name) + "' is given twice");
    arguments.items.push_back({given.name, evaluate(*given.value, frame), given.value->offset});
  }
  if (called.declaration != nullptr) return call_declared(*called.declaration, std::move(arguments), frame, e.offset);
  if (called.builtin != nullptr) return call_builtin(*called.builtin, std::move(arguments), frame, e.offset);
  return call_op(*called.op, std::move(arguments), frame, e.offset);
}

std::string Lowering::layer_name(const Declaration& d, Arguments& arguments, const Frame& frame) {
  const auto given = arguments.take("name");
  if (!given) return std::string(frame.target.empty() ? d.name : frame.target);
  const auto* text = given->value.as<std::string>();
  if (text == nullptr || !is_word(*text)) {
    fail(ErrorCode::kType, frame, given->offset, "the name of a layer is a string that holds one word, not " + describe(given->value));
  }
  return *text;
}

Datum Lowering::call_declared(const Declaration& d, Arguments arguments, Frame& frame, uint32_t offset) {
  const Nested nested(*this, frame, offset);
  count_step(frame, offset);
  if (d.kind == Declaration::Kind::kInitialiser || d.kind == Declaration::Kind::kOptimizer || d.kind == Declaration::Kind::kSchedule)
    return make_template(d, std::move(arguments), frame, offset);
  Frame callee{.source = d.source, .declaration = &d};
  const bool is_layer = d.kind == Declaration::Kind::kLayer || d.kind == Declaration::Kind::kModel;
  if (is_layer) {
    if (frame.layer == nullptr) {
      fail(ErrorCode::kType, frame, offset,
           "the " + std::string(language::name(d.kind)) + " '" + std::string(d.name) + "' is called where there is no layer around",
           "functions and train blocks own no parameters; call layers in models and layers");
    }
    const std::string name = layer_name(d, arguments, frame);
    callee.path = frame.path.empty() ? name : frame.path + "." + name;
    callee.layer_path = callee.path;
    callee.layer = &callee;
    callee.has_variables = true;
    callee.scope = ++scopes_;
  }
  bind(d, arguments, callee, frame, offset);
  const std::string node_name = emission_.builder().name();
  std::vector<std::pair<std::string_view, Datum>> results;
  {
    const CallScope scope(*this, {frame.source, offset}, d.name);
    if (is_layer) name_nodes(callee, {});
    results = run(d, callee);
  }
  emission_.builder().set_name(node_name);
  if (results.size() == 1) return results.front().second;
  std::vector<Datum> items;
  for (auto& [name, value] : results) items.push_back(std::move(value));
  return make_list(std::move(items));
}

TemplatePtr Lowering::make_template(const Declaration& d, Arguments arguments, const Frame& frame, uint32_t offset) {
  Frame bound{.source = d.source, .declaration = &d};
  bind(d, arguments, bound, frame, offset);
  for (const auto& [known, value] : bound.names) {
    if (value.is<ir::Value>())
      fail(ErrorCode::kType, frame, offset, "'" + std::string(known) + "' of " + arguments.callee + " is a tensor; it takes facts only");
  }
  std::vector<std::pair<std::string_view, Datum>> given;
  for (size_t i = 0; i < arguments.items.size(); ++i) {
    const std::string_view name = arguments.items[i].name.empty() ? d.parameters[i].name : arguments.items[i].name;
    given.emplace_back(name, *bound.names.find(name));
  }
  return std::make_shared<const Template>(Template{&d, std::move(bound.names), std::move(given)});
}

TemplatePtr Lowering::changed(const Template& made, Arguments changes, const Frame& frame, uint32_t offset) {
  changes.callee = made.declaration->name;
  for (const auto& [name, value] : made.given) {
    const bool replaced = std::any_of(changes.items.begin(), changes.items.end(), [&](const auto& item) { return item.name == name; });
    if (!replaced) changes.items.push_back({name, value, offset});
  }
  return make_template(*made.declaration, std::move(changes), frame, offset);
}

void Lowering::bind(const Declaration& d, Arguments& arguments, Frame& callee, const Frame& caller, uint32_t offset) {
  const auto parameter_names = [&] {
    std::vector<std::string> names;
    for (const Parameter& p : d.parameters) names.emplace_back(p.name);
    return names;
  };
  size_t positional = 0;
  for (const auto& item : arguments.items) {
    if (item.name.empty() && ++positional > d.parameters.size()) {
      fail(ErrorCode::kType, caller, item.offset,
           arguments.callee + " takes " + std::to_string(d.parameters.size()) + " arguments, here is one more");
    }
    const auto names = parameter_names();
    if (!item.name.empty() && std::find(names.begin(), names.end(), item.name) == names.end()) {
      fail(ErrorCode::kName, caller, item.offset, arguments.callee + " has no argument '" + std::string(item.name) + "'",
           did_you_mean(item.name, names));
    }
  }
  for (size_t i = 0; i < d.parameters.size(); ++i) {
    const Parameter& p = d.parameters[i];
    const std::string what = "argument '" + std::string(p.name) + "' of " + arguments.callee;
    const Arguments::Item* given = i < positional ? &arguments.items[i] : nullptr;
    for (const auto& item : arguments.items) {
      if (item.name != p.name) continue;
      if (given != nullptr) fail(ErrorCode::kName, caller, item.offset, what + " is given twice: by position and by name");
      given = &item;
    }
    if (given == nullptr && p.fallback == nullptr) fail(ErrorCode::kType, caller, offset, what + " is missing");
    Datum value;
    if (given != nullptr) {
      value = p.type ? match(*p.type, given->value, callee, caller, given->offset, what) : given->value;
    } else {
      const CallScope scope(*this, {caller.source, offset}, d.name);
      value = evaluate(*p.fallback, callee);
      if (p.type) value = match(*p.type, value, callee, callee, p.fallback->offset, what);
    }
    callee.names.set(p.name, std::move(value));
  }
}

ir::Value Lowering::initial_value(const Datum& initial, const TensorType& type, Spot spot) {
  Frame caller{.source = spot.source};
  const auto* made = initial.as<TemplatePtr>();
  if (made == nullptr) return emission_.builder().broadcast_to(tensor(initial, type.dtype, caller, spot.offset), type.shape);
  const Declaration& d = *(*made)->declaration;
  Frame frame{.source = d.source, .declaration = &d, .names = (*made)->bound};
  frame.names.set("shape", make_list(type.shape));
  frame.names.set("dtype", type.dtype);
  const CallScope scope(*this, spot, d.name);
  const auto results = run(d, frame);
  const ir::Value value = tensor(results.front().second, type.dtype, frame, d.offset);
  const TensorType& given = emission_.builder().type(value);
  if (given != type) {
    fail(ErrorCode::kType, frame, d.offset,
         "the initialiser '" + std::string(d.name) + "' gives " + given.to_string() + " for a variable of type " + type.to_string());
  }
  return value;
}

ir::Value Lowering::run_optimizer(const Template& optimizer, Frame& frame, Spot spot) {
  const CallScope scope(*this, spot, optimizer.declaration->name);
  const TensorType wanted = emission_.builder().type(*frame.names.find("parameter")->as<ir::Value>());
  run(*optimizer.declaration, frame);
  const ir::Value updated = tensor(*frame.names.find("parameter"), wanted.dtype, frame, optimizer.declaration->offset);
  const TensorType& actual = emission_.builder().type(updated);
  if (actual != wanted) {
    fail(ErrorCode::kType, frame, optimizer.declaration->offset,
         "the optimizer '" + std::string(optimizer.declaration->name) + "' makes of a parameter of type " + wanted.to_string() +
             " one of type " + actual.to_string());
  }
  return updated;
}

}  // namespace sinter::language
