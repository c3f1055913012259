// Calls of op records: operands by position or name, attributes by name, and what a call may leave out.
#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "frontend/language/suggest.h"
#include "frontend/language/lower.h"

namespace sinter::language {
namespace {

bool is_number(const Datum& d) { return d.is<Dim>() || d.is<double>(); }

/// A record that removes the axes of its one operand that the attribute `axes` names.
bool reduces_axes(const ir::OpDef& op) {
  const ir::AttributeDef* axes = op.find_attribute("axes");
  return op.operands.size() == 1 && axes != nullptr && axes->kind == ir::AttributeKind::kIntegers && !std::holds_alternative<ir::View>(op.lowering);
}

bool is_elementwise(const ir::OpDef& op) { return std::holds_alternative<ir::Elementwise>(op.lowering); }

const ir::OperandDef* find_operand(const ir::OpDef& op, std::string_view name) {
  const auto found = std::find_if(op.operands.begin(), op.operands.end(), [&](const ir::OperandDef& o) { return o.name == name; });
  return found == op.operands.end() ? nullptr : &*found;
}

}  // namespace

/// All operands are known numbers: the record's own reference computes the result in f64, while compiling.
Datum Lowering::fold(const ir::OpDef& op, const std::vector<Datum>& operands) {
  const bool whole = std::all_of(operands.begin(), operands.end(), [](const Datum& d) { return d.is<Dim>(); });
  if (whole && operands.size() == 2 && op.name == "maximum") return max(*operands[0].as<Dim>(), *operands[1].as<Dim>());
  if (whole && operands.size() == 2 && op.name == "minimum") return min(*operands[0].as<Dim>(), *operands[1].as<Dim>());
  std::vector<Tensor> values;
  std::vector<TensorType> types;
  for (const Datum& d : operands) {
    values.push_back(Tensor::scalar(*d.known_number()));
    types.push_back({DType::kF64, {}});
  }
  const ir::Attributes none;
  const SymbolValues symbols;
  const std::vector<TensorType> results = ir::infer_types(op, types, none);
  const Tensor result = op.evaluate({op, values, none, results, symbols, {}, {}, {}}).front();
  if (result.dtype() == DType::kBool) return result.get(0) != 0;
  const double number = result.get(0);
  static constexpr std::string_view kWhole[] = {"floor", "ceil", "round", "trunc"};
  const bool rounds = std::find(std::begin(kWhole), std::end(kWhole), op.name) != std::end(kWhole) || (whole && (op.name == "abs" || op.name == "sign"));
  constexpr double kExact = 9007199254740992.0;
  if (rounds && std::abs(number) < kExact) return Dim(static_cast<int64_t>(number));
  return number;
}

Datum Lowering::call_op(const ir::OpDef& op, Arguments arguments, const Frame& frame, uint32_t offset) {
  if (!op.regions.empty()) fail(ErrorCode::kUnsupported, frame, offset, "the op '" + op.name + "' has regions and cannot be called from a model text");
  const bool reduction = reduces_axes(op);
  bool keep = false;
  if (reduction) {
    if (const auto given = arguments.take("keep")) {
      if (!given->value.is<bool>()) fail(ErrorCode::kType, frame, given->offset, "'keep' is true or false, not " + describe(given->value));
      keep = *given->value.as<bool>();
    }
  }
  // What is given, by operand and attribute.
  std::vector<std::optional<Datum>> operands(op.operands.size());
  std::vector<Datum> more;  // of a variadic operand
  std::vector<std::pair<const ir::AttributeDef*, const Arguments::Item*>> given;
  const bool variadic = !op.operands.empty() && op.operands.back().variadic;
  size_t position = 0;
  for (const auto& item : arguments.items) {
    const ir::OperandDef* operand = nullptr;
    const ir::AttributeDef* attribute = nullptr;
    if (!item.name.empty()) {
      operand = find_operand(op, item.name);
      attribute = op.find_attribute(item.name);
    } else if (position < op.operands.size() || variadic) {
      operand = &op.operands[std::min(position++, op.operands.size() - 1)];
    } else if (position - op.operands.size() < op.attributes.size()) {
      attribute = &op.attributes[position++ - op.operands.size()];
    } else {
      fail(ErrorCode::kType, frame, item.offset, op.name + " takes " + std::to_string(op.operands.size() + op.attributes.size()) + " arguments, here is one more");
    }
    if (operand == nullptr && attribute == nullptr) {
      std::vector<std::string> names;
      for (const auto& o : op.operands) names.push_back(o.name);
      for (const auto& a : op.attributes) names.push_back(a.name);
      fail(ErrorCode::kName, frame, item.offset, op.name + " has no argument '" + std::string(item.name) + "'", did_you_mean(item.name, names));
    }
    if (attribute != nullptr) {
      const bool twice = std::any_of(given.begin(), given.end(), [&](const auto& g) { return g.first == attribute; });
      if (twice) fail(ErrorCode::kName, frame, item.offset, "argument '" + attribute->name + "' of " + op.name + " is given twice");
      given.emplace_back(attribute, &item);
    } else if (operand->variadic) {
      if (const List* list = item.value.as<List>()) more.insert(more.end(), (*list)->begin(), (*list)->end());
      else more.push_back(item.value);
    } else {
      std::optional<Datum>& slot = operands[static_cast<size_t>(operand - op.operands.data())];
      if (slot) fail(ErrorCode::kName, frame, item.offset, "argument '" + operand->name + "' of " + op.name + " is given twice");
      slot = item.value;
    }
  }
  ir::Attributes attributes;
  const bool random = find_operand(op, "seed") != nullptr && find_operand(op, "step") != nullptr && op.find_attribute("stream") != nullptr;
  std::vector<Datum> data;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (op.operands[i].variadic) break;
    if (operands[i]) data.push_back(*operands[i]);
    else if (random && (op.operands[i].name == "seed" || op.operands[i].name == "step")) data.push_back(None{});
    else fail(ErrorCode::kType, frame, offset, "argument '" + op.operands[i].name + "' of " + op.name + " is missing");
  }
  data.insert(data.end(), more.begin(), more.end());

  if (is_elementwise(op) && op.attributes.empty() && !data.empty()) {
    const bool numbers = std::all_of(data.begin(), data.end(), is_number);
    const bool dims = numbers && std::all_of(data.begin(), data.end(), [](const Datum& d) { return d.is<Dim>(); }) && (op.name == "maximum" || op.name == "minimum");
    if (dims || (numbers && std::all_of(data.begin(), data.end(), [](const Datum& d) { return d.known_number().has_value(); }))) {
      try {
        return fold(op, data);
      } catch (const Error& error) {
        fail_like(error, frame, offset);
      }
    }
  }
  for (const auto& [def, item] : given) attributes.insert_or_assign(def->name, attribute(op, *def, item->value, frame, item->offset));
  if (random) fill_random(op, data, attributes);
  const std::vector<ir::Value> values = operands_of(op, data, attributes, frame, offset);
  // Axes count from the back when negative; a reduction without axes is over all.
  ir::Builder& builder = emission_.builder();
  const ir::Attribute* shape = attributes.contains("shape") ? &attributes.find("shape")->second : nullptr;
  const size_t rank = !values.empty() ? builder.shape(values[0]).rank() : shape != nullptr && std::holds_alternative<Shape>(*shape) ? std::get<Shape>(*shape).rank() : 0;
  const auto from_front = [&](int64_t axis) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; };
  if (const auto axis = attributes.find("axis"); axis != attributes.end()) {
    if (int64_t* one = std::get_if<int64_t>(&axis->second)) *one = from_front(*one);
  } else if (const ir::AttributeDef* def = op.find_attribute("axis"); def != nullptr && def->kind == ir::AttributeKind::kInteger && !def->fallback && rank == 1) {
    attributes.emplace("axis", int64_t{0});
  }
  for (const char* name : {"axes", "permutation"}) {
    const auto axes = attributes.find(name);
    if (axes == attributes.end()) continue;
    if (ir::Integers* all = std::get_if<ir::Integers>(&axes->second)) std::transform(all->begin(), all->end(), all->begin(), from_front);
  }
  if (reduction) {
    ir::Integers all;
    for (size_t i = 0; i < rank; ++i) all.push_back(static_cast<int64_t>(i));
    ir::Integers& axes = std::get<ir::Integers>(attributes.try_emplace("axes", all).first->second);
    std::sort(axes.begin(), axes.end());
  }
  try {
    for (const ir::AttributeDef& def : op.attributes) {
      if (!def.fallback && !attributes.contains(def.name)) throw Error(ErrorCode::kType, "argument '" + def.name + "' of " + op.name + " is missing");
    }
    const std::vector<ir::Value> results = builder.apply(op, values, attributes);
    if (results.size() == 1) return finish_reduction(values.empty() ? ir::Value{} : values[0], results[0], attributes, keep);
    return make_list(std::vector<Datum>(results.begin(), results.end()));
  } catch (const Error& error) {
    if (error.place().known()) throw;
    fail_like(error, frame, offset);
  }
}

ir::Value Lowering::finish_reduction(ir::Value operand, ir::Value result, const ir::Attributes& attributes, bool keep) {
  if (!keep) return result;
  Shape shape = emission_.builder().shape(operand);
  for (const int64_t axis : std::get<ir::Integers>(attributes.at("axes"))) shape[static_cast<size_t>(axis)] = 1;
  return emission_.builder().reshape(result, shape);
}

std::vector<ir::Value> Lowering::operands_of(const ir::OpDef& op, const std::vector<Datum>& data, const ir::Attributes& attributes, const Frame& frame,
                                             uint32_t offset) {
  if (is_elementwise(op)) return spread(op.name, data, frame, offset);
  std::optional<DType> dtype;  // of numbers
  for (const Datum& d : data) {
    if (const auto* value = d.as<ir::Value>(); value != nullptr && !dtype) dtype = emission_.builder().dtype(*value);
  }
  // A label that no use has decided is classes for an op that takes classes there.
  const bool undecided = !context_.label && std::any_of(data.begin(), data.end(), [](const Datum& d) { return d.is<UndecidedLabel>(); });
  bool classes = false;
  if (undecided && context_.output && context_.output->shape.rank() > 0) {
    std::vector<TensorType> types;
    for (const Datum& d : data) {
      if (const auto* value = d.as<ir::Value>()) types.push_back(emission_.builder().type(*value));
      else types.push_back({DType::kI64, Shape(std::vector<Dim>(context_.output->shape.begin(), context_.output->shape.end() - 1))});
    }
    try {
      ir::infer_types(op, types, attributes);
      classes = true;
    } catch (const Error&) {
      classes = false;
    }
  }
  std::vector<ir::Value> values;
  for (const Datum& d : data) {
    if (d.is<UndecidedLabel>()) values.push_back(*decide_label(d, classes, frame, offset).as<ir::Value>());
    else values.push_back(tensor(d, dtype.value_or(DType::kF32), frame, offset));
  }
  return values;
}

ir::Value Lowering::read_run_state(const char* variable) {
  emission_.table().declare({{variable, Role::kState, {DType::kU32, {}}, {}}, Dim(0)});
  return emission_.read(variable);
}

void Lowering::fill_random(const ir::OpDef& op, std::vector<Datum>& operands, ir::Attributes& attributes) {
  for (size_t i = 0; i < operands.size() && i < op.operands.size(); ++i) {
    if (!operands[i].is<None>()) continue;
    if (op.operands[i].name == "seed") operands[i] = init_ ? emission_.read("seed") : read_run_state("train.seed");
    if (op.operands[i].name == "step") operands[i] = init_ ? emission_.builder().scalar(0, DType::kU32) : read_run_state("train.step");
  }
  if (attributes.contains("stream")) return;
  const std::string& drawn = emission_.builder().name();
  const int before = streams_[drawn]++;
  const std::string path = (init_ ? "init " : "run ") + drawn + (before == 0 ? "" : "#" + std::to_string(before));
  attributes.emplace("stream", static_cast<int64_t>(hash_text(path).low & 0xffffffffU));
}

ir::Attribute Lowering::attribute(const ir::OpDef& op, const ir::AttributeDef& def, const Datum& datum, const Frame& frame, uint32_t offset) {
  const List* list = datum.as<List>();
  const auto all = [&](auto accept) { return list != nullptr && std::all_of((*list)->begin(), (*list)->end(), accept); };
  switch (def.kind) {
    case ir::AttributeKind::kBool:
      if (const bool* flag = datum.as<bool>()) return *flag;
      break;
    case ir::AttributeKind::kInteger:
      if (const auto integer = datum.known_integer()) return *integer;
      break;
    case ir::AttributeKind::kNumber:
      if (const auto number = datum.known_number()) return *number;
      break;
    case ir::AttributeKind::kString:
      if (const auto* text = datum.as<std::string>()) return *text;
      break;
    case ir::AttributeKind::kDType:
      if (const DType* dtype = datum.as<DType>()) return *dtype;
      break;
    case ir::AttributeKind::kIntegers:
      if (const auto integer = datum.known_integer()) return ir::Integers{*integer};
      if (all([](const Datum& d) { return d.known_integer().has_value(); })) {
        ir::Integers integers;
        for (const Datum& d : **list) integers.push_back(*d.known_integer());
        return integers;
      }
      break;
    case ir::AttributeKind::kDim:
      if (const Dim* dim = datum.as<Dim>()) return *dim;
      break;
    case ir::AttributeKind::kShape:
      if (all([](const Datum& d) { return d.is<Dim>(); })) {
        Shape shape;
        for (const Datum& d : **list) shape.push_back(*d.as<Dim>());
        return shape;
      }
      break;
    case ir::AttributeKind::kTensor: break;
  }
  fail(ErrorCode::kType, frame, offset, "argument '" + def.name + "' of " + op.name + " is " + describe(datum) + ", not of kind " + std::string(ir::name(def.kind)));
}

}  // namespace sinter::language
