// Random numbers: words by counter, and what is made of them. Streams of the same seed and step are independent; so are steps.
#include <cmath>
#include <limits>
#include <numbers>

#include "base/random.h"
#include "ir/builder.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"

namespace sinter::ir {

namespace {

Gradient of_integers() { return NotDifferentiable{"random numbers depend on a seed and a step, which are integers"}; }

void require_counter(const TypeRequest& request) {
  const TensorType word{DType::kU32, {}};
  request.require(request.operands[0] == word && request.operands[1] == word, "C1", "seed and step must be u32[]");
  const int64_t stream = request.get<int64_t>("stream");
  request.require(stream >= 0 && stream <= int64_t{UINT32_MAX}, "C2", "stream " + std::to_string(stream) + " is not a 32-bit number");
  const Shape& shape = request.get<Shape>("shape");
  request.require(never_negative(shape), "C3", "negative dim in " + shape.to_string());
}

/// A seed or step of samples.
In small_word() { return {"u32[]", Fill::kSmallInteger}; }

/// What the three records have in common.
OpDef random_op(const char* name, const char* doc) {
  OpDef op;
  op.name = name;
  op.doc = doc;
  op.operands = {{"seed", "u32[], the user's"}, {"step", "u32[], counts the runs that draw anew"}};
  op.attributes = {{"stream", AttributeKind::kInteger, "keeps ops of one program apart, 0 .. 2^32 - 1"},
                   {"shape", AttributeKind::kShape, "of the result"}};
  op.rules = {{"C1", "seed and step are u32[]"}, {"C2", "stream is a 32-bit number"}, {"C3", "no dim of shape is negative"}};
  op.gradient = of_integers();
  return op;
}

/// The words of a random op under a request: word k of `count` for element i of `size`.
struct Words {
  uint32_t seed, stream, step;
  int64_t size;
  Words(const EvaluateRequest& request, int64_t size)
      : seed(request.operands[0].data<uint32_t>()[0]),
        stream(static_cast<uint32_t>(request.get<int64_t>("stream"))),
        step(request.operands[1].data<uint32_t>()[0]),
        size(size) {}
  uint32_t at(int64_t k, int64_t i) const { return random_word(seed, stream, step, k * size + i); }
};

OpDef random_bits() {
  OpDef op =
      random_op("random_bits", "Words of Philox4x32-10: element i, in row-major order, is word i of the stream under seed and step.");
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_counter(request);
    return {{DType::kU32, request.get<Shape>("shape")}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    Tensor result = request.make_result();
    const Words words(request, result.size());
    for (int64_t i = 0; i < result.size(); ++i) result.data<uint32_t>()[i] = words.at(0, i);
    return {result};
  };
  op.lowering = Index{Index::Kind::kRandomBits, {}};
  const std::pair<int64_t, Shape> sampled[] = {{7, {13}}, {UINT32_MAX, {3, 1, 5}}, {0, {0, 2}}, {1, {}}};
  for (const auto& [stream, shape] : sampled) {
    op.samples.push_back(sample_without_gradient({small_word(), small_word()}, {{"stream", stream}, {"shape", shape}}));
  }
  op.bad_samples = {bad("C1", {"u32[]", "i32[]"}, {{"stream", 0}, {"shape", Shape{2}}}),
                    bad("C1", {"u32[1]", "u32[]"}, {{"stream", 0}, {"shape", Shape{2}}}),
                    bad("C2", {"u32[]", "u32[]"}, {{"stream", -1}, {"shape", Shape{2}}}),
                    bad("C2", {"u32[]", "u32[]"}, {{"stream", int64_t{1} << 32}, {"shape", Shape{2}}}),
                    bad("C3", {"u32[]", "u32[]"}, {{"stream", 0}, {"shape", Shape{-2}}})};
  return op;
}

// ---- numbers from words: 24 bits of one word for f32, 53 of two for f64 ----

int words_per_number(DType dtype) { return dtype == DType::kF32 ? 1 : 2; }

/// In [0, 1), from the words k.. of element i.
template <class T> T unit(const Words& words, int64_t k, int64_t i) {
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(words.at(k, i) >> 8) * 0x1p-24f;
  return (static_cast<double>(words.at(k, i) >> 5) * 0x1p26 + static_cast<double>(words.at(k + 1, i) >> 6)) * 0x1p-53;
}

/// The same as nodes. `words` is [count, shape...].
Expression unit(Builder& builder, Value words, int64_t k, DType dtype) {
  const Shape all = builder.shape(words), shape = without(all, {0});
  const auto high_bits = [&](int64_t word, double drop) -> Expression {
    Shape starts(std::vector<Dim>(all.rank(), 0)), limits = all;
    starts[0] = word;
    limits[0] = word + 1;
    const Value row = builder.call("slice", {words}, {{"starts", starts}, {"limits", limits}, {"strides", Integers(all.rank(), 1)}});
    const Value bits = builder.reshape(row, shape);
    return {builder, builder.cast(builder.call("shift_right", {bits, builder.full_like(drop, bits)}), dtype)};
  };
  if (dtype == DType::kF32) return high_bits(k, 8) * 0x1p-24;
  return (high_bits(k, 5) * 0x1p26 + high_bits(k + 1, 6)) * 0x1p-53;
}

Value words_of(const ExpandRequest& request, int64_t count) {
  std::vector<Dim> dims = request.get<Shape>("shape").dims();
  dims.insert(dims.begin(), count);
  return request.builder.call("random_bits", {request.operands[0], request.operands[1]},
                              {{"stream", request.get<int64_t>("stream")}, {"shape", Shape(std::move(dims))}});
}

TensorType number_type(const TypeRequest& request) {
  require_counter(request);
  const DType dtype = request.get<DType>("dtype");
  request.require(dtype == DType::kF32 || dtype == DType::kF64, "C4", "dtype is " + std::string(name(dtype)), "draw f32 and cast");
  return {dtype, request.get<Shape>("shape")};
}

double rounded_to(DType dtype, double value) { return dtype == DType::kF32 ? static_cast<double>(static_cast<float>(value)) : value; }

/// Constants of random_uniform in its dtype: the range and the largest number below high, which low + width * unit may round past.
struct Range {
  double low, high, width, largest;
  template <class Request> Range(const Request& request, DType dtype) {
    low = rounded_to(dtype, request.template get<double>("low"));
    high = rounded_to(dtype, request.template get<double>("high"));
    width = rounded_to(dtype, high - low);
    largest = dtype == DType::kF32 ? std::nextafter(static_cast<float>(high), -std::numeric_limits<float>::infinity())
                                   : std::nextafter(high, -std::numeric_limits<double>::infinity());
  }
};

template <class T> Tensor draw_uniform(const EvaluateRequest& request) {
  Tensor result = request.make_result();
  const Words words(request, result.size());
  const Range range(request, result.dtype());
  for (int64_t i = 0; i < result.size(); ++i) {
    const T number = static_cast<T>(range.low) + static_cast<T>(range.width) * unit<T>(words, 0, i);
    result.data<T>()[i] = std::min(number, static_cast<T>(range.largest));
  }
  return result;
}

/// Box and Muller, 1958: from u in (0, 1] and v in [0, 1), sqrt(-2 log u) cos(2 pi v). In f64, rounded once.
template <class T> Tensor draw_normal(const EvaluateRequest& request) {
  Tensor result = request.make_result();
  const Words words(request, result.size());
  const double mean = static_cast<T>(request.get<double>("mean")), deviation = static_cast<T>(request.get<double>("deviation"));
  for (int64_t i = 0; i < result.size(); ++i) {
    const double u = 1 - unit<T>(words, 0, i), v = unit<T>(words, words_per_number(result.dtype()), i);
    result.data<T>()[i] = static_cast<T>(mean + deviation * (std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v)));
  }
  return result;
}

template <Tensor (*in_f32)(const EvaluateRequest&), Tensor (*in_f64)(const EvaluateRequest&)>
std::vector<Tensor> in_dtype(const EvaluateRequest& request) {
  return {request.get<DType>("dtype") == DType::kF32 ? in_f32(request) : in_f64(request)};
}

/// What random_uniform and random_normal have in common.
OpDef number_op(const char* name, const char* doc) {
  OpDef op = random_op(name, doc);
  op.attributes.push_back({"dtype", AttributeKind::kDType, "of the result, f32 or f64"});
  op.rules.push_back({"C4", "dtype is f32 or f64"});
  return op;
}

/// Both floats, some shapes, with the op's own attributes `a` and `b`.
std::vector<Sample> number_samples(const char* a, double a_value, const char* b, double b_value) {
  std::vector<Sample> samples;
  for (const Shape& shape : {Shape{9}, Shape{3, 1, 5}, Shape{0}, Shape{}}) {
    samples.push_back(
        sample_without_gradient({small_word(), small_word()}, {{"stream", 3}, {"shape", shape}, {"dtype", DType::kF32}, {a, a_value}, {b, b_value}}));
  }
  return in_both_floats(std::move(samples));
}

OpDef random_uniform() {
  OpDef op = number_op("random_uniform", "Numbers evenly spread over [low, high): 24 bits each in f32, 53 in f64.");
  op.attributes.push_back({"low", AttributeKind::kNumber, "the smallest number", 0.0});
  op.attributes.push_back({"high", AttributeKind::kNumber, "above all numbers", 1.0});
  op.rules.push_back({"C5", "low < high in dtype, and high - low is finite"});
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const TensorType type = number_type(request);
    const Range range(request, type.dtype);
    request.require(range.low < range.high && std::isfinite(range.width), "C5",
                    "the range " + std::to_string(range.low) + " .. " + std::to_string(range.high) + " is empty or infinite");
    return {type};
  };
  op.evaluate = in_dtype<draw_uniform<float>, draw_uniform<double>>;
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    const DType dtype = request.get<DType>("dtype");
    const Range range(request, dtype);
    const Expression number = range.low + range.width * unit(request.builder, words_of(request, words_per_number(dtype)), 0, dtype);
    return {apply("minimum", number, {request.builder, request.builder.full_like(range.largest, number)})};
  }};
  op.samples = number_samples("low", -1.5, "high", 2.25);
  const auto with = [](int64_t stream, const Shape& shape, DType dtype, double low, double high) -> Attributes {
    return {{"stream", stream}, {"shape", shape}, {"dtype", dtype}, {"low", low}, {"high", high}};
  };
  op.bad_samples = {bad("C1", {"u32[]", "f32[]"}, with(0, {2}, DType::kF32, 0, 1)),
                    bad("C2", {"u32[]", "u32[]"}, with(-1, {2}, DType::kF32, 0, 1)),
                    bad("C3", {"u32[]", "u32[]"}, with(0, {-2}, DType::kF32, 0, 1)),
                    bad("C4", {"u32[]", "u32[]"}, with(0, {2}, DType::kI32, 0, 1)),
                    bad("C5", {"u32[]", "u32[]"}, with(0, {2}, DType::kF32, 1, 1)),
                    bad("C5", {"u32[]", "u32[]"}, with(0, {2}, DType::kF32, -3e38, 3e38)),
                    bad("C5", {"u32[]", "u32[]"}, with(0, {2}, DType::kF64, 0, std::nan("")))};
  return op;
}

OpDef random_normal() {
  OpDef op =
      number_op("random_normal", "Normally distributed numbers (Box and Muller), always finite: within 5.8 deviations in f32, 8.6 in f64.");
  op.attributes.push_back({"mean", AttributeKind::kNumber, "of the numbers", 0.0});
  op.attributes.push_back({"deviation", AttributeKind::kNumber, "standard deviation of the numbers", 1.0});
  op.rules.push_back({"C5", "mean and deviation are finite and small enough for finite numbers, deviation is 0 or more"});
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const TensorType type = number_type(request);
    const double mean = request.get<double>("mean"), deviation = request.get<double>("deviation");
    request.require(deviation >= 0 && std::isfinite(rounded_to(type.dtype, std::abs(mean) + 10 * deviation)), "C5",
                    "mean " + std::to_string(mean) + " and deviation " + std::to_string(deviation));
    return {type};
  };
  op.evaluate = in_dtype<draw_normal<float>, draw_normal<double>>;
  op.lowering = Composite{[](const ExpandRequest& request) -> std::vector<Value> {
    const DType dtype = request.get<DType>("dtype");
    const int per_number = words_per_number(dtype);
    const Value words = words_of(request, 2 * per_number);
    const Expression u = 1.0 - unit(request.builder, words, 0, dtype), v = unit(request.builder, words, per_number, dtype);
    const Expression radius = (-2.0 * u.call("log")).call("sqrt"), turn = (2 * std::numbers::pi * v).call("cos");
    return {request.get<double>("mean") + request.get<double>("deviation") * (radius * turn)};
  }};
  op.samples = number_samples("mean", 0.5, "deviation", 2.0);
  const auto with = [](int64_t stream, const Shape& shape, DType dtype, double mean, double deviation) -> Attributes {
    return {{"stream", stream}, {"shape", shape}, {"dtype", dtype}, {"mean", mean}, {"deviation", deviation}};
  };
  op.bad_samples = {bad("C1", {"u32[2]", "u32[]"}, with(0, {2}, DType::kF32, 0, 1)),
                    bad("C2", {"u32[]", "u32[]"}, with(-1, {2}, DType::kF32, 0, 1)),
                    bad("C3", {"u32[]", "u32[]"}, with(0, {-2}, DType::kF32, 0, 1)),
                    bad("C4", {"u32[]", "u32[]"}, with(0, {2}, DType::kBool, 0, 1)),
                    bad("C5", {"u32[]", "u32[]"}, with(0, {2}, DType::kF32, 0, -1)),
                    bad("C5", {"u32[]", "u32[]"}, with(0, {2}, DType::kF32, 1e39, 1)),
                    bad("C5", {"u32[]", "u32[]"}, with(0, {2}, DType::kF64, std::nan(""), 1))};
  return op;
}

}  // namespace

void add_random_ops(OpRegistry& registry) {
  for (OpDef (*make)() : {random_bits, random_uniform, random_normal}) registry.add(make());
}

}  // namespace sinter::ir
