// Group contracts: contractions of narrow dtypes become what kernels have. Products of bf16, and of bytes by i8, whose result is wide, read their rhs as panels of
// words, each of 2 or 4 neighbours in depth (dot_panels); every other contraction of f16, bf16 or of small integers into i32 is one of f32 or i32 behind casts,
// and a narrow result is a wide one rounded.
//
// Runs on canonical contractions, before pack_operands, which packs the f32 ones. The words are made by ordinary ops, so those of weights are computed ahead.
#pragma once

#include <functional>

#include "ir/module.h"

namespace sinter::passes {

/// What the target wants of a product [rows, depth] by [depth, columns] whose sums are of this dtype, `group` neighbours to a word.
struct WordPacking {
  int64_t width = 1;            // columns of a panel
  bool unsigned_bytes = false;  // elements of an lhs of i8 count 128 more, what that adds is taken from the sums again
};
using WordPackingRule = std::function<WordPacking(const Dim& rows, const Dim& columns, const Dim& depth, DType sums, int group)>;

ir::Module group_contracts(const ir::Module& module, const WordPackingRule& packing);

}  // namespace sinter::passes
