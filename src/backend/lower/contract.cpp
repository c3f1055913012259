// Kind `contract`: register tiles of a matrix product over a row block and a panel of columns, then the rest of the body on the hot tile.
#include "backend/lower/body_writer.h"
#include "backend/lower/contract_form.h"
#include "backend/lower/lower_fusion.h"
#include "backend/schedule/contract_schedule.h"

namespace sinter::backend {
namespace {

using loop::LoopKind;

class ContractWriter {
 public:
  ContractWriter(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), node_(find_contract(request.body)),
        form_(contract_form(node_, request.body)) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    schedule_ = schedule_contract({form_.batch, form_.rows, form_.columns, form_.depth, dtype_, form_.rhs_columns_contiguous}, builder.target());
    lanes_ = builder.lanes(dtype_);
    direct_ = request.body.nodes().size() == 1;
  }

  Section write() {
    Section section;
    place_tile(section);
    writer_.enter(section.body);
    if (schedule_.depth_block == 0) {
      write_whole_depth();
    } else {
      write_depth_blocks();
    }
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  int64_t width() const { return schedule_.tile_columns; }
  /// A packed panel is as wide as the register tile, and so is the scratch that takes the sums: no masks, zeros times zeros beyond the last column.
  Dim computed_columns() const { return schedule_.pack_b && !direct_ ? Dim(width()) : columns_; }

  /// tile -> (batch, row block, panel of columns), panels running fastest so that the row block stays in cache.
  void place_tile(Section& section) {
    const Dim panels = ceil_div(form_.columns, width()), blocks = ceil_div(form_.rows, schedule_.row_block);
    section.tiles = form_.batch * blocks * panels;
    const auto split = [](Dim& rest, const Dim& count) {
      if (count == Dim(1)) return Dim(0);
      const Dim part = mod(rest, count);
      rest = floor_div(rest, count);
      return part;
    };
    Dim rest = request_.tile;
    first_column_ = split(rest, panels) * width();
    first_row_ = (form_.batch == Dim(1) ? rest : split(rest, blocks)) * schedule_.row_block;
    if (blocks == Dim(1)) first_row_ = 0;
    batch_ = form_.batch == Dim(1) ? Dim(0) : rest;
    rows_ = min(schedule_.row_block, form_.rows - first_row_);
    columns_ = min(width(), form_.columns - first_column_);
  }

  template <class Write> void loop(std::string_view stem, const Dim& extent, LoopKind kind, const Write& write) {
    const std::string i = builder_.fresh(stem);
    builder_.set_bound(i, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(i));
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, i, extent, kind, kind == LoopKind::kVector ? lanes_ : 1, std::move(body)));
  }

  void write_whole_depth() {
    if (schedule_.pack_b) pack(0, form_.depth);
    if (!direct_) tile_ = builder_.add_scratch(dtype_, schedule_.tile_rows * width());
    row_tiles([&](const Dim& row, const Dim& count) {
      contract(row, count, 0, form_.depth, false, direct_ ? Dim(0) : Dim(0) - row * width());
      if (!direct_) write_rest(row, count, Dim(0) - row);
    });
  }

  void write_depth_blocks() {
    if (!direct_) tile_ = builder_.add_scratch(dtype_, schedule_.row_block * width());
    loop("r", rows_, LoopKind::kSerial, [&](const Dim& r) {
      loop("j", computed_columns(), LoopKind::kVector, [&](const Dim& j) {
        const loop::ExpressionRef zero = loop::constant(dtype_, 0);
        if (direct_) {
          writer_.here().push_back({loop::Store{request_.buffers.results[0], result_index(r, j), zero}});
        } else {
          writer_.here().push_back({loop::Store{tile_, {r * width() + j}, zero}});
        }
      });
    });
    loop("d", ceil_div(form_.depth, schedule_.depth_block), LoopKind::kSerial, [&](const Dim& d) {
      const Dim first = d * schedule_.depth_block, count = min(schedule_.depth_block, form_.depth - first);
      if (schedule_.pack_b) pack(first, count);
      row_tiles([&](const Dim& row, const Dim& rows) { contract(row, rows, first, count, true, 0); });
    });
    if (!direct_) write_rest(0, rows_, 0);
  }

  template <class Write> void row_tiles(const Write& write) {
    loop("m", ceil_div(rows_, schedule_.tile_rows), LoopKind::kSerial, [&](const Dim& m) {
      const Dim row = m * schedule_.tile_rows;
      write(row, min(schedule_.tile_rows, rows_ - row));
    });
  }

  std::vector<Dim> result_index(const Dim& row, const Dim& column) const {
    const Shape& shape = request_.body.type(node_.results[0]).shape;
    std::vector<Dim> index = delinearize(batch_, shape, 0, form_.batch_axes);
    for (Dim& dim : delinearize(first_row_ + row, shape, form_.batch_axes, form_.batch_axes + form_.row_axes)) index.push_back(simplify(dim, builder_.bounds()));
    for (Dim& dim : delinearize(first_column_ + column, shape, form_.batch_axes + form_.row_axes, shape.rank()))
      index.push_back(simplify(dim, builder_.bounds()));
    return index;
  }

  /// Copies the panel of B into scratch, [depth][width], with zeros beyond the last column, so that the microkernel needs no mask.
  void pack(const Dim& first, const Dim& count) {
    if (panel_ < 0) {
      const int64_t depth = schedule_.depth_block != 0 ? schedule_.depth_block : form_.depth.constant();
      panel_ = builder_.add_scratch(dtype_, std::max<int64_t>(1, depth) * width());
    }
    const Shape& shape = request_.body.type(node_.operands[1]).shape;
    loop("k", count, LoopKind::kSerial, [&](const Dim& k) {
      loop("j", width(), LoopKind::kVector, [&](const Dim& j) {
        std::vector<Dim> index = delinearize(batch_, shape, 0, form_.batch_axes);
        const size_t middle = form_.rhs_columns_contiguous ? form_.batch_axes + form_.depth_axes : shape.rank() - form_.depth_axes;
        const Dim front = form_.rhs_columns_contiguous ? first + k : first_column_ + j;
        const Dim back = form_.rhs_columns_contiguous ? first_column_ + j : first + k;
        for (Dim& dim : delinearize(front, shape, form_.batch_axes, middle)) index.push_back(std::move(dim));
        for (Dim& dim : delinearize(back, shape, middle, shape.rank())) index.push_back(std::move(dim));
        const loop::ExpressionRef element =
            loop::guarded({{j, 0, columns_}}, loop::load(argument(1), dtype_, std::move(index)), loop::constant(dtype_, 0));
        writer_.here().push_back({loop::Store{panel_, {k * width() + j}, element}});
      });
    });
  }

  /// One register tile: rows [row, row + count) of the row block, depth [first, first + depth).
  void contract(const Dim& row, const Dim& count, const Dim& first, const Dim& depth, bool accumulate, const Dim& scratch_shift) {
    loop::Contract c;
    if (direct_) {
      c.c = request_.buffers.results[0];
      c.c_offset = (batch_ * form_.rows + first_row_ + row) * form_.columns + first_column_;
      c.c_row_stride = form_.columns;
    } else {
      c.c = tile_;
      c.c_offset = row * width() + scratch_shift;
      c.c_row_stride = width();
    }
    c.a.buffer = argument(0);
    const Dim m = first_row_ + row;
    if (form_.lhs_depth_contiguous) {
      c.a.offset = (batch_ * form_.rows + m) * form_.depth + first;
      c.a.stride = form_.depth;
      c.a.depth_stride = 1;
    } else {
      c.a.offset = (batch_ * form_.depth + first) * form_.rows + m;
      c.a.stride = 1;
      c.a.depth_stride = form_.rows;
    }
    c.b.stride = 1;
    if (schedule_.pack_b) {
      c.b.buffer = panel_;
      c.b.offset = 0;
      c.b.depth_stride = width();
    } else {
      c.b.buffer = argument(1);
      c.b.offset = (batch_ * form_.depth + first) * form_.columns + first_column_;
      c.b.depth_stride = form_.columns;
    }
    c.rows = count;
    c.columns = computed_columns();
    c.depth = depth;
    c.max_rows = schedule_.tile_rows;
    c.max_columns = schedule_.tile_columns;
    c.accumulate = accumulate;
    writer_.here().push_back({std::move(c)});
  }

  /// The nodes after the contract, on rows [row, row + count) of the row block; row + shift is the row of the scratch tile.
  void write_rest(const Dim& row, const Dim& count, const Dim& shift) {
    loop("r", count, LoopKind::kSerial, [&](const Dim& r) {
      loop("j", columns_, LoopKind::kVector, [&](const Dim& j) {
        const Dim at = (row + r + shift) * width() + j;
        writer_.define(node_.results[0], [this, at](const std::vector<Dim>&) { return loop::load(tile_, dtype_, {at}); });
        const std::vector<Dim> index = result_index(row + r, j);
        for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer_.store_result(i, index);
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
  int32_t tile_ = -1, panel_ = -1;
  Dim batch_, first_row_, first_column_, rows_, columns_;
};

}  // namespace

Section lower_contract(KernelBuilder& builder, const FusionRequest& request) { return ContractWriter(builder, request).write(); }

}  // namespace sinter::backend
