// Kind `columns`: reductions along axes that are not the last ones. Memory is read in order; partial results of a block of
// columns stay in scratch.
#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"
#include "backend/lower/reductions.h"

namespace sinter::backend {
namespace {

using loop::ExpressionRef;
using loop::LoopKind;

constexpr int64_t kColumnBlock = 512;  // elements of scratch per reduction
constexpr int64_t kRowsAtOnce = 4;     // that one pass over the scratch takes in; more at a power of two of bytes apart fall out of L1
constexpr int32_t kMostValues = 16;    // of bodies that are small enough to be written out for each of these rows

class ColumnWriter {
 public:
  ColumnWriter(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), reductions_(find_reductions(request.body)) {
    SINTER_CHECK(reductions_.levels == 1, "columns have no dependent reductions");
    const auto reduced = [&](size_t axis) { return std::find(reductions_.axes.begin(), reductions_.axes.end(), static_cast<int64_t>(axis)) != reductions_.axes.end(); };
    for (size_t axis = 0; axis < reductions_.domain.rank(); ++axis) (reduced(axis) ? reduced_ : kept_).push_back(axis);
    lanes_ = body_lanes(builder, request.body);
    for (const Reduction& reduction : reductions_.list) dtypes_.push_back(request.body.type(reduction.operand).dtype);
  }

  Section write() { return kept_.empty() || kept_.back() + 1 != reductions_.domain.rank() ? write_elements() : write_blocks(); }

 private:
  const Shape& domain() const { return reductions_.domain; }
  Shape kept_shape() const {
    Shape shape;
    for (const size_t axis : kept_) shape.push_back(domain()[axis]);
    return shape;
  }
  /// The domain index from an index of the kept axes and the variables of the reduced ones.
  std::vector<Dim> domain_index(const std::vector<Dim>& kept, const std::vector<Dim>& reduced) const {
    std::vector<Dim> index(domain().rank());
    for (size_t i = 0; i < kept_.size(); ++i) index[kept_[i]] = kept[i];
    for (size_t i = 0; i < reduced_.size(); ++i) index[reduced_[i]] = reduced[i];
    return index;
  }

  /// Serial loops over the first `count` reduced axes around what `write` writes.
  template <class Write> void reduced_loops(std::vector<Dim> variables, size_t count, const Write& write) {
    if (variables.size() == count) return write(variables);
    const std::string k = builder_.fresh("k");
    const Dim& extent = domain()[reduced_[variables.size()]];
    builder_.set_bound(k, extent);
    variables.push_back(Dim::symbol(k));
    loop::Body body;
    writer_.enter(body);
    reduced_loops(variables, count, write);
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, k, extent, LoopKind::kSerial, 1, std::move(body)));
  }

  /// A vector loop around what `write` writes with its variable.
  template <class Write> void vector_loop(const Dim& extent, const Write& write) {
    const std::string j = builder_.fresh("j");
    builder_.set_bound(j, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(j));
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, j, extent, LoopKind::kVector, lanes_, std::move(body)));
  }

  // ---- the last axis is kept: vectors along it ----

  Section write_blocks() {
    const Shape kept = kept_shape();
    const Dim& columns = kept[kept.rank() - 1];
    const Dim blocks = ceil_div(columns, kColumnBlock);
    Section section;
    section.tiles = kept.element_count(0, kept.rank() - 1) * blocks;
    const bool one_row = kept.rank() == 1;
    outer_ = delinearize(one_row ? Dim(0) : floor_div(request_.tile, blocks), kept, 0, kept.rank() - 1);
    const Dim start = (one_row ? request_.tile : mod(request_.tile, blocks)) * kColumnBlock;
    const Dim extent = min(kColumnBlock, columns - start);
    for (const DType dtype : dtypes_) scratch_.push_back(builder_.add_scratch(dtype, kColumnBlock));
    for (const Reduction& reduction : reductions_.list)
      positions_.push_back(reduction.lowering->argument ? builder_.add_scratch(DType::kI64, kColumnBlock) : -1);

    writer_.enter(section.body);
    vector_loop(extent, [&](const Dim& j) {
      for (size_t i = 0; i < scratch_.size(); ++i) {
        store(scratch_[i], j, initial_value(*reductions_.list[i].lowering, dtypes_[i]));
        if (positions_[i] >= 0) store(positions_[i], j, loop::integer_constant(DType::kI64, 0));
      }
    });
    reduced_loops({}, reduced_.size() - 1, [&](const std::vector<Dim>& outer) { write_rows(outer, start, extent); });
    vector_loop(extent, [&](const Dim& j) {
      for (size_t i = 0; i < scratch_.size(); ++i) {
        const int32_t from = positions_[i] >= 0 ? positions_[i] : scratch_[i];
        ExpressionRef result = loop::load(from, builder_.buffer(from).dtype, {j});
        const Dim& extent_of_axis = domain()[reduced_[0]];
        if (positions_[i] >= 0 && !extent_of_axis.is_constant())  // an empty column has no winner
          result = loop::index_value(writer_.check_index(*reductions_.list[i].node, std::move(result), extent_of_axis));
        writer_.define(reductions_.list[i].result, [result](const std::vector<Dim>&) { return result; });
      }
      for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer_.store_result(i, with_column(start + j));
    });
    writer_.leave();
    return section;
  }

  /// All rows of the innermost reduced axis, several at once as long as there are so many: their elements are combined in order all the same.
  void write_rows(const std::vector<Dim>& outer, const Dim& start, const Dim& extent) {
    const bool positions = std::any_of(positions_.begin(), positions_.end(), [](int32_t buffer) { return buffer >= 0; });
    const int64_t at_once = positions || request_.body.value_count() > kMostValues ? 1 : kRowsAtOnce;
    const Dim& rows = domain()[reduced_.back()];
    const Dim groups = floor_div(rows, at_once);
    if (at_once > 1)
      row_loop(groups, [&](const Dim& group) {
        vector_loop(extent, [&](const Dim& j) { combine_rows(j, with_column(start + j), outer, group * at_once, at_once); });
      });
    row_loop(rows - (at_once > 1 ? groups * at_once : Dim(0)), [&](const Dim& row) {
      std::vector<Dim> reduced = outer;
      reduced.push_back(row + (at_once > 1 ? groups * at_once : Dim(0)));
      vector_loop(extent, [&](const Dim& j) { combine(j, domain_index(with_column(start + j), reduced), reduced); });
    });
  }

  template <class Write> void row_loop(const Dim& extent, const Write& write) {
    if (extent == Dim(0)) return;
    const std::string k = builder_.fresh("k");
    builder_.set_bound(k, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(k));
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, k, extent, LoopKind::kSerial, 1, std::move(body)));
  }

  void combine_rows(const Dim& j, const std::vector<Dim>& column, const std::vector<Dim>& outer, const Dim& first, int64_t count) {
    for (size_t i = 0; i < scratch_.size(); ++i) {
      const Reduction& reduction = reductions_.list[i];
      ExpressionRef so_far = loop::load(scratch_[i], dtypes_[i], {j});
      for (int64_t row = 0; row < count; ++row) {
        std::vector<Dim> reduced = outer;
        reduced.push_back(first + Dim(row));
        so_far = loop::apply(reduction.lowering->combine, {so_far, writer_.value_at(reduction.operand, domain_index(column, reduced))});
      }
      store(scratch_[i], j, so_far);
    }
  }

  std::vector<Dim> with_column(const Dim& column) const {
    std::vector<Dim> index = outer_;
    index.push_back(column);
    return index;
  }
  void store(int32_t buffer, const Dim& at, ExpressionRef value) { writer_.here().push_back({loop::Store{buffer, {at}, std::move(value)}}); }

  void combine(const Dim& j, const std::vector<Dim>& index, const std::vector<Dim>& reduced) {
    for (size_t i = 0; i < scratch_.size(); ++i) {
      const Reduction& reduction = reductions_.list[i];
      const ExpressionRef x = writer_.value_at(reduction.operand, index);
      const ExpressionRef so_far = loop::load(scratch_[i], dtypes_[i], {j});
      if (positions_[i] < 0) {
        store(scratch_[i], j, loop::apply(reduction.lowering->combine, {so_far, x}));
        continue;
      }
      const std::string wins = builder_.fresh("v"), best = builder_.fresh("v");
      writer_.here().push_back({loop::Let{best, x}});
      const ExpressionRef value = loop::named(best, dtypes_[i]);
      writer_.here().push_back({loop::Let{wins, beats(reduction.lowering->combine, value, so_far)}});
      const ExpressionRef condition = loop::named(wins, DType::kBool);
      const ExpressionRef position = loop::load(positions_[i], DType::kI64, {j});
      store(positions_[i], j, loop::apply(ScalarOp::kSelect, {condition, loop::index_value(reduced[0]), position}));
      store(scratch_[i], j, loop::apply(ScalarOp::kSelect, {condition, value, so_far}));
    }
  }

  // ---- the last axis is reduced, but others in front of kept ones too: one result element per tile, vectors along the last axis ----

  Section write_elements() {
    const Shape kept = kept_shape();
    Section section;
    section.tiles = kept.element_count();
    outer_ = delinearize(request_.tile, kept, 0, kept.rank());
    writer_.enter(section.body);
    std::vector<std::string> names;
    for (size_t i = 0; i < dtypes_.size(); ++i) {
      SINTER_CHECK(!reductions_.list[i].lowering->argument, "argmax along the last axis is of kind rows");
      names.push_back(builder_.fresh("a"));
      writer_.here().push_back({loop::Declare{names[i], initial_value(*reductions_.list[i].lowering, dtypes_[i])}});
    }
    reduced_loops({}, reduced_.size() - 1, [&](std::vector<Dim> reduced) {
      vector_loop(domain()[reduced_.back()], [&](const Dim& j) {
        reduced.push_back(j);
        for (size_t i = 0; i < names.size(); ++i)
          writer_.here().push_back(
              {loop::Update{names[i], reductions_.list[i].lowering->combine, writer_.value_at(reductions_.list[i].operand, domain_index(outer_, reduced))}});
        reduced.pop_back();
      });
    });
    for (size_t i = 0; i < names.size(); ++i) {
      const ExpressionRef result = loop::named(names[i], dtypes_[i]);
      writer_.define(reductions_.list[i].result, [result](const std::vector<Dim>&) { return result; });
    }
    for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer_.store_result(i, outer_);
    writer_.leave();
    return section;
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  Reductions reductions_;
  std::vector<size_t> kept_, reduced_;
  std::vector<DType> dtypes_;
  std::vector<int32_t> scratch_, positions_;
  std::vector<Dim> outer_;
  int lanes_ = 1;
};

}  // namespace

Section lower_columns(KernelBuilder& builder, const FusionRequest& request) { return ColumnWriter(builder, request).write(); }

}  // namespace sinter::backend
