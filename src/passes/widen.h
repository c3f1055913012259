// Widen: f16 and bf16 are storage. Every op that computes (ir::widens) on them becomes casts to f32, the op in f32, and casts of its results back, so that
// gradients, fusion and kernels meet narrow dtypes in casts, in what moves elements and in contractions only.
//
// Runs while composites are whole, which then round their result alone, and again behind `grad`, which adds up cotangents of narrow values.
#pragma once

#include "ir/module.h"

namespace sinter::passes {

ir::Module widen(const ir::Module& module);

}  // namespace sinter::passes
