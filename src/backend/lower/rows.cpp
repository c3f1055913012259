// Kind `rows`: reductions along the last axes, a row at a time. Per level of dependent reductions one vector loop along the row. The row is read
// from memory by the first loop and from the cache by the others; what was computed at some cost is kept beside it (row_plan.h).
#include "backend/lower/row_writer.h"

#include <algorithm>

namespace sinter::backend {
namespace {

/// Longer rows keep nothing in scratch.
constexpr int64_t kMostKeptElements = 16384;

}  // namespace

using loop::ExpressionRef;
using loop::LoopKind;

Section RowWriter::write() {
  columns_ = reductions_.domain.element_count(kept_, reductions_.domain.rank());
  const bool short_row = columns_.is_constant() && columns_.constant() <= kMostKeptElements;
  loops_ = plan_rows(request_.body, reductions_, short_row ? 2 : 0);
  if (!reductions_.blocks.empty()) return write_blocks();
  if (const std::optional<size_t> heavy = overlapped_level()) return write_overlapped(*heavy);
  const Dim rows = reductions_.domain.element_count(0, kept_);
  int64_t rows_per_tile = columns_.is_constant() ? std::max<int64_t>(1, kTileElements / std::max<int64_t>(1, columns_.constant())) : 1;
  if (request_.row_block != 0) rows_per_tile = request_.row_block;
  const std::string r = builder_.fresh("r");
  builder_.set_bound(r, rows_per_tile);
  Section section;
  section.tiles = ceil_div(rows, rows_per_tile);
  loop::Body body;
  set_row(request_.tile * rows_per_tile + Dim::symbol(r), 0);
  writer_.enter(body);
  write_levels();
  if (!loops_.back().results.empty()) {
    begin_last_loop();
    vector_loop(lanes_, [&](const std::vector<Dim>& column) { write_last(column); });
  }
  writer_.leave();
  section.body.push_back({loop::For{r, min(rows_per_tile, rows - request_.tile * rows_per_tile), LoopKind::kSerial, 1, std::move(body)}});
  return section;
}

Section lower_rows(KernelBuilder& builder, const FusionRequest& request) { return RowWriter(builder, request).write(); }

}  // namespace sinter::backend
