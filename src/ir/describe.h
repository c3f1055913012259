// The op records as a document: docs/ops.md is what this says. Used by the command line and by the test that holds the file to it.
#pragma once

#include <string>

namespace sinter::ir {

/// Markdown: an index, then one section per op, in groups by how ops are lowered.
std::string describe_ops();

}  // namespace sinter::ir
