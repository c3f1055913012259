// The loop language: one kernel as a tile program. Lowering writes it, the LLVM emitter reads it, and it prints, parses, verifies
// and runs on a slow evaluator that checks races and bounds (text.h, verify.h, evaluate.h). Documented in docs/loop_language.md.
//
// A kernel computes tiles 0 .. tiles-1, each independent of the others. Its body runs once per tile with the symbol `tile`
// bound. Integer quantities (sizes, indices, trip counts) are Dims over the kernel's dims, `tile` and the variables of the
// enclosing loops. Element values are expressions. Nothing here names LLVM or an instruction set.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/dim.h"
#include "base/dtype.h"
#include "base/scalar.h"
#include "base/shape.h"

namespace sinter::loop {

/// What kWrite and kScratch hold at the start of a tile is garbage; a tile may read back what it has written.
enum class BufferUse : uint8_t { kRead, kWrite, kReadWrite, kScratch };

/// A row-major array. Scratch belongs to the participant; its size is constant.
struct Buffer {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  BufferUse use = BufferUse::kRead;
};

/// lower <= value < upper.
struct Range {
  Dim value, lower, upper;
};

struct Expression;
using ExpressionRef = std::shared_ptr<const Expression>;

/// A value of one element (of `lanes` elements inside a vector loop; lanes are never named).
struct Expression {
  enum class Kind : uint8_t {
    kConstant,  // `number` (floats) or `integer` (integers and bool)
    kIndex,     // the value of `index`, as i64
    kLoad,      // buffer[indices]
    kApply,     // op(arguments); kCast and kBitcast go to `dtype`
    kName,      // a name defined by Let or Declare
    kGuarded,   // arguments[0] when all `ranges` hold, else arguments[1]; only the side taken is evaluated (its loads may be out of bounds else)
  };
  Kind kind = Kind::kConstant;
  DType dtype = DType::kF32;
  double number = 0;
  int64_t integer = 0;
  Dim index;
  int32_t buffer = -1;
  std::vector<Dim> indices;  // one per axis of the buffer
  ScalarOp op = ScalarOp::kAdd;
  std::vector<ExpressionRef> arguments;
  std::string name;
  std::vector<Range> ranges;
};

ExpressionRef constant(DType dtype, double value);  // any dtype; converted exactly or saturated
ExpressionRef integer_constant(DType dtype, int64_t value);
ExpressionRef index_value(Dim index);
ExpressionRef load(int32_t buffer, DType dtype, std::vector<Dim> indices);
ExpressionRef apply(ScalarOp op, std::vector<ExpressionRef> arguments);
ExpressionRef cast(ExpressionRef value, DType dtype);
ExpressionRef bitcast(ExpressionRef value, DType dtype);
ExpressionRef named(std::string name, DType dtype);
ExpressionRef guarded(std::vector<Range> ranges, ExpressionRef then, ExpressionRef otherwise);

struct Statement;
using Body = std::vector<Statement>;

enum class LoopKind : uint8_t {
  kSerial,
  kUnrolled,  // constant extent, at most 64
  kVector,    // the iterations run `lanes` at a time, in lockstep, the last ones under a mask; nests no other vector loop; one lane: serial
};

/// for variable in 0 .. extent-1; the extent is never negative. In a vector loop, inner loops' extents must not depend on `variable`, and no
/// iteration touches an element that another writes.
struct For {
  std::string variable;
  Dim extent;
  LoopKind kind = LoopKind::kSerial;
  int lanes = 1;
  Body body;
};

/// A single-assignment name, visible to the end of the enclosing body.
struct Let {
  std::string name;
  ExpressionRef value;
};

/// An accumulator.
struct Declare {
  std::string name;
  ExpressionRef initial;  // the dtype is the accumulator's
};

/// name = op(name, value), op one of add, multiply, maximum, minimum, and, or. When the accumulator was declared outside the enclosing vector
/// loop, each lane keeps a partial (starting from op's identity) and the partials are combined with the accumulator after the loop in the order of a
/// fixed tree: lanes halved until one is left (lane i with lane i + n/2), then op(accumulator, that). Inside the loop it is not read.
struct Update {
  std::string name;
  ScalarOp op = ScalarOp::kAdd;
  ExpressionRef value;
};

/// name = value. Not for accumulators declared outside an enclosing vector loop.
struct Assign {
  std::string name;
  ExpressionRef value;
};

/// With `stream_beyond`, a buffer of more bytes than that is better written past the caches (a hint: it changes no value).
struct Store {
  int32_t buffer = -1;
  std::vector<Dim> indices;
  ExpressionRef value;
  int64_t stream_beyond = 0;  // 0: no such hint
};

/// An element that is read soon: a hint, which changes no value. It need not be there.
struct Prefetch {
  int32_t buffer = -1;
  std::vector<Dim> indices;
};

/// Defines `variable` as an integer from data, usable in Dims, to the end of the enclosing body. When it is not in [0, upper) the kernel stops with
/// SINTER_INDEX_OUT_OF_RANGE and failure site `site`; lanes that are masked off do not count.
struct CheckedIndex {
  std::string variable;
  ExpressionRef value;  // an integer
  Dim upper;
  int32_t site = 0;
};

/// A uniform branch: the ranges must not depend on a vector variable.
struct If {
  std::vector<Range> ranges;
  Body then, otherwise;
};

/// How many neighbours in depth one element of B holds: 1, or by an A of bf16 (C is f32) or of bytes (C is i32) 2 or 4, in words of u32.
int contract_group(DType a, DType b);

/// One operand of a contract: element (row or column r, depth k) of batch b is at linear element
/// offset + r*stride + k*depth_stride + b*batch_stride of the buffer; of a gathered A, table[first + r] stands for r*stride.
struct ContractOperand {
  int32_t buffer = -1;
  Dim offset, stride, depth_stride, batch_stride;
  int32_t table = -1;  // a buffer of i64
  Dim first;
};

/// C[m, n] (+)= sum over b < batches, k < depth of A_b[m, k] * B_b[k, n]: the batch-reduce GEMM on a register tile. For each (m, n) the
/// products are added by fused multiply-add (multiply, then add, where the target has none), k ascending within b ascending, from C when `accumulate`
/// and `after` is not 0, else from 0 (C is not read then).
/// Where B is of words (contract_group), depth counts elements of A, whose depth_stride is 1, and B's depth_stride is that of a word; bf16 are multiplied as
/// f32 and bytes as i32 (those of B are signed), and the pairs of a word are added the second before the first; what is beyond the depth counts as 0.
/// B has unit column stride (b.stride is 1), C too. Columns beyond `columns` are neither read nor written. C overlaps neither A nor B.
struct Contract {
  int32_t c = -1;
  Dim c_offset, c_row_stride;
  ContractOperand a, b;
  Dim rows, columns, depth, batches = 1;
  int max_rows = 1;     // rows <= max_rows: tile height the microkernel is made for
  int max_columns = 1;  // columns <= max_columns, a multiple of the lanes of the target
  bool accumulate = false;
  Dim after = 1;          // of a contract that accumulates: so that the first of a loop of them needs no zeros in C
  bool a_raised = false;  // by words: elements of A, i8, count 128 more than they are
  bool a_spread = false;  // each element of A stands a.stride times in a row, a constant: the lanes of the target
  int32_t ahead = -1;     // a hint, no access: while step k is computed, the line at ahead_offset + k*ahead_stride of this buffer may be fetched
  Dim ahead_offset, ahead_stride;
};

/// to[r, c] = from[c, r] for r < rows, c < columns, and 0 for columns <= c < filled: a copy that swaps which axis is unit-stride. Element (r, c) of
/// `to` is at offset + r*row_stride + c of its buffer, of `from` at from_offset + c*column_stride + r. The memories do not overlap.
struct Transpose {
  int32_t to = -1, from = -1;
  Dim offset, row_stride;
  Dim from_offset, column_stride;
  Dim rows, columns;
  int64_t filled = 0;  // 0: nothing is filled; else columns <= filled
};

struct Statement {
  std::variant<For, Let, Declare, Update, Assign, Store, Prefetch, CheckedIndex, If, Contract, Transpose> node;
};

struct Kernel {
  std::string name;
  std::vector<Buffer> buffers;    // those with use != kScratch come first, in the order of SinterArgs::buffers
  std::vector<std::string> dims;  // symbols whose values are SinterArgs::dims, in order
  Dim tiles = 1;
  int32_t failure_sites = 0;
  Body body;
};

}  // namespace sinter::loop
