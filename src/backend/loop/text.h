// The loop text: kernels print and parse back, print(parse(t)) == t byte for byte. Format: docs/loop_language.md.
#pragma once

#include <string>
#include <string_view>

#include "backend/loop/loop_ir.h"

namespace sinter::loop {

inline constexpr int kLoopTextVersion = 1;

std::string print(const Kernel& kernel);
/// The first line of a statement of the kernel as the text shows it, for messages; broken kernels have one too.
std::string first_line(const Kernel& kernel, const Statement& statement);
/// Raises Error kSyntax, kName or kType with the place. The result verifies.
Kernel parse_kernel(std::string_view text, const std::string& file = "text");

}  // namespace sinter::loop
