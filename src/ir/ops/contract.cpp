// dot_general: products of any two tensors summed over paired axes. Matrix products, batched or not, and their gradients.
#include <algorithm>
#include <cstring>

#include "ir/builder.h"
#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/reference.h"

namespace sinter::ir {
namespace {

/// The axes of one operand by their part: paired in batches, summed, or free (in increasing order).
struct Side {
  Integers batch, contract, free;
};

template <class Request> std::pair<Side, Side> sides_of(const Request& request, size_t lhs_rank, size_t rhs_rank) {
  const auto side = [](Integers batch, Integers contract, size_t rank) {
    Side result{std::move(batch), std::move(contract), {}};
    for (int64_t axis = 0; axis < static_cast<int64_t>(rank); ++axis) {
      const auto names = [axis](const Integers& axes) { return std::find(axes.begin(), axes.end(), axis) != axes.end(); };
      if (!names(result.batch) && !names(result.contract)) result.free.push_back(axis);
    }
    return result;
  };
  return {side(request.template get<Integers>("lhs_batch"), request.template get<Integers>("lhs_contract"), lhs_rank),
          side(request.template get<Integers>("rhs_batch"), request.template get<Integers>("rhs_contract"), rhs_rank)};
}

Integers joined(const Integers& a, const Integers& b) {
  Integers result = a;
  result.insert(result.end(), b.begin(), b.end());
  return result;
}

/// `from[axis]` for each axis.
template <class List> Extents picked(const List& from, const Integers& axes) {
  Extents result;
  for (const int64_t axis : axes) result.push_back(from[static_cast<size_t>(axis)]);
  return result;
}

/// The attributes of dot_general.
Attributes pairing(Integers lhs_batch, Integers rhs_batch, Integers lhs_contract, Integers rhs_contract) {
  return {{"lhs_batch", std::move(lhs_batch)}, {"rhs_batch", std::move(rhs_batch)},
          {"lhs_contract", std::move(lhs_contract)}, {"rhs_contract", std::move(rhs_contract)}};
}

// ---- type ----

void require_axes(const TypeRequest& request, const Side& side, const Shape& shape, const std::string& whose) {
  const auto rank = static_cast<int64_t>(shape.rank());
  Integers axes = joined(side.batch, side.contract);
  std::sort(axes.begin(), axes.end());
  for (size_t i = 0; i < axes.size(); ++i) {
    request.require(axes[i] >= 0 && axes[i] < rank, "C3",
                    whose + " axis " + std::to_string(axes[i]) + " is not in [0, " + std::to_string(rank) + ")");
    request.require(i == 0 || axes[i - 1] != axes[i], "C3", whose + " axis " + std::to_string(axes[i]) + " is named twice");
  }
}

bool is_byte(DType dtype) { return dtype == DType::kI8 || dtype == DType::kU8; }

/// What products of `dtype` are summed in, and the dtype of a wide result.
DType sum_dtype(DType dtype) {
  if (is_narrow(dtype)) return DType::kF32;
  return is_integer(dtype) && size_in_bytes(dtype) < 4 ? DType::kI32 : dtype;
}

/// The product of the first operand and an rhs of this type.
TensorType infer_product(const TypeRequest& request, DType rhs_dtype, const Shape& rhs_shape) {
  const auto [lhs, rhs] = sides_of(request, request.shape(0).rank(), rhs_shape.rank());
  const bool wide = request.get<bool>("wide");
  request.require(request.dtype(0) == rhs_dtype || (wide && is_byte(request.dtype(0)) && is_byte(rhs_dtype)), "C1", "the dtypes differ",
                  "cast one of them");
  require_domain(request, 0, Domain::kNumber, "C1");
  request.require(lhs.batch.size() == rhs.batch.size() && lhs.contract.size() == rhs.contract.size(), "C2",
                  "lhs and rhs name different numbers of axes");
  require_axes(request, lhs, request.shape(0), "lhs");
  require_axes(request, rhs, rhs_shape, "rhs");
  const auto require_equal = [&](const Integers& lhs_axes, const Integers& rhs_axes, std::string_view rule, const std::string& what,
                                 const std::string& hint) {
    for (size_t i = 0; i < lhs_axes.size(); ++i) {
      const Dim& l = request.shape(0)[static_cast<size_t>(lhs_axes[i])];
      const Dim& r = rhs_shape[static_cast<size_t>(rhs_axes[i])];
      request.require(l == r, rule, what + " dimensions differ (" + l.to_string() + " and " + r.to_string() + ")", hint);
    }
  };
  require_equal(lhs.batch, rhs.batch, "C4", "batch", "");
  require_equal(lhs.contract, rhs.contract, "C5", "inner", "transpose the rhs?");
  TensorType result{wide ? sum_dtype(request.dtype(0)) : request.dtype(0), {}};
  for (const int64_t axis : joined(lhs.batch, lhs.free)) result.shape.push_back(request.shape(0)[static_cast<size_t>(axis)]);
  for (const int64_t axis : rhs.free) result.shape.push_back(rhs_shape[static_cast<size_t>(axis)]);
  return result;
}

std::vector<TensorType> infer(const TypeRequest& request) { return {infer_product(request, request.dtype(1), request.shape(1))}; }

// ---- reference ----

/// The values of `tensor` in `dtype`, which holds them all.
Tensor held_in(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor result(dtype, tensor.extents());
  for (int64_t i = 0; i < tensor.size(); ++i) is_float(dtype) ? result.set(i, tensor.get(i)) : result.set_integer(i, tensor.get_integer(i));
  return result;
}

/// Operands of one dtype, the result of the same.
Tensor product(const EvaluateRequest& request, const Tensor& a, const Tensor& b) {
  const auto [lhs, rhs] = sides_of(request, a.rank(), b.rank());
  Tensor result(a.dtype(), request.make_result().extents());
  // Strides of each operand by result axis (batch, lhs free, rhs free) and by contracted axis; 0 where it does not move.
  const Extents a_strides = row_major_strides(a.extents()), b_strides = row_major_strides(b.extents());
  const Extents a_free = picked(a_strides, lhs.free), b_free = picked(b_strides, rhs.free);
  Extents a_result = joined(picked(a_strides, lhs.batch), a_free), b_result = picked(b_strides, rhs.batch);
  a_result.insert(a_result.end(), b_free.size(), 0);
  b_result.insert(b_result.end(), a_free.size(), 0);
  b_result = joined(b_result, b_free);
  const Extents a_contract = picked(a_strides, lhs.contract), b_contract = picked(b_strides, rhs.contract);
  const Extents inner = picked(a.extents(), lhs.contract);
  visit<Domain::kNumber>(a.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Sum = Accumulator<T>;
    T* out = result.data<T>();
    for_each_index(result.extents(), [&](const Extents& index) {
      const T* a_row = a.data<T>() + offset_of(index, a_result);
      const T* b_row = b.data<T>() + offset_of(index, b_result);
      Sum sum = 0;
      for_each_index(inner, [&](const Extents& k) {
        sum = add(sum, multiply<Sum>(a_row[offset_of(k, a_contract)], b_row[offset_of(k, b_contract)]));
      });
      *out++ = static_cast<T>(sum);
    });
  });
  return result;
}

/// f16 and bf16 are multiplied and summed as f32, and rounded once where the result is narrow; small integers as i32 where it is wide.
Tensor product_of_any(const EvaluateRequest& request, const Tensor& a, const Tensor& b) {
  const DType result = request.result_types[0].dtype, computed = is_narrow(result) ? DType::kF32 : result;
  Tensor sums = product(request, held_in(a, computed), held_in(b, computed));
  if (!is_narrow(result)) return sums;
  Tensor rounded(result, sums.extents());
  for (int64_t i = 0; i < sums.size(); ++i) rounded.set(i, sums.get(i));
  return rounded;
}

std::vector<Tensor> evaluate_dot(const EvaluateRequest& request) { return {product_of_any(request, request.operands[0], request.operands[1])}; }

// ---- gradient ----

/// The axes that `paired` has where `axes`, in increasing order, has its own: the order in which they stand among free axes.
Integers in_order_of(const Integers& axes, const Integers& paired) {
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (size_t i = 0; i < axes.size(); ++i) pairs.emplace_back(axes[i], paired[i]);
  std::sort(pairs.begin(), pairs.end());
  Integers result;
  for (const auto& pair : pairs) result.push_back(pair.second);
  return result;
}

Integers range(size_t begin, size_t count) {
  Integers result(count);
  for (size_t i = 0; i < count; ++i) result[i] = static_cast<int64_t>(begin + i);
  return result;
}

/// The cotangent of `mine`: dy with `other` summed over other's free axes, which stand in dy from `other_begin`, those of mine from
/// `mine_begin`. The product gives [batch, mine.free, mine.contract] or, with its operands exchanged, [batch, mine.contract, mine.free];
/// whichever has the order of the operand is taken, and a transpose where neither has.
Value cotangent(Builder& builder, Value dy, Value other_value, const Side& mine, const Side& other, size_t mine_begin, size_t other_begin) {
  const Integers dy_batch = range(0, mine.batch.size()), dy_contract = range(other_begin, other.free.size());
  const Integers contract = in_order_of(other.contract, mine.contract);
  const Integers dy_first = joined(joined(mine.batch, mine.free), contract), other_first = joined(joined(mine.batch, contract), mine.free);
  const bool exchange = !std::is_sorted(dy_first.begin(), dy_first.end()) &&
                        (std::is_sorted(other_first.begin(), other_first.end()) || mine_begin > other_begin);
  const Value product = exchange ? builder.call("dot_general", {other_value, dy}, pairing(other.batch, dy_batch, other.free, dy_contract))
                                 : builder.call("dot_general", {dy, other_value}, pairing(dy_batch, other.batch, dy_contract, other.free));
  const Integers& axes = exchange ? other_first : dy_first;
  if (std::is_sorted(axes.begin(), axes.end())) return product;
  Integers permutation(axes.size());
  for (size_t i = 0; i < axes.size(); ++i) permutation[static_cast<size_t>(axes[i])] = static_cast<int64_t>(i);
  return builder.call("transpose", {product}, {{"permutation", permutation}});
}

std::vector<Value> differentiate(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Value a = request.operands[0], b = request.operands[1];
  const Value dy = builder.cast(request.cotangents[0], builder.dtype(a));  // of a wide result: the gradient is as fast as the product
  const auto [lhs, rhs] = sides_of(request, builder.shape(a).rank(), builder.shape(b).rank());
  const size_t lhs_begin = lhs.batch.size(), rhs_begin = lhs_begin + lhs.free.size();
  std::vector<Value> result(2);
  if (request.wanted[0]) result[0] = cotangent(builder, dy, b, lhs, rhs, lhs_begin, rhs_begin);
  if (request.wanted[1]) result[1] = cotangent(builder, dy, a, rhs, lhs, rhs_begin, lhs_begin);
  return result;
}

// ---- record ----

std::vector<Sample> samples() {
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m"), k = Dim::symbol("k");
  std::vector<Sample> result;
  const auto add = [&](DType dtype, Shape lhs, Shape rhs, Attributes attributes) {
    const Fill fill = is_float(dtype) ? Fill::kNormal : Fill::kSmallInteger;
    result.push_back({{{{dtype, std::move(lhs)}, fill}, {{dtype, std::move(rhs)}, fill}}, std::move(attributes), {}, is_float(dtype)});
  };
  for (const DType dtype : sample_dtypes(Domain::kNumber)) add(dtype, {n, k}, {k, m}, pairing({}, {}, {1}, {0}));
  for (const DType dtype : {DType::kBF16, DType::kF16, DType::kI8, DType::kU8, DType::kI16, DType::kF32}) {
    Attributes wide = pairing({}, {}, {1}, {0});
    wide["wide"] = true;
    add(dtype, {n, k}, {k, m}, wide);
    if (dtype == DType::kF32) continue;
    wide["rhs_contract"] = Integers{1};
    add(dtype, {n, 7}, {5, 7}, wide);
  }
  for (const auto& [lhs, rhs] : {std::pair(DType::kU8, DType::kI8), std::pair(DType::kI8, DType::kU8)}) {
    Attributes wide = pairing({}, {}, {1}, {0});
    wide["wide"] = true;
    result.push_back({{{{lhs, {n, k}}, Fill::kSmallInteger}, {{rhs, {k, m}}, Fill::kSmallInteger}}, wide, {}, false});
  }
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    add(dtype, {n, 4}, {3, 4}, pairing({}, {}, {1}, {1}));               // rhs transposed
    add(dtype, {4, n}, {4, 3}, pairing({}, {}, {0}, {0}));               // lhs transposed
    add(dtype, {4, n}, {m, 4}, pairing({}, {}, {0}, {1}));               // both
    add(dtype, {k}, {k}, pairing({}, {}, {0}, {0}));                     // inner product
    add(dtype, {n}, {m}, pairing({}, {}, {}, {}));                       // outer product
    add(dtype, {}, {n, 2}, pairing({}, {}, {}, {}));                     // rank 0
    add(dtype, {2, n, k}, {2, k, 3}, pairing({0}, {0}, {2}, {1}));       // batched
    add(dtype, {n, 2, 3, k}, {k, 3, 4, n}, pairing({0, 2}, {3, 1}, {3}, {0}));  // batches anywhere
    add(dtype, {2, n, 3}, {3, 5, 2}, pairing({}, {}, {0, 2}, {2, 0}));   // two inner axes, crossed
    add(dtype, {n, 3}, {n, 3}, pairing({0}, {0}, {1}, {1}));             // rows by rows
    add(dtype, {n, 3}, {n, 3}, pairing({0, 1}, {0, 1}, {}, {}));         // an elementwise product
  }
  return result;
}

OpDef dot_general_record() {
  OpDef def;
  def.name = "dot_general";
  def.doc =
      "Products of lhs and rhs summed over the contracted axes, for each index of the batch axes. "
      "Result axes: batch, free axes of lhs, free axes of rhs, the free ones in their order. [m, k] by [k, n] is lhs_contract=[1], "
      "rhs_contract=[0]. f16 and bf16 are summed in f32 and rounded once; `wide` keeps the dtype that sums are made in.";
  def.operands = {{"lhs", "a float or integer dtype, any rank"}, {"rhs", "of the same dtype"}};
  def.attributes = {
      {"lhs_batch", AttributeKind::kIntegers, "axes of lhs, each equal to its partner in rhs_batch", Integers{}},
      {"rhs_batch", AttributeKind::kIntegers, "axes of rhs", Integers{}},
      {"lhs_contract", AttributeKind::kIntegers, "axes of lhs to sum over, each with its partner in rhs_contract", std::nullopt},
      {"rhs_contract", AttributeKind::kIntegers, "axes of rhs to sum over", std::nullopt},
      {"wide", AttributeKind::kBool, "the result is f32 of f16 and bf16, i32 of integers of 8 and 16 bits; else of the operands' dtype", false}};
  def.takes_narrow = true;
  def.rules = {{"C1", std::string("the dtypes are equal, or i8 and u8 where the result is wide: ") + words(Domain::kNumber)},
               {"C2", "lhs and rhs name as many batch axes, and as many contracted axes"},
               {"C3", "axes are in [0, rank), each named once"},
               {"C4", "paired batch axes have equal dims"},
               {"C5", "paired contracted axes have equal dims"}};
  def.type = infer;
  def.evaluate = evaluate_dot;
  def.gradient = GradientRule(differentiate);
  def.lowering = Contract{};
  def.samples = samples();
  const TensorType a{DType::kF32, {2, 3, 4}}, b{DType::kF32, {2, 4, 5}};
  def.bad_samples = {{"C1", {a, {DType::kF64, {2, 4, 5}}}, pairing({0}, {0}, {2}, {1})},
                     {"C1", {{DType::kI8, {2, 3}}, {DType::kU8, {3, 2}}}, pairing({}, {}, {1}, {0})},
                     {"C1", {{DType::kBool, {2, 3}}, {DType::kBool, {3, 2}}}, pairing({}, {}, {1}, {0})},
                     {"C2", {a, b}, pairing({0}, {}, {2}, {1})},
                     {"C2", {a, b}, pairing({0}, {0}, {2}, {})},
                     {"C3", {a, b}, pairing({0}, {0}, {3}, {1})},
                     {"C3", {a, b}, pairing({0}, {0}, {2}, {-1})},
                     {"C3", {a, b}, pairing({0}, {0}, {0}, {1})},
                     {"C4", {a, b}, pairing({1}, {0}, {2}, {1})},
                     {"C5", {a, b}, pairing({0}, {0}, {2}, {2})},
                     {"C5", {{DType::kF32, {2, Dim::symbol("n")}}, {DType::kF32, {Dim::symbol("m"), 2}}}, pairing({}, {}, {1}, {0})}};
  return def;
}

// ---- dot_panels ----

/// Elements of the rhs that one element of its panels holds, neighbours in depth, the first in the lowest bits: words of u32 by lhs of bf16 or bytes.
int64_t group_of(DType lhs, DType panels) {
  const bool words = panels == DType::kU32 && (lhs == DType::kBF16 || is_byte(lhs));
  return words ? static_cast<int64_t>(4 / size_in_bytes(lhs)) : 1;
}
/// The dtype of the rhs that those words hold.
DType grouped_dtype(DType lhs) { return lhs == DType::kBF16 ? lhs : DType::kI8; }

/// The shape of `rhs` stored as panels of `width` columns, elements of `group` neighbours.
Shape panels_shape(const Shape& shape, const Side& rhs, int64_t width, int64_t group) {
  const auto size = [&](const Integers& axes) {
    Dim count = 1;
    for (const int64_t axis : axes) count = count * shape[static_cast<size_t>(axis)];
    return count;
  };
  return {size(rhs.batch), ceil_div(size(rhs.free), width), ceil_div(size(rhs.contract), group), width};
}

std::vector<TensorType> infer_panels(const TypeRequest& request) {
  const auto& shape = request.get<Shape>("rhs_shape");
  const int64_t width = request.get<int64_t>("width");
  request.require(width > 0 && width <= 4096, "C6", "a width of " + std::to_string(width));
  const int64_t group = group_of(request.dtype(0), request.dtype(1));
  const TensorType result = infer_product(request, group > 1 ? grouped_dtype(request.dtype(0)) : request.dtype(1), shape);
  request.require(group == 1 || request.get<bool>("wide"), "C6", "words without `wide`");
  request.require(!request.get<bool>("raised") || (group == 4 && request.dtype(0) == DType::kI8), "C7", "the lhs is not i8, or the panels are no words");
  const Shape stored = panels_shape(shape, sides_of(request, request.shape(0).rank(), shape.rank()).second, width, group);
  request.require(request.shape(1) == stored, "C6", "panels of an rhs " + shape.to_string() + " are " + stored.to_string());
  return {result};
}

std::vector<Tensor> evaluate_panels(const EvaluateRequest& request) {
  const Tensor& panels = request.operands[1];
  const auto& shape = request.get<Shape>("rhs_shape");
  Extents extents;
  for (const Dim& dim : shape) extents.push_back(dim.evaluate(request.symbols));
  const Side rhs = sides_of(request, request.operands[0].rank(), extents.size()).second;
  const int64_t width = request.get<int64_t>("width");
  const DType lhs = request.operands[0].dtype();
  const int64_t group = group_of(lhs, panels.dtype());
  Tensor b(group > 1 ? grouped_dtype(lhs) : panels.dtype(), extents);
  const auto bytes = static_cast<int64_t>(size_in_bytes(b.dtype()));
  const Extents to = row_major_strides(extents), from = row_major_strides(panels.extents());
  int64_t batch = 0;
  for_each_index(picked(extents, rhs.batch), [&](const Extents& i) {
    int64_t column = 0;
    for_each_index(picked(extents, rhs.free), [&](const Extents& j) {
      int64_t depth = 0;
      for_each_index(picked(extents, rhs.contract), [&](const Extents& k) {
        const int64_t at = offset_of(i, picked(to, rhs.batch)) + offset_of(j, picked(to, rhs.free)) + offset_of(k, picked(to, rhs.contract));
        const int64_t source = batch * from[0] + column / width * from[1] + depth / group * from[2] + column % width;
        std::memcpy(static_cast<char*>(b.raw()) + at * bytes, static_cast<const char*>(panels.raw()) + (source * group + depth % group) * bytes,
                    static_cast<size_t>(bytes));
        ++depth;
      });
      ++column;
    });
    ++batch;
  });
  if (!request.get<bool>("raised")) return {product_of_any(request, request.operands[0], b)};
  Tensor raised(DType::kI32, request.operands[0].extents());
  for (int64_t i = 0; i < raised.size(); ++i) raised.set_integer(i, request.operands[0].get_integer(i) + 128);
  return {product_of_any(request, raised, b)};
}

OpDef dot_panels_record() {
  OpDef def = dot_general_record();
  def.name = "dot_panels";
  def.doc =
      "dot_general whose rhs is stored in the order in which kernels read it: [batch, panel, depth, column of the panel], panels of `width` columns, "
      "zeros beyond the last column. The axes are those of the rhs as it was, of shape rhs_shape. By an lhs of bf16, or of u8 or i8, the panels may be "
      "words of u32, each of 2 bf16 or 4 i8 that are neighbours in depth, the first in the lowest bits, zeros beyond the last.";
  def.operands[1] = {"panels", "the rhs as panels, of the same dtype or as words"};
  def.attributes.push_back({"rhs_shape", AttributeKind::kShape, "the shape of the rhs", std::nullopt});
  def.attributes.push_back({"width", AttributeKind::kInteger, "columns of a panel", std::nullopt});
  def.attributes.push_back({"raised", AttributeKind::kBool, "each element of an lhs of i8 counts 128 more than it is, by words", false});
  def.rules.push_back({"C6", "panels are [batch, ceil(columns / width), depth, width] of the rhs, 0 < width <= 4096; of words, depth by their elements, and `wide`"});
  def.rules.push_back({"C7", "`raised` is for an lhs of i8 by words"});
  def.type = infer_panels;
  def.evaluate = evaluate_panels;
  def.gradient = NotDifferentiable{"it is a layout for kernels, chosen after gradients are made"};
  def.samples.clear();
  const Dim n = Dim::symbol("n");
  const auto add = [&](DType dtype, Shape lhs, Shape rhs, Attributes attributes, int64_t width) {
    attributes["rhs_shape"] = rhs;
    attributes["width"] = width;
    const auto axes = [&](std::string_view name) { return std::get<Integers>(attributes.find(std::string(name))->second); };
    Side side{axes("rhs_batch"), axes("rhs_contract"), {}};
    for (int64_t axis = 0; axis < static_cast<int64_t>(rhs.rank()); ++axis)
      if (std::find(side.batch.begin(), side.batch.end(), axis) == side.batch.end() &&
          std::find(side.contract.begin(), side.contract.end(), axis) == side.contract.end())
        side.free.push_back(axis);
    const Fill fill = is_float(dtype) ? Fill::kNormal : Fill::kSmallInteger;
    const DType stored = is_byte(dtype) ? DType::kU32 : dtype;  // (words of bf16 that a test makes up would be subnormals; dot_general has some)
    if (stored != dtype) attributes["wide"] = true;
    const Shape panels = panels_shape(rhs, side, width, group_of(dtype, stored));
    def.samples.push_back({{{{dtype, std::move(lhs)}, fill}, {{stored, panels}, fill}}, std::move(attributes), {}, false});
  };
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kI32, DType::kU8, DType::kI8}) {
    add(dtype, {n, 5}, {5, 33}, pairing({}, {}, {1}, {0}), 16);
    add(dtype, {n, 5}, {48, 5}, pairing({}, {}, {1}, {1}), 48);
  }
  Attributes raised = pairing({}, {}, {1}, {0});
  raised["raised"] = true;
  add(DType::kI8, {n, 10}, {10, 33}, raised, 16);
  for (const DType dtype : {DType::kU8, DType::kI8}) {
    add(dtype, {n, Dim::symbol("k")}, {Dim::symbol("k"), 33}, pairing({}, {}, {1}, {0}), 16);
    add(dtype, {2, n, 9}, {2, 9, 10}, pairing({0}, {0}, {2}, {1}), 64);
    add(dtype, {n, 8}, {8, 48}, pairing({}, {}, {1}, {0}), 48);
  }
  add(DType::kF32, {3, n}, {3, 2, 7}, pairing({}, {}, {0}, {0}), 8);
  add(DType::kF32, {2, n, 6}, {2, 6, 10}, pairing({0}, {0}, {2}, {1}), 4);
  const auto panels = [](Attributes attributes, Shape rhs, int64_t width) {
    attributes["rhs_shape"] = std::move(rhs);
    attributes["width"] = width;
    return attributes;
  };
  const Attributes matrices = pairing({}, {}, {1}, {0});
  const TensorType a{DType::kF32, {2, 4}}, b{DType::kF32, {1, 2, 4, 8}};
  def.bad_samples = {{"C1", {a, {DType::kF64, {1, 2, 4, 8}}}, panels(matrices, {4, 10}, 8)},
                     {"C2", {a, b}, panels(pairing({}, {}, {1}, {}), {4, 10}, 8)},
                     {"C3", {a, b}, panels(pairing({}, {}, {2}, {0}), {4, 10}, 8)},
                     {"C4", {{DType::kF32, {2, 3, 4}}, b}, panels(pairing({0}, {0}, {2}, {1}), {1, 4, 10}, 8)},
                     {"C5", {a, b}, panels(matrices, {5, 10}, 8)},
                     {"C6", {a, b}, panels(matrices, {4, 20}, 8)},
                     {"C6", {a, b}, panels(matrices, {4, 10}, 0)},
                     {"C7", {a, b}, [&] {
                        Attributes raised = panels(matrices, {4, 10}, 8);
                        raised["raised"] = true;
                        return raised;
                      }()},
                     {"C6", {{DType::kBF16, {2, 4}}, {DType::kU32, {1, 2, 2, 8}}}, panels(matrices, {4, 10}, 8)}};
  return def;
}

}  // namespace

void add_contract_ops(OpRegistry& registry) {
  registry.add(dot_general_record());
  registry.add(dot_panels_record());
}

}  // namespace sinter::ir
