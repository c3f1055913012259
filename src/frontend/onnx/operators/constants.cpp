// Values that come from attributes or sizes: constants, ranges, triangles, and the shape of a tensor as integers.
#include <algorithm>
#include <cmath>

#include "frontend/onnx/operators.h"
#include "frontend/onnx/read.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

void import_constant(Call& call) {
  if (const auto value = call.tensor_attribute("value")) return call.set(0, *value);
  if (call.has_attribute("value_int")) return call.set(0, Tensor::scalar<int64_t>(call.integer("value_int")));
  if (call.has_attribute("value_float")) return call.set(0, Tensor::scalar<float>(static_cast<float>(call.number("value_float", 0))));
  if (const auto values = call.integers("value_ints"))
    return call.set(0, Tensor::of<int64_t>({static_cast<int64_t>(values->size())}, *values));
  if (const auto values = call.numbers("value_floats"))
    return call.set(0, Tensor::of<float>({static_cast<int64_t>(values->size())}, std::vector<float>(values->begin(), values->end())));
  call.unsupported("a constant that is neither a dense tensor nor numbers");
}

void import_constant_of_shape(Call& call) {
  Tensor value = Tensor::scalar<float>(0);
  if (const auto given = call.tensor_attribute("value")) value = given->reshaped({});
  const Shape shape(call.known_dims(0));
  for (const Dim& dim : shape)
    if (is_nonnegative(-dim - 1)) call.wrong("a size of " + dim.to_string());
  call.set(0, call.b.broadcast(call.b.constant(value), shape, {}));
}

void import_shape(Call& call) {
  const Shape& shape = call.shape(0);
  const int64_t rank = static_cast<int64_t>(shape.rank());
  const auto bound = [&](const char* name, int64_t fallback) {
    const int64_t at = call.integer(name, fallback);
    return std::clamp(at < 0 ? at + rank : at, int64_t{0}, rank);
  };
  const int64_t start = bound("start", 0), end = std::max(bound("end", rank), start);
  call.set_dims(0, Dims(shape.begin() + start, shape.begin() + end), false);
}

void import_size(Call& call) { call.set_dims(0, {call.shape(0).element_count()}, true); }

void import_identity(Call& call) { call.set(0, call.value(0)); }

bool fold_identity(Call& call) {
  if (!call.dims(0)) return false;
  call.set_dims(0, *call.dims(0), call.rank(0) == 0, call.dtype(0));
  return true;
}

/// start, start + delta, ... below the limit; how many has to be known while compiling.
void import_range(Call& call) {
  const DType dtype = call.dtype(0);
  for (size_t i = 0; i < 3; ++i)
    if (call.dtype(i) != dtype || call.shape(i).element_count() != Dim(1)) call.wrong("its inputs are no numbers of one dtype");
  Dim count;
  if (is_integer(dtype)) {
    const auto start = call.dims(0), limit = call.dims(1), delta = call.dims(2);
    if (!start || !limit || !delta) call.unsupported("how many numbers it makes is known at run time only");
    const Dim step = (*delta)[0], length = (*limit)[0] - (*start)[0];
    if (step == Dim(0)) call.wrong("a step of 0");
    if (!step.is_constant()) call.unsupported("a step that is known at run time only");
    count = max(Dim(0), step.constant() > 0 ? ceil_div(length, step) : ceil_div(-length, -step));
  } else {
    const double step = call.known_number(2), steps = std::ceil((call.known_number(1) - call.known_number(0)) / step);
    if (!(step != 0) || !(steps < 1e9)) call.wrong("it makes too many numbers");
    count = static_cast<int64_t>(std::max(steps, 0.0));
  }
  const Shape shape{count};
  const auto number = [&](size_t input) { return call.spread(call.b.reshape(call.value(input), Shape{}), shape); };
  const Value steps = call.b.call("iota", {}, {{"shape", shape}, {"axis", int64_t{0}}, {"dtype", dtype}});
  call.set(0, call.b.call("add", {number(0), call.b.call("multiply", {steps, number(2)})}));
}

Value index_along(Call& call, const Shape& shape, size_t axis) {
  return call.b.call("iota", {}, {{"shape", shape}, {"axis", static_cast<int64_t>(axis)}, {"dtype", DType::kI64}});
}

/// The elements on one side of a diagonal, zeros elsewhere.
void import_trilu(Call& call) {
  const Shape shape = call.shape(0);
  const size_t rank = shape.rank();
  if (rank < 2) call.wrong("its input has rank " + std::to_string(rank));
  const Value row = index_along(call, shape, rank - 2), column = index_along(call, shape, rank - 1);
  Value diagonal = call.has(1) ? call.b.reshape(call.value(1), Shape{}) : call.b.scalar(0, DType::kI64);
  diagonal = call.b.call("add", {row, call.spread(diagonal, shape)});
  const bool upper = call.integer("upper", 1) != 0;
  const Value keep = call.b.call(upper ? "greater_equal" : "less_equal", {column, diagonal});
  const Value x = call.value(0);
  call.set(0, call.b.call("select", {keep, x, call.b.full_like(0, x)}));
}

void import_eye_like(Call& call) {
  const Shape shape = call.shape(0);
  if (shape.rank() != 2) call.wrong("its input has rank " + std::to_string(shape.rank()));
  const DType dtype =
      call.has_attribute("dtype") ? dtype_of_wire(static_cast<int32_t>(call.integer("dtype")), {"", "the result"}) : call.dtype(0);
  const Expression row(call.b, index_along(call, shape, 0)), column(call.b, index_along(call, shape, 1));
  call.set(0, call.b.cast(apply("equal", column, row + static_cast<double>(call.integer("k", 0))), dtype));
}

}  // namespace

void add_constants(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import, std::function<bool(Call&)> fold = {}) {
    table.push_back({name, since, std::move(import), std::move(fold)});
  };
  row("Constant", 1, import_constant);
  row("ConstantOfShape", 9, import_constant_of_shape);
  row("Shape", 1, import_shape);
  row("Size", 1, import_size);
  row("Identity", 1, import_identity, fold_identity);
  row("Range", 11, import_range);
  row("Trilu", 14, import_trilu);
  row("EyeLike", 9, import_eye_like);
}

}  // namespace sinter::onnx
