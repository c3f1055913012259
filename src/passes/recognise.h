// Recognise: raises what is written by hand, or by an exporter, to the op that it is: x * 0.5 * (1 + erf(x / sqrt 2)) to
// gelu, mean and variance to layer_norm, exponentials and their sum to softmax. Its counterpart is expand. First in the
// driver's list, because gradients of composites are shorter, and more accurate, than those of their expansions.
//
// Results are equal or better, never others. A form without a guard against overflow (exp(x) / sum(exp(x)), log of a
// softmax, log(1 + exp(x))) becomes the op that has one: numbers where there were NaN or infinities; only a row with
// +inf in it is NaN in all its places. E[x^2] - E[x]^2 is not raised: its rounding is another. A form is left alone
// where others read its parts, or where a gradient is by a value within the graph.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

/// Unchanged where nothing is found; else functions in which something was are simplified too.
ir::Module recognise(const ir::Module& module);

}  // namespace sinter::passes
