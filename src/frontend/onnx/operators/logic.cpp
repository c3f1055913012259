// Comparisons, logic, bits, choices and casts.
#include <limits>

#include "frontend/onnx/operators.h"
#include "frontend/onnx/read.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

std::function<void(Call&)> binary(const char* op) {
  return [op](Call& call) {
    std::vector<Value> values{call.value(0), call.value(1)};
    if (call.dtype(0) != call.dtype(1)) call.wrong("its operands are " + call.type(0).to_string() + " and " + call.type(1).to_string());
    if (call.version < 7 && call.integer("broadcast", 0) != 0 && call.has_attribute("axis")) {
      Shape shape = call.shape(1);
      const size_t at = call.axis(call.integer("axis"), std::max<size_t>(call.rank(0), 1));
      while (at + shape.rank() < call.rank(0)) shape.push_back(Dim(1));
      values[1] = call.b.reshape(values[1], shape);
    }
    call.set(0, call.b.call(op, call.spread_all(values)));
  };
}

std::function<void(Call&)> unary(const char* op) {
  return [op](Call& call) { call.set(0, call.b.call(op, {call.value(0)})); };
}

void import_is_inf(Call& call) {
  const Expression x = call.expression(0);
  const double infinity = std::numeric_limits<double>::infinity();
  const auto equals = [&](double value) { return call.b.call("equal", {x, call.b.full_like(value, x)}); };
  const bool positive = call.integer("detect_positive", 1) != 0, negative = call.integer("detect_negative", 1) != 0;
  if (positive && negative) return call.set(0, call.b.call("or", {equals(infinity), equals(-infinity)}));
  if (positive || negative) return call.set(0, equals(positive ? infinity : -infinity));
  call.set(0, call.b.full(0, DType::kBool, call.shape(0)));
}

void import_bit_shift(Call& call) {
  const std::string direction = call.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT") call.wrong("its direction is \"" + direction + "\"");
  call.set(0, call.b.call(direction == "LEFT" ? "shift_left" : "shift_right", call.spread_all({call.value(0), call.value(1)})));
}

void import_where(Call& call) {
  const std::vector<Value> values = call.spread_all({call.value(0), call.value(1), call.value(2)});
  call.set(0, call.b.call("select", values));
}

/// Of integers that are expressions, when the condition is known.
bool fold_where(Call& call) {
  const Tensor* condition = call.tensor(0);
  const auto a = call.dims(1), b = call.dims(2);
  if (condition == nullptr || !a || !b || condition->rank() > 1) return false;
  const size_t count = std::max({static_cast<size_t>(condition->size()), a->size(), b->size()});
  for (const size_t size : {static_cast<size_t>(condition->size()), a->size(), b->size()})
    if (size != count && size != 1) return false;
  Dims results;
  for (size_t i = 0; i < count; ++i) {
    const bool chosen = condition->get_integer(condition->size() == 1 ? 0 : static_cast<int64_t>(i)) != 0;
    const Dims& from = chosen ? *a : *b;
    results.push_back(from[from.size() == 1 ? 0 : i]);
  }
  call.set_dims(0, std::move(results), condition->rank() == 0 && call.rank(1) == 0 && call.rank(2) == 0, call.dtype(1));
  return true;
}

/// Expressions that are provably equal, or provably not.
bool fold_equal(Call& call) {
  const auto a = call.dims(0), b = call.dims(1);
  if (!a || !b) return false;
  const size_t count = std::max(a->size(), b->size());
  if ((a->size() != count && a->size() != 1) || (b->size() != count && b->size() != 1)) return false;
  Tensor result(DType::kBool, call.rank(0) == 0 && call.rank(1) == 0 ? Extents{} : Extents{static_cast<int64_t>(count)});
  for (size_t i = 0; i < count; ++i) {
    const Dim difference = (*a)[a->size() == 1 ? 0 : i] - (*b)[b->size() == 1 ? 0 : i];
    const bool differ = is_nonnegative(difference - 1) || is_nonnegative(-difference - 1);
    if (!differ && difference != Dim(0)) return false;
    result.set_integer(static_cast<int64_t>(i), differ ? 0 : 1);
  }
  call.set(0, std::move(result));
  return true;
}

void import_cast(Call& call) {
  const std::string old = call.text("to", "");  // a word before version 6
  if (call.version < 6 && !old.empty()) call.unsupported("casts of operator sets before 6");
  call.set(0, call.b.cast(call.value(0), dtype_of_wire(static_cast<int32_t>(call.integer("to")), {"", "the result"})));
}

bool fold_cast(Call& call) {
  const auto dims = call.dims(0);
  if (!dims || !call.has_attribute("to")) return false;
  constexpr int64_t kInt32 = 6, kInt64 = 7;
  const int64_t to = call.integer("to");
  if (to != kInt32 && to != kInt64) return false;
  call.set_dims(0, *dims, call.rank(0) == 0, to == kInt32 ? DType::kI32 : DType::kI64);
  return true;
}

void import_cast_like(Call& call) { call.set(0, call.b.cast(call.value(0), call.dtype(1))); }

}  // namespace

void add_logic(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import, std::function<bool(Call&)> fold = {}) {
    table.push_back({name, since, std::move(import), std::move(fold)});
  };
  row("Equal", 1, binary("equal"), fold_equal);
  row("Greater", 1, binary("greater"));
  row("Less", 1, binary("less"));
  row("GreaterOrEqual", 12, binary("greater_equal"));
  row("LessOrEqual", 12, binary("less_equal"));
  for (const auto& [name, op] : {std::pair{"And", "and"}, {"Or", "or"}, {"Xor", "xor"}}) row(name, 1, binary(op));
  for (const auto& [name, op] : {std::pair{"BitwiseAnd", "and"}, {"BitwiseOr", "or"}, {"BitwiseXor", "xor"}}) row(name, 18, binary(op));
  row("Not", 1, unary("not"));
  row("BitwiseNot", 18, unary("not"));
  row("BitShift", 11, import_bit_shift);
  row("IsNaN", 9, unary("is_nan"));
  row("IsInf", 10, import_is_inf);
  row("Where", 9, import_where, fold_where);
  row("Cast", 1, import_cast, fold_cast);
  row("CastLike", 15, import_cast_like);
}

}  // namespace sinter::onnx
