// The two statements of every View record agree: element by element, the first piece that applies names the element that the evaluator moves.
#include <gtest/gtest.h>

#include "ir/ops/reference.h"
#include "ir/sample_calls.h"

namespace sinter::ir {
namespace {

/// The result that the pieces describe.
Tensor from_pieces(const std::vector<Piece>& pieces, const std::vector<Tensor>& operands, Tensor result, const SymbolValues& symbols) {
  SymbolValues values = symbols;
  int64_t element = 0;
  for_each_index(result.extents(), [&](const Extents& index) {
    for (size_t k = 0; k < index.size(); ++k) values["i" + std::to_string(k)] = index[k];
    const auto holds = [&](const Guard& guard) {
      const int64_t value = guard.value.evaluate(values);
      return guard.lower.evaluate(values) <= value && value < guard.upper.evaluate(values);
    };
    const auto applies = [&](const Piece& piece) { return std::all_of(piece.guards.begin(), piece.guards.end(), holds); };
    const auto piece = std::find_if(pieces.begin(), pieces.end(), applies);
    if (piece == pieces.end()) throw Error(ErrorCode::kCheck, "no piece applies");
    const Tensor& operand = operands.at(static_cast<size_t>(piece->operand));
    int64_t source = 0;
    for (size_t k = 0; k < operand.rank(); ++k) {
      const int64_t entry = piece->index.at(k).evaluate(values);
      if (entry < 0 || entry >= operand.extents()[k]) throw Error(ErrorCode::kCheck, "index outside of the operand");
      source = source * operand.extents()[k] + entry;
    }
    const size_t bytes = size_in_bytes(result.dtype());
    std::copy_n(static_cast<const char*>(operand.raw()) + static_cast<size_t>(source) * bytes, bytes,
                static_cast<char*>(result.raw()) + static_cast<size_t>(element++) * bytes);
  });
  return result;
}

std::vector<Piece> pieces_of(const OpDef& op, const Sample& sample, const TensorType& result) {
  std::vector<TensorType> operands;
  for (const SampleOperand& operand : sample.operands) operands.push_back(operand.type);
  std::vector<Dim> index;
  for (size_t k = 0; k < result.shape.rank(); ++k) index.push_back(Dim::symbol("i" + std::to_string(k)));
  return std::get<View>(op.lowering).pieces({operands, result, sample.attributes, index, op});
}

TEST(ViewPieces, MoveTheElementsThatTheEvaluatorMoves) {
  int records = 0;
  for (const auto& op : OpRegistry::instance().all()) {
    if (!std::holds_alternative<View>(op->lowering)) continue;
    ++records;
    for (size_t s = 0; s < op->samples.size(); ++s) {
      const Sample& sample = op->samples[s];
      const Graph graph = call_of(*op, sample);
      const TensorType type = graph.result_types()[0];
      const std::vector<Piece> pieces = pieces_of(*op, sample, type);
      for (const SymbolValues& symbols : assignments(sample, {0, 1, 2, 5})) {
        SCOPED_TRACE(describe(*op, s, symbols));
        const std::vector<Tensor> operands = filled(sample, symbols);
        const Tensor expected = evaluate(graph, operands, symbols)[0];
        EXPECT_TRUE(same_bits(expected, from_pieces(pieces, operands, Tensor(type.dtype, type.shape.evaluate(symbols)), symbols)));
      }
    }
  }
  EXPECT_GE(records, 7);
}

std::string reshape_index(const Shape& from, const Shape& to) {
  const OpDef& op = OpRegistry::instance().get("reshape");
  const Sample sample{{{{DType::kF32, from}}}, {{"shape", to}}};
  const std::vector<Piece> pieces = pieces_of(op, sample, {DType::kF32, to});
  std::string text;
  for (const Dim& entry : pieces.at(0).index) text += (text.empty() ? "" : ", ") + entry.to_string();
  return text;
}

TEST(ViewPieces, ReshapePassesUntouchedAxesThrough) {
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
}  // namespace sinter::ir
