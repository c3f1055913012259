// Reductions over axes, and the positions of winners.
#include <algorithm>
#include <memory>

#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/reference.h"
#include "ir/ops/scalar_record.h"

namespace sinter::ir {
namespace {

using Initial = Reduce::Initial;

template <class T> T initial_value(Initial initial) {
  using Limits = std::numeric_limits<T>;
  switch (initial) {
    case Initial::kZero: return T{0};
    case Initial::kOne: return T{1};
    case Initial::kLowest: return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    case Initial::kHighest: return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  return T{0};
}

/// Folds every element into the place its kept coordinates give, starting from the initial value.
template <Domain domain, class F> EvaluateRule fold(Initial initial, F f) {
  return [initial, f](const EvaluateRequest& request) {
    const Tensor& x = request.operands[0];
    const Integers kept = other_axes(request.get<Integers>("axes"), x.rank());
    Tensor result = request.make_result();
    const Extents result_strides = row_major_strides(result.extents());
    Extents strides(x.rank(), 0);
    for (size_t i = 0; i < kept.size(); ++i) strides[static_cast<size_t>(kept[i])] = result_strides[i];
    visit<domain>(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      using Sum = Accumulator<T>;
      const std::unique_ptr<Sum[]> sums(new Sum[static_cast<size_t>(result.size())]);
      std::fill_n(sums.get(), result.size(), initial_value<Sum>(initial));
      const T* next = x.data<T>();
      for_each_index(x.extents(), [&](const Extents& index) {
        Sum& sum = sums[static_cast<size_t>(offset_of(index, strides))];
        sum = f(sum, static_cast<Sum>(*next++));
      });
      for (int64_t i = 0; i < result.size(); ++i) result.data<T>()[i] = static_cast<T>(sums[static_cast<size_t>(i)]);
    });
    return std::vector<Tensor>{result};
  };
}

// ---- gradients: x and y are operand and result, dy the cotangent; `spread` brings a result's shape back to the operand's ----

struct Reduced {
  Expression x, y, dy;
  Integers axes;
  Expression spread(E value) const {
    return {*x.builder, x.builder->broadcast(value, x.builder->shape(x), other_axes(axes, x.builder->shape(x).rank()))};
  }
  Expression sum(E value) const { return {*x.builder, x.builder->reduce("reduce_sum", value, axes)}; }
  Expression product(E value) const { return {*x.builder, x.builder->reduce("reduce_product", value, axes)}; }
  /// 1 where `condition` holds, else 0, in the dtype of x.
  Expression count(E condition) const { return {*x.builder, x.builder->cast(condition, x.builder->dtype(x))}; }
};

Gradient reduction(Expression (*by_x)(const Reduced&)) {
  return GradientRule([by_x](const GradientRequest& request) {
    Builder& b = request.builder;
    const Reduced r{{b, request.operands[0]}, {b, request.results[0]}, {b, request.cotangents[0]}, request.get<Integers>("axes")};
    return std::vector<Value>{by_x(r)};
  });
}

Expression of_sum(const Reduced& r) { return r.spread(r.dy); }

/// Where no factor is 0, y / x. The one 0 among factors gets the product of the others, all else of that row gets 0.
Expression of_product(const Reduced& r) {
  const Expression zero = constant_like(0, r.x), is_zero = apply("equal", r.x, zero);
  const Expression others = select(is_zero, constant_like(1, r.x), r.x);
  const Expression zeros = r.sum(r.count(is_zero)), product = r.product(others);
  const Expression alone = r.spread(select(apply("equal", zeros, constant_like(1, zeros)), product, constant_like(0, product)));
  const Expression none = r.spread(select(apply("equal", zeros, constant_like(0, zeros)), product, constant_like(0, product)));
  return r.spread(r.dy) * select(is_zero, alone, none / others);
}

/// Spread evenly over the elements that equal the winner.
Expression of_winners(const Reduced& r) {
  const Expression winners = apply("equal", r.x, r.spread(r.y));
  const Expression dy = r.spread(r.dy / r.sum(r.count(winners)));
  return select(winners, dy, constant_like(0, dy));
}

// ---- records ----

struct Row {
  const char* name;
  ScalarOp combine;
  Initial initial;
  Domain domain;
  const char* doc;
  EvaluateRule evaluate;
  Gradient gradient;
  Fill fill;
};

void require_axes(const TypeRequest& request, const Integers& axes) {
  const int64_t rank = static_cast<int64_t>(request.shape(0).rank());
  for (size_t i = 0; i < axes.size(); ++i) {
    const bool in_range = axes[i] >= 0 && axes[i] < rank;
    request.require(in_range, "C1", "axis " + std::to_string(axes[i]) + " is not in [0, " + std::to_string(rank) + ")",
                    "count axes from 0");
    request.require(i == 0 || axes[i - 1] < axes[i], "C1", "the axes are not in increasing order", "sort them and name each once");
  }
}

std::vector<Sample> samples_of(const Row& row) {
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  std::vector<Sample> samples;
  const auto add = [&](DType dtype, Shape shape, Integers axes) {
    const Fill fill = is_float(dtype) ? row.fill : dtype == DType::kBool ? Fill::kBool : Fill::kSmallInteger;
    const bool smooth = is_float(dtype) && std::holds_alternative<GradientRule>(row.gradient);
    samples.push_back({{{{dtype, std::move(shape)}, fill}}, {{"axes", std::move(axes)}}, {}, smooth});
  };
  for (const DType dtype : sample_dtypes(row.domain)) {
    add(dtype, {n, 3}, {0});
    if (!is_float(dtype) && dtype != DType::kBool) continue;
    add(dtype, {3, n}, {1});
    add(dtype, {n, m, 2}, {0, 1});
    add(dtype, {2, n, 3}, {0, 2});
    add(dtype, {n}, {0});
    add(dtype, {n, 2}, {});
    add(dtype, {}, {});
  }
  return samples;
}

OpDef reduce_record(Row row) {
  OpDef def;
  def.name = row.name;
  def.doc = row.doc;
  def.operands = {{"x", std::string(words(row.domain)) + ", any shape"}};
  def.attributes = {{"axes", AttributeKind::kIntegers, "that go away, in increasing order; none: the operand itself", std::nullopt}};
  def.rules = {{"C1", "axes are in [0, rank), in increasing order, each once"}};
  if (row.domain != Domain::kAny) def.rules.push_back({"C2", std::string("the dtype is ") + words(row.domain)});
  def.samples = samples_of(row);
  const DType dtype = sample_dtypes(row.domain).front();
  def.bad_samples = {{"C1", {{dtype, {2, 3}}}, {{"axes", Integers{2}}}},    {"C1", {{dtype, {2, 3}}}, {{"axes", Integers{-1}}}},
                     {"C1", {{dtype, {2, 3}}}, {{"axes", Integers{1, 0}}}}, {"C1", {{dtype, {2, 3}}}, {{"axes", Integers{1, 1}}}}};
  if (row.domain != Domain::kAny) def.bad_samples.push_back({"C2", {{outsider(row.domain), {2, 3}}}, {{"axes", Integers{0}}}});
  def.type = [domain = row.domain](const TypeRequest& request) {
    const Integers& axes = request.get<Integers>("axes");
    require_axes(request, axes);
    require_domain(request, 0, domain, "C2");
    return std::vector<TensorType>{{request.dtype(0), without(request.shape(0), axes)}};
  };
  def.evaluate = std::move(row.evaluate);
  def.gradient = std::move(row.gradient);
  def.lowering = Reduce{row.combine, row.initial};
  return def;
}

/// argmax or argmin; `wins(a, b)`: a beats b.
template <class Wins> OpDef arg_record(const char* name, ScalarOp combine, Initial initial, const char* doc, Wins wins) {
  OpDef def;
  def.name = name;
  def.doc = doc;
  def.operands = {{"x", std::string(words(Domain::kNumber)) + ", any shape of rank 1 or more"}};
  def.attributes = {{"axis", AttributeKind::kInteger, "along which positions are counted; it goes away", std::nullopt}};
  def.rules = {
      {"C1", "axis is in [0, rank)"}, {"C2", "the axis is not empty"}, {"C3", std::string("the dtype is ") + words(Domain::kNumber)}};
  def.type = [](const TypeRequest& request) {
    const int64_t axis = request.get<int64_t>("axis"), rank = static_cast<int64_t>(request.shape(0).rank());
    request.require(axis >= 0 && axis < rank, "C1", "axis " + std::to_string(axis) + " is not in [0, " + std::to_string(rank) + ")");
    request.require(request.shape(0)[static_cast<size_t>(axis)] != Dim(0), "C2", "nothing wins among 0 elements");
    require_domain(request, 0, Domain::kNumber, "C3");
    return std::vector<TensorType>{{DType::kI64, without(request.shape(0), {axis})}};
  };
  def.evaluate = [wins](const EvaluateRequest& request) {
    const Tensor& x = request.operands[0];
    const size_t axis = static_cast<size_t>(request.get<int64_t>("axis"));
    Tensor result = request.make_result();
    const int64_t length = x.extents()[axis], stride = row_major_strides(x.extents())[axis];
    if (length == 0 && result.size() > 0) {
      throw Error(ErrorCode::kCheck, "nothing wins among 0 elements: operand " + x.type_string())
          .rule(request.op.name + " C2").at({.node = request.node_name});
    }
    visit<Domain::kNumber>(x.dtype(), [&](auto zero) {
      using T = decltype(zero);
      for (int64_t i = 0; i < result.size(); ++i) {
        const T* row = x.data<T>() + i / stride * stride * length + i % stride;
        int64_t winner = 0;
        for (int64_t j = 1; j < length; ++j) {
          const T best = row[winner * stride], next = row[j * stride];
          if (!is_nan(best) && (is_nan(next) || wins(next, best))) winner = j;
        }
        result.data<int64_t>()[i] = winner;
      }
    });
    return std::vector<Tensor>{result};
  };
  def.gradient = NotDifferentiable{"a position has no derivative"};
  def.lowering = Reduce{combine, initial, true};
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  for (const DType dtype : sample_dtypes(Domain::kNumber)) {
    const Fill fill = is_float(dtype) ? Fill::kNormal : Fill::kSmallInteger;
    def.samples.push_back({{{{dtype, {m, n}}, fill}}, {{"axis", int64_t{1}}}, {}, false});
    def.samples.push_back({{{{dtype, {2, n, 3}}, fill}}, {{"axis", int64_t{1}}}, {}, false});
    def.samples.push_back({{{{dtype, {n}}, fill}}, {{"axis", int64_t{0}}}, {}, false});
  }
  def.bad_samples = {{"C1", {{DType::kF32, {2, 3}}}, {{"axis", int64_t{2}}}}, {"C1", {{DType::kF32, {2, 3}}}, {{"axis", int64_t{-1}}}},
                     {"C1", {{DType::kF32, {}}}, {{"axis", int64_t{0}}}},     {"C2", {{DType::kF32, {2, 0}}}, {{"axis", int64_t{1}}}},
                     {"C3", {{DType::kBool, {2, 3}}}, {{"axis", int64_t{1}}}}};
  return def;
}

/// Partial sums of blocks of rows: the first of two steps of a long sum, which fuse makes part of a kernel that goes through the rows anyway.
OpDef block_sum() {
  OpDef def;
  def.name = "block_sum";
  def.doc = "Sums over blocks of rows: positions along the first `leading` axes together are rows, and every `rows` of them, at the end fewer, have a sum.";
  def.operands = {{"x", std::string(words(Domain::kFloat)) + ", of rank 2 or more"}};
  def.attributes = {{"leading", AttributeKind::kInteger, "how many axes go away", int64_t{1}},
                    {"rows", AttributeKind::kInteger, "of a block", std::nullopt}};
  def.rules = {{"C1", "leading is in [1, rank)"}, {"C2", "rows is 1 or more"}, {"C3", std::string("the dtype is ") + words(Domain::kFloat)}};
  def.type = [](const TypeRequest& request) {
    const int64_t axes = request.get<int64_t>("leading"), rows = request.get<int64_t>("rows"), rank = static_cast<int64_t>(request.shape(0).rank());
    request.require(axes >= 1 && axes < rank, "C1", "leading is " + std::to_string(axes) + ", not in [1, " + std::to_string(rank) + ")");
    request.require(rows >= 1, "C2", "blocks of " + std::to_string(rows) + " rows");
    require_domain(request, 0, Domain::kFloat, "C3");
    Dim all = 1;
    for (int64_t k = 0; k < axes; ++k) all = all * request.shape(0)[static_cast<size_t>(k)];
    Shape shape{ceil_div(all, rows)};
    for (int64_t k = axes; k < rank; ++k) shape.push_back(request.shape(0)[static_cast<size_t>(k)]);
    return std::vector<TensorType>{{request.dtype(0), std::move(shape)}};
  };
  def.evaluate = [](const EvaluateRequest& request) {
    const Tensor& x = request.operands[0];
    Tensor result = request.make_result();
    const int64_t rows = request.get<int64_t>("rows"), blocks = result.extents()[0];
    const int64_t size = blocks == 0 ? 0 : result.size() / blocks;
    std::vector<double> sums(static_cast<size_t>(result.size()));
    for (int64_t i = 0; i < x.size(); ++i) sums[static_cast<size_t>(i / size / rows * size + i % size)] += x.get(i);
    for (int64_t i = 0; i < result.size(); ++i) result.set(i, sums[static_cast<size_t>(i)]);
    return std::vector<Tensor>{result};
  };
  def.gradient = NotDifferentiable{"fuse makes it, when gradients are there already"};
  def.lowering = Reduce{ScalarOp::kAdd, Initial::kZero, false, true};
  def.samples = {sample_without_gradient({"f32[n, 5]"}, {{"rows", int64_t{2}}}), sample_without_gradient({"f64[n, 3]"}, {{"rows", int64_t{4}}}),
                 sample_without_gradient({"f32[n, 2, 3]"}, {{"leading", int64_t{2}}, {"rows", int64_t{3}}}),
                 sample_without_gradient({"f32[7, n, 3]"}, {{"rows", int64_t{7}}}), sample_without_gradient({"f32[9, n]"}, {{"rows", int64_t{4}}}),
                 sample_without_gradient({"f32[130, 40]"}, {{"rows", int64_t{64}}})};
  def.bad_samples = {bad("C1", {"f32[3]"}, {{"rows", int64_t{2}}}), bad("C1", {"f32[3, 2]"}, {{"leading", int64_t{0}}, {"rows", int64_t{2}}}),
                     bad("C1", {"f32[3, 2]"}, {{"leading", int64_t{2}}, {"rows", int64_t{2}}}), bad("C2", {"f32[3, 2]"}, {{"rows", int64_t{0}}}),
                     bad("C3", {"i32[3, 2]"}, {{"rows", int64_t{2}}})};
  return def;
}

}  // namespace

void add_reduce_ops(OpRegistry& registry) {
  constexpr Domain kNumber = Domain::kNumber, kAny = Domain::kAny, kLogic = Domain::kLogic;
  const NotDifferentiable logic{"bools have no derivative"};
  registry.add(reduce_record({"reduce_sum", ScalarOp::kAdd, Initial::kZero, kNumber, "The sum over the axes; integers wrap; 0 over none.",
                              fold<kNumber>(Initial::kZero, [](auto a, auto b) { return add(a, b); }), reduction(of_sum), Fill::kNormal}));
  registry.add(reduce_record(
      {"reduce_product", ScalarOp::kMultiply, Initial::kOne, kNumber, "The product over the axes; integers wrap; 1 over none.",
       fold<kNumber>(Initial::kOne, [](auto a, auto b) { return multiply(a, b); }), reduction(of_product), Fill::kAwayFromZero}));
  registry.add(
      reduce_record({"reduce_max", ScalarOp::kMaximum, Initial::kLowest, kAny,
                     "The largest over the axes; NaN wins; -inf, the smallest integer or false over none.",
                     fold<kAny>(Initial::kLowest, [](auto a, auto b) { return maximum(a, b); }), reduction(of_winners), Fill::kDistinct}));
  registry.add(
      reduce_record({"reduce_min", ScalarOp::kMinimum, Initial::kHighest, kAny,
                     "The smallest over the axes; NaN wins; inf, the largest integer or true over none.",
                     fold<kAny>(Initial::kHighest, [](auto a, auto b) { return minimum(a, b); }), reduction(of_winners), Fill::kDistinct}));
  registry.add(reduce_record({"reduce_all", ScalarOp::kAnd, Initial::kOne, kLogic, "Whether all over the axes are true; true over none.",
                              fold<kLogic>(Initial::kOne, [](bool a, bool b) { return a && b; }), logic, Fill::kBool}));
  registry.add(reduce_record({"reduce_any", ScalarOp::kOr, Initial::kZero, kLogic, "Whether any over the axes is true; false over none.",
                              fold<kLogic>(Initial::kZero, [](bool a, bool b) { return a || b; }), logic, Fill::kBool}));
  registry.add(arg_record("argmax", ScalarOp::kMaximum, Initial::kLowest,
                          "The position of the largest along an axis: the first of equals; a NaN wins.",
                          [](auto a, auto b) { return a > b; }));
  registry.add(arg_record("argmin", ScalarOp::kMinimum, Initial::kHighest,
                          "The position of the smallest along an axis: the first of equals; a NaN wins.",
                          [](auto a, auto b) { return a < b; }));
  registry.add(block_sum());
}

}  // namespace sinter::ir
