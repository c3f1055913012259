// The order in which kernels run, and which of them run side by side as one. Used by fuse, after merging.
#pragma once

#include <set>

#include "passes/fuse/merge.h"

namespace sinter::passes {

/// For each group, those that must come before it: what it reads, and, where no cycle arises, other readers of a
/// variable that it writes, so that the new value can take the place of the old one.
class Precedence {
 public:
  Precedence(const ir::Function& function, const Groups& groups);
  const std::set<int32_t>& before(int32_t group) const { return before_[static_cast<size_t>(group)]; }

 private:
  bool comes_before(int32_t first, int32_t second) const;
  std::vector<std::set<int32_t>> before_;
};

/// All groups, each after those before it: in the model's own order where there is a choice, `late` ones when nothing
/// else is ready.
std::vector<int32_t> order_groups(const Groups& groups, const Precedence& precedence, const std::vector<bool>& late);

/// A kernel: one group, or several that run side by side.
using Kernel = std::vector<int32_t>;

/// Moves groups later in the order, up to the first that needs them, to run beside others. Nothing waits for longer:
/// whoever reads a moved group runs after its new place anyway. Loops and columns always; contractions, rows and
/// scatters where they are small, contractions that share their first operand always. Updates join updates.
std::vector<Kernel> put_side_by_side(const Groups& groups, const Precedence& precedence, const std::vector<int32_t>& order,
                                     const std::vector<bool>& updates, const FuseOptions& options, std::vector<Decision>& decisions);

}  // namespace sinter::passes
