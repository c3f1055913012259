// Kernels of the loop language, written by hand, that have every construct: the corpus of the tests of its text, its rules and its evaluator.
#pragma once

#include <string>
#include <vector>

namespace sinter::test {

/// In the printer's own form.
const std::vector<std::string>& loop_kernels();

/// `text` with its only occurrence of `from` replaced; a failed test when there is none, or more.
std::string edited(std::string text, const std::string& from, const std::string& to);

}  // namespace sinter::test
