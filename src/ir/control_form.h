// What a node with regions means for those who run it: which values go round, which come row by row, what decides. Read by passes, the memory
// plan and the backend, so that none of them names ops; fusions have no such form.
#pragma once

#include <functional>
#include <optional>

#include "ir/graph.h"

namespace sinter::ir {

struct ControlForm {
  enum class Kind {
    kChoice,  // operand 0 decides: region 0 where it holds, else region 1; both are given the operands after it
    kWhile,   // region 1 as long as region 0 holds, on the carried values
    kRows,    // region 0 once per row
  } kind = Kind::kChoice;
  size_t first = 0;         // the first operand that regions are given
  size_t carried = 0;       // operands from `first` on that go round: results of the same number replace them
  Dim length = 0;           // kRows: steps; operands after the carried ones and results after theirs are rows of tensors this long
  bool reverse = false;     // kRows: from the last row to the first

  /// The region whose results are the node's.
  size_t body() const { return kind == Kind::kWhile ? 1 : 0; }
};

/// Nothing for nodes without regions, and for fusions.
std::optional<ControlForm> control_form(const Node& node);
bool has_control(const Graph& graph);
/// The value goes round unchanged: the body returns what it is given.
bool is_invariant(const Node& node, const ControlForm& form, size_t carried);

/// Every fusion of a fused graph in the order of a program's kernels: those of regions where the node stands.
void for_each_kernel(const Graph& graph, const std::function<void(const Graph&, const Node&)>& visit);

}  // namespace sinter::ir
