// Ops that make elements from indices, or find them by indices.
#include "ir/builder.h"
#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/reference.h"

namespace sinter::ir {

namespace {

constexpr const char* kOutOfRange = " An index outside of the axis stops the run with the node's name.";
constexpr const char* kIndexRule = "indices are i32 or i64";

Gradient no_operands() { return NotDifferentiable{"it has no operands"}; }
bool is_number(DType dtype) { return admits(Domain::kNumber, dtype); }

/// The attribute `axis`, which must be one of data, the first operand.
size_t require_axis(const TypeRequest& request, std::string_view rule) {
  const int64_t axis = request.get<int64_t>("axis");
  request.require(is_axis(axis, request.shape(0).rank()), rule, "data has no axis " + std::to_string(axis));
  return static_cast<size_t>(axis);
}

/// The index at `position`, checked against the axis of data.
int64_t checked_index(const EvaluateRequest& request, int64_t position, int64_t size) {
  const int64_t index = request.operands[1].get_integer(position);
  check_index(request, "index", index, "entries along axis " + std::to_string(request.get<int64_t>("axis")), size);
  return index;
}

// ---- elements from nothing ----

OpDef constant() {
  OpDef op;
  op.name = "constant";
  op.doc = "A tensor known while compiling.";
  op.attributes = {{"value", AttributeKind::kTensor, "the elements"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const Tensor& value = request.get<Tensor>("value");
    return {{value.dtype(), Shape::of(value.extents())}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> { return {request.get<Tensor>("value")}; };
  op.gradient = no_operands();
  op.lowering = Index{Index::Kind::kConstant, {}};
  op.samples = {sample({}, {{"value", Tensor::scalar(0.1f)}}),
                sample({}, {{"value", Tensor::of<double>({2, 3}, {-0.0, 1e-300, 0.1, 3, -7.25, 1e300})}}),
                sample({}, {{"value", Tensor::of<int64_t>({3}, {INT64_MIN, 0, INT64_MAX})}}),
                sample({}, {{"value", Tensor::of<bool>({2, 1}, {true, false})}}),
                sample({}, {{"value", Tensor(DType::kF32, {0, 4})}})};
  return op;
}

OpDef iota() {
  OpDef op;
  op.name = "iota";
  op.doc = "Each element is its index along an axis; one that the dtype cannot hold is cast as from i64.";
  op.attributes = {{"shape", AttributeKind::kShape, "of the result"},
                   {"axis", AttributeKind::kInteger, "whose index is counted"},
                   {"dtype", AttributeKind::kDType, "of the result"}};
  op.rules = {{"C1", "no dim of shape is negative"}, {"C2", "axis is an axis of shape"}, {"C3", "dtype is a float or integer dtype"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    const Shape& shape = request.get<Shape>("shape");
    const int64_t axis = request.get<int64_t>("axis");
    request.require(never_negative(shape), "C1", "negative dim in " + shape.to_string());
    request.require(is_axis(axis, shape.rank()), "C2", shape.to_string() + " has no axis " + std::to_string(axis));
    request.require(is_number(request.get<DType>("dtype")), "C3",
                    std::string(name(request.get<DType>("dtype"))) + " is not " + words(Domain::kNumber));
    return {{request.get<DType>("dtype"), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    Tensor result = request.make_result();
    const AxisView view(result.extents(), request.get<int64_t>("axis"));
    visit<Domain::kNumber>(result.dtype(), [&]<class T>(T) {
      for (int64_t i = 0; i < result.size(); ++i) result.data<T>()[i] = static_cast<T>(i / view.inner % view.size);
    });
    return {result};
  };
  op.gradient = no_operands();
  op.lowering = Index{Index::Kind::kGenerate, [](const AccessRequest& request) {
                        return request.index[static_cast<size_t>(request.get<int64_t>("axis"))];
                      }};
  const Dim n = Dim::symbol("n");
  op.samples = {sample({}, {{"shape", Shape{5}}, {"axis", 0}, {"dtype", DType::kF32}}),
                sample({}, {{"shape", Shape{2, 3, 4}}, {"axis", 1}, {"dtype", DType::kF64}}),
                sample({}, {{"shape", Shape{3, 1, 7}}, {"axis", 2}, {"dtype", DType::kI32}}),
                sample({}, {{"shape", Shape{4, 0}}, {"axis", 0}, {"dtype", DType::kI64}}),
                sample({}, {{"shape", Shape{300}}, {"axis", 0}, {"dtype", DType::kU8}})};
  op.bad_samples = {bad("C1", {}, {{"shape", Shape{-1}}, {"axis", 0}, {"dtype", DType::kF32}}),
                    bad("C2", {}, {{"shape", Shape{n}}, {"axis", 1}, {"dtype", DType::kF32}}),
                    bad("C2", {}, {{"shape", Shape{}}, {"axis", 0}, {"dtype", DType::kF32}}),
                    bad("C3", {}, {{"shape", Shape{n}}, {"axis", 0}, {"dtype", DType::kBool}})};
  return op;
}

OpDef dim_size() {
  OpDef op;
  op.name = "dim_size";
  op.doc = "The value of a dim, known at run time, as a number of rank 0.";
  op.attributes = {{"value", AttributeKind::kDim, "an expression over the symbols of the graph"},
                   {"dtype", AttributeKind::kDType, "of the result"}};
  op.rules = {{"C1", "dtype is a float or integer dtype"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    request.require(is_number(request.get<DType>("dtype")), "C1",
                    std::string(name(request.get<DType>("dtype"))) + " is not " + words(Domain::kNumber));
    return {{request.get<DType>("dtype"), {}}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    Tensor result = request.make_result();
    const int64_t value = request.get<Dim>("value").evaluate(request.symbols);
    visit<Domain::kNumber>(result.dtype(), [&]<class T>(T) { result.data<T>()[0] = static_cast<T>(value); });
    return {result};
  };
  op.gradient = no_operands();
  op.lowering = Index{Index::Kind::kGenerate, [](const AccessRequest& request) { return request.get<Dim>("value"); }};
  op.samples = {sample({}, {{"value", Dim(32)}, {"dtype", DType::kF32}}),
                sample({}, {{"value", Dim(7)}, {"dtype", DType::kF64}}),
                sample({}, {{"value", Dim(int64_t{1} << 40)}, {"dtype", DType::kI64}}),
                sample({}, {{"value", Dim(-3)}, {"dtype", DType::kI32}})};
  op.bad_samples = {bad("C1", {}, {{"value", Dim::symbol("n")}, {"dtype", DType::kBool}})};
  return op;
}

// ---- elements by index ----

/// The type of gather's result, which is that of scatter_add's updates: indices in place of the axis.
TensorType gathered_type(const TypeRequest& request, size_t axis) {
  std::vector<Dim> dims = request.shape(0).dims();
  const auto place = dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
  dims.insert(place, request.shape(1).begin(), request.shape(1).end());
  return {request.dtype(0), Shape(std::move(dims))};
}

OpDef gather() {
  OpDef op;
  op.name = "gather";
  op.doc = std::string("Entries of data along an axis: result[a.., i.., b..] = data[a.., indices[i..], b..].") + kOutOfRange;
  op.operands = {{"data", "any dtype, rank 1 or more"}, {"indices", "i32 or i64, any rank"}};
  op.attributes = {{"axis", AttributeKind::kInteger, "of data, which the axes of indices replace"}};
  op.rules = {{"C1", kIndexRule}, {"C2", "axis is an axis of data"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_indices(request, 1, "C1");
    return {gathered_type(request, require_axis(request, "C2"))};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor &data = request.operands[0], &indices = request.operands[1];
    const AxisView view(data.extents(), request.get<int64_t>("axis"));
    Tensor result = request.make_result();
    for (int64_t i = 0; i < indices.size(); ++i) {
      const int64_t index = checked_index(request, i, view.size);
      for (int64_t o = 0; o < view.outer; ++o) {
        for (int64_t n = 0; n < view.inner; ++n) {
          copy_element(result, (o * indices.size() + i) * view.inner + n, data, view.position(o, index, n));
        }
      }
    }
    return {result};
  };
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    const Value zeros = request.builder.full_like(0, request.operands[0]);
    return {request.builder.call("scatter_add", {zeros, request.operands[1], request.cotangents[0]}, request.attributes), {}};
  });
  op.lowering = Index{Index::Kind::kGather, {}};
  op.samples = in_both_floats({sample({"f32[5]", {"i64[3]", Fill::kIndex, 5}}, {{"axis", 0}}),
                               sample({"f32[10, n]", {"i32[m]", Fill::kIndex, 10}}, {{"axis", 0}}),
                               sample({"f32[n, 7, 3]", {"i64[m, 2]", Fill::kIndex, 7}}, {{"axis", 1}}),
                               sample({"f32[n, 4]", {"i64[]", Fill::kIndex, 4}}, {{"axis", 1}}),
                               sample_without_gradient({"f32[3, 1]", {"i32[0]", Fill::kIndex, 3}}, {{"axis", 0}})});
  op.samples.push_back(sample_without_gradient({{"i64[6, n]", Fill::kSmallInteger}, {"i64[m]", Fill::kIndex, 6}}, {{"axis", 0}}));
  op.bad_samples = {bad("C1", {"f32[3]", "f32[2]"}, {{"axis", 0}}),
                    bad("C1", {"f32[3]", "u32[2]"}, {{"axis", 0}}),
                    bad("C2", {"f32[3]", "i64[2]"}, {{"axis", 1}}),
                    bad("C2", {"f32[]", "i64[2]"}, {{"axis", 0}})};
  return op;
}

std::vector<Value> pick_gradient(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Shape shape = builder.shape(request.operands[0]);
  const int64_t axis = request.get<int64_t>("axis");
  const Integers others = other_axes({axis}, shape.rank());
  const Value indices = request.operands[1];
  const Expression number{builder, builder.call("iota", {}, {{"shape", shape}, {"axis", axis}, {"dtype", builder.dtype(indices)}})};
  const Expression picked = apply("equal", number, {builder, builder.broadcast(indices, shape, others)});
  const Expression dy{builder, builder.broadcast(request.cotangents[0], shape, others)};
  return {select(picked, dy, {builder, builder.full_like(0, dy)}), {}};
}

OpDef pick() {
  OpDef op;
  op.name = "pick";
  op.doc =
      std::string("One entry of data along an axis for each place in the others: result[a.., b..] = data[a.., indices[a.., b..], b..].") +
      kOutOfRange;
  op.operands = {{"data", "any dtype, rank 1 or more"}, {"indices", "i32 or i64, of data's shape without the axis"}};
  op.attributes = {{"axis", AttributeKind::kInteger, "of data, along which one entry is picked"}};
  op.rules = {{"C1", kIndexRule}, {"C2", "axis is an axis of data"}, {"C3", "indices have the shape of data without axis"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_indices(request, 1, "C1");
    const size_t axis = require_axis(request, "C2");
    const Shape shape = without(request.shape(0), {static_cast<int64_t>(axis)});
    request.require(request.shape(1) == shape, "C3", "indices must have shape " + shape.to_string());
    return {{request.dtype(0), shape}};
  };
  op.evaluate = [](const EvaluateRequest& request) -> std::vector<Tensor> {
    const Tensor& data = request.operands[0];
    const AxisView view(data.extents(), request.get<int64_t>("axis"));
    Tensor result = request.make_result();
    for (int64_t i = 0; i < result.size(); ++i) {
      copy_element(result, i, data, view.position(i / view.inner, checked_index(request, i, view.size), i % view.inner));
    }
    return {result};
  };
  op.gradient = GradientRule(pick_gradient);
  op.lowering = Index{Index::Kind::kPick, {}};
  op.samples = in_both_floats({sample({"f32[n, 10]", {"i64[n]", Fill::kIndex, 10}}, {{"axis", 1}}),
                               sample({"f32[5, n]", {"i32[n]", Fill::kIndex, 5}}, {{"axis", 0}}),
                               sample({"f32[n, 3, m]", {"i64[n, m]", Fill::kIndex, 3}}, {{"axis", 1}}),
                               sample({"f32[4]", {"i64[]", Fill::kIndex, 4}}, {{"axis", 0}}),
                               sample({"f32[n, 1]", {"i64[n]", Fill::kIndex, 1}}, {{"axis", 1}}),
                               sample({"f32[0, 3]", {"i64[0]", Fill::kIndex, 3}}, {{"axis", 1}})});
  op.samples.push_back(sample_without_gradient({{"bool[n, 2]", Fill::kBool}, {"i32[n]", Fill::kIndex, 2}}, {{"axis", 1}}));
  op.bad_samples = {bad("C1", {"f32[2, 3]", "f32[2]"}, {{"axis", 1}}),
                    bad("C2", {"f32[2, 3]", "i64[2]"}, {{"axis", 2}}),
                    bad("C3", {"f32[2, 3]", "i64[3]"}, {{"axis", 1}}),
                    bad("C3", {"f32[n, 3]", "i64[n, 1]"}, {{"axis", 1}})};
  return op;
}

std::vector<Tensor> evaluate_scatter_add(const EvaluateRequest& request) {
  const Tensor &indices = request.operands[1], &updates = request.operands[2];
  const AxisView view(request.operands[0].extents(), request.get<int64_t>("axis"));
  Tensor result = request.operands[0].clone();
  visit<Domain::kNumber>(result.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < indices.size(); ++i) {
      const int64_t index = checked_index(request, i, view.size);
      for (int64_t o = 0; o < view.outer; ++o) {
        for (int64_t n = 0; n < view.inner; ++n) {
          T& element = result.data<T>()[view.position(o, index, n)];
          element = add(element, updates.data<T>()[(o * indices.size() + i) * view.inner + n]);
        }
      }
    }
  });
  return {result};
}

OpDef scatter_add() {
  OpDef op;
  op.name = "scatter_add";
  op.doc = std::string("Data with updates[a.., i.., b..] added at [a.., indices[i..], b..], in the order of i; an index may repeat.") +
           kOutOfRange;
  op.operands = {{"data", "a number dtype, rank 1 or more"},
                 {"indices", "i32 or i64, any rank"},
                 {"updates", "data's shape with the axes of indices in place of the axis"}};
  op.attributes = {{"axis", AttributeKind::kInteger, "of data, which indices count along"}};
  op.rules = {{"C1", kIndexRule},
              {"C2", "axis is an axis of data"},
              {"C3", "updates have the type of what gather(data, indices) gives"},
              {"C4", "data is a float or integer dtype"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    require_indices(request, 1, "C1");
    const TensorType updates = gathered_type(request, require_axis(request, "C2"));
    request.require(request.operands[2] == updates, "C3", "updates must be " + updates.to_string());
    require_domain(request, 0, Domain::kNumber, "C4");
    return {request.operands[0]};
  };
  op.evaluate = evaluate_scatter_add;
  op.gradient = GradientRule([](const GradientRequest& request) -> std::vector<Value> {
    const Value dy = request.cotangents[0];
    if (!request.wanted[2]) return {dy, {}, {}};
    return {dy, {}, request.builder.call("gather", {dy, request.operands[1]}, request.attributes)};
  });
  op.lowering = Index{Index::Kind::kScatterAdd, {}};
  op.samples = in_both_floats({sample({"f32[5]", {"i64[8]", Fill::kIndex, 5}, "f32[8]"}, {{"axis", 0}}),
                               sample({"f32[10, n]", {"i32[m]", Fill::kIndex, 10}, "f32[m, n]"}, {{"axis", 0}}),
                               sample({"f32[n, 7, 3]", {"i64[m, 2]", Fill::kIndex, 7}, "f32[n, m, 2, 3]"}, {{"axis", 1}}),
                               sample({"f32[n, 4]", {"i64[]", Fill::kIndex, 4}, "f32[n]"}, {{"axis", 1}}),
                               sample({"f32[3, 1]", {"i32[0]", Fill::kIndex, 3}, "f32[0, 1]"}, {{"axis", 0}})});
  op.samples.push_back(sample_without_gradient(
      {{"i32[3]", Fill::kSmallInteger}, {"i64[m]", Fill::kIndex, 3}, {"i32[m]", Fill::kSmallInteger}}, {{"axis", 0}}));
  op.bad_samples = {bad("C1", {"f32[3]", "f32[2]", "f32[2]"}, {{"axis", 0}}),
                    bad("C2", {"f32[3]", "i64[2]", "f32[2]"}, {{"axis", 1}}),
                    bad("C3", {"f32[3]", "i64[2]", "f32[3]"}, {{"axis", 0}}),
                    bad("C3", {"f32[3]", "i64[2]", "f64[2]"}, {{"axis", 0}}),
                    bad("C4", {"bool[3]", "i64[2]", "bool[2]"}, {{"axis", 0}})};
  return op;
}

}  // namespace

void add_index_ops(OpRegistry& registry) {
  for (OpDef (*make)() : {constant, iota, dim_size, gather, pick, scatter_add}) registry.add(make());
}

}  // namespace sinter::ir
