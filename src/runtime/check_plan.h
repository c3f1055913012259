// The plan checker: whether the memory and the order that the runtime made of a program keep every value alive for whoever reads it,
// whichever participant runs what when. It reads only what kernels touch, and offsets; it knows nothing of how either was found, and shares
// no code with what made them. Used by tests on every program they compile.
//
//   M1  buffers of the arena lie inside it, on multiples of 64 bytes; others have no offset
//   M2  a buffer that takes over another's memory lies where that lies
//   M3  two buffers of the arena that live at the same time do not overlap, but for one that takes over the other at the kernel that ends
//       one and begins the other
//   M4  of two kernels that touch a byte, one of them writing, the later comes after the earlier: by dependencies, through others too, or by
//       segments
//   M5  what a kernel reads was written before through the same buffer, or came in through a port or as a constant; and nothing was written
//       there since through another buffer
//   M6  what leaves through a port was written, or came in through it
//   M7  a kernel that writes into memory which it also reads through another buffer does so by taking over that buffer, or within one port;
//       what goes round in a loop is also updated in place
//   M8  in programs with choices and loops M5 holds on every way through the steps
//
// and before them the rules P1 to P10 of every program (check_program.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/layout.h"
#include "runtime/program.h"

namespace sinter::runtime {

/// What the runtime makes of a program for one set of symbol values.
struct LaidOutPlan {
  std::vector<int64_t> offsets;  // bytes, per buffer; -1 when not in the arena
  int64_t arena_bytes = 0;
  std::vector<std::vector<int32_t>> after;  // per kernel: kernels of its segment that are complete before it begins
};
LaidOutPlan laid_out_plan(const Program& program, const Layout& layout);

/// The first broken rule, "M4: kernel 3 ..."; nothing when all hold. Raises Error kCheck when a dim has no value.
std::optional<std::string> check_plan(const Program& program, const LaidOutPlan& plan, const SymbolValues& symbols);

}  // namespace sinter::runtime
