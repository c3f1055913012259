#include "ir/ops/record.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "ir/ops/reference.h"

namespace sinter::ir {

TensorType type_of_text(std::string_view text) { return TextCursor(text, "type").expect_type(); }

Sample sample(std::initializer_list<In> operands, Attributes attributes) {
  Sample made;
  for (const In& in : operands) made.operands.push_back({type_of_text(in.type), in.fill, in.bound});
  made.attributes = std::move(attributes);
  return made;
}

Sample sample_without_gradient(std::initializer_list<In> operands, Attributes attributes) {
  Sample made = sample(operands, std::move(attributes));
  made.differentiable = false;
  return made;
}

std::vector<Sample> in_both_floats(std::vector<Sample> samples) {
  const size_t count = samples.size();
  for (size_t i = 0; i < count; ++i) {
    Sample wide = samples[i];
    bool changed = false;
    const auto widen = [&](DType& dtype) {
      if (dtype != DType::kF32) return;
      dtype = DType::kF64;
      changed = true;
    };
    for (SampleOperand& operand : wide.operands) widen(operand.type.dtype);
    const auto attribute = wide.attributes.find("dtype");
    if (attribute != wide.attributes.end()) widen(std::get<DType>(attribute->second));
    if (changed) samples.push_back(std::move(wide));
  }
  return samples;
}

BadSample bad(const char* label, std::initializer_list<const char*> operands, Attributes attributes) {
  BadSample made{label, {}, std::move(attributes), {}};
  for (const char* operand : operands) made.operands.push_back(type_of_text(operand));
  return made;
}

bool are_axes(const Integers& axes, size_t rank) {
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!is_axis(axes[i], rank) || (i > 0 && axes[i] <= axes[i - 1])) return false;
  }
  return true;
}

bool never_negative(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.upper_bound().value_or(0) >= 0; });
}

Integers other_axes(const Integers& axes, size_t rank) {
  Integers others;
  for (int64_t axis = 0; axis < static_cast<int64_t>(rank); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) others.push_back(axis);
  }
  return others;
}

Shape without(const Shape& shape, const Integers& axes) {
  Shape rest;
  for (const int64_t axis : other_axes(axes, shape.rank())) rest.push_back(shape[static_cast<size_t>(axis)]);
  return rest;
}

AxisView::AxisView(const Extents& extents, int64_t axis) : size(extents.at(static_cast<size_t>(axis))) {
  for (size_t k = 0; k < extents.size(); ++k) {
    if (static_cast<int64_t>(k) < axis) outer *= extents[k];
    if (static_cast<int64_t>(k) > axis) inner *= extents[k];
  }
}

void copy_element(Tensor& to, int64_t at, const Tensor& from, int64_t source) {
  const size_t bytes = size_in_bytes(to.dtype());
  std::memcpy(static_cast<char*>(to.raw()) + static_cast<size_t>(at) * bytes,
              static_cast<const char*>(from.raw()) + static_cast<size_t>(source) * bytes, bytes);
}

void copy_elements(Tensor& to, const Walk& walk_to, const Tensor& from, const Walk& walk_from, const Extents& extents) {
  for_each_index(extents, [&](const Extents& index) {
    copy_element(to, walk_to.base + offset_of(index, walk_to.steps), from, walk_from.base + offset_of(index, walk_from.steps));
  });
}

void require_indices(const TypeRequest& request, size_t operand, std::string_view label) {
  const DType dtype = request.dtype(operand);
  request.require(dtype == DType::kI32 || dtype == DType::kI64, label, std::string(name(dtype)) + " is not i32 or i64", "cast it to i64");
}

void check_index(const EvaluateRequest& request, const char* what, int64_t index, const std::string& of, int64_t size) {
  if (index >= 0 && index < size) return;
  Error error(ErrorCode::kCheck,
              std::string(what) + " " + std::to_string(index) + " is out of range: there are " + std::to_string(size) + " " + of);
  error.rule(request.op.name);
  Place place;
  place.node = request.node_name;
  throw error.at(place);
}

}  // namespace sinter::ir
