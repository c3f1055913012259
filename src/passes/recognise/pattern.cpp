#include "passes/recognise/pattern.h"

#include <cctype>
#include <cstdlib>

#include "base/error.h"

namespace sinter::passes {
namespace {

using Kind = Pattern::Kind;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Pattern parse() {
    Pattern pattern = sum();
    SINTER_CHECK(at_ == text_.size(), "pattern: '" + std::string(text_.substr(at_)) + "' is left of '" + std::string(text_) + "'");
    return pattern;
  }

 private:
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  static bool is_number(const Pattern& p) { return p.kind == Kind::kProduct && p.parts.empty(); }
  static Pattern number(double value) { return {.kind = Kind::kProduct, .name = {}, .number = value, .parts = {}, .turned = {}}; }

  /// Sums within a sum, and products within a product, become part of it.
  static void add(Pattern& to, Pattern part, bool turned) {
    const bool product = to.kind == Kind::kProduct;
    if (is_number(part)) {
      const double value = part.number;
      to.number = product ? (turned ? to.number / value : to.number * value) : (turned ? to.number - value : to.number + value);
    } else if (part.kind == to.kind) {
      add(to, number(part.number), turned);
      for (size_t i = 0; i < part.parts.size(); ++i) add(to, std::move(part.parts[i]), turned != part.turned[i]);
    } else {
      to.parts.push_back(std::move(part));
      to.turned.push_back(turned);
    }
  }

  static Pattern simplest(Pattern p) {
    const bool product = p.kind == Kind::kProduct;
    if (p.parts.empty()) return number(p.number);
    if (p.parts.size() == 1 && !p.turned[0] && p.number == (product ? 1 : 0)) {
      Pattern only = std::move(p.parts[0]);
      return only;
    }
    return p;
  }

  Pattern sum() {
    Pattern all{.kind = Kind::kSum, .name = {}, .number = 0, .parts = {}, .turned = {}};
    add(all, product(), false);
    for (;;) {
      if (take('+')) {
        add(all, product(), false);
      } else if (take('-')) {
        add(all, product(), true);
      } else {
        return simplest(std::move(all));
      }
    }
  }

  Pattern product() {
    Pattern all = number(1);
    add(all, factor(), false);
    for (;;) {
      if (take('*')) {
        add(all, factor(), false);
      } else if (take('/')) {
        add(all, factor(), true);
      } else {
        return simplest(std::move(all));
      }
    }
  }

  Pattern factor() {
    if (take('-')) {
      Pattern negated = number(-1);
      add(negated, factor(), false);
      return negated;
    }
    if (take('(')) {
      Pattern inner = sum();
      SINTER_CHECK(take(')'), "pattern: a bracket stays open in '" + std::string(text_) + "'");
      return inner;
    }
    if (std::isdigit(static_cast<unsigned char>(peek()))) {
      const std::string rest(text_.substr(at_));
      char* end = nullptr;
      const double value = std::strtod(rest.c_str(), &end);
      at_ += static_cast<size_t>(end - rest.c_str());
      return number(value);
    }
    const bool found = take('@');
    const std::string word = name();
    Pattern p{.kind = found ? Kind::kFound : Kind::kVariable, .name = word, .number = 0, .parts = {}, .turned = {}};
    if (!take('(')) return p;
    p.kind = Kind::kCall;
    do {
      p.parts.push_back(sum());
      p.turned.push_back(false);
    } while (take(','));
    SINTER_CHECK(take(')'), "pattern: a bracket stays open in '" + std::string(text_) + "'");
    return p;
  }

  std::string name() {
    peek();
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    SINTER_CHECK(at_ > begin, "pattern: a name is expected at '" + std::string(text_.substr(at_)) + "'");
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Pattern parse_pattern(std::string_view text) { return Parser(text).parse(); }

}  // namespace sinter::passes
