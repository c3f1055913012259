// Errors: what a person who uses Sinter sees when something is wrong, and whose fault it is.
//
// `Error` is the user's mistake: a code, the rule that was broken, the place, a message with the actual
// values, and a hint. `InternalError` is ours: a broken invariant, with what was being compiled.
// Every folder raises these two and no other exception.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace sinter {

enum class ErrorCode {
  kSyntax,       // a text does not parse
  kName,         // an unknown or a doubly defined name
  kType,         // dtypes, shapes or attributes that do not fit an op's rule
  kData,         // bad content in a file of data or weights
  kIo,           // a file cannot be opened, read or written
  kCheck,        // a check at run time failed: index out of range, unequal dims, label out of range
  kUsage,        // options or calls that do not fit together
  kUnsupported,  // valid, but not compiled yet
  kInterrupted,  // the user asked to stop
};

/// The stable lower-case word for a code ("syntax", "name", ...), used by `--json` and the C API.
std::string_view name(ErrorCode code);

/// Where a mistake is: a position in a text (line and column count from 1; 0 means unknown), or a node.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  std::string source_line;  // the text of `line`, for the caret; may be empty
  std::string node;         // the model's own name of the node, when the mistake is not in a text

  bool known() const { return !file.empty() || line > 0 || !node.empty(); }
};

/// The user's mistake.
class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message);

  Error& rule(std::string rule);   // e.g. "dot_general C2"
  Error& at(Place place);
  Error& hint(std::string hint);

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& rule() const { return rule_; }
  const std::string& hint() const { return hint_; }
  const Place& place() const { return place_; }

  /// `file:line:column: error: rule: message; hint`, and the source line with a caret below it when known.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  void format();

  ErrorCode code_;
  std::string message_, rule_, hint_;
  Place place_;
  std::string text_;
};

/// A broken invariant of ours. `context()` is what was being compiled, e.g. "pass fuse, function step".
class InternalError : public std::exception {
 public:
  InternalError(std::string message, const char* file, int line);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Names what the current thread works on, for InternalError; scopes nest.
class WorkingOn {
 public:
  explicit WorkingOn(std::string what);
  ~WorkingOn();
  WorkingOn(const WorkingOn&) = delete;
  WorkingOn& operator=(const WorkingOn&) = delete;
  /// "pass fuse, function step", outermost first; empty when nothing is named.
  static std::string current();
};

}  // namespace sinter

/// Raises InternalError with `message` (a std::string expression, evaluated only then) unless `condition` holds.
#define SINTER_CHECK(condition, message)                                      \
  do {                                                                        \
    if (!(condition)) throw ::sinter::InternalError((message), __FILE__, __LINE__); \
  } while (false)
