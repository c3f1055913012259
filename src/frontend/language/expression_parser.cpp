#include "frontend/language/expression_parser.h"

#include <charconv>

#include "base/dtype.h"

namespace sinter::language {
namespace {

struct BinaryOperator {
  std::string_view text;
  int strength;
};
constexpr BinaryOperator kBinaryOperators[] = {{"or", 1}, {"and", 2}, {"==", 4}, {"!=", 4}, {"<", 4},
                                               {"<=", 4}, {">", 4},   {">=", 4}, {"+", 5},  {"-", 5},
                                               {"*", 6},  {"/", 6},   {"//", 6}, {"%", 6},  {"@", 6}};
constexpr int kNotStrength = 3, kComparisonStrength = 4, kNegateStrength = 7;

}  // namespace

TypePattern ExpressionParser::parse_type() {
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

ExpressionPtr ExpressionParser::make(Expression::Kind kind, uint32_t where, std::string_view text) const {
  auto e = std::make_unique<Expression>();
  e->kind = kind;
  e->offset = where;
  e->text = text;
  return e;
}

ExpressionPtr ExpressionParser::parse_expression(int strength) {
  Nested nested(*this);
  ExpressionPtr left = parse_prefix();
  // A chain of operators leans to the left: each link deepens the tree, so each counts as a level.
  const int depth = depth_;
  for (;;) {
    const auto* op = std::find_if(std::begin(kBinaryOperators), std::end(kBinaryOperators),
                                  [&](const BinaryOperator& b) { return is(b.text); });
    if (op == std::end(kBinaryOperators) || op->strength < strength) break;
    if (++depth_ > kMaxDepth)
      fail_at(offset(), "this expression chains or nests more than " + std::to_string(kMaxDepth) + " operators");
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

ExpressionPtr ExpressionParser::parse_prefix() {
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

ExpressionPtr ExpressionParser::parse_postfix() {
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
    if (++depth_ > kMaxDepth)
      fail_at(where, "this expression nests more than " + std::to_string(kMaxDepth) + " levels deep");
  }
  depth_ = depth;
  return e;
}

std::vector<NamedExpression> ExpressionParser::parse_arguments(std::string_view close, const std::string& whose) {
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

bool ExpressionParser::begins_given() const {
  if (expression_text_ == nullptr) return false;
  const size_t at = is("const") ? 1 : 0;
  if (at == 1 && is_word(1)) return true;
  if (!is_word(at)) return false;
  if (is(":", at + 1)) return is("const", at + 2) || (parse_dtype(token(at + 2).text) && is("[", at + 3));
  return parse_dtype(token(at).text) && is("[", at + 1);
}

std::string ExpressionParser::unused_name(const std::string& kind) const {
  std::string name = kind + std::to_string(expression_text_->given.size());
  while (std::any_of(tokens_.begin(), tokens_.end(), [&](const Token& t) { return t.text == name; })) name += "_";
  return name;
}

ExpressionPtr ExpressionParser::parse_given() {
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
    fail_at(given.type.offset, "'" + std::string(given.type.word) + "' is no dtype",
            "write a type such as f32[512, 512]");
  if (!given.type.has_shape)
    fail_at(given.type.offset, "the type of this tensor has no shape",
            "write " + std::string(given.type.word) + "[512, 512], for example");
  if (given.name.empty())
    given.name = expression_text_->names.emplace_back(unused_name(given.constant ? "constant" : "input"));
  for (const GivenTensor& other : expression_text_->given)
    if (other.name == given.name)
      throw Error(ErrorCode::kName, "'" + std::string(given.name) + "' is given twice").at(source_.place(given.offset));
  ExpressionPtr name = make(Expression::Kind::kName, given.offset, given.name);
  expression_text_->given.push_back(std::move(given));
  return name;
}

void ExpressionParser::parse_subscripts(Expression& index) {
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

ExpressionPtr ExpressionParser::parse_primary() {
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
    default:
      fail("expected an expression");
  }
}

}  // namespace sinter::language
