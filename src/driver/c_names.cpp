#include "driver/c_names.h"

#include <cctype>
#include <cstdio>

namespace sinter::driver {
namespace {

/// Keywords of C11 and C++20, and macros of the C library or of a compiler's own dialect.
const std::set<std::string, std::less<>>& reserved_words() {
  static const std::set<std::string, std::less<>> words = {
      "EOF", "NULL", "alignas", "alignof", "and", "and_eq", "asm", "assert", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char16_t", "char32_t", "char8_t",
      "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit", "continue",
      "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "errno", "explicit", "export", "extern", "false", "float", "for", "friend",
      "goto", "i386", "if", "inline", "int", "linux", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
      "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof", "static",
      "static_assert", "static_cast", "stderr", "stdin", "stdout", "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid", "typename",
      "typeof", "union", "unix", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq"};
  return words;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

}  // namespace

CNames::CNames(std::set<std::string> taken, std::string prefix) : taken_(std::move(taken)), prefix_(std::move(prefix)) {
  if (!prefix_.empty()) prefix_ += "_";
}

std::string CNames::add(std::string_view name) {
  std::string word;
  for (const char c : name) word += is_word(c) ? c : '_';
  // a leading digit is no identifier; a leading underscore and `..._t` may be the C library's
  if (word.empty() || !std::isalpha(static_cast<unsigned char>(word[0]))) word = "v" + word;
  const bool type = word.size() > 2 && word.compare(word.size() - 2, 2, "_t") == 0;
  if (type || (!prefix_.empty() && word.rfind(prefix_, 0) == 0)) word = "v_" + word;
  while (reserved_words().count(word) || !taken_.insert(word).second) word += "_";
  return word;
}

std::string in_comment(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '/' && !result.empty() && (result.back() == '*' || result.back() == '/')) result += ' ';
    if (c == '*' && !result.empty() && result.back() == '/') result += ' ';
    result += std::iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
  }
  return result;
}

std::string string_literal(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    char octal[5];
    std::snprintf(octal, sizeof octal, "\\%03o", byte);
    // octal digits end after three, so that nothing behind them is read as one more; `?` would begin a trigraph
    if (c == '"' || c == '\\' || c == '?' || byte < 0x20 || byte == 0x7f) result += octal;
    else result += c;
  }
  return result + "\"";
}

}  // namespace sinter::driver
