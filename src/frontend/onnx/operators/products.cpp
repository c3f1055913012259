// Matrix products: with leading axes spread, transposed, scaled, of integers.
#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Expression;
using ir::Value;

struct Product {
  Value lhs, rhs;
  bool wide = false;  // sums of 8-bit integers in 32 bits
};

/// NumPy's matmul: the last two axes are matrices, the axes before them are spread; an operand of rank 1 is a row, or a column.
Value matmul(Call& call, const Product& product) {
  ir::Builder& b = call.b;
  Value lhs = product.lhs, rhs = product.rhs;
  Shape l = b.shape(lhs), r = b.shape(rhs);
  if (l.rank() == 0 || r.rank() == 0) call.wrong("an operand of rank 0");
  const bool row = l.rank() == 1, column = r.rank() == 1;
  if (row) lhs = b.reshape(lhs, Shape{Dim(1), l[0]});
  if (column) rhs = b.reshape(rhs, Shape{r[0], Dim(1)});
  l = b.shape(lhs), r = b.shape(rhs);
  call.equal(l[l.rank() - 1], r[r.rank() - 2], "the inner sizes");
  const Shape l_batch(Dims(l.begin(), l.end() - 2)), r_batch(Dims(r.begin(), r.end() - 2));
  const Shape batch = call.common_shape(l_batch, r_batch);
  Integers axes;
  if (r_batch.rank() > 0) {  // a matrix on the right takes all rows of the left at once
    for (size_t i = 0; i < batch.rank(); ++i) axes.push_back(static_cast<int64_t>(i));
    const auto spread = [&](Value value, const Shape& shape) {
      Shape wanted = batch;
      wanted.push_back(shape[shape.rank() - 2]);
      wanted.push_back(shape[shape.rank() - 1]);
      return b.broadcast_to(value, wanted);
    };
    lhs = spread(lhs, l);
    rhs = spread(rhs, r);
  }
  const int64_t depth = static_cast<int64_t>(b.shape(lhs).rank()) - 1, r_depth = static_cast<int64_t>(b.shape(rhs).rank()) - 2;
  ir::Attributes attributes{
      {"lhs_batch", axes}, {"rhs_batch", axes}, {"lhs_contract", Integers{depth}}, {"rhs_contract", Integers{r_depth}}};
  if (product.wide) attributes["wide"] = true;
  Value result = b.call("dot_general", {lhs, rhs}, attributes);
  Shape shape = batch;
  if (!row) shape.push_back(l[l.rank() - 2]);
  if (!column) shape.push_back(r[r.rank() - 1]);
  return b.reshape(result, shape);
}

void import_matmul(Call& call) {
  if (call.dtype(0) != call.dtype(1)) call.wrong("its operands are " + call.type(0).to_string() + " and " + call.type(1).to_string());
  call.set(0, matmul(call, {call.value(0), call.value(1)}));
}

void import_gemm(Call& call) {
  ir::Builder& b = call.b;
  if (call.rank(0) != 2 || call.rank(1) != 2 || call.dtype(0) != call.dtype(1))
    call.wrong("its operands are " + call.type(0).to_string() + " and " + call.type(1).to_string());
  const int64_t depth_l = call.integer("transA", 0) != 0 ? 0 : 1, depth_r = call.integer("transB", 0) != 0 ? 1 : 0;
  call.equal(call.shape(0)[static_cast<size_t>(depth_l)], call.shape(1)[static_cast<size_t>(depth_r)], "the inner sizes");
  const double alpha = call.number("alpha", 1), beta = call.number("beta", 1);
  const bool scales = is_float(call.dtype(0));
  if (!scales && (alpha != 1 || beta != 1)) call.unsupported("scaled products of integers");
  Expression result(
      b, b.call("dot_general", {call.value(0), call.value(1)}, {{"lhs_contract", Integers{depth_l}}, {"rhs_contract", Integers{depth_r}}}));
  if (alpha != 1) result = alpha * result;
  if (call.has(2) && beta != 0) {
    const Shape shape = b.shape(result);
    Expression c(b, call.spread(call.value(2), call.common_shape(shape, call.shape(2))));
    if (beta != 1) c = beta * c;
    result = result + c;
  }
  call.set(0, result);
}

/// An operand without its zero point, in 32 bits. One zero point per row lies along the rows of the left, the columns of the right.
Value centred(Call& call, size_t operand, size_t zero, bool rows) {
  ir::Builder& b = call.b;
  const Value value = b.cast(call.value(operand), DType::kI32);
  if (!call.has(zero)) return value;
  Value point = b.cast(call.value(zero), DType::kI32);
  if (rows && b.shape(point).rank() == 1 && b.shape(point)[0] != Dim(1)) point = b.reshape(point, Shape{b.shape(point)[0], Dim(1)});
  return b.call("subtract", {value, call.spread(point, call.common_shape(b.shape(value), b.shape(point)))});
}

void import_matmul_integer(Call& call) { call.set(0, matmul(call, {centred(call, 0, 2, true), centred(call, 1, 3, false)})); }

}  // namespace

void add_products(OperatorTable& table) {
  table.push_back({"MatMul", 1, import_matmul});
  table.push_back({"Gemm", 1, import_gemm});
  table.push_back({"MatMulInteger", 10, import_matmul_integer});
}

}  // namespace sinter::onnx
