#include "frontend/language/parse.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

// Deep enough for any model, shallow enough for the recursion here, in the evaluator and in destructors.
constexpr int kMaxDepth = 100;

constexpr std::string_view kReserved[] = {"true", "false", "none", "and", "or", "not", "if", "then", "else"};
bool is_reserved(std::string_view word) { return std::find(std::begin(kReserved), std::end(kReserved), word) != std::end(kReserved); }

struct BinaryOperator {
  std::string_view text;
  int strength;
};
constexpr BinaryOperator kBinaryOperators[] = {{"or", 1}, {"and", 2}, {"==", 4}, {"!=", 4}, {"<", 4},  {"<=", 4}, {">", 4}, {">=", 4},
                                               {"+", 5},  {"-", 5},   {"*", 6},  {"/", 6},  {"//", 6}, {"%", 6},  {"@", 6}};
constexpr int kNotStrength = 3, kComparisonStrength = 4, kNegateStrength = 7;

class Parser {
 public:
  Parser(const Source& source, Layout* layout) : source_(source), layout_(layout) {
    tokens_ = tokenize(source);
    tokens_.erase(std::remove_if(tokens_.begin(), tokens_.end(), [](const Token& t) { return t.kind == TokenKind::kComment; }),
                  tokens_.end());
  }

  File parse_file(std::shared_ptr<const Source> keep) {
    File file;
    file.source = std::move(keep);
    parse_version();
    while (token().kind != TokenKind::kEnd) parse_item(file);
    return file;
  }

  ExpressionText parse_text_of_expression() {
    ExpressionText text;
    expression_text_ = &text;
    for (;;) {
      if (token().kind == TokenKind::kEnd) fail("expected an expression");
      if (is_word() && (is("=", 1) || is(",", 1))) {
        text.body.push_back(parse_statement());
        accept(";");
        continue;
      }
      const size_t given_before = text.given.size();
      text.value = parse_expression();
      const bool declares = text.value->kind == Expression::Kind::kName && text.given.size() > given_before;
      const uint32_t where = offset();
      const bool more = accept(";") && token().kind != TokenKind::kEnd;
      if (more && !declares) fail_at(where, "the last expression is the result: give this one a name", "write h = ... before it");
      if (more) continue;
      if (token().kind != TokenKind::kEnd) fail("expected the end of the expression");
      return text;
    }
  }

  ExpressionPtr parse_lone_expression() {
    ExpressionPtr expression = parse_expression();
    if (token().kind != TokenKind::kEnd) fail("expected the end of the expression");
    return expression;
  }

 private:
  // ---- tokens ----

  const Token& token(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  uint32_t offset() const { return token().offset; }
  bool is(std::string_view text, size_t ahead = 0) const {
    const Token& t = token(ahead);
    return t.text == text && (t.kind == TokenKind::kSymbol || t.kind == TokenKind::kWord);
  }
  bool is_word(size_t ahead = 0) const { return token(ahead).kind == TokenKind::kWord && !is_reserved(token(ahead).text); }
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
    if (token().kind == TokenKind::kWord && is_reserved(token().text)) fail("expected " + std::string(what), "this word is reserved");
    if (!is_word()) fail("expected " + std::string(what));
    Target target{token().text, offset()};
    ++at_;
    return target;
  }

  struct Nested {
    Parser& parser;
    explicit Nested(Parser& p) : parser(p) {
      if (++p.depth_ > kMaxDepth) p.fail_at(p.offset(), "this is nested more than " + std::to_string(kMaxDepth) + " levels deep");
    }
    ~Nested() { --parser.depth_; }
  };

  void note(std::vector<uint32_t> Layout::*list, uint32_t where) {
    if (layout_ != nullptr) (layout_->*list).push_back(where);
  }

  // ---- file ----

  void parse_version() {
    const std::string hint = "a model text begins with its language version: sinter " + std::to_string(kLanguageVersion);
    if (token().kind == TokenKind::kEnd) fail_at(0, "the text is empty", hint);
    if (!accept("sinter")) fail("expected the version line", hint);
    if (token().kind != TokenKind::kInteger) fail("expected the language version", hint);
    if (token().text != std::to_string(kLanguageVersion)) {
      fail_at(offset(), "this text is written in version " + std::string(token().text.substr(0, 20)) +
                            " of the language; this Sinter reads version " + std::to_string(kLanguageVersion));
    }
    ++at_;
  }

  void parse_item(File& file) {
    static constexpr std::string_view kItems[] = {"function", "layer", "model", "initialiser", "optimizer", "schedule", "metric", "train"};
    const uint32_t begin = offset();
    const auto* item = std::find(std::begin(kItems), std::end(kItems), token().text);
    if (item == std::end(kItems)) {
      fail("expected function, layer, model, initialiser, optimizer, schedule, metric or train", did_you_mean(token().text, kItems));
    }
    ++at_;
    note(&Layout::items, begin);
    if (*item == "train") {
      file.trains.push_back(parse_train());
      return;
    }
    auto declaration = std::make_unique<Declaration>();
    declaration->kind = static_cast<Declaration::Kind>(item - std::begin(kItems));
    declaration->source = &source_;
    parse_declaration(*declaration);
    if (file.find(declaration->name) != nullptr) {
      throw Error(ErrorCode::kName, "'" + std::string(declaration->name) + "' is declared twice").at(source_.place(declaration->offset));
    }
    file.declarations.push_back(std::move(declaration));
  }

  void parse_declaration(Declaration& d) {
    const Target named = expect_name("the name of this " + std::string(name(d.kind)));
    d.name = named.name;
    d.offset = named.offset;
    expect("(", "and parameters after the name");
    while (!is(")")) {
      d.parameters.push_back(parse_parameter("the name of a parameter, or ')'", d.parameters, /*fallback=*/true));
      if (!accept(",")) break;
    }
    expect(")", "after the parameters");
    const bool transforms = d.kind == Declaration::Kind::kOptimizer;  // an optimizer's result is its `parameter`
    if (is("=")) {
      if (d.kind == Declaration::Kind::kModel || transforms)
        fail("the body of this " + std::string(name(d.kind)) + " is a block: expected '{'");
      ++at_;
      d.value = parse_expression();
      return;
    }
    if (!transforms) {
      expect("->", std::string("and the names of the results, as in ") + std::string(name(d.kind)) + " " + std::string(d.name) +
                       "(x) -> y { y = ... }");
      do d.results.push_back(parse_parameter("the name of a result", d.results, /*fallback=*/false));
      while (accept(","));
    }
    d.body = parse_block("of this " + std::string(name(d.kind)));
  }

  Parameter parse_parameter(const std::string& what, const std::vector<Parameter>& others, bool fallback) {
    Parameter p;
    const Target named = expect_name(what);
    p.name = named.name;
    p.offset = named.offset;
    for (const Parameter& other : others) {
      if (other.name == p.name)
        throw Error(ErrorCode::kName, "'" + std::string(p.name) + "' stands twice in this list").at(source_.place(p.offset));
    }
    if (accept(":")) p.type = parse_type();
    if (fallback && accept("=")) p.fallback = parse_expression();
    return p;
  }

  TrainBlock parse_train() {
    TrainBlock train;
    const Target model = expect_name("the name of the model to train");
    train.model = model.name;
    train.offset = model.offset;
    expect("{", "after the name of the model");
    while (!is("}")) {
      const Target named = expect_name("a setting such as 'loss = ...', or '}'");
      note(&Layout::settings, named.offset);
      expect("=", "after the name of a setting");
      for (const Setting& other : train.settings) {
        if (other.name == named.name) {
          throw Error(ErrorCode::kName, "the setting '" + std::string(named.name) + "' stands twice in this block")
              .at(source_.place(named.offset));
        }
      }
      train.settings.push_back({named.name, named.offset, parse_expression()});
    }
    expect("}", "");
    return train;
  }

  // ---- types ----

  TypePattern parse_type() {
    TypePattern type;
    type.offset = offset();
    type.word = expect_name("a type such as f32[batch, 32] or int").name;
    if (!accept("[")) return type;
    type.has_shape = true;
    bool has_rest = false;
    while (!is("]")) {
      TypePattern::Axis axis{offset(), false, {}, nullptr};
      if (accept("..")) {
        axis.rest = true;
      } else if (is_word() && is("..", 1)) {
        axis.rest = true;
        axis.name = expect_name("a name").name;
        ++at_;
      } else {
        axis.dim = parse_expression();
      }
      if (axis.rest && has_rest) fail_at(axis.offset, "a shape has at most one '..'");
      has_rest |= axis.rest;
      type.axes.push_back(std::move(axis));
      if (!accept(",")) break;
    }
    expect("]", "after the dims of a shape");
    return type;
  }

  // ---- statements ----

  Block parse_block(const std::string& whose) {
    Nested nested(*this);
    expect("{", "before the body " + whose);
    Block block;
    while (!is("}")) {
      if (token().kind == TokenKind::kEnd) fail("expected '}' after the body " + whose);
      block.push_back(parse_statement());
    }
    expect("}", "");
    return block;
  }

  Statement parse_statement() {
    note(&Layout::statements, offset());
    Statement s{Statement::Kind::kAssign, offset()};
    if (is("if")) return parse_if();
    if (is("repeat") && is_word(1)) return parse_repeat();
    if (is("scan") && is_word(1)) return parse_scan();
    if (is("while") && !is("=", 1) && !is(",", 1) && !is(":", 1)) return parse_while();
    if ((is("parameter") || is("state")) && is_word(1)) {
      s.kind = is("parameter") ? Statement::Kind::kParameter : Statement::Kind::kState;
      ++at_;
      s.targets.push_back(expect_name("a name"));
      if (accept(":")) s.type = parse_type();
      expect("=", "and the initial value: an initialiser such as normal(), or a number");
      s.value = parse_expression();
      return s;
    }
    if (is("sum") && is_word(1)) {
      s.kind = Statement::Kind::kSum;
      ++at_;
      s.targets.push_back(expect_name("a name"));
      expect("=", "and what is added up over the epoch");
      s.value = parse_expression();
      return s;
    }
    if (is("require") && !is("=", 1) && !is(",", 1) && !is(":", 1)) {
      ++at_;
      s.kind = Statement::Kind::kRequire;
      s.value = parse_expression();
      expect(",", "and a message after the condition");
      s.message = parse_expression();
      return s;
    }
    do s.targets.push_back(expect_name(s.targets.empty() ? "a statement such as 'y = ...'" : "a name after ','"));
    while (accept(","));
    if (accept(":")) {
      if (s.targets.size() > 1) fail_at(s.offset, "a type is given to one name only");
      s.type = parse_type();
    }
    if (!is("="))
      fail("expected '=' after the name",
           is("(") ? "a call stands on the right of '=': y = " + std::string(s.targets[0].name) + "(...)" : "");
    ++at_;
    s.value = parse_expression();
    return s;
  }

  Statement parse_if() {
    Nested nested(*this);
    Statement s{Statement::Kind::kIf, offset()};
    ++at_;
    s.value = parse_expression();
    s.body = parse_block("of this if");
    if (accept("else")) {
      if (is("if")) s.otherwise.push_back(parse_if());
      else s.otherwise = parse_block("of this else");
    }
    return s;
  }

  Statement parse_repeat() {
    Statement s{Statement::Kind::kRepeat, offset()};
    ++at_;
    s.targets.push_back(expect_name("the name of the repeated block"));
    expect("[", "and the count after the name, as in repeat blocks[12]");
    if (is_word() && is("in", 1)) {
      s.index = expect_name("the name of the index");
      ++at_;
    }
    s.value = parse_expression();
    expect("]", "after the count");
    s.body = parse_block("of this repeat");
    return s;
  }

  Statement parse_scan() {
    Nested nested(*this);
    Statement s{Statement::Kind::kScan, offset()};
    ++at_;
    if (is("reverse") && is_word(1) && !is("in", 1)) {
      s.reverse = true;
      ++at_;
    }
    do {
      s.targets.push_back(expect_name("the name of a row, as in scan x in inputs"));
      expect("in", "and the tensor after the name of its row, as in scan x in inputs");
      s.rows.push_back(parse_expression());
    } while (accept(","));
    s.body = parse_block("of this scan");
    return s;
  }

  Statement parse_while() {
    Nested nested(*this);
    Statement s{Statement::Kind::kWhile, offset()};
    ++at_;
    s.value = parse_expression();
    s.body = parse_block("of this while");
    return s;
  }

  // ---- expressions ----

  ExpressionPtr make(Expression::Kind kind, uint32_t where, std::string_view text = {}) const {
    auto e = std::make_unique<Expression>();
    e->kind = kind;
    e->offset = where;
    e->text = text;
    return e;
  }

  ExpressionPtr parse_expression(int strength = 1) {
    Nested nested(*this);
    ExpressionPtr left = parse_prefix();
    // A chain of operators leans to the left: each link deepens the tree, so each counts as a level.
    const int depth = depth_;
    for (;;) {
      const auto* op =
          std::find_if(std::begin(kBinaryOperators), std::end(kBinaryOperators), [&](const BinaryOperator& b) { return is(b.text); });
      if (op == std::end(kBinaryOperators) || op->strength < strength) break;
      if (++depth_ > kMaxDepth) fail_at(offset(), "this expression chains or nests more than " + std::to_string(kMaxDepth) + " operators");
      const uint32_t where = offset();
      ++at_;
      ExpressionPtr binary = make(Expression::Kind::kBinary, where, op->text);
      binary->operands.push_back(std::move(left));
      binary->operands.push_back(parse_expression(op->strength + 1));
      left = std::move(binary);
      if (op->strength == kComparisonStrength &&
          std::any_of(std::begin(kBinaryOperators), std::end(kBinaryOperators),
                      [&](const BinaryOperator& b) { return b.strength == kComparisonStrength && is(b.text); })) {
        fail_at(offset(), "comparisons do not chain", "write a < b and b < c");
      }
    }
    depth_ = depth;
    return left;
  }

  ExpressionPtr parse_prefix() {
    const uint32_t where = offset();
    if (is("if")) {
      ++at_;
      ExpressionPtr choose = make(Expression::Kind::kChoose, where);
      choose->operands.push_back(parse_expression());
      expect("then", "after the condition");
      choose->operands.push_back(parse_expression());
      expect("else", "after the first choice");
      choose->operands.push_back(parse_expression());
      return choose;
    }
    if (is("not") || is("-")) {
      note(&Layout::prefixes, where);
      ExpressionPtr unary = make(Expression::Kind::kUnary, where, token().text);
      ++at_;
      unary->operands.push_back(parse_expression(unary->text == "not" ? kNotStrength : kNegateStrength));
      return unary;
    }
    ExpressionPtr base = parse_postfix();
    if (!is("^")) return base;
    ExpressionPtr power = make(Expression::Kind::kBinary, offset(), "^");
    ++at_;
    power->operands.push_back(std::move(base));
    power->operands.push_back(parse_expression(kNegateStrength));  // -x ^ -y is -(x ^ (-y))
    return power;
  }

  ExpressionPtr parse_postfix() {
    ExpressionPtr e = parse_primary();
    const int depth = depth_;
    for (;;) {
      const uint32_t where = offset();
      if (is("(")) {
        ExpressionPtr call = make(Expression::Kind::kCall, e->offset);
        call->operands.push_back(std::move(e));
        ++at_;
        call->arguments = parse_arguments(")", "of this call");
        e = std::move(call);
      } else if (is("[")) {
        ExpressionPtr index = make(Expression::Kind::kIndex, where);
        index->operands.push_back(std::move(e));
        parse_subscripts(*index);
        e = std::move(index);
      } else if (is(".")) {
        ++at_;
        if (token().kind != TokenKind::kWord) fail("expected the name of an op after '.'");
        ExpressionPtr member = make(Expression::Kind::kMember, e->offset, token().text);
        ++at_;
        member->operands.push_back(std::move(e));
        e = std::move(member);
      } else {
        break;
      }
      if (++depth_ > kMaxDepth) fail_at(where, "this expression nests more than " + std::to_string(kMaxDepth) + " levels deep");
    }
    depth_ = depth;
    return e;
  }

  std::vector<NamedExpression> parse_arguments(std::string_view close, const std::string& whose) {
    std::vector<NamedExpression> arguments;
    while (!is(close)) {
      NamedExpression argument{{}, offset(), nullptr};
      if (is_word() && is("=", 1)) {
        argument.name = expect_name("a name").name;
        ++at_;
      }
      argument.value = parse_expression();
      arguments.push_back(std::move(argument));
      if (!accept(",")) break;
    }
    if (!accept(close)) fail("expected ',' or '" + std::string(close) + "' in the list " + whose);
    return arguments;
  }

  // ---- tensors given by their types ----

  /// Whether `x: f32[..]`, `f32[..]` or a `const` of them begins here.
  bool begins_given() const {
    if (expression_text_ == nullptr) return false;
    const size_t at = is("const") ? 1 : 0;
    if (at == 1 && is_word(1)) return true;
    if (!is_word(at)) return false;
    if (is(":", at + 1)) return is("const", at + 2) || (parse_dtype(token(at + 2).text) && is("[", at + 3));
    return parse_dtype(token(at).text) && is("[", at + 1);
  }

  /// A name for the next given tensor that no word of the text is.
  std::string unused_name(const std::string& kind) const {
    std::string name = kind + std::to_string(expression_text_->given.size());
    while (std::any_of(tokens_.begin(), tokens_.end(), [&](const Token& t) { return t.text == name; })) name += "_";
    return name;
  }

  ExpressionPtr parse_given() {
    GivenTensor given;
    given.offset = offset();
    given.constant = accept("const");
    if (is(":", 1)) {
      const Target named = expect_name("a name");
      given.name = named.name;
      given.offset = named.offset;
      ++at_;
      given.constant |= accept("const");
    }
    given.type = parse_type();
    if (!parse_dtype(given.type.word))
      fail_at(given.type.offset, "'" + std::string(given.type.word) + "' is no dtype", "write a type such as f32[512, 512]");
    if (!given.type.has_shape)
      fail_at(given.type.offset, "the type of this tensor has no shape", "write " + std::string(given.type.word) + "[512, 512], for example");
    if (given.name.empty()) given.name = expression_text_->names.emplace_back(unused_name(given.constant ? "constant" : "input"));
    for (const GivenTensor& other : expression_text_->given)
      if (other.name == given.name) throw Error(ErrorCode::kName, "'" + std::string(given.name) + "' is given twice").at(source_.place(given.offset));
    ExpressionPtr name = make(Expression::Kind::kName, given.offset, given.name);
    expression_text_->given.push_back(std::move(given));
    return name;
  }

  void parse_subscripts(Expression& index) {
    using Kind = Expression::Subscript::Kind;
    expect("[", "");
    while (!is("]")) {
      Expression::Subscript s{Kind::kAt, offset(), nullptr, nullptr};
      if (accept("..")) {
        s.kind = Kind::kAllAxes;
      } else {
        if (!is(":")) s.first = parse_expression();
        if (is(":")) {
          note(&Layout::ranges, offset());
          ++at_;
          s.kind = Kind::kRange;
          if (!is(",") && !is("]")) s.second = parse_expression();
        }
      }
      index.subscripts.push_back(std::move(s));
      if (!accept(",")) break;
    }
    if (index.subscripts.empty()) fail("expected an index");
    expect("]", "after the indices");
  }

  ExpressionPtr parse_primary() {
    const Token t = token();
    const uint32_t where = t.offset;
    switch (t.kind) {
      case TokenKind::kInteger: {
        ++at_;
        ExpressionPtr e = make(Expression::Kind::kInteger, where, t.text);
        const auto [end, status] = std::from_chars(t.text.data(), t.text.data() + t.text.size(), e->integer);
        if (status != std::errc()) fail_at(where, "this number does not fit 64 bits");
        return e;
      }
      case TokenKind::kNumber: {
        ++at_;
        ExpressionPtr e = make(Expression::Kind::kNumber, where, t.text);
        const auto [end, status] = std::from_chars(t.text.data(), t.text.data() + t.text.size(), e->number);
        if (status != std::errc()) fail_at(where, "this number does not fit a double");
        return e;
      }
      case TokenKind::kString: {
        ++at_;
        ExpressionPtr e = make(Expression::Kind::kString, where, t.text);
        e->string = string_value(source_, t);
        return e;
      }
      case TokenKind::kWord:
        if (begins_given()) return parse_given();
        if (is("true") || is("false") || is("none") || is_word()) {
          ++at_;
          return make(Expression::Kind::kName, where, t.text);
        }
        fail("expected an expression", "this word is reserved");
      case TokenKind::kSymbol:
        if (accept("(")) {
          ExpressionPtr e = parse_expression();
          expect(")", "to close the parenthesis");
          return e;
        }
        if (accept("[")) {
          ExpressionPtr list = make(Expression::Kind::kList, where);
          list->arguments = parse_arguments("]", "of items");
          return list;
        }
        fail("expected an expression");
      default: fail("expected an expression");
    }
  }

  const Source& source_;
  Layout* layout_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  ExpressionText* expression_text_ = nullptr;  // where tensors given by their types go, when they may stand here
};

}  // namespace

std::string_view name(Declaration::Kind kind) {
  static constexpr std::string_view kNames[] = {"function", "layer", "model", "initialiser", "optimizer", "schedule", "metric"};
  return kNames[static_cast<size_t>(kind)];
}

const Declaration* File::find(std::string_view wanted) const {
  for (const auto& declaration : declarations) {
    if (declaration->name == wanted) return declaration.get();
  }
  return nullptr;
}

File parse(std::shared_ptr<const Source> source) {
  const Source& text = *source;
  return Parser(text, nullptr).parse_file(std::move(source));
}

File parse(std::shared_ptr<const Source> source, Layout& layout) {
  const Source& text = *source;
  return Parser(text, &layout).parse_file(std::move(source));
}

ExpressionPtr parse_expression(const Source& source) { return Parser(source, nullptr).parse_lone_expression(); }
ExpressionText parse_expression_text(const Source& source) { return Parser(source, nullptr).parse_text_of_expression(); }

}  // namespace sinter::language
