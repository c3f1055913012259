// The arguments of a data source, by kind. Used by the sources; raises Error kUsage at the place of the source.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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
  double split() const;  // (0, 1]

  [[noreturn]] void fail(ErrorCode code, const std::string& message, const std::string& hint = {}) const;

 private:
  const DataArgument* find(std::string_view name) const;

  const DataRequest& request_;
};

}  // namespace sinter::runtime
