// Text of the model language to syntax tree. Grammar: docs/language.md.
#pragma once

#include <deque>

#include "frontend/language/syntax.h"
#include "frontend/language/token.h"

namespace sinter::language {

inline constexpr int kLanguageVersion = 1;

/// Raises Error kSyntax with place and what was expected, kName for a name declared twice. Never recurses deeper than a fixed bound.
File parse(std::shared_ptr<const Source> source);

/// Where the text between the tokens matters for layout: offsets at which a top-level item, a statement or a setting begins.
struct Layout {
  std::vector<uint32_t> items, statements, settings;  // ascending
  std::vector<uint32_t> prefixes;                     // of unary operators
  std::vector<uint32_t> ranges;                       // of the `:` in subscripts
};
/// The same, and what the formatter needs.
File parse(std::shared_ptr<const Source> source, Layout& layout);

/// One expression alone, e.g. the value of an option. `source` must outlive it.
ExpressionPtr parse_expression(const Source& source);

/// A tensor that stands in an expression by its type: `f32[batch, 64]`, `x: f32[64]`, `const f32[64, 64]`.
struct GivenTensor {
  std::string_view name;  // made up where the text gives none
  uint32_t offset = 0;
  TypePattern type;
  bool constant = false;
};
/// `{ NAME = expression [";"] | x: TYPE ";" } expression`. Given tensors have become names.
struct ExpressionText {
  std::deque<std::string> names;  // those made up; they keep their addresses
  std::vector<GivenTensor> given;
  Block body;           // the assignments
  ExpressionPtr value;  // the last expression
};
/// `source` must outlive it.
ExpressionText parse_expression_text(const Source& source);

}  // namespace sinter::language
