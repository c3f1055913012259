#include "frontend/language/parse.h"

#include <algorithm>

#include "frontend/language/expression_parser.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

class Parser : ExpressionParser {
 public:
  Parser(const Source& source, Layout* layout) : ExpressionParser(source, layout) {}

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
