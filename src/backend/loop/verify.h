// The rules of the loop language. Used after lowering (a broken rule is our bug) and by the parser (there it is the text's mistake); they
// hold for every kernel that the emitter and the evaluator see. What depends on values (bounds, races, garbage) is checked by the evaluator
// alone. Docs: docs/loop_language.md gives the reasons.
//
//   L1  names are words and new: variables, lets, accumulators and dims share one space, buffers have their own; `tile` is taken
//   L2  buffers of the caller come before scratch; scratch has a constant size; shapes and the number of tiles are over the dims
//   L3  a symbol in a Dim is a dim, `tile`, the variable of an enclosing loop, or a checked index before in an enclosing body
//   L4  a name in an expression is defined before, in an enclosing body
//   L5  dtypes fit: operations take what they are defined for, constants are in range, what is stored or bound has the dtype of its place
//   L6  an element is addressed by one index per axis; buffers of use `read` are not written
//   L7  extents of unrolled loops are constants up to 64; vector loops have a power of two of lanes, up to 64, and do not nest
//   L8  the same in all lanes: extents, branches, limits of checked indices, seeds of random bits. Not the same: the element that is
//   stored. No contract L9  an accumulator from outside a vector loop is, inside it, only updated or only read; all its updates there have
//   one operation L10 a checked index is made of an integer, and its site is one of the kernel's L11 a contract has three buffers of one
//   number dtype, C another than A and B; B's columns are next to each other; tile sizes are positive
//   L12 a transpose has two buffers of one dtype, and no more columns than it fills
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "backend/loop/loop_ir.h"
#include "base/error.h"

namespace sinter::loop {

/// Raises InternalError naming kernel, statement and rule.
void verify(const Kernel& kernel);

/// A broken rule and where: in a buffer, in a statement (counted from 0 in the order of the text), or, with neither, in the head of the
/// kernel.
struct Problem {
  ErrorCode code = ErrorCode::kType;  // kName or kType
  std::string rule, what;
  int32_t buffer = -1, statement = -1;
  std::string place;  // for people: the first line of the statement, or the buffer's name
};
/// The first problem in the order of the text.
std::optional<Problem> find_problem(const Kernel& kernel);

}  // namespace sinter::loop
