// Reading text: a cursor over a source with line and column, used by the model language, the graph text and
// the loop text; and the exact spelling of numbers that all printers share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/dim.h"
#include "base/error.h"
#include "base/shape.h"

namespace sinter {

/// Shortest decimal text that reads back to the same value; "inf", "-inf", "nan". A float always shows a '.', an 'e' or a word.
std::string to_text(double value);
std::string to_text(float value);

/// The text in double quotes with \" \\ \n \t \xHH escapes.
std::string quoted(std::string_view text);
// Exact matches, so that std::quoted of <iomanip> is not found instead for a std::string.
inline std::string quoted(const std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(const char* text) { return quoted(std::string_view(text)); }
inline std::string quoted(std::string& text) { return quoted(std::string_view(text)); }

/// The candidate closest to `word` by edit distance, when close enough to suggest ("did you mean ...?"); else empty.
template <class Range> std::string closest(std::string_view word, const Range& candidates);
int edit_distance(std::string_view a, std::string_view b);

/// A cursor over `source`. Words are [A-Za-z_][A-Za-z0-9_]*; spaces are skipped before each token; `#` or `//` starts a
/// comment to the end of the line. Every failure raises Error kSyntax with the place and what was expected.
class TextCursor {
 public:
  TextCursor(std::string_view source, std::string file);

  struct Mark { size_t offset = 0; };
  Mark mark() const { return {offset_}; }
  void reset(Mark mark) { offset_ = mark.offset; }

  void skip_spaces();               // spaces, newlines and comments
  bool at_end();
  bool peek(std::string_view token);    // token is a word or punctuation; a word must end where it ends
  bool accept(std::string_view token);
  void expect(std::string_view token, std::string_view what_for = {});
  std::optional<std::string> accept_word();
  std::string expect_word(std::string_view what);
  /// A word with dots between parts: "blocks.3.attention.q.weight" (parts after the first may begin with a digit).
  std::string expect_path(std::string_view what);
  std::optional<int64_t> accept_integer();  // with an optional minus sign
  int64_t expect_integer(std::string_view what);
  double expect_number(std::string_view what);  // integer, decimal, exponent, inf, nan
  std::string expect_string(std::string_view what);
  DType expect_dtype();
  Dim expect_dim();          // the grammar of Dim::to_string: + - * ( ) integers symbols floordiv() mod() min() max()
  Shape expect_shape();      // "[batch, 32]"
  TensorType expect_type();  // "f32[batch, 32]"

  Place place() const;                // of the next token
  Place place(Mark mark) const;
  [[noreturn]] void fail(const std::string& message, const std::string& hint = {}) const;
  std::string_view rest() const { return source_.substr(offset_); }
  std::string_view source() const { return source_; }
  const std::string& file() const { return file_; }
  size_t offset() const { return offset_; }

 private:
  std::string_view source_;
  std::string file_;
  size_t offset_ = 0;
  // The line that place() was last asked for: reading forwards, asking for every token stays linear.
  mutable size_t line_begin_ = 0;
  mutable int line_ = 1;
};

/// The whole text as a Dim. Raises Error kSyntax.
Dim parse_dim(std::string_view text);

template <class Range> std::string closest(std::string_view word, const Range& candidates) {
  std::string best;
  if (word.size() > 100) return best;  // nobody mistypes such a word, and the search takes the product of lengths
  int best_distance = static_cast<int>(word.size()) / 3 + 1;
  for (const auto& candidate : candidates) {
    if (std::string_view(candidate).size() > word.size() + static_cast<size_t>(best_distance)) continue;
    const int distance = edit_distance(word, candidate);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sinter
