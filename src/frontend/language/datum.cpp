#include "frontend/language/datum.h"

namespace sinter::language {

std::optional<double> Datum::known_number() const {
  if (const double* number = as<double>()) return *number;
  if (const auto integer = known_integer()) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<int64_t> Datum::known_integer() const {
  const Dim* dim = as<Dim>();
  return dim == nullptr ? std::nullopt : dim->as_constant();
}

Datum make_list(std::vector<Datum> items) { return std::make_shared<const std::vector<Datum>>(std::move(items)); }

Datum make_list(const Shape& shape) { return make_list(std::vector<Datum>(shape.begin(), shape.end())); }

const Datum* Environment::find(std::string_view name) const {
  for (const auto& [known, value] : values_) {
    if (known == name) return &value;
  }
  return nullptr;
}

void Environment::set(std::string_view name, Datum value) {
  for (auto& [known, old] : values_) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  values_.emplace_back(name, std::move(value));
}

}  // namespace sinter::language
