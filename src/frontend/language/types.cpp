// Types written in a model text: matched against what is given, which binds their names; or read as the type of a variable.
#include <algorithm>

#include "frontend/language/lower.h"

namespace sinter::language {
namespace {

constexpr std::string_view kFactWords[] = {"int",  "number",   "bool",        "string",    "dtype",  "shape",
                                           "list", "function", "initialiser", "optimizer", "schedule", "tensor", "classes", "any"};

/// Words such as T stand for any dtype and are bound by matching.
bool is_dtype_variable(std::string_view word) { return word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z'; }

bool is_template_of(const Datum& datum, Declaration::Kind kind) {
  const TemplatePtr* made = datum.as<TemplatePtr>();
  return made != nullptr && (*made)->declaration->kind == kind;
}

bool is_shape(const Datum& datum) {
  const List* list = datum.as<List>();
  return list != nullptr && std::all_of((*list)->begin(), (*list)->end(), [](const Datum& d) { return d.is<Dim>(); });
}

}  // namespace

bool Lowering::match_word(std::string_view word, const Datum& datum) const {
  if (word == "any") return true;
  if (word == "tensor" || word == "classes") return datum.is<ir::Value>() || datum.is<UndecidedLabel>();
  if (word == "int") return datum.is<Dim>();
  if (word == "number") return datum.is<Dim>() || datum.is<double>();
  if (word == "bool") return datum.is<bool>();
  if (word == "string") return datum.is<std::string>();
  if (word == "dtype") return datum.is<DType>();
  if (word == "shape") return is_shape(datum);
  if (word == "list") return datum.is<List>();
  if (word == "function") return datum.is<Callable>();
  if (word == "schedule") return is_template_of(datum, Declaration::Kind::kSchedule) || datum.known_number();
  if (word == "initialiser") return is_template_of(datum, Declaration::Kind::kInitialiser) || datum.known_number();
  return is_template_of(datum, Declaration::Kind::kOptimizer);
}

DType Lowering::match_dtype(const TypePattern& pattern, DType actual, Frame& frame) const {
  if (is_dtype_variable(pattern.word)) {
    const Datum* bound = frame.names.find(pattern.word);
    if (bound != nullptr && bound->is<DType>()) return *bound->as<DType>();
    frame.names.set(pattern.word, actual);
    return actual;
  }
  if (const auto dtype = parse_dtype(pattern.word)) return *dtype;
  fail(ErrorCode::kName, frame, pattern.offset, "'" + std::string(pattern.word) + "' is no dtype",
       "f32, f64, i64, i32, u32, bool and others; one capital letter stands for any");
}

std::string Lowering::describe(const TypePattern& pattern, Frame& frame) {
  std::string text;
  for (const TypePattern::Axis& axis : pattern.axes) {
    if (!text.empty()) text += ", ";
    if (axis.rest) text += "..";
    else if (axis.dim->kind == Expression::Kind::kName && frame.names.find(axis.dim->text) == nullptr) text += axis.dim->text;
    else text += dim_of(*axis.dim, frame).to_string();
  }
  return std::string(pattern.word) + "[" + text + "]";
}

Dim Lowering::dim_of(const Expression& expression, Frame& frame) {
  const Datum value = evaluate(expression, frame);
  if (const Dim* dim = value.as<Dim>()) return *dim;
  fail(ErrorCode::kType, frame, expression.offset, "a dim is a whole number, not " + describe(value));
}

Datum Lowering::match(const TypePattern& pattern, const Datum& datum, Frame& frame, const Frame& caller, uint32_t offset,
                      const std::string& what) {
  if (!pattern.has_shape) {
    const bool known = std::find(std::begin(kFactWords), std::end(kFactWords), pattern.word) != std::end(kFactWords);
    if (!known) {
      fail(ErrorCode::kName, frame, pattern.offset, "'" + std::string(pattern.word) + "' is no type",
           parse_dtype(pattern.word)
               ? "the type of a scalar is written " + std::string(pattern.word) + "[]"
               : "tensors: f32[batch, 32]; facts: int, number, bool, string, dtype, shape, list, function, initialiser, optimizer, schedule; tensor, classes, any");
    }
    if (!match_word(pattern.word, datum)) {
      const auto* callable = datum.as<Callable>();
      const bool uncalled =
          callable != nullptr && callable->declaration != nullptr && language::name(callable->declaration->kind) == pattern.word;
      fail(ErrorCode::kType, caller, offset, what + " is " + describe(datum) + ", not of type " + std::string(pattern.word),
           uncalled ? "call it: " + std::string(callable->declaration->name) + "()" : "");
    }
    if (pattern.word == "classes") return decide_label(datum, true, caller, offset);
    return datum;
  }
  Datum decided = datum;
  if (datum.is<UndecidedLabel>()) {
    const auto dtype = parse_dtype(pattern.word);
    const bool classes = dtype && is_integer(*dtype);
    if (classes && context_.label && is_float(context_.label->dtype)) {
      fail(ErrorCode::kType, caller, offset,
           what + " wants classes, but the loss or a metric before takes the label as numbers, " + context_.label->to_string());
    }
    decided = decide_label(datum, classes, caller, offset);
  }
  if (decided.known_number() && pattern.axes.empty()) {
    const Datum* bound = frame.names.find(pattern.word);
    decided =
        tensor(decided, bound != nullptr && bound->is<DType>() ? *bound->as<DType>() : parse_dtype(pattern.word).value_or(DType::kF32),
               caller, offset);
  }
  const ir::Value* value = decided.as<ir::Value>();
  if (value == nullptr)
    fail(ErrorCode::kType, caller, offset, what + " is " + describe(decided) + ", not a tensor of type " + describe(pattern, frame));
  match_shape(pattern, emission_.builder().type(*value), frame, caller, offset, what);
  return decided;
}

void Lowering::match_shape(const TypePattern& pattern, const TensorType& type, Frame& frame, const Frame& caller, uint32_t offset,
                           const std::string& what) {
  const TensorType actual = type;  // a copy: evaluating a dim may let the graph grow
  const auto mismatch = [&](const std::string& why, const std::string& hint = {}) {
    fail(ErrorCode::kType, caller, offset, what + " has type " + actual.to_string() + ", wanted " + describe(pattern, frame) + ": " + why,
         hint);
  };
  const DType dtype = match_dtype(pattern, actual.dtype, frame);
  if (dtype != actual.dtype) {
    mismatch("the dtype is " + std::string(sinter::name(actual.dtype)) + ", not " + std::string(sinter::name(dtype)),
             "cast(x, dtype) converts");
  }
  const auto rest = std::find_if(pattern.axes.begin(), pattern.axes.end(), [](const TypePattern::Axis& a) { return a.rest; });
  const size_t fixed = pattern.axes.size() - (rest != pattern.axes.end() ? 1 : 0);
  const size_t rank = actual.shape.rank();
  if (rank < fixed || (rank > fixed && rest == pattern.axes.end())) {
    mismatch("the rank is " + std::to_string(rank) + ", not " + std::to_string(fixed) + (rest != pattern.axes.end() ? " or more" : ""));
  }
  size_t axis = 0;
  for (const TypePattern::Axis& wanted : pattern.axes) {
    if (wanted.rest) {
      const std::vector<Datum> dims(actual.shape.begin() + static_cast<std::ptrdiff_t>(axis),
                                    actual.shape.begin() + static_cast<std::ptrdiff_t>(axis + rank - fixed));
      axis += rank - fixed;
      if (wanted.name.empty()) continue;
      const Datum* bound = frame.names.find(wanted.name);
      if (bound == nullptr) {
        frame.names.set(wanted.name, make_list(dims));
        continue;
      }
      const bool same = is_shape(*bound) && std::equal(dims.begin(), dims.end(), (*bound->as<List>())->begin(), (*bound->as<List>())->end(),
                                                       [](const Datum& a, const Datum& b) { return *a.as<Dim>() == *b.as<Dim>(); });
      if (!same) mismatch("the dims of '" + std::string(wanted.name) + "..' differ from what it stood for before");
      continue;
    }
    const Dim& given = actual.shape[axis];
    if (wanted.dim->kind == Expression::Kind::kName && frame.names.find(wanted.dim->text) == nullptr) {
      frame.names.set(wanted.dim->text, given);
    } else if (const Dim expected = dim_of(*wanted.dim, frame); expected != given) {
      mismatch("dim " + std::to_string(axis) + " is " + given.to_string() + ", not " + expected.to_string());
    }
    ++axis;
  }
}

TensorType Lowering::type_of(const TypePattern& pattern, Frame& frame) {
  if (!pattern.has_shape) {
    fail(ErrorCode::kType, frame, pattern.offset, "this is no tensor type",
         "write " + std::string(pattern.word) + "[...]; " + std::string(pattern.word) + "[] for a scalar");
  }
  TensorType type;
  const Datum* bound = frame.names.find(pattern.word);
  if (bound != nullptr && bound->is<DType>()) {
    type.dtype = *bound->as<DType>();
  } else if (is_dtype_variable(pattern.word)) {
    fail(ErrorCode::kName, frame, pattern.offset, "the dtype '" + std::string(pattern.word) + "' is not bound by a parameter");
  } else {
    type.dtype = match_dtype(pattern, DType::kF32, frame);
  }
  for (const TypePattern::Axis& axis : pattern.axes) {
    if (axis.rest && axis.name.empty())
      fail(ErrorCode::kType, frame, axis.offset, "'..' stands for any dims; here each dim must be stated");
    if (!axis.rest) {
      const Dim dim = dim_of(*axis.dim, frame);
      if (dim.as_constant().value_or(0) < 0) fail(ErrorCode::kType, frame, axis.offset, "a dim is negative: " + dim.to_string());
      type.shape.push_back(dim);
      continue;
    }
    const Datum* dims = frame.names.find(axis.name);
    if (dims == nullptr || !is_shape(*dims))
      fail(ErrorCode::kName, frame, axis.offset, "'" + std::string(axis.name) + "' stands for no dims here");
    for (const Datum& dim : **dims->as<List>()) type.shape.push_back(*dim.as<Dim>());
  }
  return type;
}

void Lowering::bind_input(const Parameter& p, Frame& frame) {
  if (p.type && !p.type->has_shape) {
    if (p.fallback == nullptr) {
      fail(ErrorCode::kType, frame, p.offset, "'" + std::string(p.name) + "' is no tensor and has no value",
           parse_dtype(p.type->word) ? "an input is written " + std::string(p.name) + ": " + std::string(p.type->word) + "[...]"
                                     : "give it one: " + std::string(p.name) + ": " + std::string(p.type->word) + " = ...");
    }
    const Datum value = evaluate(*p.fallback, frame);
    match(*p.type, value, frame, frame, p.fallback->offset, "'" + std::string(p.name) + "'");
    frame.names.set(p.name, value);
    return;
  }
  if (!p.type) {
    if (p.fallback == nullptr)
      fail(ErrorCode::kType, frame, p.offset, "the type of input '" + std::string(p.name) + "' is missing",
           "write " + std::string(p.name) + ": f32[batch, ...]");
    frame.names.set(p.name, evaluate(*p.fallback, frame));
    return;
  }
  for (const TypePattern::Axis& axis : p.type->axes) {
    if (axis.rest)
      fail(ErrorCode::kType, frame, axis.offset, "an input of a model states each of its dims",
           "symbols such as batch stand for sizes that vary");
    if (axis.dim->kind != Expression::Kind::kName || frame.names.find(axis.dim->text) != nullptr) continue;
    context_.symbols.emplace(axis.dim->text);
    const auto known = context_.dims.find(axis.dim->text);
    frame.names.set(axis.dim->text, known != context_.dims.end() ? Dim(known->second) : Dim::symbol(axis.dim->text));
  }
  const TensorType type = type_of(*p.type, frame);
  const std::string variable(p.name);
  if (variable == "label" || variable == "seed" || variable == "loss") {
    fail(ErrorCode::kName, frame, p.offset, "an input cannot be named '" + variable + "', which belongs to the compiler");
  }
  emission_.table().declare({{variable, Role::kInput, type, {}}, None{}, frame.source, p.offset});
  frame.names.set(p.name, emission_.read_input(variable));
}

}  // namespace sinter::language
