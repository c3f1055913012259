// Kind `rows`: reductions along the last axes, a row at a time. Per level of dependent reductions one vector loop along the row. The row is read
// from memory by the first loop and from the cache by the others; what was computed at some cost is kept beside it (row_plan.h).
#include <bit>
#include <limits>

#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"
#include "backend/lower/row_plan.h"

namespace sinter::backend {
namespace {

using loop::ExpressionRef;
using loop::LoopKind;

/// Registers of partial results per reduction: additions are chained, and this many chains hide how long one takes.
constexpr int kPartialRegisters = 4;
/// Longer rows keep nothing in scratch.
constexpr int64_t kMostKeptElements = 16384;

class RowWriter {
 public:
  RowWriter(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), reductions_(find_reductions(request.body)) {
    kept_ = reductions_.domain.rank() - reductions_.axes.size();
    for (size_t i = 0; i < reductions_.axes.size(); ++i)
      SINTER_CHECK(reductions_.axes[i] == static_cast<int64_t>(kept_ + i), "rows reduce the last axes");
    outer_shape_ = Shape({reductions_.domain.begin(), reductions_.domain.begin() + static_cast<std::ptrdiff_t>(kept_)});
    lanes_ = body_lanes(builder, request.body);
  }

  Section write() {
    columns_ = reductions_.domain.element_count(kept_, reductions_.domain.rank());
    const Dim rows = reductions_.domain.element_count(0, kept_);
    int64_t rows_per_tile = columns_.is_constant() ? std::max<int64_t>(1, kTileElements / std::max<int64_t>(1, columns_.constant())) : 1;
    if (request_.row_block != 0) rows_per_tile = request_.row_block;
    const std::string r = builder_.fresh("r");
    builder_.set_bound(r, rows_per_tile);
    Section section;
    section.tiles = ceil_div(rows, rows_per_tile);
    loop::Body body;
    row_ = delinearize(request_.tile * rows_per_tile + Dim::symbol(r), reductions_.domain, 0, kept_);
    write_row(body);
    section.body.push_back({loop::For{r, min(rows_per_tile, rows - request_.tile * rows_per_tile), LoopKind::kSerial, 1, std::move(body)}});
    return section;
  }

 private:
  void write_row(loop::Body& body) {
    const bool short_row = columns_.is_constant() && columns_.constant() <= kMostKeptElements;
    const std::vector<RowLoop> loops = plan_rows(request_.body, reductions_, short_row ? 2 : 0);
    writer_.enter(body);
    for (size_t level = 0; level + 1 < loops.size(); ++level) {
      precompute_row_values(static_cast<int>(level));
      write_level(loops[level]);
    }
    precompute_row_values(reductions_.levels);
    for (size_t i = 0; i < request_.body.results().size(); ++i)
      if (request_.body.type(request_.body.results()[i]).shape == outer_shape_) writer_.store_result(i, row_);
    if (!loops.back().results.empty()) {
      const auto in_results = [](const RowLoop& loop) {
        return std::any_of(loop.kept.begin(), loop.kept.end(), [](const Kept& kept) { return kept.result >= 0; });
      };
      if (std::none_of(loops.begin(), loops.end(), in_results)) writer_.stream_results();  // else their lines are in the caches already
      vector_loop(lanes_, [&](const std::vector<Dim>& index) {
        for (const ir::Value value : loops.back().reads) writer_.precompute(value, index);
        for (const size_t i : loops.back().results) writer_.store_result(i, index);
      });
    }
    writer_.leave();
  }

  /// The lanes of a loop that reduces: several registers of them when its time would be that of chained operations.
  int reducing_lanes(const RowLoop& loop) const {
    int registers = loop.heavy ? 1 : kPartialRegisters;
    if (columns_.is_constant())
      registers = std::min(registers, static_cast<int>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(1, columns_.constant() / lanes_)))));
    return lanes_ * registers;
  }

  template <class Write> void vector_loop(int lanes, const Write& write) {
    const std::string c = builder_.fresh("c");
    builder_.set_bound(c, columns_);
    std::vector<Dim> index = row_;
    for (Dim& dim : delinearize(Dim::symbol(c), reductions_.domain, kept_, reductions_.domain.rank())) index.push_back(std::move(dim));
    loop::Body body;
    writer_.enter(body);
    write(index);
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, c, columns_, LoopKind::kVector, lanes, std::move(body)));
  }

  /// Values of the row as a whole are computed once, outside the loops along it.
  void precompute_row_values(int level) {
    for (const ir::Node& node : request_.body.nodes()) {
      const ir::Value value = node.results[0];
      const bool row_value = request_.body.type(value).shape == outer_shape_ && reductions_.value_level[static_cast<size_t>(value.id)] == level;
      if (row_value && std::holds_alternative<ir::Elementwise>(node.op->lowering)) writer_.precompute(value, row_);
    }
  }

  void declare(const std::string& name, ExpressionRef initial) { writer_.here().push_back({loop::Declare{name, std::move(initial)}}); }

  void write_level(const RowLoop& loop) {
    const std::vector<const Reduction*>& now = loop.reductions;
    const int lanes = reducing_lanes(loop);
    std::vector<std::string> names;
    for (const Reduction* reduction : now) {
      names.push_back(builder_.fresh("a"));
      declare(names.back(), initial_value(*reduction->lowering, request_.body.type(reduction->operand).dtype));
    }
    std::vector<int32_t> places;
    for (const Kept& kept : loop.kept) places.push_back(place_of(kept));
    vector_loop(lanes, [&](const std::vector<Dim>& index) {
      for (size_t i = 0; i < places.size(); ++i) {
        writer_.precompute(loop.kept[i].value, index);
        writer_.here().push_back({loop::Store{places[i], element_of(loop.kept[i], index), writer_.value_at(loop.kept[i].value, index)}});
      }
      for (size_t i = 0; i < now.size(); ++i)
        writer_.here().push_back({loop::Update{names[i], now[i]->lowering->combine, writer_.value_at(now[i]->operand, index)}});
    });
    for (size_t i = 0; i < places.size(); ++i) {
      const Kept kept = loop.kept[i];
      writer_.define(kept.value, [this, kept, place = places[i]](const std::vector<Dim>& index) {
        return loop::load(place, request_.body.type(kept.value).dtype, element_of(kept, index));
      });
    }
    const std::vector<std::string> winners = write_positions(now, names, lanes);
    for (size_t i = 0; i < now.size(); ++i) {
      const ExpressionRef result = winners[i].empty() ? loop::named(names[i], request_.body.type(now[i]->operand).dtype) : winner(*now[i], winners[i]);
      writer_.define(now[i]->result, [result](const std::vector<Dim>&) { return result; });
    }
  }

  int32_t place_of(const Kept& kept) {
    if (kept.result >= 0) return request_.buffers.results[static_cast<size_t>(kept.result)];
    return builder_.add_scratch(request_.body.type(kept.value).dtype, columns_.constant());
  }
  /// Where a kept value's element is: results have the domain's axes, scratch has one row.
  std::vector<Dim> element_of(const Kept& kept, const std::vector<Dim>& index) const {
    if (kept.result >= 0) return index;
    const Shape& domain = reductions_.domain;
    const Dim position = linearize({index.begin() + static_cast<std::ptrdiff_t>(kept_), index.end()},
                                   Shape({domain.begin() + static_cast<std::ptrdiff_t>(kept_), domain.end()}));
    return {simplify(position, builder_.bounds())};
  }

  /// The position of a winner is the smallest one that holds the extreme value, or the first NaN when that is what it is. The names of the
  /// positions, none for reductions that ask for none.
  std::vector<std::string> write_positions(const std::vector<const Reduction*>& now, const std::vector<std::string>& names, int lanes) {
    std::vector<std::string> winners(now.size());
    if (std::none_of(now.begin(), now.end(), [](const Reduction* reduction) { return reduction->lowering->argument; })) return winners;
    const ExpressionRef none = loop::integer_constant(DType::kI64, std::numeric_limits<int64_t>::max());
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i]->lowering->argument) declare(winners[i] = builder_.fresh("a"), none);
    vector_loop(lanes, [&](const std::vector<Dim>& index) {
      for (size_t i = 0; i < now.size(); ++i) {
        if (winners[i].empty()) continue;
        const ExpressionRef x = writer_.value_at(now[i]->operand, index);
        ExpressionRef holds = loop::apply(ScalarOp::kEqual, {x, loop::named(names[i], x->dtype)});
        if (is_float(x->dtype)) holds = loop::apply(ScalarOp::kOr, {holds, loop::apply(ScalarOp::kIsNan, {x})});
        const ExpressionRef position = loop::apply(ScalarOp::kSelect, {holds, loop::index_value(index.back()), none});
        writer_.here().push_back({loop::Update{winners[i], ScalarOp::kMinimum, position}});
      }
    });
    return winners;
  }

  /// An empty row has no winner: the position that stayed at the end of the world fails the check.
  ExpressionRef winner(const Reduction& reduction, const std::string& name) {
    ExpressionRef position = loop::named(name, DType::kI64);
    if (columns_.is_constant()) return position;
    return loop::index_value(writer_.check_index(*reduction.node, std::move(position), columns_));
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  Reductions reductions_;
  Shape outer_shape_;
  size_t kept_ = 0;
  int lanes_ = 1;
  Dim columns_;
  std::vector<Dim> row_;
};

}  // namespace

Section lower_rows(KernelBuilder& builder, const FusionRequest& request) { return RowWriter(builder, request).write(); }

}  // namespace sinter::backend
