// Finds a pattern at a node of a graph that simplify has brought to its canonical form. Used by the pass recognise.
//
// Axes are followed by labels: each value on the way says, for each of its axes, along which axis of the pattern's
// arrays it runs. So `max(x)` in a pattern is the maximum of the row that the element is in, however it was reshaped
// and spread, and never that of another row or column.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "passes/recognise/pattern.h"

namespace sinter::passes {

/// Per axis of a value: a label, the same where two values run along the same axis; kOne where it has one entry only.
using Labels = std::vector<int>;
inline constexpr int kOne = -1;

struct Match {
  struct Bound {
    ir::Value value;
    Labels labels;
  };
  std::map<std::string, Bound> values;    // variables of the pattern
  std::map<std::string, double> numbers;  // numbers that were found
  std::optional<Labels> reduced;          // the labels that all reductions take together
  std::set<int32_t> inside;               // nodes that the pattern covers, its root among them

  /// The axes of the root that are reduced.
  ir::Integers axes() const { return reduced ? ir::Integers(reduced->begin(), reduced->end()) : ir::Integers{}; }
};

/// The pattern at the (only) result of node `root`; nothing where it does not fit.
std::optional<Match> match(const ir::Graph& graph, int32_t root, const Pattern& pattern);

/// The number that each element of `value` is.
std::optional<double> number_of(const ir::Graph& graph, ir::Value value);

}  // namespace sinter::passes
