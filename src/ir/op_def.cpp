#include "ir/op_def.h"

#include "base/text.h"

namespace sinter::ir {

namespace {

/// The name of operand `index` as errors show it; the operands of a variadic one are numbered.
std::string operand_name(const OpDef& op, size_t index) {
  if (op.operands.empty()) return "operand";
  const size_t last = op.operands.size() - 1;
  if (index < last || !op.operands[last].variadic) return op.operands[std::min(index, last)].name;
  return op.operands[last].name + "[" + std::to_string(index - last) + "]";
}

Error misuse(const OpDef& op, std::string message) {
  Error error(ErrorCode::kType, std::move(message));
  error.rule(op.name);
  return error;
}

void check_operand_count(const OpDef& op, size_t count) {
  const bool variadic = !op.operands.empty() && op.operands.back().variadic;
  const size_t least = op.operands.size() - (variadic ? 1 : 0);
  if (count >= least && (variadic || count == least)) return;
  throw misuse(op, "takes " + std::string(variadic ? "at least " : "") + std::to_string(least) + (least == 1 ? " operand" : " operands") +
                       ", is given " + std::to_string(count));
}

void check_attributes(const OpDef& op, const Attributes& attributes) {
  for (const auto& [attribute_name, attribute] : attributes) {
    const AttributeDef* def = op.find_attribute(attribute_name);
    if (def == nullptr) {
      Error error = misuse(op, "has no attribute " + attribute_name);
      std::vector<std::string> names;
      for (const AttributeDef& known : op.attributes) names.push_back(known.name);
      const std::string suggestion = closest(attribute_name, names);
      if (!suggestion.empty()) error.hint("did you mean " + suggestion + "?");
      throw error;
    }
    if (kind_of(attribute) != def->kind) {
      throw misuse(op, "attribute " + attribute_name + " must be of kind " + std::string(name(def->kind)) + ", is of kind " +
                           std::string(name(kind_of(attribute))));
    }
  }
  for (const AttributeDef& def : op.attributes) {
    if (!def.fallback && !attributes.contains(def.name)) {
      throw misuse(op, "attribute " + def.name + " is missing").hint(def.doc);
    }
  }
}

}  // namespace

void TypeRequest::require(bool condition, std::string_view rule, const std::string& message, const std::string& hint) const {
  if (!condition) fail(rule, message, hint);
}

void TypeRequest::fail(std::string_view rule, const std::string& message, const std::string& hint) const {
  std::string text = message;
  for (size_t i = 0; i < operands.size(); ++i) {
    text += (i == 0 ? ": " : ", ") + operand_name(op, i) + " " + operands[i].to_string();
  }
  Error error(ErrorCode::kType, text);
  error.rule(op.name + " " + std::string(rule));
  if (!hint.empty()) error.hint(hint);
  throw error;
}

Tensor EvaluateRequest::make_result(size_t index) const {
  const TensorType& type = result_types.at(index);
  return Tensor(type.dtype, type.shape.evaluate(symbols));
}

const AttributeDef* OpDef::find_attribute(std::string_view wanted) const {
  for (const AttributeDef& attribute : attributes) {
    if (attribute.name == wanted) return &attribute;
  }
  return nullptr;
}

const OpDef* OpRegistry::find(std::string_view wanted) const {
  const auto found = by_name_.find(wanted);
  return found == by_name_.end() ? nullptr : found->second;
}

const OpDef& OpRegistry::get(std::string_view wanted) const {
  if (const OpDef* op = find(wanted)) return *op;
  std::vector<std::string> names;
  for (const auto& op : ops_) names.push_back(op->name);
  Error error(ErrorCode::kName, "unknown op " + std::string(wanted));
  const std::string suggestion = closest(wanted, names);
  if (!suggestion.empty()) error.hint("did you mean " + suggestion + "?");
  throw error;
}

void OpRegistry::add(OpDef op) {
  SINTER_CHECK(op.type && op.evaluate, "op " + op.name + " lacks its type rule or its evaluator");
  SINTER_CHECK(!by_name_.contains(op.name), "two ops are named " + op.name);
  for (size_t i = 0; i + 1 < op.operands.size(); ++i) {
    SINTER_CHECK(!op.operands[i].variadic, "op " + op.name + " has a variadic operand that is not the last");
  }
  ops_.push_back(std::make_unique<OpDef>(std::move(op)));
  by_name_.emplace(ops_.back()->name, ops_.back().get());
}

const Attribute& attribute_of(const OpDef& op, const Attributes& attributes, std::string_view wanted) {
  const auto found = attributes.find(wanted);
  if (found != attributes.end()) return found->second;
  const AttributeDef* def = op.find_attribute(wanted);
  SINTER_CHECK(def != nullptr && def->fallback.has_value(), "op " + op.name + " has no attribute " + std::string(wanted));
  return *def->fallback;
}

bool widens(const OpDef& op) {
  if (op.takes_narrow) return false;
  if (const auto* index = std::get_if<Index>(&op.lowering)) return index->kind == Index::Kind::kGenerate || index->kind == Index::Kind::kScatterAdd;
  return std::holds_alternative<Elementwise>(op.lowering) || std::holds_alternative<Reduce>(op.lowering) || std::holds_alternative<Composite>(op.lowering) ||
         std::holds_alternative<Window>(op.lowering);
}

DType widened(DType dtype) { return is_narrow(dtype) ? DType::kF32 : dtype; }

Attributes widened(const Attributes& attributes) {
  Attributes result = attributes;
  for (auto& [name, attribute] : result)
    if (DType* dtype = std::get_if<DType>(&attribute)) *dtype = widened(*dtype);
  return result;
}

bool is_widened(const OpDef& op, std::span<const TensorType> operands, const Attributes& attributes) {
  if (!widens(op)) return false;
  for (const TensorType& type : operands)
    if (is_narrow(type.dtype)) return true;
  for (const auto& [name, attribute] : attributes)
    if (const DType* dtype = std::get_if<DType>(&attribute); dtype != nullptr && is_narrow(*dtype)) return true;
  return false;
}

std::vector<TensorType> infer_types(const OpDef& op, std::span<const TensorType> operands, const Attributes& attributes,
                                    std::span<const Graph> regions) {
  check_operand_count(op, operands.size());
  check_attributes(op, attributes);
  if (regions.size() != op.regions.size()) {
    throw misuse(op, "takes " + std::to_string(op.regions.size()) + (op.regions.size() == 1 ? " region" : " regions") + ", is given " + std::to_string(regions.size()));
  }
  return op.type(TypeRequest{op, operands, attributes, regions});
}

}  // namespace sinter::ir
