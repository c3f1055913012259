// An expression alone becomes the body of a model: its inputs are the tensors that stand in it by their types.
#include <algorithm>

#include "frontend/language/library.h"
#include "frontend/language/parse.h"
#include "frontend/language/program.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

constexpr std::string_view kModel = "expression", kResult = "result";

/// result = value, or one result per item of a list.
void add_results(ExpressionText& text, Declaration& model, std::deque<std::string>& names) {
  const auto add = [&](std::string_view name, ExpressionPtr value) {
    Statement assign{Statement::Kind::kAssign, value->offset};
    assign.targets.push_back({name, value->offset});
    model.results.push_back({name, value->offset, std::nullopt, nullptr});
    assign.value = std::move(value);
    model.body.push_back(std::move(assign));
  };
  if (text.value->kind != Expression::Kind::kList) return add(kResult, std::move(text.value));
  for (NamedExpression& item : text.value->arguments) {
    std::string name(item.name);
    if (name.empty()) name = std::string(kResult) + std::to_string(model.results.size());
    add(names.emplace_back(std::move(name)), std::move(item.value));
  }
}

std::unique_ptr<Declaration> model_of(ExpressionText& text, const Source& source) {
  auto model = std::make_unique<Declaration>();
  model->kind = Declaration::Kind::kModel;
  model->source = &source;
  model->name = kModel;
  for (GivenTensor& given : text.given) model->parameters.push_back({given.name, given.offset, std::move(given.type), nullptr});
  model->body = std::move(text.body);
  add_results(text, *model, text.names);
  return model;
}

/// A constant is an input that the caller gives once.
void keep_constants(ir::Module& module, const ExpressionText& text, const Source& source, std::vector<std::string>& constants) {
  for (const GivenTensor& given : text.given) {
    if (!given.constant) continue;
    const auto variable = std::find_if(module.variables.begin(), module.variables.end(), [&](const ir::Variable& v) { return v.name == given.name; });
    SINTER_CHECK(variable != module.variables.end(), "a constant of the expression is no variable");
    if (!variable->type.shape.is_constant()) {
      throw Error(ErrorCode::kType, "a constant has a constant shape, not " + variable->type.to_string())
          .at(source.place(given.offset))
          .hint("compile the size in with --specialize");
    }
    variable->role = Role::kParameter;
    constants.push_back(variable->name);
  }
  std::stable_sort(module.variables.begin(), module.variables.end(), [](const auto& a, const auto& b) { return a.role < b.role; });
}

void check_dims(const Context& context, const Options& options, const std::string& file) {
  for (const auto& [symbol, value] : options.dims) {
    if (value < 0) throw Error(ErrorCode::kUsage, "the symbol '" + symbol + "' cannot be " + std::to_string(value));
    if (context.symbols.contains(symbol)) continue;
    throw Error(ErrorCode::kUsage, "the expression has no symbol '" + symbol + "' to compile in").at({file}).hint(did_you_mean(symbol, context.symbols));
  }
}

}  // namespace

CompiledExpression compile_expression(std::string_view text, const Options& options, bool gradient) {
  auto source = std::make_shared<Source>();
  source->file = kModel;
  source->text = text;
  try {
    ExpressionText parsed = parse_expression_text(*source);
    const std::unique_ptr<Declaration> model = model_of(parsed, *source);
    File file;
    file.source = source;
    Context context{file, library(), options.dims, {}, {}, {}};
    Program program(context, *model, nullptr);
    CompiledExpression compiled{program.emit(), {}};
    std::set<std::string, std::less<>> constants;
    for (const GivenTensor& given : parsed.given)
      if (given.constant) constants.emplace(given.name);
    if (gradient) program.add_gradient(compiled.module, constants);
    check_dims(context, options, source->file);
    keep_constants(compiled.module, parsed, *source, compiled.constants);
    return compiled;
  } catch (Error& error) {
    if (!error.place().known()) error.at({source->file});
    throw;
  }
}

}  // namespace sinter::language
