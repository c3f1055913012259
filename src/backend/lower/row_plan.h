// What each loop along a row does: which reductions it advances, which results it stores, and which of its values it keeps in memory for the loops
// after it, because computing them again would cost more than reading them. Used by the lowering of `rows`; writes nothing.
#pragma once

#include <vector>

#include "backend/lower/reductions.h"

namespace sinter::backend {

/// A value of the domain that later loops read from memory: a result's buffer, which may hold something else in the end, or scratch (-1).
struct Kept {
  ir::Value value;
  int32_t result = -1;
};

struct RowLoop {
  std::vector<const Reduction*> reductions;  // none in the last loop
  std::vector<size_t> results;               // of the domain's shape, stored here
  std::vector<const BlockSum*> blocks;       // in the last loop
  std::vector<Kept> kept;
  std::vector<ir::Value> reads;  // what earlier loops kept and this one needs: to be read before results take its place
  // What elements of this loop need of the row as a whole: made of reductions, or of arguments alone.
  std::vector<ir::Value> row_values, row_inputs;
  std::vector<ir::Value> ahead;  // operands of whose next rows this loop asks for while it works on what is in the caches
  bool heavy = false;  // computes functions: its time is not that of chained sums
};

/// The loops in order, one per level of dependent reductions and one for the results that are left. At most `most_scratch` values are kept in
/// scratch.
std::vector<RowLoop> plan_rows(const ir::Graph& body, const Reductions& reductions, int most_scratch);

}  // namespace sinter::backend
