// Inputs at the edges of each dtype: zeros of both signs, infinities, NaN, subnormals, the largest and smallest, bits all set. What is
// exactly defined has one answer for them too, on every path.
#pragma once

#include <map>
#include <string>

#include "ir/op_def.h"

namespace sinter::test {

/// As make_inputs, but with special values; operands that hold indices keep theirs. Raises as it does.
std::map<std::string, Tensor> make_special_inputs(const ir::OpDef& op, const ir::Sample& sample, const SymbolValues& symbols,
                                                  uint32_t seed);

/// Sizes beyond the tiles and blocks of lowering, as many as keep the operands small enough to evaluate slowly: each symbol large in turn.
std::vector<SymbolValues> large_symbol_choices(const ir::OpDef& op, const ir::Sample& sample);

}  // namespace sinter::test
