// Expressions: names, lists, indexing; and the words for a datum in messages.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "base/text.h"
#include "frontend/language/lower.h"
#include "frontend/language/lower_scopes.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

constexpr std::pair<std::string_view, double> kConstants[] = {
    {"pi", std::numbers::pi}, {"inf", std::numeric_limits<double>::infinity()}, {"nan", std::numeric_limits<double>::quiet_NaN()}};

/// A known index from the front or, when negative, from the back.
Dim from_front(const Dim& index, const Dim& size) { return index.as_constant().value_or(0) < 0 ? size + index : index; }

}  // namespace

std::string Lowering::describe(const Datum& datum) const {
  if (const auto* value = datum.as<ir::Value>()) return "a tensor " + emission_.builder().type(*value).to_string();
  if (const auto* dim = datum.as<Dim>()) return dim->to_string();
  if (const auto* number = datum.as<double>()) return to_text(*number);
  if (const auto* flag = datum.as<bool>()) return *flag ? "true" : "false";
  if (const auto* text = datum.as<std::string>()) return "the string " + quoted(*text);
  if (const auto* dtype = datum.as<DType>()) return "the dtype " + std::string(sinter::name(*dtype));
  if (const auto* list = datum.as<List>()) return "a list of " + std::to_string((*list)->size());
  if (const auto* callable = datum.as<Callable>()) {
    if (callable->declaration != nullptr)
      return "the " + std::string(language::name(callable->declaration->kind)) + " " + std::string(callable->declaration->name);
    return "the function " + (callable->op != nullptr ? callable->op->name : std::string(language::name(*callable->builtin)));
  }
  if (const auto* made = datum.as<TemplatePtr>())
    return "the " + std::string(language::name((*made)->declaration->kind)) + " " + std::string((*made)->declaration->name);
  return datum.is<UndecidedLabel>() ? "the label" : "none";
}

Datum Lowering::evaluate(const Expression& e, Frame& frame) {
  const Nested nested(*this, frame, e.offset);
  switch (e.kind) {
    case Expression::Kind::kInteger: return Dim(e.integer);
    case Expression::Kind::kNumber: return e.number;
    case Expression::Kind::kString: return e.string;
    case Expression::Kind::kName: return name(e, frame);
    case Expression::Kind::kUnary: return unary(e, frame);
    case Expression::Kind::kBinary: return e.text == "and" || e.text == "or" ? logic(e, frame) : binary(e, frame);
    case Expression::Kind::kChoose: return evaluate(*e.operands[condition(*e.operands[0], frame, "the condition of an if") ? 1 : 2], frame);
    case Expression::Kind::kList: {
      std::vector<Datum> items;
      for (const NamedExpression& item : e.arguments) {
        if (!item.name.empty()) fail(ErrorCode::kType, frame, item.offset, "the items of this list have no names");
        items.push_back(evaluate(*item.value, frame));
      }
      return make_list(std::move(items));
    }
    case Expression::Kind::kCall: return call(e, frame);
    case Expression::Kind::kMember: return callee(e, frame);
    case Expression::Kind::kIndex: return index(e, frame);
  }
  SINTER_CHECK(false, "an expression of unknown kind");
}

// ---- names ----

std::optional<Callable> Lowering::find_callable(std::string_view wanted, const Frame& frame) const {
  const bool in_library = frame.source != nullptr && frame.source->is_library;
  const Declaration* declared = in_library ? nullptr : context_.user.find(wanted);  // a user's definition shadows the library's
  if (declared == nullptr) declared = context_.library.find(wanted);
  if (declared != nullptr) return Callable{.declaration = declared};
  for (const auto& [known, builtin] : builtins()) {
    if (known == wanted) return Callable{.builtin = &builtin};
  }
  if (const ir::OpDef* op = ir::OpRegistry::instance().find(wanted)) return Callable{.op = op};
  return std::nullopt;
}

namespace {

/// Where a body assigns `name` behind `offset`.
const Target* assigned_behind(const Block& body, std::string_view name, uint32_t offset) {
  for (const Statement& statement : body) {
    for (const Target& target : statement.targets)
      if (target.name == name && target.offset > offset) return &target;
    for (const Block* inner : {&statement.body, &statement.otherwise})
      if (const Target* found = assigned_behind(*inner, name, offset)) return found;
  }
  return nullptr;
}

/// What stands at `offset` is in an assignment to `name`.
bool is_assigned_at(const Block& body, std::string_view name, uint32_t offset) {
  const auto behind = std::find_if(body.begin(), body.end(), [&](const Statement& statement) { return statement.offset > offset; });
  if (behind == body.begin()) return false;
  const Statement& statement = *(behind - 1);
  if (is_assigned_at(statement.body, name, offset) || is_assigned_at(statement.otherwise, name, offset)) return true;
  return statement.kind == Statement::Kind::kAssign &&
         std::any_of(statement.targets.begin(), statement.targets.end(), [&](const Target& target) { return target.name == name; });
}

}  // namespace

void Lowering::fail_unknown(std::string_view wanted, const Frame& frame, uint32_t offset) const {
  const Target* later = frame.declaration != nullptr ? assigned_behind(frame.declaration->body, wanted, offset) : nullptr;
  if (later != nullptr)
    fail(ErrorCode::kName, frame, offset, "'" + std::string(wanted) + "' has no value yet: it is assigned in line " + std::to_string(frame.source->place(later->offset).line),
         "statements run in order, none can be about a later one");
  if (frame.declaration != nullptr && is_assigned_at(frame.declaration->body, wanted, offset))
    fail(ErrorCode::kName, frame, offset, "'" + std::string(wanted) + "' has no value yet: it is this statement that assigns it",
         "the first statement that assigns a name cannot read it");
  std::set<std::string> candidates = {"training", "true", "false", "none"};
  for (const auto& [known, value] : frame.names) candidates.emplace(known);
  for (const File* file : {&context_.user, &context_.library}) {
    for (const auto& declaration : file->declarations) candidates.emplace(declaration->name);
  }
  for (const auto& op : ir::OpRegistry::instance().all()) candidates.insert(op->name);
  for (const auto& [known, builtin] : builtins()) candidates.emplace(known);
  for (const auto& [known, value] : kConstants) candidates.emplace(known);
  for (const DType dtype : kAllDTypes) candidates.emplace(sinter::name(dtype));
  fail(ErrorCode::kName, frame, offset, "unknown name '" + std::string(wanted) + "'", did_you_mean(wanted, candidates));
}

Datum Lowering::name(const Expression& e, Frame& frame) {
  if (const Datum* known = frame.names.find(e.text)) return *known;
  if (const auto place = place_in_training(e.text, frame)) return *place;
  if (e.text == "true") return true;
  if (e.text == "false") return false;
  if (e.text == "none") return None{};
  if (e.text == "training") return emission_.training();
  if (const auto callable = find_callable(e.text, frame)) return *callable;
  if (const auto dtype = parse_dtype(e.text)) return *dtype;
  for (const auto& [known, value] : kConstants) {
    if (known == e.text) return value;
  }
  fail_unknown(e.text, frame, e.offset);
}

Datum Lowering::decide_label(const Datum& datum, bool classes, const Frame& frame, uint32_t offset) {
  if (!datum.is<UndecidedLabel>()) return datum;
  if (!context_.label) {
    SINTER_CHECK(context_.output.has_value(), "a label before the model's outputs are known");
    TensorType type = *context_.output;
    if (classes) {
      if (type.shape.rank() == 0)
        fail(ErrorCode::kType, frame, offset, "the model's first output is a scalar: its label cannot be classes");
      std::vector<Dim> dims(type.shape.begin(), type.shape.end() - 1);
      type = {DType::kI64, Shape(std::move(dims))};
    }
    context_.label = type;
  }
  emission_.table().declare({{"label", Role::kInput, *context_.label, {}}, None{}, frame.source, offset});
  return emission_.read("label");
}

// ---- indexing ----

Datum Lowering::index(const Expression& e, Frame& frame) {
  const Datum base = decide_label(evaluate(*e.operands[0], frame), false, frame, e.offset);
  if (const List* list = base.as<List>()) return index_list(e, *list, frame);
  if (const auto* value = base.as<ir::Value>()) return index_tensor(e, *value, frame);
  fail(ErrorCode::kType, frame, e.offset, describe(base) + " cannot be indexed", "tensors and lists can");
}

Datum Lowering::index_list(const Expression& e, const List& list, Frame& frame) {
  using Kind = Expression::Subscript::Kind;
  const auto size = static_cast<int64_t>(list->size());
  const Expression::Subscript& s = e.subscripts.front();
  if (e.subscripts.size() != 1 || s.kind == Kind::kAllAxes) fail(ErrorCode::kType, frame, s.offset, "a list has one index");
  const auto position = [&](const ExpressionPtr& at, int64_t fallback) {
    if (at == nullptr) return fallback;
    const Datum datum = evaluate(*at, frame);
    const auto known = datum.known_integer();
    if (!known) fail(ErrorCode::kType, frame, at->offset, "the index of a list is a whole number, not " + describe(datum));
    const int64_t found = *known < 0 ? size + *known : *known;
    if (found < 0 || found > size)
      fail(ErrorCode::kType, frame, at->offset, "index " + std::to_string(*known) + " is outside a list of " + std::to_string(size));
    return found;
  };
  const int64_t first = position(s.first, 0);
  if (s.kind == Kind::kAt) {
    if (first == size)
      fail(ErrorCode::kType, frame, s.offset, "index " + std::to_string(first) + " is outside a list of " + std::to_string(size));
    return (*list)[static_cast<size_t>(first)];
  }
  const int64_t second = std::max(first, position(s.second, size));
  return make_list({list->begin() + first, list->begin() + second});
}

Datum Lowering::index_tensor(const Expression& e, ir::Value value, Frame& frame) {
  using Kind = Expression::Subscript::Kind;
  ir::Builder& builder = emission_.builder();
  const Shape shape = builder.shape(value);
  const auto rests =
      static_cast<size_t>(std::count_if(e.subscripts.begin(), e.subscripts.end(), [](const auto& s) { return s.kind == Kind::kAllAxes; }));
  const size_t fixed = e.subscripts.size() - rests;
  if (rests > 1) fail(ErrorCode::kType, frame, e.offset, "indices hold at most one '..'");
  if (fixed > shape.rank()) {
    fail(ErrorCode::kType, frame, e.offset,
         std::to_string(fixed) + " indices for a tensor of rank " + std::to_string(shape.rank()) + ", " + builder.type(value).to_string());
  }
  Shape starts, limits;
  std::vector<Dim> kept;
  std::optional<std::pair<int64_t, ir::Value>> gathered;  // an index that is a tensor, and its axis in the result of the slice
  const auto bound = [&](const ExpressionPtr& at, const Dim& size, const Dim& fallback) {
    return at == nullptr ? fallback : from_front(dim_of(*at, frame), size);
  };
  const auto keep_axis = [&](const Dim& size) {
    starts.push_back(0);
    limits.push_back(size);
    kept.push_back(size);
  };
  for (const Expression::Subscript& s : e.subscripts) {
    if (s.kind == Kind::kAllAxes) {
      for (size_t more = shape.rank() - fixed; more > 0; --more) keep_axis(shape[starts.rank()]);
      continue;
    }
    const Dim size = shape[starts.rank()];
    if (s.kind == Kind::kRange) {
      const Dim from = bound(s.first, size, 0), to = bound(s.second, size, size);
      starts.push_back(from);
      limits.push_back(to);
      kept.push_back(to - from);
      continue;
    }
    const Datum at = evaluate(*s.first, frame);
    if (const auto* indices = at.as<ir::Value>()) {
      if (gathered) fail(ErrorCode::kType, frame, s.offset, "one index may be a tensor, not two");
      gathered = {static_cast<int64_t>(kept.size()), *indices};
      keep_axis(size);
      continue;
    }
    if (!at.is<Dim>())
      fail(ErrorCode::kType, frame, s.offset, "an index is a whole number, a range or a tensor of integers, not " + describe(at));
    const Dim position = from_front(*at.as<Dim>(), size);
    const auto known = position.as_constant(), known_size = size.as_constant();
    if (known && (*known < 0 || (known_size && *known >= *known_size))) {
      fail(ErrorCode::kType, frame, s.offset,
           "index " + at.as<Dim>()->to_string() + " is outside dim " + std::to_string(starts.rank()) + " of " +
               builder.type(value).to_string());
    }
    starts.push_back(position);
    limits.push_back(position + 1);
  }
  while (starts.rank() < shape.rank()) keep_axis(shape[starts.rank()]);
  try {
    if (starts != Shape(std::vector<Dim>(shape.rank(), Dim(0))) || limits != shape) {
      value = builder.call("slice", {value}, {{"starts", starts}, {"limits", limits}, {"strides", ir::Integers(shape.rank(), 1)}});
    }
    value = builder.reshape(value, Shape(kept));
    if (gathered) value = builder.call("gather", {value, gathered->second}, {{"axis", gathered->first}});
  } catch (const Error& error) {
    fail_like(error, frame, e.offset);
  }
  return value;
}

}  // namespace sinter::language
