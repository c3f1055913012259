#include <algorithm>
#include <cctype>
#include <iterator>

#include "frontend/language/token.h"

namespace sinter::language {
namespace {

bool begins_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_word(char c) { return begins_word(c) || is_digit(c); }

// Two-character symbols come first, so that the longest match wins.
constexpr std::string_view kSymbols[] = {"->", "==", "!=", "<=", ">=", "//", "..", "(", ")", "[", "]", "{", "}",
                                         ",",  ":",  ";",  "=",  "<",  ">",  "+",  "-",  "*", "/", "%", "^", "@", "."};

struct Scanner {
  const Source& source;
  std::string_view text = source.text;
  size_t at = 0;

  char peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : '\0'; }

  [[noreturn]] void fail(size_t offset, const std::string& message, const std::string& hint = {}) const {
    throw Error(ErrorCode::kSyntax, message).at(source.place(static_cast<uint32_t>(offset))).hint(hint);
  }

  TokenKind scan_number() {
    const size_t begin = at;
    bool whole = true;
    while (is_digit(peek())) ++at;
    if (peek() == '.' && is_digit(peek(1))) {  // `1..` is a number before `..`
      whole = false;
      ++at;
      while (is_digit(peek())) ++at;
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at;
      if (peek() == '+' || peek() == '-') ++at;
      if (!is_digit(peek())) fail(begin, "the exponent of this number has no digits", "write for example 1e-3");
      while (is_digit(peek())) ++at;
    }
    if (continues_word(peek()))
      fail(begin, "a number ends where a letter follows", "names do not begin with a digit; put a space between number and name");
    return whole ? TokenKind::kInteger : TokenKind::kNumber;
  }

  void scan_string() {
    const size_t begin = at++;
    while (peek() != '"') {
      if (at >= text.size() || peek() == '\n') fail(begin, "this string has no closing quote on its line");
      at += peek() == '\\' && at + 1 < text.size() && peek(1) != '\n' ? 2 : 1;
    }
    ++at;
  }

  TokenKind scan_symbol() {
    const auto* symbol =
        std::find_if(std::begin(kSymbols), std::end(kSymbols), [&](std::string_view s) { return text.substr(at, s.size()) == s; });
    if (symbol == std::end(kSymbols)) {
      const auto byte = static_cast<unsigned char>(peek());
      const bool printable = byte >= 0x20 && byte < 0x7f;
      fail(at, printable ? std::string("the character '") + peek() + "' means nothing here"
                         : "a byte that is no printable ASCII character stands outside a string or comment");
    }
    at += symbol->size();
    return TokenKind::kSymbol;
  }

  TokenKind scan() {
    const char c = peek();
    if (c == '#') {
      while (at < text.size() && peek() != '\n') ++at;
      return TokenKind::kComment;
    }
    if (begins_word(c)) {
      while (continues_word(peek())) ++at;
      return TokenKind::kWord;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return scan_number();
    if (c == '"') {
      scan_string();
      return TokenKind::kString;
    }
    return scan_symbol();
  }
};

}  // namespace

Place Source::place(uint32_t offset) const {
  const size_t end = std::min<size_t>(offset, text.size());
  const size_t line_begin = end == 0 ? 0 : text.rfind('\n', end - 1) + 1;  // npos + 1 == 0
  const size_t line_end = std::min(text.find('\n', line_begin), text.size());
  Place place;
  place.file = file;
  place.line = 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(line_begin), '\n'));
  place.column = 1 + static_cast<int>(end - line_begin);
  place.source_line = text.substr(line_begin, line_end - line_begin);
  return place;
}

std::vector<Token> tokenize(const Source& source) {
  constexpr size_t kMaxBytes = 16 << 20;  // offsets stay far inside 32 bits, and no model is that long
  if (source.text.size() > kMaxBytes) throw Error(ErrorCode::kSyntax, "the text is longer than 16 MB").at({source.file});
  Scanner scanner{source};
  std::vector<Token> tokens;
  tokens.reserve(source.text.size() / 4 + 1);
  for (;;) {
    while (std::isspace(static_cast<unsigned char>(scanner.peek())) != 0) ++scanner.at;
    const size_t begin = scanner.at;
    if (begin >= source.text.size()) break;
    const TokenKind kind = scanner.scan();
    tokens.push_back({kind, static_cast<uint32_t>(begin), scanner.text.substr(begin, scanner.at - begin)});
  }
  tokens.push_back({TokenKind::kEnd, static_cast<uint32_t>(source.text.size()), {}});
  return tokens;
}

std::string string_value(const Source& source, const Token& token) {
  std::string value;
  const std::string_view body = token.text.substr(1, token.text.size() - 2);
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      value += body[i];
      continue;
    }
    const char escape = ++i < body.size() ? body[i] : '\0';
    if (escape == 'n') value += '\n';
    else if (escape == 't') value += '\t';
    else if (escape == '"' || escape == '\\') value += escape;
    else
      throw Error(ErrorCode::kSyntax, "unknown escape in a string")
          .at(source.place(token.offset + static_cast<uint32_t>(i)))
          .hint("known are \\\" \\\\ \\n \\t");
  }
  return value;
}

}  // namespace sinter::language
