// Expressions and types of the model language: the grammar below statements. parse.cpp builds on it.
#pragma once

#include "frontend/language/token_cursor.h"

namespace sinter::language {

class ExpressionParser : protected TokenCursor {
 protected:
  using TokenCursor::TokenCursor;

  TypePattern parse_type();
  ExpressionPtr parse_expression(int strength = 1);

  ExpressionText* expression_text_ = nullptr;  // where tensors given by their types go, when they may stand here

 private:
  ExpressionPtr make(Expression::Kind kind, uint32_t where, std::string_view text = {}) const;
  ExpressionPtr parse_prefix();
  ExpressionPtr parse_postfix();
  std::vector<NamedExpression> parse_arguments(std::string_view close, const std::string& whose);
  /// Whether `x: f32[..]`, `f32[..]` or a `const` of them begins here.
  bool begins_given() const;
  /// A name for the next given tensor that no word of the text is.
  std::string unused_name(const std::string& kind) const;
  ExpressionPtr parse_given();
  void parse_subscripts(Expression& index);
  ExpressionPtr parse_primary();
};

}  // namespace sinter::language
