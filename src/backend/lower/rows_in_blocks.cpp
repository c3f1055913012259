// Kind `rows` with sums over blocks of rows beside: a tile is a block. The partial sums stand in the result from the first row on, and the last loop
// along the rows takes several of them at once.
#include "backend/lower/row_writer.h"

#include <algorithm>

namespace sinter::backend {
namespace {

/// Rows that one pass over sums of blocks takes in: loads and stores of the sums are half as many, and the rows stay in the first cache.
constexpr int64_t kRowsAtOnce = 2;

}  // namespace

using loop::ExpressionRef;
using loop::LoopKind;

Section RowWriter::write_blocks() {
  const int64_t block = reductions_.blocks[0].rows;
  const Dim rows = reductions_.domain.element_count(0, kept_), first = request_.tile * block;
  const bool whole = rows.is_constant() && rows.constant() % block == 0;
  const Dim count = whole ? Dim(block) : min(block, rows - first);
  SINTER_CHECK(request_.row_block == 0, "a block of rows is a tile of its own");
  Section section;
  section.tiles = ceil_div(rows, block);
  writer_.enter(section.body);
  vector_loop(lanes_, [&](const std::vector<Dim>& column) {
    for (const BlockSum& sum : reductions_.blocks) store_sum(sum, column, loop::constant(dtype_of(sum), 0));
  });
  at_once_ = std::min(rows_at_once(), block);
  const Dim groups = floor_div(count, at_once_);
  row_loop(groups, [&](const Dim& group) { write_group(first + group * at_once_, at_once_); });
  if (at_once_ > 1) row_loop(count - groups * at_once_, [&](const Dim& row) { write_group(first + groups * at_once_ + row, 1); });
  writer_.leave();
  return section;
}

int64_t RowWriter::rows_at_once() const {
  const bool aligned = columns_.is_constant() && columns_.constant() * 4 % kLineBytes == 0;
  return aligned || loops_.back().results.empty() || !may_stream() ? kRowsAtOnce : 1;
}

void RowWriter::write_group(const Dim& first, int64_t count) {
  const RowLoop& last = loops_.back();
  row_loop(count, [&](const Dim& row) {
    set_row(first + row, row);
    write_levels();
    store_row_values(row);
  });
  name_row_values(count);
  const auto each_row = [&](const auto& write) {
    for (int64_t row = 0; row < count; ++row) set_row(first + Dim(row), row), write();
  };
  each_row([&] { begin_last_loop(); });
  vector_loop(lanes_, [&](const std::vector<Dim>& column) {
    each_row([&] {
      ask_ahead(last, column);
      read_kept(column);
    });
    for (const BlockSum& sum : reductions_.blocks) {  // before results take the place of operands
      ExpressionRef so_far = loop::load(place_of(sum), dtype_of(sum), sum_index(column));
      each_row([&] { so_far = loop::apply(ScalarOp::kAdd, {so_far, writer_.value_at(sum.operand, element(column))}); });
      store_sum(sum, column, so_far);
    }
    each_row([&] { write_results(column); });
  });
  writer_.stream_results(false);
  writer_.forget_sources();
}

int32_t RowWriter::place_of(const BlockSum& sum) const {
  const std::vector<ir::Value>& results = request_.body.results();
  return request_.buffers.results[static_cast<size_t>(std::find(results.begin(), results.end(), sum.result) - results.begin())];
}

std::vector<Dim> RowWriter::sum_index(const std::vector<Dim>& column) const {
  std::vector<Dim> index{request_.tile};
  index.insert(index.end(), column.begin(), column.end());
  return index;
}

void RowWriter::store_sum(const BlockSum& sum, const std::vector<Dim>& column, ExpressionRef value) {
  writer_.here().push_back({loop::Store{place_of(sum), sum_index(column), std::move(value)}});
}

}  // namespace sinter::backend
