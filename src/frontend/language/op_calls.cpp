// Calls of op records: operands by position or name, attributes by name, and what a call may leave out.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/hash.h"
#include "frontend/language/lower.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

bool is_number(const Datum& d) { return d.is<Dim>() || d.is<double>(); }

/// A record that removes the axes of its one operand that the attribute `axes` names. (Windows slide over theirs.)
bool reduces_axes(const ir::OpDef& op) {
  const ir::AttributeDef* axes = op.find_attribute("axes");
  return op.operands.size() == 1 && op.find_attribute("window") == nullptr && axes != nullptr && axes->kind == ir::AttributeKind::kIntegers &&
         !std::holds_alternative<ir::View>(op.lowering);
}

bool is_elementwise(const ir::OpDef& op) { return std::holds_alternative<ir::Elementwise>(op.lowering); }

/// Numbers only, which the record's reference can compute while compiling.
bool can_fold(const ir::OpDef& op, const std::vector<Datum>& operands) {
  if (!is_elementwise(op) || !op.attributes.empty() || operands.empty() || !std::all_of(operands.begin(), operands.end(), is_number))
    return false;
  const bool of_dims = operands.size() == 2 && (op.name == "maximum" || op.name == "minimum");
  return std::all_of(operands.begin(), operands.end(), [&](const Datum& d) { return d.known_number() || (of_dims && d.is<Dim>()); });
}

const ir::OperandDef* find_operand(const ir::OpDef& op, std::string_view name) {
  const auto found = std::find_if(op.operands.begin(), op.operands.end(), [&](const ir::OperandDef& o) { return o.name == name; });
  return found == op.operands.end() ? nullptr : &*found;
}

/// A record whose key, step and stream the lowering fills in.
bool draws(const ir::OpDef& op) {
  return find_operand(op, "seed") != nullptr && find_operand(op, "step") != nullptr && op.find_attribute("stream") != nullptr;
}

}  // namespace

/// All operands are known numbers: the record's own reference computes the result in f64, while compiling.
Datum Lowering::fold(const ir::OpDef& op, const std::vector<Datum>& operands) {
  const bool whole = std::all_of(operands.begin(), operands.end(), [](const Datum& d) { return d.is<Dim>(); });
  if (whole && op.name == "maximum") return max(*operands[0].as<Dim>(), *operands[1].as<Dim>());
  if (whole && op.name == "minimum") return min(*operands[0].as<Dim>(), *operands[1].as<Dim>());
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
  const bool rounds =
      std::find(std::begin(kWhole), std::end(kWhole), op.name) != std::end(kWhole) || (whole && (op.name == "abs" || op.name == "sign"));
  constexpr double kExact = 9007199254740992.0;
  if (rounds && std::abs(number) < kExact) return Dim(static_cast<int64_t>(number));
  return number;
}

/// What a call gives, by operand and attribute.
struct Lowering::OpCall {
  std::vector<Datum> operands;  // those of a variadic operand last; none: seed or step of a random op, to be filled
  std::vector<std::pair<const ir::AttributeDef*, Arguments::Item>> attributes;
  bool random = false;
  bool keep = false;  // a reduction's axes stay, with size 1
};

Lowering::OpCall Lowering::sort_arguments(const ir::OpDef& op, Arguments arguments, const Frame& frame, uint32_t offset) {
  OpCall call;
  call.random = draws(op);
  if (const auto keep = reduces_axes(op) ? arguments.take("keep") : std::nullopt) {
    if (!keep->value.is<bool>()) fail(ErrorCode::kType, frame, keep->offset, "'keep' is true or false, not " + describe(keep->value));
    call.keep = *keep->value.as<bool>();
  }
  std::vector<std::optional<Datum>> single(op.operands.size());
  std::vector<Datum> more;
  size_t position = 0;
  for (const Arguments::Item& item : arguments.items) {
    const auto [operand, attribute] = find_slot(op, item, position, frame);
    const auto twice = [&](const std::string& name) {
      fail(ErrorCode::kName, frame, item.offset, "argument '" + name + "' of " + op.name + " is given twice");
    };
    if (attribute != nullptr) {
      if (std::any_of(call.attributes.begin(), call.attributes.end(), [&](const auto& g) { return g.first == attribute; }))
        twice(attribute->name);
      call.attributes.emplace_back(attribute, item);
    } else if (operand->variadic) {
      const List* list = item.value.as<List>();
      if (list != nullptr) more.insert(more.end(), (*list)->begin(), (*list)->end());
      else more.push_back(item.value);
    } else {
      std::optional<Datum>& slot = single[static_cast<size_t>(operand - op.operands.data())];
      if (slot) twice(operand->name);
      slot = item.value;
    }
  }
  for (size_t i = 0; i < single.size() && !op.operands[i].variadic; ++i) {
    const bool filled = call.random && (op.operands[i].name == "seed" || op.operands[i].name == "step");
    if (!single[i] && !filled)
      fail(ErrorCode::kType, frame, offset, "argument '" + op.operands[i].name + "' of " + op.name + " is missing");
    call.operands.push_back(single[i] ? *single[i] : Datum(None{}));
  }
  call.operands.insert(call.operands.end(), more.begin(), more.end());
  return call;
}

std::pair<const ir::OperandDef*, const ir::AttributeDef*> Lowering::find_slot(const ir::OpDef& op, const Arguments::Item& item,
                                                                              size_t& position, const Frame& frame) const {
  if (!item.name.empty()) {
    const ir::OperandDef* operand = find_operand(op, item.name);
    const ir::AttributeDef* attribute = op.find_attribute(item.name);
    if (operand != nullptr || attribute != nullptr) return {operand, attribute};
    std::vector<std::string> names;
    for (const auto& o : op.operands) names.push_back(o.name);
    for (const auto& a : op.attributes) names.push_back(a.name);
    fail(ErrorCode::kName, frame, item.offset, op.name + " has no argument '" + std::string(item.name) + "'",
         did_you_mean(item.name, names));
  }
  const size_t count = op.operands.size();
  const bool variadic = count > 0 && op.operands.back().variadic;
  const size_t at = position++;
  if (at < count || variadic) return {&op.operands[std::min(at, count - 1)], nullptr};
  if (at - count < op.attributes.size()) return {nullptr, &op.attributes[at - count]};
  fail(ErrorCode::kType, frame, item.offset,
       op.name + " takes " + std::to_string(count + op.attributes.size()) + " arguments, here is one more");
}

/// Axes count from the back when they are negative; a reduction without axes is over all, a transpose without a permutation swaps the last two.
void Lowering::complete_axes(const ir::OpDef& op, const std::vector<ir::Value>& operands, ir::Attributes& attributes) {
  size_t rank = operands.empty() ? 0 : emission_.builder().shape(operands[0]).rank();
  if (const auto shape = attributes.find("shape"); operands.empty() && shape != attributes.end()) {
    if (const Shape* known = std::get_if<Shape>(&shape->second)) rank = known->rank();
  }
  const auto from_front = [&](int64_t axis) { return axis < 0 ? axis + static_cast<int64_t>(rank) : axis; };
  if (op.find_attribute("permutation") != nullptr && !attributes.contains("permutation")) {
    ir::Integers order(rank);
    std::iota(order.begin(), order.end(), int64_t{0});
    if (rank >= 2) std::swap(order[rank - 2], order[rank - 1]);
    attributes.emplace("permutation", order);
  }
  for (const char* name : {"axis", "axes", "permutation"}) {
    const auto found = attributes.find(name);
    if (found == attributes.end()) continue;
    if (int64_t* one = std::get_if<int64_t>(&found->second)) *one = from_front(*one);
    if (ir::Integers* all = std::get_if<ir::Integers>(&found->second)) std::transform(all->begin(), all->end(), all->begin(), from_front);
  }
  if (!reduces_axes(op)) return;
  ir::Integers all(rank);
  std::iota(all.begin(), all.end(), int64_t{0});
  ir::Integers& axes = std::get<ir::Integers>(attributes.try_emplace("axes", all).first->second);
  std::sort(axes.begin(), axes.end());
}

Datum Lowering::call_op(const ir::OpDef& op, Arguments arguments, const Frame& frame, uint32_t offset) {
  if (!op.regions.empty())
    fail(ErrorCode::kUnsupported, frame, offset, "the op '" + op.name + "' has regions and cannot be called from a model text");
  OpCall call = sort_arguments(op, std::move(arguments), frame, offset);
  try {
    if (can_fold(op, call.operands)) return fold(op, call.operands);
    ir::Attributes attributes;
    for (const auto& [def, item] : call.attributes)
      attributes.insert_or_assign(def->name, attribute(op, *def, item.value, frame, item.offset));
    if (call.random) fill_random(op, call.operands, attributes);
    for (const ir::AttributeDef& def : op.attributes) {
      const bool optional = def.fallback || (def.name == "axes" && reduces_axes(op)) || def.name == "permutation";
      if (!optional && !attributes.contains(def.name))
        fail(ErrorCode::kType, frame, offset, "argument '" + def.name + "' of " + op.name + " is missing");
    }
    const std::vector<ir::Value> operands = operands_of(op, call.operands, attributes, frame, offset);
    complete_axes(op, operands, attributes);
    const std::vector<ir::Value> results = emission_.builder().apply(op, operands, attributes);
    if (results.size() != 1) return make_list(std::vector<Datum>(results.begin(), results.end()));
    return call.keep ? keep_axes(operands[0], results[0], attributes) : results[0];
  } catch (const Error& error) {
    if (error.place().known()) throw;
    fail_like(error, frame, offset);
  }
}

ir::Value Lowering::keep_axes(ir::Value operand, ir::Value reduced, const ir::Attributes& attributes) {
  Shape shape = emission_.builder().shape(operand);
  for (const int64_t axis : std::get<ir::Integers>(attributes.at("axes"))) shape[static_cast<size_t>(axis)] = 1;
  return emission_.builder().reshape(reduced, shape);
}

std::vector<ir::Value> Lowering::operands_of(const ir::OpDef& op, const std::vector<Datum>& data, const ir::Attributes& attributes,
                                             const Frame& frame, uint32_t offset) {
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

ir::Attribute Lowering::attribute(const ir::OpDef& op, const ir::AttributeDef& def, const Datum& datum, const Frame& frame,
                                  uint32_t offset) {
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
    case ir::AttributeKind::kTensor: return table(datum, DType::kF32, frame, offset);
  }
  fail(ErrorCode::kType, frame, offset,
       "argument '" + def.name + "' of " + op.name + " is " + describe(datum) + ", not of kind " + std::string(ir::name(def.kind)));
}

}  // namespace sinter::language
