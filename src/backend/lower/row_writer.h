// Writes the tiles of a fusion of kind `rows`: what its three forms share, and the forms themselves. Used by rows.cpp, which chooses one, and by
// nobody else. row_plan.h says what the loops along a row do.
#pragma once

#include <map>
#include <optional>

#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"
#include "backend/lower/row_plan.h"

namespace sinter::backend {

inline constexpr int64_t kLineBytes = 64;
/// Elements of a tile whose rows overlap.
inline constexpr int64_t kOverlappedElements = 4 * kTileElements;

class RowWriter {
 public:
  RowWriter(KernelBuilder& builder, const FusionRequest& request);
  Section write();

 private:
  /// From here on the row at hand is `row`, the `slot`-th of those whose kept values are in scratch together.
  void set_row(const Dim& row, const Dim& slot);
  std::vector<Dim> element(const std::vector<Dim>& column) const;

  // ---- rows of which one is stored while functions of the next are computed: the arithmetic of the one hides the memory of the other ----
  int64_t overlapped_rows() const { return kOverlappedElements / std::max<int64_t>(1, columns_.constant()); }
  /// The level whose loop along a row has time for the last loop of the row before.
  std::optional<size_t> overlapped_level() const;
  Section write_overlapped(size_t heavy);
  void write_row_after_another(size_t heavy, const Dim& first, const Dim& r);

  // ---- values of a row that wait in scratch for its last loop ----
  void store_row_values(const Dim& slot);
  int32_t row_scratch(size_t i);
  /// Names for them, of `count` rows.
  std::vector<std::vector<loop::ExpressionRef>> load_row_values(int64_t count);
  void define_row_values(const std::vector<std::vector<loop::ExpressionRef>>& names);
  void name_row_values(int64_t count);
  /// Values that the first `levels` loops kept are read from where they are.
  void define_kept(size_t levels);
  /// Before the last loop along the row at hand.
  void begin_last_loop();
  void write_last(const std::vector<Dim>& column);

  // ---- rows with sums over blocks of them: a tile is a block ----
  Section write_blocks();
  /// Rows that one pass over the sums takes in. Results that go past the caches are aligned in all of them, or in one.
  int64_t rows_at_once() const;
  template <class Write> void row_loop(const Dim& extent, const Write& write) {
    if (extent == Dim(0)) return;
    const std::string r = builder_.fresh("r");
    builder_.set_bound(r, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(r));
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, r, extent, loop::LoopKind::kSerial, 1, std::move(body)));
  }
  /// `count` rows: the reductions of each, then one loop along all of them. What that one needs of a row as a whole waits in scratch.
  void write_group(const Dim& first, int64_t count);
  DType dtype_of(const BlockSum& sum) const { return request_.body.type(sum.result).dtype; }
  int32_t place_of(const BlockSum& sum) const;
  std::vector<Dim> sum_index(const std::vector<Dim>& column) const;
  void store_sum(const BlockSum& sum, const std::vector<Dim>& column, loop::ExpressionRef value);

  // ---- one row ----
  /// All loops but the last, and the results that are one number per row.
  void write_levels();
  void finish_levels();
  /// The same column of the row that is at hand when this one and those that go with it are done.
  void ask_ahead(const RowLoop& loop, const std::vector<Dim>& column);
  void read_kept(const std::vector<Dim>& column);
  void write_results(const std::vector<Dim>& column);
  /// Lines of a result that holds kept values before are in the caches already.
  bool may_stream() const;
  /// The lanes of a loop that reduces: several registers of them when its time would be that of chained operations.
  int reducing_lanes(const RowLoop& loop) const;
  template <class Write> void vector_loop(int lanes, const Write& write) {
    const std::string c = builder_.fresh("c");
    builder_.set_bound(c, columns_);
    const std::vector<Dim> column = delinearize(Dim::symbol(c), reductions_.domain, kept_, reductions_.domain.rank());
    loop::Body body;
    writer_.enter(body);
    write(column);
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, c, columns_, loop::LoopKind::kVector, lanes, std::move(body)));
  }
  /// Values of the row as a whole are computed once, outside the loops along it.
  void precompute_row_values(int level);
  void declare(const std::string& name, loop::ExpressionRef initial);
  /// A loop that reduces, in the making: its accumulators, and where it keeps values.
  struct Level {
    const RowLoop& loop;
    int lanes;
    std::vector<std::string> names;
    std::vector<int32_t> places;
  };
  void write_level(const RowLoop& loop);
  Level begin_level(const RowLoop& loop);
  void write_step(const Level& level, const std::vector<Dim>& column);
  void finish_level(const Level& level);
  int32_t place_of(const Kept& kept);
  /// Where a kept value's element is: results have the domain's axes, scratch has a row for each slot.
  std::vector<Dim> element_of(const Kept& kept, const std::vector<Dim>& index) const;
  static bool has_positions(const std::vector<const Reduction*>& reductions);
  /// The position of a winner is the smallest one that holds the extreme value, or the first NaN when that is what it is. The names of the
  /// positions, none for reductions that ask for none.
  std::vector<std::string> write_positions(const std::vector<const Reduction*>& now, const std::vector<std::string>& names, int lanes);
  /// An empty row has no winner: the position that stayed at the end of the world fails the check.
  loop::ExpressionRef winner(const Reduction& reduction, const std::string& name);

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  Reductions reductions_;
  Shape outer_shape_;
  size_t kept_ = 0;
  int lanes_ = 1;
  Dim columns_;
  std::vector<RowLoop> loops_;
  Dim row_number_;
  std::vector<Dim> row_;
  Dim slot_;
  int64_t at_once_ = 1;
  std::vector<int32_t> row_scratch_;
  std::map<ir::Value, int32_t> kept_scratch_;
};

}  // namespace sinter::backend
