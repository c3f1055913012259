// The graph text (.sir): one op per line, types always shown, attributes sorted. print(parse(t)) == t byte for byte.
// Format: docs/graph_text.md. A module begins with `sir 1`.
#pragma once

#include <string>
#include <string_view>

#include "ir/module.h"

namespace sinter::ir {

inline constexpr int kGraphTextVersion = 1;

std::string print(const Module& module);
/// One graph as the lines of a region, indented by `indent` spaces.
std::string print(const Graph& graph, int indent = 0);
std::string print(const Attribute& attribute);

/// Raises Error kSyntax, kName or kType with file, line and column. The result verifies.
Module parse_module(std::string_view text, const std::string& file = "text");
/// The lines of one region: `%0: f32[2] = argument 0`, ops, `return %1`.
Graph parse_graph(std::string_view text, const std::string& file = "text");

}  // namespace sinter::ir
