#include "runtime/data/arguments.h"

#include <algorithm>
#include <cmath>

namespace sinter::runtime {

void Arguments::fail(ErrorCode code, const std::string& message, const std::string& hint) const {
  throw Error(code, "the data source " + request_.source + " " + message).at(request_.place).hint(hint);
}

const DataArgument* Arguments::find(std::string_view name) const {
  const auto found = request_.arguments.find(std::string(name));
  return found == request_.arguments.end() ? nullptr : &found->second;
}

int64_t Arguments::count(std::string_view name) const {
  const DataArgument* given = find(name);
  if (given == nullptr) fail(ErrorCode::kUsage, "wants '" + std::string(name) + "'");
  const auto* value = std::get_if<int64_t>(given);
  if (value == nullptr || *value < 1 || *value > UINT32_MAX)
    fail(ErrorCode::kUsage, "wants a whole number from 1 as '" + std::string(name) + "'");
  return *value;
}

double Arguments::number(std::string_view name, double otherwise) const {
  const DataArgument* given = find(name);
  if (given == nullptr) return otherwise;
  const auto* integer = std::get_if<int64_t>(given);
  const auto* number = std::get_if<double>(given);
  const double value = integer != nullptr ? static_cast<double>(*integer) : number != nullptr ? *number : -1;
  if (!(value >= 0) || std::isinf(value)) fail(ErrorCode::kUsage, "wants a number from 0 as '" + std::string(name) + "'");
  return value;
}

bool Arguments::flag(std::string_view name, bool otherwise) const {
  const DataArgument* given = find(name);
  if (given == nullptr) return otherwise;
  const auto* value = std::get_if<bool>(given);
  if (value == nullptr) fail(ErrorCode::kUsage, "wants true or false as '" + std::string(name) + "'");
  return *value;
}

uint32_t Arguments::seed() const {
  const DataArgument* given = find("seed");
  if (given == nullptr) return 0;
  const auto* value = std::get_if<int64_t>(given);
  if (value == nullptr || *value < 0 || *value > UINT32_MAX) fail(ErrorCode::kUsage, "wants a whole number from 0 to 4294967295 as 'seed'");
  return static_cast<uint32_t>(*value);
}

std::string Arguments::path() const {
  const DataArgument* given = find("path");
  const auto* value = given == nullptr ? nullptr : std::get_if<std::string>(given);
  if (value == nullptr || value->empty()) fail(ErrorCode::kUsage, "wants the path of a file as 'path'");
  return *value;
}

int64_t Arguments::count(std::string_view name, int64_t otherwise) const {
  const DataArgument* given = find(name);
  if (given == nullptr) return otherwise;
  const auto* value = std::get_if<int64_t>(given);
  if (value == nullptr || *value < 0 || *value > UINT32_MAX) fail(ErrorCode::kUsage, "wants a whole number from 0 as '" + std::string(name) + "'");
  return *value;
}

std::string Arguments::text(std::string_view name, const std::string& otherwise) const {
  const DataArgument* given = find(name);
  if (given == nullptr) return otherwise;
  const auto* value = std::get_if<std::string>(given);
  if (value == nullptr) fail(ErrorCode::kUsage, "wants a string as '" + std::string(name) + "'");
  return *value;
}

std::vector<std::string> Arguments::names(std::string_view name) const {
  const DataArgument* given = find(name);
  if (given == nullptr) return {};
  if (const auto* one = std::get_if<std::string>(given)) return {*one};
  if (const auto* number = std::get_if<int64_t>(given)) return {std::to_string(*number)};
  if (const auto* many = std::get_if<std::vector<std::string>>(given)) return *many;
  std::vector<std::string> names;
  if (const auto* numbers = std::get_if<std::vector<int64_t>>(given))
    for (const int64_t number : *numbers) names.push_back(std::to_string(number));
  else
    fail(ErrorCode::kUsage, "wants names as '" + std::string(name) + "'");
  return names;
}

std::vector<int64_t> Arguments::counts(std::string_view name) const {
  const DataArgument* given = find(name);
  if (given == nullptr) return {};
  const auto* values = std::get_if<std::vector<int64_t>>(given);
  if (values == nullptr || std::any_of(values->begin(), values->end(), [](int64_t value) { return value < 1 || value > 1 << 20; }))
    fail(ErrorCode::kUsage, "wants whole numbers from 1 as '" + std::string(name) + "', such as [28, 28]");
  return *values;
}

double Arguments::split() const {
  const double value = number("split", 1);
  if (value <= 0 || value > 1) fail(ErrorCode::kUsage, "wants the fraction that trains as 'split': above 0, at most 1");
  return value;
}

}  // namespace sinter::runtime
