#include "frontend/onnx/call.h"

#include <onnx/schema.pb.h>

#include <algorithm>

#include "base/text.h"
#include "frontend/onnx/read.h"

namespace sinter::onnx {

Item item_of(Tensor tensor) {
  Item item;
  item.type = {tensor.dtype(), Shape::of(tensor.extents())};
  if (is_integer(tensor.dtype()) && tensor.rank() <= 1 && tensor.size() <= kMostFolded) {
    Dims dims;
    for (int64_t i = 0; i < tensor.size(); ++i) dims.emplace_back(tensor.get_integer(i));
    item.dims = std::move(dims);
  }
  item.tensor = std::move(tensor);
  return item;
}

Item item_of(Dims dims, bool scalar, DType dtype) {
  SINTER_CHECK(!scalar || dims.size() == 1, "a scalar of several dims");
  const int64_t count = static_cast<int64_t>(dims.size());
  if (std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.is_constant(); })) {
    Tensor tensor(dtype, scalar ? Extents{} : Extents{count});
    for (int64_t i = 0; i < count; ++i) tensor.set_integer(i, dims[static_cast<size_t>(i)].constant());
    return item_of(std::move(tensor));
  }
  Item item;
  item.type = {dtype, scalar ? Shape{} : Shape{Dim(count)}};
  item.dims = std::move(dims);
  return item;
}

ir::Value materialise(ir::Builder& builder, const Item& item) {
  if (item.tensor) {
    const Tensor& tensor = *item.tensor;
    return tensor.rank() == 0 && is_float(tensor.dtype()) ? builder.scalar(tensor.get(0), tensor.dtype()) : builder.constant(tensor);
  }
  SINTER_CHECK(item.dims.has_value(), "an item without a value");
  std::vector<ir::Value> parts;
  for (const Dim& dim : *item.dims) parts.push_back(builder.dim(dim, item.type.dtype));
  if (item.type.shape.rank() == 0) return parts.at(0);
  for (ir::Value& part : parts) part = builder.reshape(part, Shape{Dim(1)});
  return parts.size() == 1 ? parts[0] : builder.call("concatenate", parts, {{"axis", int64_t{0}}});
}

const Item& Call::item(size_t input) const {
  if (!has(input)) wrong("its input " + std::to_string(input) + " is missing");
  return *inputs_[input];
}

ir::Value Call::value(size_t input) {
  const Item& from = item(input);
  if (scratch_) return materialise(b, from);
  if (!from.value.valid()) inputs_[input]->value = materialise(b, from);
  return from.value;
}

std::vector<ir::Value> Call::values() {
  std::vector<ir::Value> all;
  for (size_t i = 0; i < inputs(); ++i) all.push_back(value(i));
  if (all.empty()) wrong("it has no inputs");
  return all;
}

const Tensor* Call::tensor(size_t input) const {
  const Item& from = item(input);
  return from.tensor ? &*from.tensor : nullptr;
}

const std::optional<Dims>& Call::dims(size_t input) const { return item(input).dims; }

Dims Call::known_dims(size_t input) const {
  const Item& from = item(input);
  if (!is_integer(from.type.dtype) || from.type.shape.rank() > 1)
    wrong("its input " + std::to_string(input) + " is " + from.type.to_string() + ", not a list of integers");
  if (!from.dims) unsupported("its input " + std::to_string(input) + " decides shapes, and is known at run time only");
  return *from.dims;
}

Integers Call::known_integers(size_t input) const {
  Integers known;
  for (const Dim& dim : known_dims(input)) {
    if (!dim.is_constant())
      unsupported("its input " + std::to_string(input) + " holds " + dim.to_string() + ", and has to be known while compiling");
    known.push_back(dim.constant());
  }
  return known;
}

const Tensor& Call::known_tensor(size_t input) const {
  const Tensor* known = tensor(input);
  if (known == nullptr) unsupported("its input " + std::to_string(input) + " has to be known while compiling");
  return *known;
}

double Call::known_number(size_t input) const {
  const Tensor& known = known_tensor(input);
  if (known.size() != 1) wrong("its input " + std::to_string(input) + " is " + known.type_string() + ", not one number");
  return known.get(0);
}

wire::AttributeProto* Call::attribute(std::string_view name) const {
  const auto found = attributes_.find(name);
  return found == attributes_.end() ? nullptr : found->second;
}

bool Call::has_attribute(std::string_view name) const { return attribute(name) != nullptr; }

namespace {

void check_kind(const Call& call, bool fits, std::string_view name, const char* kind) {
  if (!fits) call.wrong("its attribute " + quoted(std::string(name)) + " is not " + kind);
}

}  // namespace

int64_t Call::integer(std::string_view name, int64_t fallback) const { return has_attribute(name) ? integer(name) : fallback; }

int64_t Call::integer(std::string_view name) const {
  const wire::AttributeProto* found = attribute(name);
  if (found == nullptr) wrong("its attribute " + quoted(std::string(name)) + " is missing");
  check_kind(*this, found->has_i() || !(found->has_f() || found->has_s() || found->has_t() || found->ints_size()), name, "an integer");
  return found->i();
}

double Call::number(std::string_view name, double fallback) const {
  const wire::AttributeProto* found = attribute(name);
  if (found == nullptr) return fallback;
  check_kind(*this, found->has_f() || !(found->has_i() || found->has_s() || found->has_t() || found->floats_size()), name, "a number");
  return static_cast<double>(found->f());
}

std::string Call::text(std::string_view name, std::string_view fallback) const {
  const wire::AttributeProto* found = attribute(name);
  return found == nullptr ? std::string(fallback) : found->s();
}

std::optional<Integers> Call::integers(std::string_view name) const {
  const wire::AttributeProto* found = attribute(name);
  if (found == nullptr) return std::nullopt;
  check_kind(*this, !found->has_i() && !found->has_f() && !found->has_s(), name, "a list of integers");
  return Integers(found->ints().begin(), found->ints().end());
}

std::optional<std::vector<double>> Call::numbers(std::string_view name) const {
  const wire::AttributeProto* found = attribute(name);
  if (found == nullptr) return std::nullopt;
  return std::vector<double>(found->floats().begin(), found->floats().end());
}

std::optional<Tensor> Call::tensor_attribute(std::string_view name) const {
  wire::AttributeProto* found = attribute(name);
  if (found == nullptr) return std::nullopt;
  check_kind(*this, found->has_t(), name, "a tensor");
  wire::TensorProto copy = found->t();  // a function's body is read once per call
  return take_tensor(copy, {path_, "attribute " + std::string(name) + " of " + b.name()});
}

void Call::set(size_t output, ir::Value value) {
  if (!wants(output)) return;
  Item item;
  item.type = b.type(value);
  item.value = value;
  results[output] = std::move(item);
}

void Call::set(size_t output, Tensor tensor) {
  if (wants(output)) results[output] = item_of(std::move(tensor));
}

void Call::set_dims(size_t output, Dims dims, bool scalar, DType dtype) {
  if (wants(output)) results[output] = item_of(std::move(dims), scalar, dtype);
}

Dim Call::equal(const Dim& a, const Dim& c, std::string_view what) {
  if (a == c) return a;
  if (a.is_constant() && c.is_constant()) wrong(std::string(what) + " differ: " + a.to_string() + " and " + c.to_string());
  for (const auto& [from, to] : {std::pair{&a, &c}, std::pair{&c, &a}})
    if (const auto symbol = from->as_symbol(); symbol && !to->depends_on(*symbol)) throw MustEqual{*symbol, *to};
  unsupported(std::string(what) + " are " + a.to_string() + " and " + c.to_string() + ", which are not known to be equal");
}

Shape Call::common_shape(std::span<const Shape> shapes) {
  size_t rank = 0;
  for (const Shape& shape : shapes) rank = std::max(rank, shape.rank());
  Dims dims(rank, Dim(1));
  for (const Shape& shape : shapes) {
    for (size_t i = 0; i < shape.rank(); ++i) {
      Dim& common = dims[rank - shape.rank() + i];
      if (shape[i] == Dim(1)) continue;
      common = common == Dim(1) ? shape[i] : equal(common, shape[i], "sizes that are aligned");
    }
  }
  return Shape(std::move(dims));
}

std::vector<ir::Value> Call::spread_all(std::vector<ir::Value> values) {
  std::vector<Shape> shapes;
  for (const ir::Value value : values) shapes.push_back(b.shape(value));
  const Shape common = common_shape(shapes);
  for (ir::Value& value : values) value = spread(value, common);
  return values;
}

size_t Call::axis(int64_t axis, size_t rank) const {
  const int64_t count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count) wrong("axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
  return static_cast<size_t>(axis < 0 ? axis + count : axis);
}

Integers Call::axes(const Integers& axes, size_t rank) const {
  Integers sorted;
  for (const int64_t each : axes) sorted.push_back(static_cast<int64_t>(axis(each, rank)));
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) wrong("an axis is named twice");
  return sorted;
}

void Call::unsupported(const std::string& why) const { throw Error(ErrorCode::kUnsupported, why); }
void Call::wrong(const std::string& why) const { throw Error(ErrorCode::kType, op + ": " + why); }

}  // namespace sinter::onnx
