// Kind `rows` where functions are computed along a row: the row before is stored meanwhile, by the same loop, so that the arithmetic of the one hides
// the memory of the other.
#include "backend/lower/row_writer.h"

#include <algorithm>

namespace sinter::backend {
namespace {

/// How many rows a tile must have: its first row overlaps with none.
constexpr int64_t kLeastOverlappedRows = 4;

}  // namespace

using loop::ExpressionRef;
using loop::LoopKind;

std::optional<size_t> RowWriter::overlapped_level() const {
  const RowLoop& last = loops_.back();
  if (request_.row_block != 0 || last.results.empty() || last.heavy || !columns_.is_constant()) return std::nullopt;
  if (columns_.constant() < 4 * lanes_ || overlapped_rows() < kLeastOverlappedRows) return std::nullopt;
  const auto heavy = std::find_if(loops_.begin(), loops_.end(), [](const RowLoop& loop) { return loop.heavy; });
  if (heavy == loops_.end() || has_positions(heavy->reductions)) return std::nullopt;
  for (const size_t i : last.results) {  // past the caches go whole vectors of aligned rows only: sums must not depend on where memory begins
    const TensorType& type = request_.body.type(request_.body.results()[i]);
    if (may_stream() && BodyWriter::may_pass_caches(type) && columns_.constant() * static_cast<int64_t>(size_in_bytes(type.dtype)) % kLineBytes != 0)
      return std::nullopt;
  }
  return static_cast<size_t>(heavy - loops_.begin());
}

Section RowWriter::write_overlapped(size_t heavy) {
  const Dim rows = reductions_.domain.element_count(0, kept_), first = request_.tile * overlapped_rows();
  const Dim count = min(overlapped_rows(), rows - first);
  Section section;
  section.tiles = ceil_div(rows, overlapped_rows());
  at_once_ = 2;
  writer_.enter(section.body);
  const std::string r = builder_.fresh("r");
  builder_.set_bound(r, overlapped_rows());
  loop::Body body;
  writer_.enter(body);
  write_row_after_another(heavy, first, Dim::symbol(r));
  writer_.leave();
  writer_.here().push_back({loop::For{r, count, LoopKind::kSerial, 1, std::move(body)}});
  writer_.forget_sources();
  set_row(first + count - 1, mod(count + 1, 2));
  name_row_values(1);
  define_kept(loops_.size());
  begin_last_loop();
  vector_loop(lanes_, [&](const std::vector<Dim>& column) { write_last(column); });
  writer_.leave();
  return section;
}

void RowWriter::write_row_after_another(size_t heavy, const Dim& first, const Dim& r) {
  const RowLoop& last = loops_.back();
  const auto this_row = [&] { set_row(first + r, mod(r, 2)); };
  const auto row_before = [&] { set_row(first + r - 1, mod(r + 1, 2)); };
  this_row();
  for (size_t level = 0; level < heavy; ++level) {
    precompute_row_values(static_cast<int>(level));
    write_level(loops_[level]);
  }
  precompute_row_values(static_cast<int>(heavy));
  Level level = begin_level(loops_[heavy]);
  std::vector<ExpressionRef> current;  // row values that are known by now
  for (const ir::Value value : last.row_values) {
    const bool known = reductions_.value_level[static_cast<size_t>(value.id)] <= static_cast<int>(heavy);
    current.push_back(known ? writer_.value_at(value, row_) : nullptr);
  }
  const auto restore = [&] {
    for (size_t i = 0; i < current.size(); ++i) {
      writer_.forget_source(last.row_values[i]);
      if (current[i]) writer_.define(last.row_values[i], [known = current[i]](const std::vector<Dim>&) { return known; });
    }
    for (const Kept& kept : loops_[heavy].kept) writer_.forget_source(kept.value);
  };
  loop::Body both, alone;
  writer_.enter(both);
  const std::vector<std::vector<ExpressionRef>> before = load_row_values(1);
  row_before();
  begin_last_loop();
  vector_loop(level.lanes, [&](const std::vector<Dim>& column) {
    this_row();
    write_step(level, column);
    row_before();
    define_row_values(before);
    define_kept(heavy + 1);
    write_last(column);
  });
  writer_.stream_results(false);
  restore();
  this_row();
  writer_.leave();
  writer_.enter(alone);
  vector_loop(level.lanes, [&](const std::vector<Dim>& column) { write_step(level, column); });
  writer_.leave();
  writer_.here().push_back({loop::If{{{r, 1, Dim(overlapped_rows())}}, std::move(both), std::move(alone)}});
  finish_level(level);
  for (size_t after = heavy + 1; after + 1 < loops_.size(); ++after) {
    precompute_row_values(static_cast<int>(after));
    write_level(loops_[after]);
  }
  finish_levels();
  store_row_values(0);
}

}  // namespace sinter::backend
