// Names of a model as names of C: for generated headers, which use them alone.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace sinter::driver {

/// Gives each name of one scope an identifier of its own, which C and C++ accept.
class CNames {
 public:
  /// Identifiers in `taken`, and those that begin with `prefix` and an underscore, are never given.
  explicit CNames(std::set<std::string> taken, std::string prefix = "");

  /// The name with `_` for what no identifier may hold, and at its end until it is free.
  std::string add(std::string_view name);

 private:
  std::set<std::string> taken_;
  std::string prefix_;
};

/// The text as it may stand inside a comment, on one line.
std::string in_comment(std::string_view text);

/// The text as a literal of C, with its quotes.
std::string string_literal(std::string_view text);

}  // namespace sinter::driver
