#include <algorithm>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "runtime/executable.h"
#include "runtime/prepared_values.h"

namespace sinter::runtime {

struct State::PreparedTable {
  struct Item {
    const Executable* key;
    std::weak_ptr<const Executable> owner;
    std::shared_ptr<PreparedValues> values;
  };
  std::mutex mutex;
  std::vector<Item> items;
};

State::State() : prepared_(std::make_unique<PreparedTable>()) {}
State::~State() = default;
State::State(State&& other) noexcept
    : entries_(std::exchange(other.entries_, {})), versions_(std::exchange(other.versions_, {})), prepared_(std::exchange(other.prepared_, std::make_unique<PreparedTable>())) {}
State& State::operator=(State&& other) noexcept {
  std::swap(entries_, other.entries_);
  std::swap(versions_, other.versions_);
  std::swap(prepared_, other.prepared_);
  return *this;
}

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
  versions_.emplace_back(0);
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

Tensor& State::get(std::string_view name) { return value(index_of(name)); }
const Tensor& State::get(std::string_view name) const { return entries_[index_of(name)].value; }

std::shared_ptr<PreparedValues> State::prepared(const std::shared_ptr<const Executable>& executable) {
  if (executable->preparation() == nullptr) return nullptr;
  const std::lock_guard lock(prepared_->mutex);
  std::erase_if(prepared_->items, [](const PreparedTable::Item& item) { return item.owner.expired(); });
  for (const PreparedTable::Item& item : prepared_->items)
    if (item.key == executable.get()) return item.values;
  auto values = std::make_shared<PreparedValues>(executable->preparation());
  prepared_->items.push_back({executable.get(), executable, values});
  return values;
}

int64_t State::prepared_bytes() const {
  const std::lock_guard lock(prepared_->mutex);
  int64_t bytes = 0;
  for (const PreparedTable::Item& item : prepared_->items)
    if (!item.owner.expired()) bytes += item.values->bytes();
  return bytes;
}

}  // namespace sinter::runtime
