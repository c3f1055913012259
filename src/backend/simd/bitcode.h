// The vector math library as LLVM bitcode, one module per instruction-set level, compiled at build time and embedded.
// Used by the LLVM emitter, which links it into a kernel's module and inlines it. Knows nothing of LLVM itself.
//
// A function of one operand is `<16 x float> @sinter_exp_f32x16(<16 x float>)`, by value, or `float @sinter_exp_f32x1(float)`
// with the same bits as any lane of the vector. Vector functions are marked alwaysinline where that pays. They read no memory but
// constants, call nothing outside the module, and need the target-cpu and target-features of the level (of every function in
// the kernel's module: inlining silently fails where they differ).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/dtype.h"
#include "base/machine.h"
#include "base/scalar.h"

namespace sinter::backend::simd {

/// The module for a level (v4-bf16 has v4's).
std::span<const std::byte> math_bitcode(TargetLevel level);

/// The name of the function that computes `op` on `dtype` (for random_bits: u32, the result's), or nothing where the library has none.
/// `lanes` is 1 or the number that fills a register of the level; each module holds only these two.
/// random_bits is `<16 x i32> @sinter_random_bits_u32x16(i32 seed, i32 step, i32 stream, <16 x i64> index)`.
std::optional<std::string> math_symbol(ScalarOp op, DType dtype, int lanes);

}  // namespace sinter::backend::simd
