// Operators: on facts while compiling, on tensors as nodes, with NumPy's broadcasting made explicit.
#include <algorithm>
#include <cmath>

#include "frontend/language/lower.h"

namespace sinter::language {
namespace {

struct Operator {
  std::string_view symbol;
  std::string_view op;  // the record that computes it on tensors; empty: numbers only
};
constexpr Operator kOperators[] = {{"+", "add"},     {"-", "subtract"},      {"*", "multiply"},   {"/", "divide"}, {"//", ""},
                                   {"%", ""},        {"==", "equal"},        {"!=", "not_equal"}, {"<", "less"},   {"<=", "less_equal"},
                                   {">", "greater"}, {">=", "greater_equal"}};

bool is_comparison(std::string_view symbol) { return symbol[0] == '<' || symbol[0] == '>' || symbol == "==" || symbol == "!="; }

template <class T>
bool compare(std::string_view symbol, const T& a, const T& b) {
  if (symbol == "==") return a == b;
  if (symbol == "!=") return a != b;
  if (symbol == "<") return a < b;
  if (symbol == "<=") return a <= b;
  if (symbol == ">") return a > b;
  return a >= b;
}

/// The comparison of two dims when their difference decides it for all values of the symbols.
std::optional<bool> compare_dims(std::string_view symbol, const Dim& a, const Dim& b) {
  const Dim difference = a - b;
  if (const auto known = difference.as_constant()) return compare<int64_t>(symbol, *known, 0);
  const auto lower = difference.lower_bound(), upper = difference.upper_bound();
  if (lower && *lower > 0) return compare<int64_t>(symbol, 1, 0);
  if (upper && *upper < 0) return compare<int64_t>(symbol, -1, 0);
  if (lower && *lower == 0 && (symbol == ">=" || symbol == "<")) return symbol == ">=";
  if (upper && *upper == 0 && (symbol == "<=" || symbol == ">")) return symbol == "<=";
  return std::nullopt;
}

/// Terms, factors and nested dims: arithmetic in a loop may not grow them without bound.
size_t weight(const Dim& dim) {
  if (dim.is_constant()) return 1;
  size_t total = 0;
  for (const DimTerm& term : dim.terms()) {
    ++total;
    for (const DimAtom& factor : term.factors) {
      ++total;
      for (const Dim& arg : factor.args) total += weight(arg);
    }
  }
  return total;
}
constexpr size_t kMaxDimWeight = 200;
constexpr size_t kMaxListItems = 65536;

std::optional<int64_t> integer_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) return std::nullopt;
    if (result == 0 || (result == 1 && base == 1)) break;  // stays
    if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  }
  return result;
}

}  // namespace

bool Lowering::is_integer_tensor(const Datum& datum) const {
  const auto* value = datum.as<ir::Value>();
  return value != nullptr && is_integer(emission_.builder().dtype(*value));
}

ir::Value Lowering::tensor(const Datum& datum, DType dtype, const Frame& frame, uint32_t offset) {
  const Datum decided = decide_label(datum, false, frame, offset);
  ir::Builder& builder = emission_.builder();
  if (const auto* value = decided.as<ir::Value>()) return *value;
  if (const auto* flag = decided.as<bool>()) {
    if (dtype != DType::kBool)
      fail(ErrorCode::kType, frame, offset,
           std::string(*flag ? "true" : "false") + " stands where a " + std::string(sinter::name(dtype)) + " is wanted");
    return builder.scalar(*flag ? 1 : 0, dtype);
  }
  if (const Dim* dim = decided.as<Dim>()) {
    if (dtype == DType::kBool) fail(ErrorCode::kType, frame, offset, "the number " + dim->to_string() + " stands where a bool is wanted");
    if (const auto known = dim->as_constant(); known && is_integer(dtype)) {
      Tensor holder(dtype, {});
      holder.set_integer(0, *known);
      if (holder.get_integer(0) != *known || (!is_signed_integer(dtype) && *known < 0)) {
        fail(ErrorCode::kType, frame, offset, dim->to_string() + " does not fit the dtype " + std::string(sinter::name(dtype)));
      }
    }
    return builder.dim(*dim, dtype);
  }
  const double* number = decided.as<double>();
  if (number == nullptr) fail(ErrorCode::kType, frame, offset, describe(decided) + " stands where a tensor or number is wanted");
  if (!is_float(dtype)) {
    fail(ErrorCode::kType, frame, offset, "the number " + describe(decided) + " meets a tensor of " + std::string(sinter::name(dtype)),
         "cast the tensor: cast(x, f32)");
  }
  return builder.scalar(*number, dtype);
}

std::vector<ir::Value> Lowering::spread(std::string_view what, const std::vector<Datum>& data, const Frame& frame, uint32_t offset) {
  ir::Builder& builder = emission_.builder();
  // Numbers take the dtype of the first float operand, else of the first that is no bool.
  std::vector<Datum> decided;
  std::optional<DType> dtype;
  const bool classes = std::any_of(data.begin(), data.end(), [&](const Datum& d) { return is_integer_tensor(d); });
  for (const Datum& datum : data) {
    decided.push_back(decide_label(datum, classes, frame, offset));
    const auto* value = decided.back().as<ir::Value>();
    if (value == nullptr) continue;
    const DType own = builder.dtype(*value);
    if (!dtype || (*dtype == DType::kBool && own != DType::kBool) || (!is_float(*dtype) && is_float(own))) dtype = own;
  }
  std::vector<ir::Value> values;
  Shape shape;
  for (const Datum& datum : decided) {
    values.push_back(tensor(datum, dtype.value_or(DType::kF32), frame, offset));
    const Shape& own = builder.shape(values.back());
    if (own == shape) continue;
    std::vector<Dim> joined(std::max(own.rank(), shape.rank()), Dim(1));
    for (size_t i = 0; i < joined.size(); ++i) {  // aligned at the right
      const Dim one = 1;
      const Dim& a = i < shape.rank() ? shape[shape.rank() - 1 - i] : one;
      const Dim& b = i < own.rank() ? own[own.rank() - 1 - i] : one;
      if (a != b && a != one && b != one) {
        std::string types;
        for (const Datum& d : decided) {
          if (const auto* v = d.as<ir::Value>()) types += (types.empty() ? "" : " and ") + builder.type(*v).to_string();
        }
        const bool symbolic = !a.is_constant() || !b.is_constant();
        fail(
            ErrorCode::kType, frame, offset,
            "'" + std::string(what) + "' of " + types + ": dims " + a.to_string() + " and " + b.to_string() + " differ",
            symbolic ? "only a dim that is the constant 1 spreads; a symbol is never spread" : "aligned at the right, dims are equal or 1");
      }
      joined[joined.size() - 1 - i] = a == one ? b : a;
    }
    shape = Shape(std::move(joined));
  }
  try {
    for (ir::Value& value : values) value = builder.broadcast_to(value, shape);
  } catch (const Error& error) {
    fail_like(error, frame, offset);
  }
  return values;
}

// ---- one and two operands ----

Datum Lowering::unary(const Expression& e, Frame& frame) {
  const Datum operand = decide_label(evaluate(*e.operands[0], frame), false, frame, e.offset);
  if (e.text == "not") {
    if (const bool* known = operand.as<bool>()) return !*known;
  } else {
    if (const Dim* dim = operand.as<Dim>()) return combine_dims("-", 0, *dim, frame, e.offset);
    if (const double* number = operand.as<double>()) return -*number;
  }
  const auto* value = operand.as<ir::Value>();
  if (value == nullptr) fail(ErrorCode::kType, frame, e.offset, "'" + std::string(e.text) + "' of " + describe(operand));
  try {
    return emission_.builder().call(e.text == "not" ? "not" : "negate", {*value});
  } catch (const Error& error) {
    fail_like(error, frame, e.offset);
  }
}

Datum Lowering::logic(const Expression& e, Frame& frame) {
  const Datum left = evaluate(*e.operands[0], frame);
  if (const bool* known = left.as<bool>(); known != nullptr && *known == (e.text == "or")) return *known;
  const Datum right = evaluate(*e.operands[1], frame);
  if (left.is<bool>() && right.is<bool>()) return right;
  if (!left.is<ir::Value>() && !right.is<ir::Value>()) {
    fail(ErrorCode::kType, frame, e.offset, "'" + std::string(e.text) + "' of " + describe(left) + " and " + describe(right));
  }
  try {
    return emission_.builder().call(e.text, spread(e.text, {left, right}, frame, e.offset));
  } catch (const Error& error) {
    if (error.place().known()) throw;
    fail_like(error, frame, e.offset);
  }
}

Datum Lowering::binary(const Expression& e, Frame& frame) {
  const Datum left = evaluate(*e.operands[0], frame);
  const Datum right = evaluate(*e.operands[1], frame);
  return combine(e.text, left, right, frame, e.offset);
}

Datum Lowering::combine(std::string_view symbol, const Datum& a, const Datum& b, const Frame& frame, uint32_t offset) {
  const Datum left = decide_label(a, is_integer_tensor(b), frame, offset), right = decide_label(b, is_integer_tensor(a), frame, offset);
  const auto is_number = [](const Datum& d) { return d.is<Dim>() || d.is<double>(); };
  const auto bad = [&](const std::string& hint = {}) {
    fail(ErrorCode::kType, frame, offset, "'" + std::string(symbol) + "' of " + describe(left) + " and " + describe(right), hint);
  };
  // Whether an argument was given at all is known, also where it is a tensor.
  if ((left.is<None>() || right.is<None>()) && (symbol == "==" || symbol == "!=")) return (left.is<None>() && right.is<None>()) == (symbol == "==");
  if (symbol == "^") return power(left, right, frame, offset);
  if (symbol == "@") {
    if (!left.is<ir::Value>() || !right.is<ir::Value>()) bad("'@' multiplies two tensors");
    return matmul(*left.as<ir::Value>(), *right.as<ir::Value>(), frame, offset);
  }
  if (is_number(left) && is_number(right)) return combine_numbers(symbol, left, right, frame, offset);
  if (!left.is<ir::Value>() && !right.is<ir::Value>()) {
    if (const List* l = left.as<List>(), *r = right.as<List>(); l != nullptr && r != nullptr && symbol == "+") {
      std::vector<Datum> items(**l);
      items.insert(items.end(), (*r)->begin(), (*r)->end());
      if (items.size() > kMaxListItems)
        fail(ErrorCode::kUsage, frame, offset, "a list has at most " + std::to_string(kMaxListItems) + " items");
      return make_list(std::move(items));
    }
    if (symbol == "==" || symbol == "!=") {  // facts of different kinds are different
      bool same = left.index() == right.index();
      if (same && left.is<bool>()) same = *left.as<bool>() == *right.as<bool>();
      else if (same && left.is<std::string>()) same = *left.as<std::string>() == *right.as<std::string>();
      else if (same && left.is<DType>()) same = *left.as<DType>() == *right.as<DType>();
      else if (same && !left.is<None>()) bad("bools, numbers, strings and dtypes compare");
      return same == (symbol == "==");
    }
    bad();
  }
  const auto* op = std::find_if(std::begin(kOperators), std::end(kOperators), [&](const Operator& o) { return o.symbol == symbol; });
  if (op->op.empty()) bad("on tensors, use divide, remainder and floor");
  try {
    const std::vector<ir::Value> values = spread(symbol, {left, right}, frame, offset);
    if (symbol == "/" && !is_float(emission_.builder().dtype(values[0])))
      bad("cast to f32 first, or use divide, which rounds towards zero");
    if (emission_.builder().dtype(values[0]) != emission_.builder().dtype(values[1])) bad("cast(x, dtype) converts");
    return emission_.builder().call(op->op, values);
  } catch (const Error& error) {
    if (error.place().known()) throw;
    fail_like(error, frame, offset);
  }
}

// ---- numbers ----

Datum Lowering::combine_numbers(std::string_view symbol, const Datum& left, const Datum& right, const Frame& frame, uint32_t offset) {
  const Dim *a = left.as<Dim>(), *b = right.as<Dim>();
  if (a != nullptr && b != nullptr && symbol != "/") return combine_dims(symbol, *a, *b, frame, offset);
  const auto x = left.known_number(), y = right.known_number();
  if (!x || !y) {  // a symbol meets a fraction: its value is known when the program runs
    if (symbol == "//" || symbol == "%")
      fail(ErrorCode::kType, frame, offset, "'" + std::string(symbol) + "' of " + describe(left) + " and " + describe(right));
    const Datum scalar = tensor(left, DType::kF32, frame, offset);
    return combine(symbol, scalar, right, frame, offset);
  }
  if ((symbol == "/" || symbol == "//" || symbol == "%") && *y == 0) fail(ErrorCode::kType, frame, offset, "division by zero");
  if (symbol == "+") return *x + *y;
  if (symbol == "-") return *x - *y;
  if (symbol == "*") return *x * *y;
  if (symbol == "/") return *x / *y;
  if (symbol == "//") return std::floor(*x / *y);
  if (symbol == "%") return *x - *y * std::floor(*x / *y);
  return compare(symbol, *x, *y);
}

Datum Lowering::combine_dims(std::string_view symbol, const Dim& a, const Dim& b, const Frame& frame, uint32_t offset) {
  if (is_comparison(symbol)) {
    if (const auto known = compare_dims(symbol, a, b)) return *known;
    fail(ErrorCode::kType, frame, offset,
         "whether " + a.to_string() + " " + std::string(symbol) + " " + b.to_string() + " is not known while compiling");
  }
  if ((symbol == "//" || symbol == "%") && b == Dim(0))
    fail(ErrorCode::kType, frame, offset, "division of a dim by zero: " + a.to_string() + " " + std::string(symbol) + " 0");
  try {
    const Dim result = symbol == "+" ? a + b : symbol == "-" ? a - b : symbol == "*" ? a * b : symbol == "//" ? floor_div(a, b) : mod(a, b);
    if (weight(result) > kMaxDimWeight) fail(ErrorCode::kUsage, frame, offset, "this dim has too many terms");
    return result;
  } catch (const Error& error) {
    if (error.place().known()) throw;
    fail_like(error, frame, offset);
  }
}

Datum Lowering::power(const Datum& base, const Datum& exponent, const Frame& frame, uint32_t offset) {
  const auto b = base.known_number(), e = exponent.known_number();
  if (b && e) {
    const auto whole_base = base.known_integer(), whole_exponent = exponent.known_integer();
    if (whole_base && whole_exponent && *whole_exponent >= 0) {
      const auto result = integer_power(*whole_base, *whole_exponent);
      if (!result) fail(ErrorCode::kType, frame, offset, "this power does not fit 64 bits");
      return Dim(*result);
    }
    return std::pow(*b, *e);
  }
  if (const Dim* dim = base.as<Dim>(); dim != nullptr && exponent.known_integer().value_or(-1) >= 0) {
    Dim result = 1;
    if (*exponent.known_integer() > 8) fail(ErrorCode::kUsage, frame, offset, "this dim has too many terms");
    for (int64_t i = 0; i < *exponent.known_integer(); ++i) result = *combine_dims("*", result, *dim, frame, offset).as<Dim>();
    return result;
  }
  // Squares and cubes are products: faster, and exact where pow is not.
  if (e && (*e == 2 || *e == 3) && base.is<ir::Value>()) {
    const Datum square = combine("*", base, base, frame, offset);
    return *e == 2 ? square : combine("*", square, base, frame, offset);
  }
  const bool fits = (base.is<ir::Value>() || base.is<Dim>() || base.is<double>()) &&
                    (exponent.is<ir::Value>() || exponent.is<Dim>() || exponent.is<double>());
  if (!fits) fail(ErrorCode::kType, frame, offset, "'^' of " + describe(base) + " and " + describe(exponent));
  try {
    return emission_.builder().call("power", spread("^", {base, exponent}, frame, offset));
  } catch (const Error& error) {
    if (error.place().known()) throw;
    fail_like(error, frame, offset);
  }
}

ir::Value Lowering::matmul(ir::Value left, ir::Value right, const Frame& frame, uint32_t offset) {
  ir::Builder& builder = emission_.builder();
  const TensorType a = builder.type(left), b = builder.type(right);
  const auto bad = [&](const std::string& why, const std::string& hint = {}) {
    fail(ErrorCode::kType, frame, offset, "'@' of " + a.to_string() + " and " + b.to_string() + ": " + why, hint);
  };
  const auto m = static_cast<int64_t>(a.shape.rank()), n = static_cast<int64_t>(b.shape.rank());
  if (m < 1 || n < 2)
    bad("the left operand has rank 1 or more, the right 2 or more", "write sum(a * b, axes = -1) for a product with a vector");
  const Dim &inner_a = a.shape[static_cast<size_t>(m - 1)], &inner_b = b.shape[static_cast<size_t>(n - 2)];
  if (inner_a != inner_b) {
    const bool swapped = inner_a == b.shape[static_cast<size_t>(n - 1)];
    bad("the inner dims " + inner_a.to_string() + " and " + inner_b.to_string() + " differ", swapped ? "transpose the right operand?" : "");
  }
  const int64_t batches = n - 2;  // a right operand with leading axes pairs them with those of the left
  if (batches != 0 && batches != m - 2) bad("the right operand has rank 2 or the rank of the left", "broadcast the one with fewer axes");
  ir::Integers batch;
  for (int64_t i = 0; i < batches; ++i) {
    const auto at = static_cast<size_t>(i);
    if (a.shape[at] != b.shape[at])
      bad("the leading dims " + a.shape[at].to_string() + " and " + b.shape[at].to_string() + " differ",
          "leading dims do not spread; broadcast first");
    batch.push_back(i);
  }
  ir::Attributes attributes{{"lhs_batch", batch}, {"rhs_batch", batch}, {"lhs_contract", ir::Integers{m - 1}}, {"rhs_contract", ir::Integers{n - 2}}};
  if (is_integer(a.dtype) && size_in_bytes(a.dtype) == 1) attributes["wide"] = true;  // sums of bytes do not fit into one
  try {
    return builder.call("dot_general", {left, right}, std::move(attributes));
  } catch (const Error& error) {
    fail_like(error, frame, offset);
  }
}

}  // namespace sinter::language
