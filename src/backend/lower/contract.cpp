// Kind `contract`: register tiles of a matrix product over a row block and a panel of columns, then the rest of the body on the hot tile.
#include "backend/lower/body_writer.h"
#include "backend/lower/contract_form.h"
#include "backend/lower/contract_sums.h"
#include "backend/lower/lower_fusion.h"
#include "backend/schedule/contract_schedule.h"

namespace sinter::backend {
namespace {

using loop::LoopKind;

constexpr int64_t kLineBytes = 64;  // of a cache

class ContractWriter {
 public:
  ContractWriter(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), node_(find_contract(request.body)),
        form_(contract_form(node_, request.body)) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    lanes_ = builder.lanes(dtype_);
    schedule_ = schedule_contract(contract_shape(form_, dtype_), builder.target());
    schedule_.depth_block *= form_.group;
    if (request.row_block != 0) schedule_.row_block = request.row_block;
    for (size_t i = 0; i < request.body.results().size(); ++i)
      if (!is_rhs_sum(request.body, i)) products_.push_back(i);
    direct_ = !schedule_.dots && request.body.nodes().size() == 1 + request.body.results().size() - products_.size() && schedule_.masked_columns;
  }

  Section write() {
    Section section;
    place_tile(section);
    writer_.enter(section.body);
    const auto columns = form_.columns.as_constant();
    const int64_t block = schedule_.column_block;
    if (!columns || *columns % block == 0 || *columns < block) {
      columns_ = columns ? Dim(std::min(*columns, block)) : min(block, form_.columns - first_column_);
      write_block();
    } else {  // the last block of columns is narrower, and code of its own
      loop::If branch{{{first_column_, 0, *columns / block * block}}, {}, {}};
      for (loop::Body* side : {&branch.then, &branch.otherwise}) {
        columns_ = side == &branch.then ? block : *columns % block;
        writer_.enter(*side);
        write_block();
        writer_.leave();
      }
      writer_.here().push_back({std::move(branch)});
    }
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  int64_t width() const { return schedule_.tile_columns; }
  /// Elements of a panel in so much depth.
  Dim words(const Dim& depth) const { return form_.group == 1 ? depth : simplify(ceil_div(depth, form_.group), builder_.bounds()); }

  /// tile -> (batch, row block, column block), column blocks running fastest so that the row block stays in cache.
  void place_tile(Section& section) {
    const Dim across = ceil_div(form_.columns, schedule_.column_block), blocks = ceil_div(form_.rows, schedule_.row_block);
    section.tiles = form_.batch * blocks * across;
    const auto split = [](Dim& rest, const Dim& count) {
      if (count == Dim(1)) return Dim(0);
      const Dim part = mod(rest, count);
      rest = floor_div(rest, count);
      return part;
    };
    Dim rest = request_.tile;
    first_column_ = split(rest, across) * schedule_.column_block;
    first_row_ = (form_.batch == Dim(1) ? rest : split(rest, blocks)) * schedule_.row_block;
    if (blocks == Dim(1)) first_row_ = 0;
    batch_ = form_.batch == Dim(1) ? Dim(0) : rest;
    const auto rows = form_.rows.as_constant();
    rows_ = rows && *rows % schedule_.row_block == 0 ? Dim(schedule_.row_block) : min(schedule_.row_block, form_.rows - first_row_);
  }

  template <class Write> void loop(std::string_view stem, const Dim& extent, LoopKind kind, const Write& write) {
    if (kind == LoopKind::kSerial && extent == Dim(1)) return write(Dim(0));
    const std::string i = builder_.fresh(stem);
    builder_.set_bound(i, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(i));
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, i, extent, kind, kind == LoopKind::kVector ? lanes_ : 1, std::move(body)));
  }

  /// The column block at hand: panels, row tiles, depth.
  void write_block() {
    if (products_.size() < request_.buffers.results.size())
      write_rhs_sums(builder_, request_, writer_, form_, first_row_, {first_column_, columns_, schedule_.column_block});
    if (schedule_.dots) return write_dots();
    const bool may_be_few = schedule_.pack_b && !form_.rows.is_constant() && form_.rhs_columns_contiguous && schedule_.masked_columns;
    if (!may_be_few) return write_passes();
    loop::If branch{{{rows_, 0, schedule_.rows_in_place + 1}}, {}, {}};
    for (loop::Body* side : {&branch.then, &branch.otherwise}) {
      schedule_.pack_b = side == &branch.otherwise;
      writer_.enter(*side);
      write_passes();
      writer_.leave();
    }
    writer_.here().push_back({std::move(branch)});
  }

  void write_passes() {
    if (schedule_.depth_block == 0) {
      write_whole_depth();
    } else {
      write_depth_blocks();
    }
  }

  void write_whole_depth() {
    if (schedule_.pack_b) pack_columns(0, form_.depth);
    if (!direct_) scratch(tile_, schedule_.tile_rows * width());
    row_tiles([&](const Dim& row, const Dim& count) {
      if (schedule_.spread_rows) spread_rows(row, count, 0, form_.depth);
      panels([&](const Panel& panel) {
        contract(row, count, panel, 0, form_.depth, 0, 0, width());
        if (!direct_) write_rest(row, count, panel.first, panel.columns, Dim(0) - row * width() - panel.first, width());
      });
    });
  }

  void write_depth_blocks() {
    const int64_t stride = schedule_.column_block;
    if (!direct_) scratch(tile_, schedule_.row_block * stride);
    const Dim blocks = simplify(max(1, ceil_div(form_.depth, schedule_.depth_block)), builder_.bounds());  // one without depth, too, which leaves zeros
    loop("d", blocks, LoopKind::kSerial, [&](const Dim& d) {
      const Dim first = d * schedule_.depth_block, count = min(schedule_.depth_block, form_.depth - first);
      if (schedule_.pack_b) pack_columns(first, count);
      row_tiles([&](const Dim& row, const Dim& rows) {
        if (schedule_.spread_rows) spread_rows(row, rows, first, count);
        panels([&](const Panel& panel) { contract(row, rows, panel, first, count, d, row * stride + panel.first, stride); });
      });
    });
    if (!direct_) write_rest(0, rows_, 0, columns_, 0, stride);
  }

  /// Sums of products along the depth, in vectors of partial sums. In place of what would be beyond the last row or column that one is computed once more,
  /// and not read.
  void write_dots() {
    const int64_t rows = schedule_.tile_rows, columns = schedule_.tile_columns, stride = schedule_.column_block;
    scratch(tile_, (schedule_.row_block + rows - 1) / rows * rows * stride);
    const size_t lhs_middle = form_.batch_axes + form_.row_axes, rhs_rank = request_.body.type(node_.operands[1]).shape.rank();
    const auto element = [&](int operand, const Dim& at, const Dim& k) {
      if (operand == 0) return operand_element(0, at, k, lhs_middle);
      return form_.rhs_columns_contiguous ? operand_element(1, k, at, form_.batch_axes + 1) : operand_element(1, at, k, rhs_rank - 1);
    };
    const auto names = [&](int64_t count) {
      std::vector<std::string> list;
      while (static_cast<int64_t>(list.size()) < count) list.push_back(builder_.fresh("s"));
      return list;
    };
    loop("m", ceil_div(rows_, rows), LoopKind::kSerial, [&](const Dim& m) {
      loop("p", ceil_div(columns_, columns), LoopKind::kSerial, [&](const Dim& p) {
        const std::vector<std::string> sums = names(rows * columns), loaded = names(rows);
        for (const std::string& sum : sums) writer_.here().push_back({loop::Declare{sum, loop::constant(dtype_, 0)}});
        loop("k", form_.depth, LoopKind::kVector, [&](const Dim& k) {
          for (int64_t r = 0; r < rows; ++r)
            writer_.here().push_back({loop::Let{loaded[static_cast<size_t>(r)], element(0, first_row_ + min(m * rows + r, rows_ - 1), k)}});
          for (int64_t c = 0; c < columns; ++c) {
            const std::string right = builder_.fresh("s");
            writer_.here().push_back({loop::Let{right, element(1, first_column_ + min(p * columns + c, columns_ - 1), k)}});
            for (int64_t r = 0; r < rows; ++r)
              writer_.here().push_back({loop::Update{
                  sums[static_cast<size_t>(r * columns + c)], ScalarOp::kAdd,
                  loop::apply(ScalarOp::kMultiply, {loop::named(loaded[static_cast<size_t>(r)], dtype_), loop::named(right, dtype_)})}});
          }
        });
        for (int64_t i = 0; i < rows * columns; ++i) {
          const Dim at = (m * rows + i / columns) * stride + p * columns + i % columns;
          writer_.here().push_back({loop::Store{tile_, {at}, loop::named(sums[static_cast<size_t>(i)], dtype_)}});
        }
      });
    });
    write_rest(0, rows_, 0, columns_, 0, stride);
  }

  // ---- the register tiles of a block ----

  /// Rows of the block in tiles of `tile_rows`; what does not divide is spread over the last two tiles, since a tile of one or two rows is as slow as one of
  /// four (the sums wait for each other).
  template <class Write> void row_tiles(const Write& write) {
    const int64_t height = schedule_.tile_rows;
    if (const auto rows = rows_.as_constant()) {
      const int64_t tiles = (*rows + height - 1) / height, whole = *rows % height == 0 ? tiles : std::max<int64_t>(0, tiles - 2);
      if (whole > 0) loop("m", whole, LoopKind::kSerial, [&](const Dim& m) { write(m * height, Dim(height)); });
      const int64_t left = *rows - whole * height;
      const int64_t first = left > height ? (left + 1) / 2 : left;
      if (first > 0) write(Dim(whole * height), Dim(first));
      if (left > first) write(Dim(whole * height + first), Dim(left - first));
      return;
    }
    const Dim tiles = ceil_div(rows_, height);
    const Dim last = max(0, ceil_div(rows_ + height * tiles - 2 * height, 2));  // where the last tile begins
    loop("m", tiles, LoopKind::kSerial, [&](const Dim& m) {
      const Dim first = min(height * m, last);
      const Dim end = min(height * (m + 1), last + (rows_ - last) * max(0, m + 2 - tiles));
      write(first, end - first);
    });
  }

  /// A panel of the column block: its number, its first column in the block, how many columns it has and how many of them are computed: a packed panel has
  /// zeros beyond its last column, so that whole vectors may be.
  struct Panel {
    Dim number, first, columns, computed;
    int64_t most;
  };

  Panel panel(const Dim& number, const Dim& columns) const {
    const auto constant = columns.as_constant();
    const int64_t most = (constant.value_or(width()) + lanes_ - 1) / lanes_ * lanes_;
    const bool whole_vectors = !direct_ && (schedule_.pack_b || form_.panel_width != 0) && most <= width();
    return {number, number * width(), columns, whole_vectors ? Dim(most) : columns, most};
  }

  template <class Write> void panels(const Write& write) {
    if (const auto columns = columns_.as_constant()) {
      const int64_t whole = *columns / width();
      if (whole > 0) loop("p", whole, LoopKind::kSerial, [&](const Dim& p) { write(panel(p, width())); });
      if (*columns % width() != 0) write(panel(whole, *columns % width()));
      return;
    }
    loop("p", schedule_.column_block == width() ? Dim(1) : ceil_div(columns_, width()), LoopKind::kSerial,
         [&](const Dim& p) { write(panel(p, min(width(), columns_ - p * width()))); });
  }

  std::vector<Dim> result_index(const Dim& row, const Dim& column) const {
    const Shape& shape = request_.body.type(node_.results[0]).shape;
    std::vector<Dim> index = delinearize(batch_, shape, 0, form_.batch_axes);
    for (Dim& dim : delinearize(first_row_ + row, shape, form_.batch_axes, form_.batch_axes + form_.row_axes)) index.push_back(simplify(dim, builder_.bounds()));
    for (Dim& dim : delinearize(first_column_ + column, shape, form_.batch_axes + form_.row_axes, shape.rank()))
      index.push_back(simplify(dim, builder_.bounds()));
    return index;
  }

  // ---- packing ----

  void scratch(int32_t& buffer, int64_t elements) {
    if (buffer < 0) buffer = builder_.add_scratch(dtype_, std::max<int64_t>(1, elements));
  }
  int64_t packed_depth() const { return schedule_.depth_block != 0 ? schedule_.depth_block : form_.depth.constant(); }

  /// Element (front, back) of an operand stored as [batch, front, back], where `middle` axes are batch and front.
  loop::ExpressionRef operand_element(int operand, const Dim& front, const Dim& back, size_t middle) const {
    const Shape& shape = request_.body.type(node_.operands[static_cast<size_t>(operand)]).shape;
    std::vector<Dim> index = delinearize(batch_, shape, 0, form_.batch_axes);
    for (Dim& dim : delinearize(front, shape, form_.batch_axes, middle)) index.push_back(std::move(dim));
    for (Dim& dim : delinearize(back, shape, middle, shape.rank())) index.push_back(std::move(dim));
    return loop::load(argument(operand), dtype_, std::move(index));
  }

  /// Copies the column block of B into scratch, [panel][depth][width], with zeros beyond the last column, so that the microkernel needs no mask.
  void pack_columns(const Dim& first, const Dim& count) {
    scratch(panel_, packed_depth() * schedule_.column_block);
    const size_t middle = form_.batch_axes + form_.depth_axes;
    panels([&](const Panel& panel) {
      if (!form_.rhs_columns_contiguous) {
        loop::Transpose copy;
        copy.to = panel_, copy.from = argument(1);
        copy.offset = panel.number * (packed_depth() * width());
        copy.row_stride = width();
        copy.from_offset = (batch_ * form_.columns + first_column_ + panel.first) * form_.depth + first;
        copy.column_stride = form_.depth;
        copy.rows = count, copy.columns = panel.columns, copy.filled = panel.most;
        writer_.here().push_back({std::move(copy)});
        return;
      }
      loop("k", count, LoopKind::kSerial, [&](const Dim& k) {
        loop("j", panel.most, LoopKind::kVector, [&](const Dim& j) {
          const Dim column = first_column_ + panel.first + j;
          const loop::ExpressionRef element = operand_element(1, first + k, column, middle);
          const bool whole = panel.columns == Dim(panel.most);
          writer_.here().push_back({loop::Store{
              panel_, {panel.number * (packed_depth() * width()) + k * width() + j},
              whole ? element : loop::guarded({{j, 0, panel.columns}}, element, loop::constant(dtype_, 0))}});
        });
      });
    });
  }

  /// Copies rows [row, row + count) of A into scratch, [depth][tile_rows][lanes] with each element in all lanes.
  void spread_rows(const Dim& row, const Dim& count, const Dim& first, const Dim& depth) {
    const int64_t height = schedule_.tile_rows;
    scratch(spread_, height * packed_depth() * lanes_);
    const size_t rank = request_.body.type(node_.operands[0]).shape.rank();
    const size_t middle = form_.lhs_depth_contiguous ? rank - form_.depth_axes : form_.batch_axes + form_.depth_axes;
    const auto element = [&](const Dim& r, const Dim& k) {
      const Dim m = first_row_ + row + r;
      return form_.lhs_depth_contiguous ? operand_element(0, m, first + k, middle) : operand_element(0, first + k, m, middle);
    };
    loop("r", count, LoopKind::kSerial, [&](const Dim& r) {
      loop("k", depth, LoopKind::kSerial, [&](const Dim& k) {
        loop("j", lanes_, LoopKind::kVector, [&](const Dim& j) {
          writer_.here().push_back({loop::Store{spread_, {(k * height + r) * lanes_ + j}, element(r, k)}});
        });
      });
    });
  }

  // ---- one register tile ----

  /// Rows [row, row + count) of the row block by the columns of `panel`, depth [first, first + depth), to the result or to the scratch tile: added to what is
  /// there unless `after` is 0.
  void contract(const Dim& row, const Dim& count, const Panel& panel, const Dim& first, const Dim& depth, const Dim& after, const Dim& scratch_offset,
                int64_t scratch_stride) {
    loop::Contract c;
    if (direct_) {
      c.c = request_.buffers.results[products_[0]];
      c.c_offset = (batch_ * form_.rows + first_row_ + row) * form_.columns + first_column_ + panel.first;
      c.c_row_stride = form_.columns;
    } else {
      c.c = tile_;
      c.c_offset = scratch_offset;
      c.c_row_stride = scratch_stride;
    }
    c.a = rows_operand(row, first);
    c.a_spread = schedule_.spread_rows;
    c.a_raised = form_.raised;
    c.b.stride = 1;
    if (schedule_.pack_b) {
      c.b.buffer = panel_;
      c.b.offset = panel.number * (packed_depth() * width());
      c.b.depth_stride = width();
    } else if (form_.panel_width != 0) {
      const Dim number = (batch_ * ceil_div(form_.columns, width())) + floor_div(first_column_, width()) + panel.number;
      c.b.buffer = argument(1);
      c.b.offset = (number * words(form_.depth) + words(first)) * width();
      c.b.depth_stride = width();
    } else {
      c.b.buffer = argument(1);
      c.b.offset = (batch_ * form_.depth + first) * form_.columns + first_column_ + panel.first;
      c.b.depth_stride = form_.columns;
    }
    c.rows = count;
    c.columns = panel.computed;
    c.depth = depth;
    c.max_rows = schedule_.tile_rows;
    c.max_columns = static_cast<int>(panel.most);
    c.accumulate = after != Dim(0);
    c.after = after;
    ask_ahead(c, row, first);
    writer_.here().push_back({std::move(c)});
  }

  /// While this panel is computed, the next one that the kernel takes (of the next pass over the depth, or of the next block of columns) is asked for, one
  /// line of its width per tile of rows: the third cache has all that time to answer. The last panel asks for what lies behind it, which costs nothing.
  void ask_ahead(loop::Contract& c, const Dim& row, const Dim& first) const {
    const auto rows = form_.rows.as_constant();
    const bool one_panel = ceil_div(form_.columns, width()) == Dim(1) && form_.batch == Dim(1);
    if (form_.group != 1 || !form_.rhs_columns_contiguous || schedule_.column_block != width() || one_panel || (rows && *rows <= 2 * schedule_.tile_rows)) return;
    const int64_t line = kLineBytes / static_cast<int64_t>(size_in_bytes(dtype_)), lines = (width() + line - 1) / line;
    const Dim part = min(floor_div(row, schedule_.tile_rows), lines - 1) * line;
    const int64_t block = schedule_.depth_block;
    const Dim passes = block == 0 ? Dim(1) : ceil_div(form_.depth, block);
    const Dim step = floor_div(first_column_, width()) * passes + (block == 0 ? Dim(0) : floor_div(first, block)) + 1;
    const Dim panel = floor_div(step, passes), depth = mod(step, passes) * block;
    const Dim before = batch_ * form_.depth * (form_.panel_width != 0 ? ceil_div(form_.columns, width()) * width() : form_.columns);
    c.ahead = argument(1);
    c.ahead_stride = form_.panel_width != 0 ? Dim(width()) : form_.columns;
    c.ahead_offset = simplify(before + part + (form_.panel_width != 0 ? (panel * form_.depth + depth) * width() : depth * form_.columns + panel * width()),
                              builder_.bounds());
  }

  loop::ContractOperand rows_operand(const Dim& row, const Dim& first) const {
    loop::ContractOperand a;
    const Dim m = first_row_ + row;
    if (schedule_.spread_rows) {
      a.buffer = spread_;
      a.offset = 0;
      a.stride = lanes_;
      a.depth_stride = int64_t{lanes_} * schedule_.tile_rows;
    } else if (form_.lhs_depth_contiguous) {
      a.buffer = argument(0);
      a.offset = (batch_ * form_.rows + m) * form_.depth + first;
      a.stride = form_.depth;
      a.depth_stride = 1;
    } else {
      a.buffer = argument(0);
      a.offset = (batch_ * form_.depth + first) * form_.rows + m;
      a.stride = 1;
      a.depth_stride = form_.rows;
    }
    return a;
  }

  /// The nodes after the contract, on rows [row, row + count) of the row block and columns [column, column + columns) of the column block; element (r, j) of
  /// the blocks is at r * stride + j + shift of the scratch tile.
  void write_rest(const Dim& row, const Dim& count, const Dim& column, const Dim& columns, const Dim& shift, int64_t stride) {
    loop("r", count, LoopKind::kSerial, [&](const Dim& r) {
      loop("j", columns, LoopKind::kVector, [&](const Dim& j) {
        const Dim at = (row + r) * stride + column + j + shift;
        writer_.define(node_.results[0], [this, at](const std::vector<Dim>&) { return loop::load(tile_, dtype_, {at}); });
        const std::vector<Dim> index = result_index(row + r, column + j);
        for (const size_t i : products_) writer_.store_result(i, index);
      });
    });
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  const ir::Node& node_;
  ContractForm form_;
  ContractSchedule schedule_;
  DType dtype_ = DType::kF32;
  int lanes_ = 1;
  bool direct_ = false;
  std::vector<size_t> products_;  // results that are of the contract's shape: all but sums of B
  int32_t tile_ = -1, panel_ = -1, spread_ = -1;
  Dim batch_, first_row_, first_column_, rows_, columns_;  // of the tile
};

}  // namespace

Section lower_contract(KernelBuilder& builder, const FusionRequest& request) { return ContractWriter(builder, request).write(); }

}  // namespace sinter::backend
