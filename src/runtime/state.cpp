#include "base/text.h"
#include "runtime/executable.h"

namespace sinter::runtime {

void State::declare(const std::string& name, Role role, const TensorType& type) {
  const auto extents = [&] {
    try {
      return type.shape.evaluate({});
    } catch (const Error&) {
      throw Error(ErrorCode::kType, "the variable " + name + " would need a fixed size, its type is " + type.to_string());
    }
  }();
  if (contains(name)) {
    const Entry& known = entries_[index_of(name)];
    if (known.role == role && known.value.dtype() == type.dtype && known.value.extents() == extents) return;
    throw Error(ErrorCode::kType, "the variable " + name + " is a " + std::string(sinter::name(known.role)) + " " +
                                      known.value.type_string() + ", not a " + std::string(sinter::name(role)) + " " + type.to_string());
  }
  entries_.push_back({name, role, Tensor(type.dtype, extents)});
}

bool State::contains(std::string_view name) const {
  for (const Entry& entry : entries_)
    if (entry.name == name) return true;
  return false;
}

size_t State::index_of(std::string_view name) const {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].name == name) return i;
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.name);
  Error error(ErrorCode::kName, "the state has no variable " + quoted(name));
  if (const std::string near = closest(name, names); !near.empty()) error.hint("did you mean " + quoted(near) + "?");
  throw error;
}

Tensor& State::get(std::string_view name) { return entries_[index_of(name)].value; }
const Tensor& State::get(std::string_view name) const { return entries_[index_of(name)].value; }

}  // namespace sinter::runtime
