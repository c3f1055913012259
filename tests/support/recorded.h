// Recorded values of the model library: what PyTorch computes for calls of its definitions, in tests/golden/library/FILE.txt
// (written by make_library.py there):
//
//     celu(x: f64[2], alpha = 2)
//         x = f64[2]{-1.0, 3.0}
//         result = f64[2]{-0.7869386805747332, 3.0}
//         d_result = f64[2]{0.5, 1.0}
//         d_x = f64[2]{0.3032653298563167, 1.0}
//
// A line that begins in the first column is a text of the model language; tensors below it are spelled as in the graph text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace sinter::test {

struct RecordedCase {
  std::string text;
  std::map<std::string, Tensor> values;
};

/// Fails the test that asks when there are none. Raises what the graph text's parser raises.
std::vector<RecordedCase> recorded_cases(const std::string& file);

}  // namespace sinter::test
