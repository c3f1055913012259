#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

namespace sinter {
namespace {

// Parentheses and calls in one dim: far beyond what a person writes, far below what the stack holds.
constexpr int kDeepestDim = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word_part(char c) { return is_word_start(c) || is_digit(c); }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

template <class Float> std::string shortest(Float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Where the next token begins: after spaces, newlines and comments.
size_t next_token(std::string_view source, size_t offset) {
  for (;;) {
    while (offset < source.size() && is_space(source[offset])) ++offset;
    const std::string_view rest = source.substr(offset);
    if (!rest.starts_with('#') && !rest.starts_with("//")) return offset;
    offset = std::min(source.find('\n', offset), source.size());
  }
}

/// What stands at `offset`, for "expected ..., found ...".
std::string found(std::string_view source, size_t offset) {
  constexpr size_t kShown = 40;
  offset = next_token(source, offset);
  if (offset == source.size()) return "the end of the text";
  size_t end = offset + 1;
  if (is_word_part(source[offset])) {
    while (end < source.size() && (is_word_part(source[end]) || source[end] == '.')) ++end;
  } else {
    while (end < source.size() && (static_cast<unsigned char>(source[end]) & 0xC0) == 0x80) ++end;  // a UTF-8 character whole
  }
  const std::string_view token = source.substr(offset, end - offset);
  return token.size() <= kShown ? quoted(token) : quoted(token.substr(0, kShown)) + "...";
}

/// Reads the grammar of Dim::to_string.
class DimReader {
 public:
  explicit DimReader(TextCursor& cursor) : cursor_(cursor) {}

  Dim sum() {
    if (++depth_ > kDeepestDim) cursor_.fail("this dim is nested too deeply", "at most " + std::to_string(kDeepestDim) + " levels");
    Dim total = product();
    for (;;) {
      if (cursor_.accept("+")) {
        total = total + product();
      } else if (accept_minus()) {
        total = total - product();
      } else {
        --depth_;
        return total;
      }
    }
  }

 private:
  Dim product() {
    Dim total = factor();
    while (cursor_.accept("*")) total = total * factor();
    return total;
  }

  Dim factor() {
    if (const auto integer = cursor_.accept_integer()) return *integer;
    if (accept_minus()) {
      if (++depth_ > kDeepestDim) cursor_.fail("this dim is nested too deeply");
      Dim negated = -1 * factor();
      --depth_;
      return negated;
    }
    if (cursor_.accept("(")) {
      Dim inner = sum();
      cursor_.expect(")", "to close the parenthesis");
      return inner;
    }
    const std::string word = cursor_.expect_word("a dim (an integer, a symbol or an expression of them)");
    return cursor_.accept("(") ? call(word) : Dim::symbol(word);
  }

  Dim call(const std::string& function) {
    Dim (*build)(const Dim&, const Dim&) = function == "floordiv" ? floor_div
                                           : function == "mod"    ? static_cast<Dim (*)(const Dim&, const Dim&)>(mod)
                                           : function == "min"    ? static_cast<Dim (*)(const Dim&, const Dim&)>(min)
                                           : function == "max"    ? static_cast<Dim (*)(const Dim&, const Dim&)>(max)
                                                                  : nullptr;
    if (build == nullptr) cursor_.fail("unknown function " + quoted(function) + " in a dim", "known are floordiv, mod, min and max");
    const Dim first = sum();
    cursor_.expect(",", "between the two arguments of " + function);
    const Dim second = sum();
    cursor_.expect(")", "after the arguments of " + function);
    return build(first, second);
  }

  /// A minus that is not the head of an arrow.
  bool accept_minus() { return !cursor_.peek("->") && cursor_.accept("-"); }

  TextCursor& cursor_;
  int depth_ = 0;
};

}  // namespace

std::string to_text(double value) { return shortest(value); }
std::string to_text(float value) { return shortest(value); }

std::string quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else if (c == '\t') {
      result += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      result += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      result += c;
    }
  }
  return result + "\"";
}

int edit_distance(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

TextCursor::TextCursor(std::string_view source, std::string file) : source_(source), file_(std::move(file)) {}

void TextCursor::skip_spaces() { offset_ = next_token(source_, offset_); }

bool TextCursor::at_end() {
  skip_spaces();
  return offset_ == source_.size();
}

bool TextCursor::peek(std::string_view token) {
  skip_spaces();
  if (!rest().starts_with(token)) return false;
  const size_t end = offset_ + token.size();
  const bool is_word = !token.empty() && is_word_part(token.back());
  return !(is_word && end < source_.size() && is_word_part(source_[end]));
}

bool TextCursor::accept(std::string_view token) {
  if (!peek(token)) return false;
  offset_ += token.size();
  return true;
}

void TextCursor::expect(std::string_view token, std::string_view what_for) {
  if (accept(token)) return;
  const std::string purpose = what_for.empty() ? "" : " " + std::string(what_for);
  fail("expected " + quoted(token) + purpose + ", found " + found(source_, offset_));
}

std::optional<std::string> TextCursor::accept_word() {
  skip_spaces();
  if (offset_ == source_.size() || !is_word_start(source_[offset_])) return std::nullopt;
  const size_t begin = offset_;
  while (offset_ < source_.size() && is_word_part(source_[offset_])) ++offset_;
  return std::string(source_.substr(begin, offset_ - begin));
}

std::string TextCursor::expect_word(std::string_view what) {
  if (auto word = accept_word()) return *std::move(word);
  fail("expected " + std::string(what) + ", found " + found(source_, offset_));
}

std::string TextCursor::expect_path(std::string_view what) {
  std::string path = expect_word(what);
  while (offset_ + 1 < source_.size() && source_[offset_] == '.' && is_word_part(source_[offset_ + 1])) {
    path += source_[offset_++];
    while (offset_ < source_.size() && is_word_part(source_[offset_])) path += source_[offset_++];
  }
  return path;
}

std::optional<int64_t> TextCursor::accept_integer() {
  skip_spaces();
  const std::string_view text = rest();
  size_t end = text.starts_with('-') ? 1 : 0;
  if (end == text.size() || !is_digit(text[end])) return std::nullopt;
  while (end < text.size() && is_digit(text[end])) ++end;
  const bool goes_on = end < text.size() && (is_word_start(text[end]) || (text[end] == '.' && end + 1 < text.size() && is_digit(text[end + 1])));
  if (goes_on) return std::nullopt;  // 1.5, 1e3 and 3x are no integers
  int64_t value = 0;
  if (std::from_chars(text.data(), text.data() + end, value).ec != std::errc()) {
    fail("the integer " + std::string(text.substr(0, std::min<size_t>(end, 40))) + " does not fit into 64 bits");
  }
  offset_ += end;
  return value;
}

int64_t TextCursor::expect_integer(std::string_view what) {
  if (const auto value = accept_integer()) return *value;
  fail("expected " + std::string(what) + " (an integer), found " + found(source_, offset_));
}

double TextCursor::expect_number(std::string_view what) {
  const bool negative = peek("-");
  const Mark begin = mark();
  if (negative) ++offset_;
  if (!negative || (offset_ < source_.size() && !is_space(source_[offset_]))) {
    if (accept("inf")) return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    if (accept("nan")) return std::numeric_limits<double>::quiet_NaN();
  }
  double value = 0;
  const char* first = source_.data() + offset_;
  const char* last = source_.data() + source_.size();
  const bool starts = first != last && (is_digit(*first) || *first == '.');
  const auto result = starts ? std::from_chars(first, last, value) : std::from_chars_result{first, std::errc::invalid_argument};
  const bool goes_on = result.ptr != last && (is_word_part(*result.ptr));
  if (result.ec == std::errc::result_out_of_range) {
    reset(begin);
    fail("the number " + found(source_, offset_ + (negative ? 1 : 0)) + " is out of the range of a double");
  }
  if (result.ec != std::errc() || goes_on) {
    reset(begin);
    fail("expected " + std::string(what) + " (a number), found " + found(source_, offset_));
  }
  offset_ = static_cast<size_t>(result.ptr - source_.data());
  return negative ? -value : value;
}

std::string TextCursor::expect_string(std::string_view what) {
  if (!peek("\"")) fail("expected " + std::string(what) + " (a string in double quotes), found " + found(source_, offset_));
  const Mark begin = mark();
  const auto broken = [&](const std::string& message) {
    reset(begin);
    fail(message);
  };
  std::string value;
  ++offset_;
  for (;; ++offset_) {
    if (offset_ == source_.size() || source_[offset_] == '\n') broken("this string has no closing quote on its line");
    char c = source_[offset_];
    if (c == '"') break;
    if (c == '\\') {
      const char escape = ++offset_ < source_.size() ? source_[offset_] : '\0';
      const std::string_view digits = source_.substr(std::min(offset_ + 1, source_.size()), 2);
      if (escape == 'n') {
        c = '\n';
      } else if (escape == 't') {
        c = '\t';
      } else if (escape == '"' || escape == '\\') {
        c = escape;
      } else if (escape == 'x' && digits.size() == 2 && hex_value(digits[0]) >= 0 && hex_value(digits[1]) >= 0) {
        c = static_cast<char>(hex_value(digits[0]) * 16 + hex_value(digits[1]));
        offset_ += 2;
      } else {
        broken("unknown escape in this string: known are \\\" \\\\ \\n \\t and \\xHH");
      }
    }
    value += c;
  }
  ++offset_;
  return value;
}

DType TextCursor::expect_dtype() {
  skip_spaces();
  const Mark begin = mark();
  const std::string word = expect_word("a dtype");
  if (const auto dtype = parse_dtype(word)) return *dtype;
  reset(begin);
  std::vector<std::string> names;
  for (const DType dtype : kAllDTypes) names.emplace_back(name(dtype));
  const std::string suggestion = closest(word, names);
  fail("expected a dtype, found " + quoted(word), suggestion.empty() ? "dtypes are f64 f32 f16 bf16 i8 to i64, u8 to u64 and bool" : "did you mean " + suggestion + "?");
}

Dim TextCursor::expect_dim() {
  skip_spaces();
  const Mark begin = mark();
  try {
    return DimReader(*this).sum();
  } catch (Error& error) {  // arithmetic on constants may overflow or divide by zero: say where
    if (!error.place().known()) error.at(place(begin));
    throw;
  }
}

Shape TextCursor::expect_shape() {
  Shape shape;
  expect("[", "to begin a shape");
  if (accept("]")) return shape;
  do {
    shape.push_back(expect_dim());
  } while (accept(","));
  expect("]", "to end the shape");
  return shape;
}

TensorType TextCursor::expect_type() {
  const DType dtype = expect_dtype();
  return {dtype, expect_shape()};
}

Place TextCursor::place() const { return place(mark()); }

Place TextCursor::place(Mark mark) const {
  const size_t offset = next_token(source_, std::min(mark.offset, source_.size()));
  if (offset < line_begin_) {
    line_ = 1;
    line_begin_ = 0;
  }
  for (size_t newline; (newline = source_.substr(0, offset).find('\n', line_begin_)) != std::string_view::npos;) {
    ++line_;
    line_begin_ = newline + 1;
  }
  const std::string_view line = source_.substr(line_begin_, source_.find('\n', offset) - line_begin_);
  const std::string_view before = line.substr(0, offset - line_begin_);
  const auto characters = std::count_if(before.begin(), before.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return {.file = file_, .line = line_, .column = static_cast<int>(characters) + 1, .source_line = std::string(line), .node = {}};
}

void TextCursor::fail(const std::string& message, const std::string& hint) const {
  Error error(ErrorCode::kSyntax, message);
  error.at(place());
  if (!hint.empty()) error.hint(hint);
  throw error;
}

Dim parse_dim(std::string_view text) {
  TextCursor cursor(text, "");
  const Dim dim = cursor.expect_dim();
  if (!cursor.at_end()) cursor.fail("expected the end of the dim, found " + found(text, cursor.offset()));
  return dim;
}

}  // namespace sinter
