// The tokens of a text and a place among them: what every part of the parser stands on. It asks, accepts and raises
// errors with their place; it knows no grammar but the words that are reserved.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/language/parse.h"

namespace sinter::language {

class TokenCursor {
 protected:
  TokenCursor(const Source& source, Layout* layout) : source_(source), layout_(layout), tokens_(tokenize(source)) {
    std::erase_if(tokens_, [](const Token& t) { return t.kind == TokenKind::kComment; });
  }

  const Token& token(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  uint32_t offset() const { return token().offset; }
  bool is(std::string_view text, size_t ahead = 0) const {
    const Token& t = token(ahead);
    return t.text == text && (t.kind == TokenKind::kSymbol || t.kind == TokenKind::kWord);
  }
  bool is_word(size_t ahead = 0) const {
    return token(ahead).kind == TokenKind::kWord && !is_reserved(token(ahead).text);
  }
  bool accept(std::string_view text) {
    if (!is(text)) return false;
    ++at_;
    return true;
  }

  [[noreturn]] void fail_at(uint32_t where, const std::string& message, const std::string& hint = {}) const {
    throw Error(ErrorCode::kSyntax, message).at(source_.place(where)).hint(hint);
  }
  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const {
    std::string found = "the text ends";
    if (token().kind != TokenKind::kEnd) found = "found '" + std::string(token().text.substr(0, 40)) + "'";
    fail_at(offset(), message + ", " + found, hint);
  }
  void expect(std::string_view text, std::string_view context) {
    if (!accept(text)) fail("expected '" + std::string(text) + "' " + std::string(context));
  }
  Target expect_name(std::string_view what) {
    if (token().kind == TokenKind::kWord && is_reserved(token().text))
      fail("expected " + std::string(what), "this word is reserved");
    if (!is_word()) fail("expected " + std::string(what));
    Target target{token().text, offset()};
    ++at_;
    return target;
  }

  /// One level deeper for as long as it lives.
  struct Nested {
    TokenCursor& parser;
    explicit Nested(TokenCursor& p) : parser(p) {
      if (++p.depth_ > kMaxDepth)
        p.fail_at(p.offset(), "this is nested more than " + std::to_string(kMaxDepth) + " levels deep");
    }
    ~Nested() { --parser.depth_; }
  };

  void note(std::vector<uint32_t> Layout::*list, uint32_t where) {
    if (layout_ != nullptr) (layout_->*list).push_back(where);
  }

  // Deep enough for any model, shallow enough for the recursion here, in the evaluator and in destructors.
  static constexpr int kMaxDepth = 100;

  const Source& source_;
  Layout* layout_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;

 private:
  static bool is_reserved(std::string_view word) {
    static constexpr std::string_view kReserved[] = {"true", "false", "none", "and", "or", "not", "if", "then", "else"};
    return std::find(std::begin(kReserved), std::end(kReserved), word) != std::end(kReserved);
  }
};

}  // namespace sinter::language
