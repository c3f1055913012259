#include "base/error.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace sinter {
namespace {

thread_local std::vector<std::string> working_on;

/// `__FILE__` from the source folder on, so that messages do not show where somebody built.
std::string source_name(const char* file) {
  const std::string path = file;
  for (const char* root : {"/src/", "/tests/"}) {
    const size_t at = path.rfind(root);
    if (at != std::string::npos) return path.substr(at + 1);
  }
  return path;
}

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }  // not a UTF-8 continuation

/// The source line and a caret below `column` (counted in characters); of a very long line only the part around it.
std::string with_caret(std::string line, int column) {
  constexpr int kBefore = 100, kShown = 140;
  line.erase(std::find_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }), line.end());
  std::string shown, caret;
  int character = 0;
  const int first = std::max(0, column - kBefore);
  for (const char c : line) {
    if (starts_character(c)) ++character;
    if (character <= first) continue;
    if (character > first + kShown) break;
    shown += c;
    if (character < column && starts_character(c)) caret += c == '\t' ? '\t' : ' ';
  }
  return "\n  " + shown + (column > 0 ? "\n  " + caret + "^" : "");
}

}  // namespace

std::string_view name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kSyntax: return "syntax";
    case ErrorCode::kName: return "name";
    case ErrorCode::kType: return "type";
    case ErrorCode::kData: return "data";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kCheck: return "check";
    case ErrorCode::kUsage: return "usage";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kInterrupted: return "interrupted";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) { format(); }

Error& Error::rule(std::string rule) {
  rule_ = std::move(rule);
  format();
  return *this;
}

Error& Error::at(Place place) {
  place_ = std::move(place);
  format();
  return *this;
}

Error& Error::hint(std::string hint) {
  hint_ = std::move(hint);
  format();
  return *this;
}

void Error::format() {
  std::string where;
  if (!place_.file.empty()) where = place_.file;
  if (place_.line > 0) {
    where += (where.empty() ? "line " : ":") + std::to_string(place_.line);
    if (place_.column > 0) where += ":" + std::to_string(place_.column);
  }
  if (!place_.node.empty()) where += (where.empty() ? "" : ": ") + place_.node;
  text_ = where + (where.empty() ? "" : ": ") + "error: ";
  if (!rule_.empty()) text_ += rule_ + ": ";
  text_ += message_;
  if (!hint_.empty()) text_ += "; " + hint_;
  if (!place_.source_line.empty()) text_ += with_caret(place_.source_line, place_.column);
}

InternalError::InternalError(std::string message, const char* file, int line) {
  text_ = "internal error: " + message + " (" + source_name(file) + ":" + std::to_string(line) + ")";
  const std::string context = WorkingOn::current();
  if (!context.empty()) text_ += " in " + context;
}

WorkingOn::WorkingOn(std::string what) { working_on.push_back(std::move(what)); }

WorkingOn::~WorkingOn() { working_on.pop_back(); }

std::string WorkingOn::current() {
  std::string text;
  for (const std::string& what : working_on) text += (text.empty() ? "" : ", ") + what;
  return text;
}

}  // namespace sinter
