#include "ir/module.h"

#include <algorithm>

#include "base/text.h"

namespace sinter::ir {

namespace {

template <class Item> const Item* find_named(const std::vector<Item>& items, std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

template <class Item> const Item& get_named(const std::vector<Item>& items, std::string_view name, const std::string& what) {
  if (const Item* item = find_named(items, name)) return *item;
  std::vector<std::string> names;
  for (const Item& item : items) names.push_back(item.name);
  Error error(ErrorCode::kName, "unknown " + what + " " + std::string(name));
  const std::string suggestion = closest(name, names);
  if (!suggestion.empty()) error.hint("did you mean " + suggestion + "?");
  throw error;
}

}  // namespace

const Variable* Module::find_variable(std::string_view wanted) const { return find_named(variables, wanted); }
const Function* Module::find_function(std::string_view wanted) const { return find_named(functions, wanted); }
const Variable& Module::variable(std::string_view wanted) const { return get_named(variables, wanted, "variable"); }
const Function& Module::function(std::string_view wanted) const { return get_named(functions, wanted, "function"); }

std::vector<std::string> port_names(const Module& module, const Function& function) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const std::string& name : function.arguments)
    if (module.variable(name).role != Role::kConstant) add(name);
  for (const std::string& name : function.results) add(name);
  return names;
}

std::vector<std::string> constant_names(const Module& module, const Function& function) {
  std::vector<std::string> names;
  for (const std::string& name : function.arguments)
    if (module.variable(name).role == Role::kConstant) names.push_back(name);
  return names;
}

}  // namespace sinter::ir
