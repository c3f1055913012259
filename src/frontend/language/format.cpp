// The canonical layout of a text, for `sinter fmt`. It works on tokens: lines stay where their writer broke them, what is between
// tokens and before lines is decided here. The parser tells where statements begin and which `-` and `:` are which.
#include <algorithm>

#include "frontend/language/language.h"
#include "frontend/language/parse.h"

namespace sinter::language {
namespace {

constexpr size_t kIndent = 4;
constexpr std::string_view kBetweenStatements = "   ";

bool holds(const std::vector<uint32_t>& sorted, uint32_t offset) { return std::binary_search(sorted.begin(), sorted.end(), offset); }

/// One line of the result: tokens [first, last), a comment at its end apart.
struct Line {
  size_t first = 0, last = 0;
  bool blank_before = false;
  std::string text;
  std::string comment;  // at the end of code
};

class Formatter {
 public:
  Formatter(const Source& source, Layout layout) : layout_(std::move(layout)), tokens_(tokenize(source)) {
    tokens_.pop_back();  // the end
    for (auto* list : {&layout_.items, &layout_.statements, &layout_.settings, &layout_.prefixes, &layout_.ranges})
      std::sort(list->begin(), list->end());
    gaps_.resize(tokens_.size());
    for (size_t i = 1; i < tokens_.size(); ++i) {
      const size_t begin = tokens_[i - 1].offset + tokens_[i - 1].text.size();
      const std::string_view between = std::string_view(source.text).substr(begin, tokens_[i].offset - begin);
      gaps_[i] = static_cast<int>(std::count(between.begin(), between.end(), '\n'));
    }
  }

  std::string run() {
    match_braces();
    break_lines();
    align_settings();
    for (Line& line : lines_) write(line);
    return assemble();
  }

 private:
  bool is(size_t i, std::string_view text) const {
    return i < tokens_.size() && tokens_[i].text == text && tokens_[i].kind != TokenKind::kComment;
  }
  bool is_comment(size_t i) const { return tokens_[i].kind == TokenKind::kComment; }
  bool starts_item(size_t i) const { return holds(layout_.items, tokens_[i].offset); }
  bool starts_setting(size_t i) const { return holds(layout_.settings, tokens_[i].offset); }
  bool starts_statement(size_t i) const { return holds(layout_.statements, tokens_[i].offset) || starts_setting(i); }

  // ---- lines ----

  /// The partner of each brace, and whether its block takes several lines.
  void match_braces() {
    partner_.assign(tokens_.size(), 0);
    std::vector<size_t> open;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (is(i, "{")) open.push_back(i);
      if (!is(i, "}")) continue;
      partner_[i] = open.back();
      partner_[open.back()] = i;
      open.pop_back();
    }
  }
  bool spreads(size_t brace) const {
    const auto [first, last] = std::minmax(brace, partner_[brace]);
    for (size_t i = first + 1; i <= last; ++i) {
      if (gaps_[i] > 0 || is_comment(i)) return true;
    }
    return false;
  }

  bool breaks_before(size_t i) const {
    const size_t before = i - 1;
    if (is_comment(before)) return true;
    if (is_comment(i)) return gaps_[i] > 0;
    if (is(i, "{") || (is(i, "else") && is(before, "}"))) return false;
    if (is(before, "{") || is(i, "}")) return spreads(is(i, "}") ? i : before) && !(is(before, "{") && is(i, "}"));
    if (is(before, "}")) return spreads(before) || gaps_[i] > 0;
    return gaps_[i] > 0 || starts_item(i);
  }

  void break_lines() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (i == 0 || breaks_before(i)) {
        const bool opened = i > 0 && (is(i - 1, "{") || (is_comment(i - 1) && gaps_[i - 1] == 0 && i > 1 && is(i - 2, "{")));
        lines_.push_back({i, i, i > 0 && gaps_[i] > 1 && !opened && !is(i, "}"), {}, {}});
      }
      lines_.back().last = i + 1;
    }
  }

  /// The `=` of neighbouring settings that have a line each stand below each other.
  void align_settings() {
    std::vector<size_t> run;  // the names
    const auto finish = [&] {
      size_t width = 0;
      for (const size_t name : run) width = std::max(width, tokens_[name].text.size());
      for (const size_t name : run) padding_.emplace_back(name + 1, width - tokens_[name].text.size());
      run.clear();
    };
    for (const Line& line : lines_) {
      size_t settings = 0;
      for (size_t i = line.first; i < line.last; ++i) settings += starts_setting(i) ? 1 : 0;
      if (line.blank_before || settings > 1 || is(line.first, "}")) finish();
      if (settings == 1 && starts_setting(line.first)) run.push_back(line.first);
    }
    finish();
    std::sort(padding_.begin(), padding_.end());
  }

  // ---- one line ----

  struct Bracket {
    bool brace;
    size_t closer;  // where a line begins that closes it
    size_t column;  // where lines inside begin
  };

  size_t indent_of(const Line& line) const {
    const size_t i = line.first;
    const bool closes = is(i, "}") || is(i, ")") || is(i, "]");
    if (brackets_.empty()) return is_comment(i) || starts_item(i) || i == 0 ? 0 : kIndent;
    const Bracket& inner = brackets_.back();
    if (closes) return inner.closer;
    if (!inner.brace || is_comment(i) || starts_statement(i)) return inner.column;
    return inner.column + kIndent;  // a statement goes on
  }

  void write(Line& line) {
    const size_t indent = indent_of(line);
    line.text.assign(indent, ' ');
    for (size_t i = line.first; i < line.last; ++i) {
      if (is_comment(i) && i > line.first) {
        line.comment = trimmed(tokens_[i].text);
        break;
      }
      if (i > line.first) line.text += between(i);
      line.text += is_comment(i) ? trimmed(tokens_[i].text) : std::string(tokens_[i].text);
      const std::string_view text = tokens_[i].text;
      if (is_comment(i) || tokens_[i].kind != TokenKind::kSymbol) continue;
      if (text == "{" || text == "(" || text == "[") {
        const bool last = i + 1 == line.last || is_comment(i + 1);
        const auto blocks =
            static_cast<size_t>(std::count_if(brackets_.begin(), brackets_.end(), [](const Bracket& b) { return b.brace; }));
        if (text == "{") brackets_.push_back({true, blocks * kIndent, (blocks + 1) * kIndent});
        else brackets_.push_back({false, indent, last ? indent + kIndent : line.text.size()});
      } else if (text == "}" || text == ")" || text == "]") {
        brackets_.pop_back();
      }
    }
  }

  static std::string trimmed(std::string_view comment) { return std::string(comment.substr(0, comment.find_last_not_of(" \t\r") + 1)); }

  /// What stands between token i and the one before it on its line.
  std::string between(size_t i) const {
    const auto pad = std::lower_bound(padding_.begin(), padding_.end(), std::pair<size_t, size_t>{i, 0});
    if (pad != padding_.end() && pad->first == i) return std::string(pad->second + 1, ' ');
    if (starts_statement(i) && !is(i - 1, "{")) return std::string(kBetweenStatements);
    return has_space(i) ? " " : "";
  }

  bool has_space(size_t i) const {
    const size_t p = i - 1;
    const std::string_view text = tokens_[i].text, before = tokens_[p].text;
    if (tokens_[p].kind == TokenKind::kSymbol) {
      if (before == "(" || before == "[" || before == ".") return false;
      if (before == "{") return text != "}";
      if (before == "-" && holds(layout_.prefixes, tokens_[p].offset)) return false;
      if (before == ":" && holds(layout_.ranges, tokens_[p].offset)) return false;
    }
    if (tokens_[i].kind != TokenKind::kSymbol) return true;
    if (text == ")" || text == "]" || text == "," || text == "." || text == ":") return false;
    const bool after_value = (tokens_[p].kind == TokenKind::kWord && !is_keyword(p)) || before == ")" || before == "]";
    if (text == "(" || text == "[" || text == "..") return !after_value;
    return true;
  }

  /// Words that a parenthesis or list may follow without being called or indexed.
  bool is_keyword(size_t i) const {
    static constexpr std::string_view kWords[] = {"if", "then", "else", "and", "or", "not"};
    const std::string_view text = tokens_[i].text;
    return std::find(std::begin(kWords), std::end(kWords), text) != std::end(kWords) || ((text == "require" || text == "while") && starts_statement(i));
  }

  // ---- the text ----

  static bool aligns(const Line& line) { return !line.comment.empty() && line.text.back() != '{'; }
  static size_t indent(const Line& line) { return line.text.find_first_not_of(' '); }

  std::string assemble() {
    std::string result;
    for (size_t begin = 0; begin < lines_.size();) {
      size_t end = begin + 1;  // comments at the end of neighbouring lines stand below each other
      while (end < lines_.size() && aligns(lines_[end - 1]) && aligns(lines_[end]) && indent(lines_[end]) == indent(lines_[begin]) &&
             !lines_[end].blank_before)
        ++end;
      size_t width = 0;
      for (size_t i = begin; i < end; ++i) width = std::max(width, lines_[i].text.size());
      for (; begin < end; ++begin) {
        const Line& line = lines_[begin];
        if (line.blank_before) result += '\n';
        result += line.text;
        if (!line.comment.empty()) result += std::string(width - line.text.size() + 2, ' ') + line.comment;
        result += '\n';
      }
    }
    return result;
  }

  Layout layout_;
  std::vector<Token> tokens_;
  std::vector<int> gaps_;  // line breaks before each token
  std::vector<size_t> partner_;
  std::vector<Line> lines_;
  std::vector<std::pair<size_t, size_t>> padding_;  // spaces before a token, beyond the one
  std::vector<Bracket> brackets_;
};

}  // namespace

std::string format(std::string_view text, const std::string& file) {
  auto source = std::make_shared<Source>();
  source->file = file;
  source->text = text;
  Layout layout;
  const File parsed = parse(source, layout);
  return Formatter(*parsed.source, std::move(layout)).run();
}

}  // namespace sinter::language
