// The arguments of a data source, by kind. Used by the sources; raises Error kUsage at the place of the source.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

class Arguments {
 public:
  explicit Arguments(const DataRequest& request) : request_(request) {}

  int64_t count(std::string_view name) const;                    // from 1; required
  double number(std::string_view name, double otherwise) const;  // finite, from 0
  bool flag(std::string_view name, bool otherwise) const;
  uint32_t seed() const;
  std::string path() const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  int64_t count(std::string_view name, int64_t otherwise) const;  // from 0
  std::string text(std::string_view name, const std::string& otherwise) const;
  std::vector<std::string> names(std::string_view name) const;  // a string, a number or a list of them
  std::vector<int64_t> counts(std::string_view name) const;     // a list of whole numbers from 1
  double split() const;  // (0, 1]

  [[noreturn]] void fail(ErrorCode code, const std::string& message, const std::string& hint = {}) const;

 private:
  const DataArgument* find(std::string_view name) const;

  const DataRequest& request_;
};

}  // namespace sinter::runtime
