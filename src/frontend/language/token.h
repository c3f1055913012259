// Tokens of the model language. The parser reads them without comments; the formatter keeps every one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "frontend/language/source.h"

namespace sinter::language {

enum class TokenKind : uint8_t { kWord, kInteger, kNumber, kString, kSymbol, kComment, kEnd };

struct Token {
  TokenKind kind;
  uint32_t offset;        // of the first character in the source
  std::string_view text;  // as written; a string with its quotes
};

/// All tokens, comments included, then one kEnd. Raises Error kSyntax for a character that begins none, for an
/// unterminated string and for a malformed number.
std::vector<Token> tokenize(const Source& source);

/// The characters a string token stands for (escapes \" \\ \n \t). Raises Error kSyntax.
std::string string_value(const Source& source, const Token& token);

}  // namespace sinter::language
