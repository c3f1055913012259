// Arithmetic, bits and logic on elements of equal types; select, cast and bitcast. Functions of one float are in math.cpp.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/ops/math.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/reference.h"
#include "ir/ops/scalar_record.h"

namespace sinter::ir {
namespace {

NotDifferentiable discrete() { return {"integers and bools have no derivative"}; }

// ---- references ----

template <class T> T negate(T x) {
  if constexpr (std::is_integral_v<T>) return subtract(T{0}, x);
  else return -x;
}

template <class T> T absolute(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::fabs(x);
  else return x < T{0} ? negate(x) : x;
}

template <class T> T sign(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x) || x == 0) return x;
  }
  return static_cast<T>((x > T{0}) - (x < T{0}));
}

/// MIN / -1, the one quotient that does not fit.
template <class T> bool overflows(T a, T b) {
  if constexpr (std::is_signed_v<T>) return a == std::numeric_limits<T>::min() && b == T{-1};
  else return false;
}

template <class T> T divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return 0;
    if (overflows(a, b)) return a;
  }
  return static_cast<T>(a / b);
}

template <class T> T remainder(T a, T b) {
  if constexpr (std::is_integral_v<T>) return b == 0 || overflows(a, b) ? T{0} : static_cast<T>(a % b);
  else return std::fmod(a, b);
}

/// A bool's complement is the other bool, an integer's the other bits.
template <class T> T complement(T x) {
  if constexpr (std::is_same_v<T, bool>) return !x;
  else return static_cast<T>(~x);
}

/// The amount as unsigned, so that negative ones are large.
template <class T> uint64_t amount_of(T b) { return static_cast<std::make_unsigned_t<T>>(b); }
template <class T> T shift_left(T a, T b) {
  return amount_of(b) >= sizeof(T) * 8 ? T{0} : static_cast<T>(static_cast<uint64_t>(a) << amount_of(b));
}
template <class T> T shift_right(T a, T b) {
  if (amount_of(b) >= sizeof(T) * 8) return a < T{0} ? static_cast<T>(-1) : T{0};
  return static_cast<T>(a >> amount_of(b));
}

/// Float to integer: towards zero, saturating, NaN to 0. To bool: not zero. Else C++'s conversion, which wraps or rounds to nearest.
template <class To, class From> To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    const double above = std::ldexp(1.0, Limits::digits);  // MAX + 1, exact in f64
    if (std::isnan(x)) return To{0};
    if (x >= above) return Limits::max();
    if (x <= static_cast<double>(Limits::min())) return Limits::min();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// ---- gradients of two operands ----

/// What a side of maximum or minimum gets: nothing when it lost, half on a tie.
Expression share(E lost, E tie, E dy) { return select(lost, constant_like(0, dy), select(tie, dy * 0.5, dy)); }

/// d/da a^b = b a^(b-1), and 0 rather than 0 * inf where a = b = 0.
Expression power_by_base(E a, E b, E, E dy) {
  const Expression zero = constant_like(0, a);
  const Expression both_zero = apply("and", apply("equal", a, zero), apply("equal", b, zero));
  return dy * b * apply("power", a, select(both_zero, constant_like(1, b), b - 1.0));
}

/// d/db a^b = a^b log(a), and 0 where a = 0 and b >= 0.
Expression power_by_exponent(E a, E b, E y, E dy) {
  const Expression zero = constant_like(0, a);
  const Expression flat = apply("and", apply("equal", a, zero), apply("greater_equal", b, zero));
  return select(flat, zero, dy * y * select(flat, constant_like(1, a), a).call("log"));
}

Expression norm(E a, E b) { return a * a + b * b; }

// ---- records that are not rows ----

OpDef select_record() {
  OpDef def;
  def.name = "select";
  def.doc = "Per element, `then` where the condition holds, else `otherwise`; the other operand does not matter, NaN or not.";
  def.operands = {{"condition", "bool, any shape"}, {"then", "any dtype, shape of the condition"}, {"otherwise", "of the type of `then`"}};
  def.rules = {{"C1", "the condition is bool"}, {"C2", "then and otherwise have equal types"}, {"C3", "the condition has their shape"}};
  def.type = [](const TypeRequest& request) {
    request.require(request.dtype(0) == DType::kBool, "C1", "the condition is not bool", "compare it with 0");
    request.require(request.operands[1] == request.operands[2], "C2", "the types of then and otherwise differ");
    request.require(request.shape(0) == request.shape(1), "C3", "the condition has another shape",
                    "nothing is spread implicitly; use broadcast");
    return std::vector<TensorType>{request.operands[1]};
  };
  def.evaluate = [](const EvaluateRequest& request) {
    Tensor result = request.make_result();
    const auto condition = request.operands[0].span<bool>();
    for (int64_t i = 0; i < result.size(); ++i) copy_element(result, i, request.operands[condition[static_cast<size_t>(i)] ? 1 : 2], i);
    return std::vector<Tensor>{result};
  };
  def.gradient = GradientRule([](const GradientRequest& request) {
    Builder& builder = request.builder;
    const Expression condition{builder, request.operands[0]}, dy{builder, request.cotangents[0]}, zero = constant_like(0, dy);
    return std::vector<Value>{Value{}, request.wanted[1] ? select(condition, dy, zero).value : Value{},
                              request.wanted[2] ? select(condition, zero, dy).value : Value{}};
  });
  def.takes_narrow = true;
  def.lowering =
      Elementwise{ScalarBody::apply(ScalarOp::kSelect, {ScalarBody::operand(0), ScalarBody::operand(1), ScalarBody::operand(2)})};
  const Dim n = Dim::symbol("n");
  for (const DType dtype : sample_dtypes(Domain::kAny)) {
    const Fill fill = is_float(dtype) ? Fill::kNormal : dtype == DType::kBool ? Fill::kBool : Fill::kSmallInteger;
    const TensorType type{dtype, {n, 3}};
    def.samples.push_back({{{{DType::kBool, {n, 3}}, Fill::kBool}, {type, fill}, {type, fill}}, {}, {}, is_float(dtype)});
  }
  const TensorType bits{DType::kBool, {2}}, floats{DType::kF32, {2}};
  def.bad_samples = {{"C1", {floats, floats, floats}},
                     {"C2", {bits, floats, {DType::kF64, {2}}}},
                     {"C2", {bits, floats, {DType::kF32, {3}}}},
                     {"C3", {{DType::kBool, {}}, floats, floats}}};
  return def;
}

OpDef cast_record() {
  OpDef def;
  def.name = "cast";
  def.doc = "The same values in another dtype: rounded to nearest even, floats to integers towards zero and saturating (NaN to 0), "
            "integers to integers by their low bits, to bool as x != 0.";
  def.operands = {{"x", "any shape, any dtype"}};
  def.attributes = {{"dtype", AttributeKind::kDType, "of the result", std::nullopt}};
  def.takes_narrow = true;
  def.type = [](const TypeRequest& request) { return std::vector<TensorType>{{request.get<DType>("dtype"), request.shape(0)}}; };
  def.evaluate = [](const EvaluateRequest& request) {
    Tensor result = request.make_result();
    // From f16 and bf16 by way of f32, which holds their values; to them by way of f64, and then rounded.
    Tensor x = request.operands[0];
    if (is_narrow(x.dtype())) {
      x = Tensor(DType::kF32, x.extents());
      for (int64_t i = 0; i < x.size(); ++i) x.set(i, request.operands[0].get(i));
    }
    Tensor wide = is_narrow(result.dtype()) ? Tensor(DType::kF64, x.extents()) : result;
    visit<Domain::kAny>(x.dtype(), [&](auto from) {
      visit<Domain::kAny>(wide.dtype(), [&](auto to) {
        const auto in = x.span<decltype(from)>();
        const auto out = wide.span<decltype(to)>();
        for (size_t i = 0; i < out.size(); ++i) out[i] = convert<decltype(to)>(in[i]);
      });
    });
    if (is_narrow(result.dtype()))
      for (int64_t i = 0; i < result.size(); ++i) result.set(i, wide.get(i));
    return std::vector<Tensor>{result};
  };
  def.gradient = GradientRule([](const GradientRequest& request) {
    const DType from = request.builder.dtype(request.operands[0]);
    if (!is_float(from) || !is_float(request.get<DType>("dtype"))) return std::vector<Value>(1);
    return std::vector<Value>{request.builder.cast(request.cotangents[0], from)};
  });
  def.lowering = Elementwise{ScalarBody::apply(ScalarOp::kCast, {ScalarBody::operand(0)})};
  const Dim n = Dim::symbol("n");
  const auto sample = [&](DType from, Fill fill, DType to) {
    def.samples.push_back({{{{from, {n, 2}}, fill}}, {{"dtype", to}}, {}, from == DType::kF64 && to == DType::kF64});
  };
  for (const DType to : sample_dtypes(Domain::kAny)) {
    sample(DType::kF32, Fill::kAwayFromInteger, to);
    sample(DType::kF64, Fill::kNormal, to);
    sample(DType::kI32, Fill::kSmallInteger, to);
    sample(DType::kU8, Fill::kSmallInteger, to);
    sample(DType::kBool, Fill::kBool, to);
    sample(DType::kBF16, Fill::kAwayFromInteger, to);
    sample(DType::kF16, Fill::kAwayFromInteger, to);
  }
  return def;
}

OpDef bitcast_record() {
  OpDef def;
  def.name = "bitcast";
  def.takes_narrow = true;
  def.doc = "The same bits read as another dtype of equal size.";
  def.operands = {{"x", "any shape, any dtype but bool"}};
  def.attributes = {{"dtype", AttributeKind::kDType, "of the result", std::nullopt}};
  def.rules = {{"C1", "both dtypes have the same size"}, {"C2", "neither is bool"}};
  def.type = [](const TypeRequest& request) {
    const DType from = request.dtype(0), to = request.get<DType>("dtype");
    request.require(size_in_bytes(from) == size_in_bytes(to), "C1",
                    std::string(name(from)) + " and " + std::string(name(to)) + " differ in size", "to convert values, use cast");
    request.require(from != DType::kBool && to != DType::kBool, "C2", "other bits than 0 and 1 would not be a bool", "compare with 0");
    return std::vector<TensorType>{{to, request.shape(0)}};
  };
  def.evaluate = [](const EvaluateRequest& request) {
    Tensor result = request.make_result();
    if (result.bytes() > 0) std::memcpy(result.raw(), request.operands[0].raw(), result.bytes());
    return std::vector<Tensor>{result};
  };
  def.gradient = NotDifferentiable{"bits are not a smooth function of a value"};
  def.lowering = Elementwise{ScalarBody::apply(ScalarOp::kBitcast, {ScalarBody::operand(0)})};
  const Dim n = Dim::symbol("n");
  const auto sample = [&](DType from, Fill fill, DType to) { def.samples.push_back({{{{from, {n}}, fill}}, {{"dtype", to}}, {}, false}); };
  sample(DType::kF32, Fill::kNormal, DType::kU32);
  sample(DType::kF32, Fill::kNormal, DType::kI32);
  sample(DType::kU32, Fill::kSmallInteger, DType::kF32);
  sample(DType::kF64, Fill::kNormal, DType::kI64);
  sample(DType::kI64, Fill::kSmallInteger, DType::kF64);
  def.bad_samples = {{"C1", {{DType::kF32, {2}}}, {{"dtype", DType::kF64}}}, {"C2", {{DType::kU8, {2}}}, {{"dtype", DType::kBool}}}};
  return def;
}

std::vector<OperandDef> one() { return {{"x", "any shape"}}; }
std::vector<OperandDef> two() { return {{"lhs", "any shape"}, {"rhs", "of the type of lhs"}}; }
std::vector<Fill> normals() { return {Fill::kNormal, Fill::kNormal}; }

void add_arithmetic(OpRegistry& registry) {
  constexpr Domain kNumber = Domain::kNumber, kFloat = Domain::kFloat;
  registry.add(scalar_record({"negate",
                              ScalarOp::kNegate,
                              kNumber,
                              "-x; integers wrap.",
                              one(),
                              each<kNumber>([](auto x) { return negate(x); }),
                              derivative([](E, E, E dy) { return -dy; }),
                              {Fill::kNormal}}));
  registry.add(scalar_record({"abs",
                              ScalarOp::kAbs,
                              kNumber,
                              "The absolute value; of the smallest integer: itself. Derivative at 0: 0.",
                              one(),
                              each<kNumber>([](auto x) { return absolute(x); }),
                              derivative([](E x, E, E dy) { return dy * x.call("sign"); }),
                              {Fill::kAwayFromZero}}));
  registry.add(scalar_record({"sign", ScalarOp::kSign, kNumber, "-1, 0 or 1 by the sign; zeros keep theirs, NaN gives NaN.", one(),
                              each<kNumber>([](auto x) { return sign(x); }), zero_derivative(), {Fill::kAwayFromZero}}));
  registry.add(scalar_record({"add", ScalarOp::kAdd, kNumber, "lhs + rhs; integers wrap.", two(),
                              each_pair<kNumber>([](auto a, auto b) { return add(a, b); }),
                              derivative([](E, E, E, E dy) { return dy; }, [](E, E, E, E dy) { return dy; }), normals()}));
  registry.add(scalar_record({"subtract", ScalarOp::kSubtract, kNumber, "lhs - rhs; integers wrap.", two(),
                              each_pair<kNumber>([](auto a, auto b) { return subtract(a, b); }),
                              derivative([](E, E, E, E dy) { return dy; }, [](E, E, E, E dy) { return -dy; }), normals()}));
  registry.add(scalar_record({"multiply", ScalarOp::kMultiply, kNumber, "lhs * rhs; integers wrap.", two(),
                              each_pair<kNumber>([](auto a, auto b) { return multiply(a, b); }),
                              derivative([](E, E b, E, E dy) { return dy * b; }, [](E a, E, E, E dy) { return dy * a; }), normals()}));
  registry.add(scalar_record({"divide",
                              ScalarOp::kDivide,
                              kNumber,
                              "lhs / rhs; integers towards zero, x / 0 = 0 and MIN / -1 = MIN.",
                              two(),
                              each_pair<kNumber>([](auto a, auto b) { return divide(a, b); }),
                              derivative([](E, E b, E, E dy) { return dy / b; }, [](E, E b, E y, E dy) { return -dy * y / b; }),
                              {Fill::kNormal, Fill::kAwayFromZero}}));
  registry.add(scalar_record({"remainder", ScalarOp::kRemainder, kNumber,
                              "What divide towards zero leaves, with the sign of lhs (C's fmod and %); of integers by 0: 0.", two(),
                              each_pair<kNumber>([](auto a, auto b) { return remainder(a, b); }),
                              derivative([](E, E, E, E dy) { return dy; }, [](E a, E b, E, E dy) { return -dy * (a / b).call("trunc"); }),
                              {Fill::kAwayFromZero, Fill::kAwayFromZero}}));
  registry.add(scalar_record({"power", ScalarOp::kPower, kFloat, "lhs to the power rhs, as C's pow.", two(),
                              each_pair<kFloat>([](auto a, auto b) { return static_cast<decltype(a)>(std::pow(double{a}, double{b})); }),
                              derivative(power_by_base, power_by_exponent), {Fill::kPositive, Fill::kNormal}, 3}));
  registry.add(scalar_record({"maximum", ScalarOp::kMaximum, Domain::kAny, "The larger one; NaN when either is NaN; -0 < 0.", two(),
                              each_pair<Domain::kAny>([](auto a, auto b) { return maximum(a, b); }),
                              derivative([](E a, E b, E, E dy) { return share(apply("less", a, b), apply("equal", a, b), dy); },
                                         [](E a, E b, E, E dy) { return share(apply("less", b, a), apply("equal", a, b), dy); }),
                              normals()}));
  registry.add(scalar_record({"minimum", ScalarOp::kMinimum, Domain::kAny, "The smaller one; NaN when either is NaN; -0 < 0.", two(),
                              each_pair<Domain::kAny>([](auto a, auto b) { return minimum(a, b); }),
                              derivative([](E a, E b, E, E dy) { return share(apply("less", b, a), apply("equal", a, b), dy); },
                                         [](E a, E b, E, E dy) { return share(apply("less", a, b), apply("equal", a, b), dy); }),
                              normals()}));
  registry.add(scalar_record(
      {"atan2",
       ScalarOp::kAtan2,
       kFloat,
       "The angle of the point (rhs, lhs), in [-pi, pi], as C's atan2.",
       two(),
       each_pair<kFloat>([](auto a, auto b) { return static_cast<decltype(a)>(std::atan2(double{a}, double{b})); }),
       derivative([](E a, E b, E, E dy) { return dy * b / norm(a, b); }, [](E a, E b, E, E dy) { return -dy * a / norm(a, b); }),
       {Fill::kAwayFromZero, Fill::kAwayFromZero},
       3}));
}

void add_bits(OpRegistry& registry) {
  constexpr Domain kBits = Domain::kBits, kInteger = Domain::kInteger;
  registry.add(scalar_record({"and", ScalarOp::kAnd, kBits, "Logical and of bools, bit by bit of integers.", two(),
                              each_pair<kBits>([](auto a, auto b) { return static_cast<decltype(a)>(a & b); }), discrete(), {}}));
  registry.add(scalar_record({"or", ScalarOp::kOr, kBits, "Logical or of bools, bit by bit of integers.", two(),
                              each_pair<kBits>([](auto a, auto b) { return static_cast<decltype(a)>(a | b); }), discrete(), {}}));
  registry.add(scalar_record({"xor", ScalarOp::kXor, kBits, "Exclusive or of bools, bit by bit of integers.", two(),
                              each_pair<kBits>([](auto a, auto b) { return static_cast<decltype(a)>(a ^ b); }), discrete(), {}}));
  registry.add(scalar_record({"not", ScalarOp::kNot, kBits, "The other bool, the other bits of an integer.", one(),
                              each<kBits>([](auto x) { return complement(x); }), discrete(), {}}));
  registry.add(scalar_record({"shift_left",
                              ScalarOp::kShiftLeft,
                              kInteger,
                              "lhs moved up by rhs bits; 0 when rhs, read as unsigned, is not below the bits.",
                              two(),
                              each_pair<kInteger>([](auto a, auto b) { return shift_left(a, b); }),
                              discrete(),
                              {}}));
  registry.add(scalar_record({"shift_right",
                              ScalarOp::kShiftRight,
                              kInteger,
                              "lhs moved down by rhs bits, filled with its sign, of unsigned integers with 0; the fill alone when rhs, "
                              "read as unsigned, is not below the bits.",
                              two(),
                              each_pair<kInteger>([](auto a, auto b) { return shift_right(a, b); }),
                              discrete(),
                              {}}));
}

}  // namespace

void add_elementwise_ops(OpRegistry& registry) {
  add_arithmetic(registry);
  add_math_ops(registry);
  add_bits(registry);
  registry.add(select_record());
  registry.add(cast_record());
  registry.add(bitcast_record());
}

}  // namespace sinter::ir
