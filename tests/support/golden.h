// Golden values: what another tool says an op gives, one call per line, in tests/golden/OP.txt:
//
//     erf(f32[2]{0.0, 1.0}) = f32[2]{0.0, 0.8427008}
//     reduce_sum(f64[2]{1.0, 2.0}) {axes = [0]} = f64[]{3.0}
//     split(i32[2]{1, 2}) = i32[1]{1}, i32[1]{2}
//
// Tensors and attributes are spelled as in the graph text (docs/graph_text.md); `#` starts a comment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/module.h"

namespace sinter::test {

struct GoldenCase {
  std::string line;    // as written
  ir::Module module;   // function main calls the op on constants; its results are result.0, result.1, ...
  std::vector<Tensor> expected;
};

/// The cases of an op; none when it has no file. Raises Error kSyntax and what the graph text's parser raises.
std::vector<GoldenCase> golden_cases(const std::string& op);
GoldenCase parse_golden(std::string_view line);

}  // namespace sinter::test
