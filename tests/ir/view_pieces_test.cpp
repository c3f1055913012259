// The two statements of every View record agree: element by element, the first piece that applies names the element that the evaluator
// moves.
#include <gtest/gtest.h>

#include <algorithm>

#include "ir/evaluate.h"
#include "ir/text.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

std::vector<ir::Piece> pieces_of(const ir::OpDef& op, const std::vector<TensorType>& operands, const ir::Attributes& attributes) {
  const TensorType result = ir::infer_types(op, operands, attributes).at(0);
  std::vector<Dim> index;
  for (size_t k = 0; k < result.shape.rank(); ++k) index.push_back(Dim::symbol("i" + std::to_string(k)));
  return std::get<ir::View>(op.lowering).pieces({operands, result, attributes, index, op});
}

bool holds(const ir::Guard& guard, const SymbolValues& values) {
  const int64_t value = guard.value.evaluate(values);
  return guard.lower.evaluate(values) <= value && value < guard.upper.evaluate(values);
}

/// The bytes of the element that the first piece that applies names; Error kCheck when none applies or it points outside of its operand.
std::string element_by_pieces(const std::vector<ir::Piece>& pieces, const std::vector<Tensor>& operands, const SymbolValues& values) {
  const auto applies = [&](const ir::Piece& piece) {
    return std::all_of(piece.guards.begin(), piece.guards.end(), [&](const ir::Guard& guard) { return holds(guard, values); });
  };
  const auto piece = std::find_if(pieces.begin(), pieces.end(), applies);
  if (piece == pieces.end()) throw Error(ErrorCode::kCheck, "no piece applies");
  const Tensor& operand = operands.at(static_cast<size_t>(piece->operand));
  if (piece->index.size() != operand.rank()) throw Error(ErrorCode::kCheck, "a piece's index has another rank than its operand");
  int64_t source = 0;
  for (size_t k = 0; k < operand.rank(); ++k) {
    const int64_t entry = piece->index[k].evaluate(values);
    if (entry < 0 || entry >= operand.extents()[k]) throw Error(ErrorCode::kCheck, "a piece points outside of its operand");
    source = source * operand.extents()[k] + entry;
  }
  const size_t bytes = size_in_bytes(operand.dtype());
  return {static_cast<const char*>(operand.raw()) + static_cast<size_t>(source) * bytes, bytes};
}

/// Compares all elements; returns how many.
int64_t expect_agreement(const std::vector<ir::Piece>& pieces, const std::vector<Tensor>& operands, const Tensor& result,
                         SymbolValues values) {
  const size_t bytes = size_in_bytes(result.dtype());
  const Extents strides = row_major_strides(result.extents());
  for (int64_t i = 0; i < result.size(); ++i) {
    for (size_t k = 0; k < strides.size(); ++k) values["i" + std::to_string(k)] = i / strides[k] % result.extents()[k];
    const std::string expected(static_cast<const char*>(result.raw()) + static_cast<size_t>(i) * bytes, bytes);
    EXPECT_EQ(element_by_pieces(pieces, operands, values), expected) << "element " << i << " of " << result.type_string();
  }
  return result.size();
}

class ViewPieces : public testing::TestWithParam<const ir::OpDef*> {};

std::vector<const ir::OpDef*> view_ops() {
  std::vector<const ir::OpDef*> ops = all_ops();
  std::erase_if(ops, [](const ir::OpDef* op) { return !std::holds_alternative<ir::View>(op->lowering); });
  return ops;
}
INSTANTIATE_TEST_SUITE_P(Ops, ViewPieces, testing::ValuesIn(view_ops()), OpName());

TEST_P(ViewPieces, MoveTheElementsThatTheEvaluatorMoves) {
  const ir::OpDef& op = *GetParam();
  int64_t elements = 0;
  for (const ir::Sample& sample : op.samples) {
    const ir::Module module = module_of(op, sample);
    const std::vector<ir::Piece> pieces = pieces_of(op, operand_types(sample), sample.attributes);
    for (const SymbolValues& symbols : symbol_choices(sample)) {
      std::string trace = ir::print(module);
      for (const auto& [symbol, value] : symbols) trace += symbol + " = " + std::to_string(value) + " ";
      SCOPED_TRACE(trace);
      std::map<std::string, Tensor> inputs;
      try {
        inputs = make_inputs(op, sample, symbols, 1);
      } catch (const Error&) {
        continue;  // a dim below zero
      }
      std::vector<Tensor> operands;
      for (size_t i = 0; i < sample.operands.size(); ++i) operands.push_back(inputs.at(operand_name(op, i)));
      elements += expect_agreement(pieces, operands, ir::evaluate(module, "main", inputs, symbols).at("result"), symbols);
    }
  }
  EXPECT_GT(elements, 100);
}

std::string reshape_index(const Shape& from, const Shape& to) {
  const std::vector<ir::Piece> pieces = pieces_of(ir::OpRegistry::instance().get("reshape"), {{DType::kF32, from}}, {{"shape", to}});
  std::string text;
  for (const Dim& entry : pieces.at(0).index) text += (text.empty() ? "" : ", ") + entry.to_string();
  return text;
}

TEST(ReshapePieces, PassUntouchedAxesThrough) {
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  EXPECT_EQ(reshape_index({n, 3, 4}, {n, 12}), "i0, floordiv(i1, 4), mod(i1, 4)");
  EXPECT_EQ(reshape_index({n, 12}, {n, 3, 4}), "i0, 4*i1 + i2");
  EXPECT_EQ(reshape_index({n, m, 5}, {n, 1, m, 5, 1}), "i0, i2, i3");
  EXPECT_EQ(reshape_index({1, n, 1}, {n}), "0, i0, 0");
  EXPECT_EQ(reshape_index({n * m, 3}, {n, m, 3}), "i0*m + i1, i2");
  EXPECT_EQ(reshape_index({n, m, 3}, {n * m, 3}), "floordiv(i0, m), mod(i0, m), i1");
  EXPECT_EQ(reshape_index({4, 6, n}, {2, 2, 6, n}), "2*i0 + i1, i2, i3");
}

}  // namespace
}  // namespace sinter::test
