#include "passes/group_contracts.h"

#include <algorithm>

#include "ir/op_def.h"
#include "passes/cse.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Builder;
using ir::Integers;
using ir::Value;

/// So few rows wait for the rhs, and their bytes are raised as they are read; in more, that would take the place of products.
constexpr int64_t kFewRows = 8;

/// A contraction in canonical form: each operand is [batch.., free.., depth..] or [batch.., depth.., free..].
struct Form {
  size_t batch_axes, depth_axes;
  bool lhs_depth_last, rhs_depth_first;
  Dim batch = 1, rows = 1, columns = 1, depth = 1;

  Form(const Shape& lhs, const Shape& rhs, const ir::Node& node) {
    const auto axes = [&](std::string_view name) { return ir::get_attribute<Integers>(*node.op, node.attributes, name); };
    const Integers lhs_contract = axes("lhs_contract"), rhs_contract = axes("rhs_contract");
    batch_axes = axes("lhs_batch").size(), depth_axes = lhs_contract.size();
    const size_t row_axes = lhs.rank() - batch_axes - depth_axes, column_axes = rhs.rank() - batch_axes - depth_axes;
    lhs_depth_last = depth_axes == 0 || lhs_contract[0] == static_cast<int64_t>(batch_axes + row_axes);
    rhs_depth_first = depth_axes == 0 || rhs_contract[0] == static_cast<int64_t>(batch_axes);
    const size_t row = lhs_depth_last ? batch_axes : batch_axes + depth_axes, inner = lhs_depth_last ? batch_axes + row_axes : batch_axes;
    const size_t column = rhs_depth_first ? batch_axes + depth_axes : batch_axes;
    batch = lhs.element_count(0, batch_axes), rows = lhs.element_count(row, row + row_axes);
    depth = lhs.element_count(inner, inner + depth_axes), columns = rhs.element_count(column, column + column_axes);
  }
};

/// Exchanges the run of axes from `batch` on with the one behind it, which begins at `middle`.
Value exchanged(Builder& builder, Value value, size_t batch, size_t middle) {
  const size_t rank = builder.shape(value).rank();
  if (middle == batch || middle == rank) return value;
  Integers permutation;
  for (size_t axis = 0; axis < rank; ++axis) permutation.push_back(static_cast<int64_t>(axis));
  std::rotate(permutation.begin() + static_cast<std::ptrdiff_t>(batch), permutation.begin() + static_cast<std::ptrdiff_t>(middle), permutation.end());
  return builder.call("transpose", {value}, {{"permutation", permutation}});
}

Integers run(size_t first, size_t count) {
  Integers axes;
  for (size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(first + i));
  return axes;
}

/// [batch, depth, columns] as u32 [batch, panel, word of the depth, column of the panel].
Value words_of(Builder& builder, Value rhs, const Form& form, int group, int64_t width) {
  const Dim words = ceil_div(form.depth, group), panels = ceil_div(form.columns, width);
  const DType dtype = builder.dtype(rhs), bits = group == 2 ? DType::kU16 : DType::kU8;
  Value value = builder.reshape(rhs, {form.batch, form.depth, form.columns});
  const Shape missing{0, words * group - form.depth, panels * width - form.columns};
  if (missing != Shape{0, 0, 0}) value = builder.call("pad", {value, builder.scalar(0, dtype)}, {{"low", Shape{0, 0, 0}}, {"high", missing}});
  value = builder.reshape(builder.call("bitcast", {value}, {{"dtype", bits}}), {form.batch, words, group, panels * width});
  const Shape plane{form.batch, words, panels * width};
  Value packed;
  for (int i = 0; i < group; ++i) {
    const ir::Attributes box{{"starts", Shape{0, 0, i, 0}}, {"limits", Shape{form.batch, words, i + 1, panels * width}}, {"strides", Integers{1, 1, 1, 1}}};
    const Value part = builder.call("slice", {value}, box);
    Value wide = builder.cast(builder.reshape(part, plane), DType::kU32);
    if (i > 0) wide = builder.call("shift_left", {wide, builder.full(32.0 / group * i, DType::kU32, plane)});
    packed = i == 0 ? wide : builder.call("or", {packed, wide});
  }
  return builder.call("transpose", {builder.reshape(packed, {form.batch, words, panels, width})}, {{"permutation", Integers{0, 2, 1, 3}}});
}

/// 128 times the sums of the rhs, [batch.., depth.., columns..], along its depth, spread over the rows of the product.
Value offset_of(Builder& builder, Value rhs, const Form& form, const Shape& product) {
  const Value sums = builder.reduce("reduce_sum", builder.cast(rhs, DType::kI32), run(form.batch_axes, form.depth_axes));
  const Shape shape = builder.shape(sums);
  const Value scaled = builder.call("multiply", {sums, builder.full(128, DType::kI32, shape)});
  Integers axes = run(0, form.batch_axes);
  for (const int64_t axis : run(product.rank() - (shape.rank() - form.batch_axes), shape.rank() - form.batch_axes)) axes.push_back(axis);
  return builder.broadcast(scaled, product, axes);
}

class Grouping {
 public:
  Grouping(Rewriter& rewriter, const ir::Node& node, const WordPackingRule& packing)
      : builder_(rewriter.builder()), node_(node), packing_(packing), lhs_(rewriter.at(node.operands[0])), rhs_(rewriter.at(node.operands[1])),
        result_(rewriter.from().type(node.results[0])), dtypes_{builder_.dtype(lhs_), builder_.dtype(rhs_)} {}

  /// What becomes of the contraction, or nothing: it is one of the usual dtypes.
  std::optional<Value> operator()() {
    const bool wide = ir::get_attribute<bool>(*node_.op, node_.attributes, "wide");
    const DType sums = is_narrow(dtypes_[0]) ? DType::kF32 : result_.dtype;
    if (sums == dtypes_[0] && sums == dtypes_[1]) return std::nullopt;
    const bool words = dtypes_[0] == DType::kBF16 || (wide && size_in_bytes(dtypes_[0]) == 1 && dtypes_[1] == DType::kI8);
    return builder_.cast(words ? in_words(sums) : behind_casts(sums), result_.dtype);
  }

 private:
  Value behind_casts(DType sums) {
    ir::Attributes attributes = node_.attributes;
    attributes.erase("wide");
    return builder_.call("dot_general", {builder_.cast(lhs_, sums), builder_.cast(rhs_, sums)}, std::move(attributes));
  }

  Value in_words(DType sums) {
    const Form form(builder_.shape(lhs_), builder_.shape(rhs_), node_);
    const int group = dtypes_[0] == DType::kBF16 ? 2 : 4;
    const WordPacking packing = packing_(form.rows, form.columns, form.depth, sums, group);
    const size_t depth = form.depth_axes, batch = form.batch_axes;
    const Value lhs = form.lhs_depth_last ? lhs_ : exchanged(builder_, lhs_, batch, batch + depth);
    const Value rhs = form.rhs_depth_first ? rhs_ : exchanged(builder_, rhs_, batch, builder_.shape(rhs_).rank() - depth);
    ir::Attributes attributes = node_.attributes;
    attributes["lhs_contract"] = run(builder_.shape(lhs).rank() - depth, depth);
    attributes["rhs_contract"] = run(batch, depth);
    attributes["rhs_shape"] = builder_.shape(rhs);
    attributes["width"] = packing.width;
    attributes["wide"] = true;
    const bool raised = dtypes_[0] == DType::kI8 && packing.unsigned_bytes;
    const bool few = form.rows.as_constant().value_or(kFewRows + 1) <= kFewRows;
    if (raised && few) attributes["raised"] = true;
    const Value left = raised && !few ? raised_bytes(lhs) : lhs;
    const Value product = builder_.call("dot_panels", {left, words_of(builder_, rhs, form, group, packing.width)}, std::move(attributes));
    if (!raised) return product;
    return builder_.call("subtract", {product, offset_of(builder_, rhs, form, builder_.shape(product))});
  }

  /// x + 128 as u8: the sign bit the other way round.
  Value raised_bytes(Value x) {
    const Value flipped = builder_.call("xor", {x, builder_.full(-128, DType::kI8, builder_.shape(x))});
    return builder_.call("bitcast", {flipped}, {{"dtype", DType::kU8}});
  }

  Builder& builder_;
  const ir::Node& node_;
  const WordPackingRule& packing_;
  const Value lhs_, rhs_;
  const TensorType result_;
  const DType dtypes_[2];
};

/// Whether the graph or a region of it has something for this pass.
bool has_narrow_contract(const ir::Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [&](const ir::Node& node) {
    if (std::any_of(node.regions.begin(), node.regions.end(), has_narrow_contract)) return true;
    return node.op->name == "dot_general" && size_in_bytes(graph.type(node.operands[0]).dtype) <= 2;
  });
}

}  // namespace

ir::Module group_contracts(const ir::Module& module, const WordPackingRule& packing) {
  if (std::none_of(module.functions.begin(), module.functions.end(), [](const ir::Function& function) { return has_narrow_contract(function.graph); }))
    return module;
  const auto rule = [&](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<Value>> {
    if (node.op->name != "dot_general") return std::nullopt;
    const std::optional<Value> value = Grouping(rewriter, node, packing)();
    if (!value) return std::nullopt;
    return std::vector<Value>{*value};
  };
  return cse(map_graphs(module, [&](const ir::Graph& graph) { return rewrite(graph, rule); }));  // products share operands, and their words
}

}  // namespace sinter::passes
