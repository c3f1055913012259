// Patterns of the pass recognise: formulas as people write them, parsed from text such as
// "x * 0.5 * (1 + erf(x * 0.70710678))". Used by the matcher and the table of forms; they know nothing of graphs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sinter::passes {

/// A product stands for its factors in any order and grouping, divisions and negations included, with all numbers taken
/// together; a sum likewise. A name alone is a value, the same wherever it stands; `@name` is a number that is found.
struct Pattern {
  enum class Kind { kVariable, kFound, kProduct, kSum, kCall };

  Kind kind = Kind::kVariable;
  std::string name;            // of a variable, of a number that is found, of a function
  double number = 0;           // coefficient of a product, constant of a sum
  std::vector<Pattern> parts;  // factors, terms, arguments
  std::vector<bool> turned;    // per part: divides, or is subtracted
};

/// Broken invariant for a text that is no formula: patterns are written by us.
Pattern parse_pattern(std::string_view text);

}  // namespace sinter::passes
