// Kind `convolution` on tiles: for each line of the result a product of matrices over filter positions and channels, whose rows are the columns of the image;
// then the rest of the body on the hot tile. Lines that need padding are copied into scratch with it, once for all features of a kernel tile.
#include "backend/lower/convolution.h"

#include "backend/lower/loop_nest.h"
#include "backend/schedule/convolution_schedule.h"

namespace sinter::backend {
namespace {

using loop::LoopKind;

constexpr int64_t kMostScratch = 4 << 20;      // bytes of copied lines
constexpr int64_t kPanelBytes = 384 << 10;     // of the filter that one pass over the lines of a tile reads: it stays in the second cache

/// Those columns of a line that see the same taps: out(m) = first + m*step, the tap j of column m at element (m + block)*in_step + j*tap_step + shift.
struct Phase {
  int64_t first, step;
  Dim first_tap, taps;
  int64_t filter_step, in_step, tap_step;
  Dim shift;
};

class TiledConvolution {
 public:
  TiledConvolution(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        form_(convolution_form(node_, request.body)), deep_(form_.axes[0]), high_(form_.axes[1]), wide_(form_.axes[2]) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    lanes_ = builder.lanes(dtype_);
    plan();
  }

  Section write() {
    Section section;
    place_tile(section);
    writer_.enter(section.body);
    if (copied_) copy_lines();
    const Dim panels = ceil_div(form_.features, width());
    const int64_t block = schedule_.panel_block;
    const auto columns = form_.features.constant();
    const int64_t whole = columns / width(), tail = columns % width();
    if (panels.constant() <= block) {
      nest_.serial("p", whole, [&](const Dim& p) { write_panel(p, width()); });
      if (tail != 0) write_panel(whole, tail);
    } else {
      const Dim first = panel_block_ * block;
      nest_.serial("p", max(0, min(block, Dim(whole) - first)), [&](const Dim& p) { write_panel(first + p, width()); });
      if (tail != 0) nest_.when({{Dim(whole) - first, 0, block}}, [&] { write_panel(whole, tail); });
    }
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  size_t rank() const { return request_.body.type(node_.operands[0]).shape.rank() - 2; }
  int64_t width() const { return schedule_.tile_columns; }
  Dim short_of(const Dim& dim) const { return nest_.simplified(dim); }

  // ---- sizes ----

  void plan() {
    channels_ = form_.channels.constant();
    all_channels_ = form_.channels * form_.groups;
    all_features_ = form_.features * form_.groups;
    copied_ = wide_.is_padded();
    merged_ = wide_.dilation == 1 && wide_.spread == 1 && (copied_ || form_.groups == Dim(1));
    const auto bytes = static_cast<int64_t>(size_in_bytes(dtype_));
    phase_columns_ = ceil_div(wide_.output, wide_.spread);
    const int64_t column_bytes = channels_ * bytes * (wide_.spread > 1 ? 1 : wide_.stride);
    columns_block_ = column_block(phase_columns_, copied_ ? column_bytes : bytes);
    line_columns_ = span(wide_, columns_block_);
    ConvolutionShape shape;
    shape.images = form_.batch * form_.groups * deep_.output * ceil_div(phase_columns_, columns_block_);
    shape.lines = high_.output, shape.columns = phase_columns_;
    shape.features = form_.features.constant(), shape.depth = form_.depth().constant();
    shape.dtype = dtype_;
    shape.panel_width = form_.panel_width;
    if (copied_) {
      const int64_t line = line_columns_ * channels_ * bytes * deep_.filter.constant();
      shape.line_bytes = line * (high_.spread > 1 ? 1 : high_.stride);
      shape.first_lines_bytes = line * span(high_, 1);
    }
    schedule_ = schedule_convolution(shape, columns_block_, builder_.target());
    lines_copied_ = span(high_, schedule_.line_block);
    for (int64_t first = 0; first < wide_.spread; ++first) phases_.push_back(phase(first));
    const bool masked = builder_.target().vector_bits > 128 || shape.features % lanes_ == 0;
    direct_ = request_.body.nodes().size() == 1 && masked;
    // A panel of a deep filter goes by in passes, so that all lines of the tile read a part of it from a near cache.
    passes_ = rank() < 3 && high_.filter.constant() > 1 && high_.spread == 1 && shape.depth * width() * bytes > kPanelBytes;
  }

  /// Elements of the input that `positions` neighbours of the result reach over, at most.
  static int64_t span(const ConvolutionAxis& axis, int64_t positions) {
    const int64_t filter = axis.filter.constant();
    if (axis.spread > 1) return positions + (filter + axis.spread - 1) / axis.spread + 1;
    return (positions - 1) * axis.stride + (filter - 1) * axis.dilation + 1;
  }

  Phase phase(int64_t first) const {
    if (wide_.spread == 1) return {0, 1, 0, wide_.filter, 1, wide_.stride, wide_.dilation, -wide_.low};
    const Dim tap = mod(wide_.low - first, wide_.spread);
    return {first, wide_.spread, tap, max(0, ceil_div(wide_.filter - tap, wide_.spread)), wide_.spread, 1, 1, floor_div(Dim(first) + tap - wide_.low, wide_.spread)};
  }

  /// tile -> (image, group, place along the first axis, block of lines, block of columns, block of panels), the last running fastest.
  void place_tile(Section& section) {
    const Dim panels = ceil_div(ceil_div(form_.features, width()), schedule_.panel_block), across = ceil_div(phase_columns_, columns_block_);
    const Dim blocks = ceil_div(high_.output, schedule_.line_block);
    section.tiles = form_.batch * form_.groups * deep_.output * blocks * across * panels;
    Dim rest = request_.tile;
    panel_block_ = split_tile(rest, panels);
    first_column_ = split_tile(rest, across) * columns_block_;
    first_line_ = split_tile(rest, blocks) * schedule_.line_block;
    deep_at_ = split_tile(rest, deep_.output);
    group_ = split_tile(rest, form_.groups);
    image_ = rest;
    lines_ = divides(high_.output, schedule_.line_block) ? Dim(schedule_.line_block) : min(schedule_.line_block, high_.output - first_line_);
    // What a copied line begins with.
    line_begin_ = high_.spread == 1 ? first_line_ * high_.stride - high_.low : floor_div(first_line_ - high_.low, high_.spread);
    column_begin_ = wide_.spread == 1 ? first_column_ * wide_.stride - wide_.low : first_column_ + ceil_div(-wide_.low, wide_.spread);
  }
  static bool divides(const Dim& dim, int64_t block) { return dim.is_constant() && dim.constant() % block == 0; }

  /// Columns of the tile in this phase.
  Dim columns_of(const Phase& phase) const {
    const Dim all = phase.step == 1 ? wide_.output : ceil_div(wide_.output - phase.first, phase.step);
    return divides(all, columns_block_) ? Dim(columns_block_) : min(columns_block_, all - first_column_);
  }

  // ---- the lines of a tile, with padding ----

  std::vector<Dim> input_index(const Dim& z, const Dim& y, const Dim& x, const Dim& c) const {
    std::vector<Dim> index{image_};
    const Dim* at[] = {&z, &y, &x};
    for (size_t k = 3 - rank(); k < 3; ++k) index.push_back(*at[k]);
    index.push_back(c);
    return index;
  }

  void copy_lines() {
    lines_buffer_ = builder_.add_scratch(dtype_, std::max<int64_t>(1, deep_.filter.constant() * lines_copied_ * line_columns_ * channels_));
    const Taps deep = taps_inside(deep_, deep_at_);
    const Dim begin = max(0, line_begin_), end = min(high_.input, line_begin_ + lines_copied_);
    nest_.serial("z", short_of(deep.count), [&](const Dim& z) {
      nest_.serial("y", short_of(max(0, end - begin)), [&](const Dim& i) {
        const Dim y = begin + i;
        copy_line(deep.input(z), y, ((z * lines_copied_) + y - line_begin_) * line_columns_);
      });
    });
  }

  /// One line to scratch, column `to` on.
  void copy_line(const Dim& z, const Dim& y, const Dim& to) {
    const Dim left = max(0, min(line_columns_, -column_begin_));
    const Dim right = max(left, min(line_columns_, wide_.input - column_begin_));
    const auto zeros = [&](const Dim& from, const Dim& count) {
      nest_.vector("j", short_of(count * channels_), lanes_,
                   [&](const Dim& j) { nest_.store(lines_buffer_, {(to + from) * channels_ + j}, loop::constant(dtype_, 0)); });
    };
    zeros(0, left);
    const Dim begin = column_begin_ + left, count = right - left;
    if (form_.groups == Dim(1)) {
      nest_.vector("j", short_of(count * channels_), lanes_, [&](const Dim& j) {
        const Dim x = begin + floor_div(j, channels_), c = channels_ == 1 ? Dim(0) : mod(j, channels_);
        nest_.store(lines_buffer_, {(to + left) * channels_ + j}, loop::load(argument(0), dtype_, input_index(z, y, short_of(x), short_of(c))));
      });
    } else {
      nest_.serial("x", short_of(count), [&](const Dim& x) {
        nest_.vector("j", channels_, lanes_, [&](const Dim& c) {
          nest_.store(lines_buffer_, {(to + left + x) * channels_ + c},
                      loop::load(argument(0), dtype_, input_index(z, y, begin + x, group_ * channels_ + c)));
        });
      });
    }
    zeros(right, line_columns_ - right);
  }

  // ---- a panel of features over the lines of the tile ----

  void write_panel(const Dim& panel, const Dim& columns) {
    if (passes_) {
      for (const Phase& phase : phases_) write_in_passes(phase, panel, columns);
      return;
    }
    nest_.serial("r", short_of(lines_), [&](const Dim& r) {
      const Dim y = first_line_ + r;
      for (const Phase& phase : phases_)
        row_tiles(columns_of(phase), [&](const Dim& first, const Dim& count) {
          const Place place{&phase, y, first, count, panel, columns};
          const Sums to = sums_of(place, 0, 0);
          products(place, to);
          if (!direct_) write_rest(place, to);
        });
    });
  }

  /// Filter lines one after another: their sums stay in scratch, or in the result.
  void write_in_passes(const Phase& phase, const Dim& panel, const Dim& columns) {
    const Dim per_line = columns_of(phase);
    const auto each = [&](const auto& write) {
      nest_.serial("r", short_of(lines_), [&](const Dim& r) {
        row_tiles(per_line, [&](const Dim& first, const Dim& count) {
          const Place place{&phase, first_line_ + r, first, count, panel, columns};
          write(place, sums_of(place, r, schedule_.line_block));
        });
      });
    };
    each([&](const Place& place, const Sums& to) { zero(place, to); });
    nest_.serial("k", high_.filter, [&](const Dim& tap) {
      each([&](const Place& place, const Sums& to) {
        const Dim y = place.y * high_.stride + tap * high_.dilation - high_.low;
        nest_.when({{y, 0, high_.input}}, [&] {
          Taps one;
          one.first_tap = tap, one.first = y, one.count = 1;
          over_wide(place, to, 0, 0, one, true);
        });
      });
    });
    if (!direct_) each([&](const Place& place, const Sums& to) { write_rest(place, to); });
  }

  /// Columns of a line in tiles of nearly equal height.
  template <class Write> void row_tiles(const Dim& columns, const Write& write) {
    const int64_t most = schedule_.tile_rows;
    const Dim short_columns = short_of(columns);
    if (const auto known = short_columns.as_constant()) {
      if (*known == 0) return;
      const int64_t tiles = (*known + most - 1) / most, low = *known / tiles, higher = *known % tiles;
      nest_.serial("m", higher, [&](const Dim& m) { write(m * (low + 1), Dim(low + 1)); });
      nest_.serial("m", tiles - higher, [&](const Dim& m) { write(m * low + higher * (low + 1), Dim(low)); });
      return;
    }
    nest_.serial("m", ceil_div(short_columns, most), [&](const Dim& m) { write(m * most, short_of(min(most, short_columns - m * most))); });
  }

  /// A register tile: `count` columns of line y from `first` on, by the features of a panel.
  struct Place {
    const Phase* phase;
    Dim y, first, count, panel, columns;
    Dim out(const Dim& block, const Dim& m) const { return (block + first + m) * phase->step + phase->first; }
  };
  /// Where its sums are: offset + row * stride + column of a buffer.
  struct Sums {
    int32_t buffer;
    Dim offset, stride;
  };

  /// In scratch of `lines` lines the tile's own place, in line r; of none, in the only one.
  Sums sums_of(const Place& place, const Dim& r, int64_t lines) {
    if (direct_) {
      const Dim pixel = ((image_ * deep_.output + deep_at_) * high_.output + place.y) * wide_.output + place.out(first_column_, 0);
      return {request_.buffers.results[0], pixel * all_features_ + group_ * form_.features + place.panel * width(), all_features_ * place.phase->step};
    }
    const int64_t rows = lines == 0 ? schedule_.tile_rows : lines * columns_block_;
    if (tile_ < 0) tile_ = builder_.add_scratch(dtype_, rows * width());
    return {tile_, lines == 0 ? Dim(0) : (r * columns_block_ + place.first) * width(), width()};
  }

  void zero(const Place& place, const Sums& to) {
    nest_.serial("r", place.count, [&](const Dim& r) {
      nest_.vector("j", place.columns, lanes_, [&](const Dim& j) {
        std::vector<Dim> index{to.offset + r * to.stride + j};
        if (direct_) index = result_index(place, r, j);
        nest_.store(to.buffer, index, loop::constant(dtype_, 0));
      });
    });
  }

  std::vector<Dim> result_index(const Place& place, const Dim& m, const Dim& j) const {
    const Dim x = place.out(first_column_, m);
    std::vector<Dim> index{image_};
    const Dim* at[] = {&deep_at_, &place.y, &x};
    for (size_t k = 3 - rank(); k < 3; ++k) index.push_back(*at[k]);
    index.push_back(short_of(group_ * form_.features + place.panel * width() + j));
    return index;
  }

  /// All taps of a place: as one contract where the elements that they meet are at steps.
  void products(const Place& place, const Sums& to) {
    const bool one = deep_.filter == Dim(1) && !deep_.is_padded() && deep_.spread == 1 && merged_;
    if (!one) zero(place, to);
    const Taps deep = taps_inside(deep_, deep_at_), high = taps_inside(high_, place.y);
    nest_.serial("z", short_of(deep.count), [&](const Dim& z) { over_wide(place, to, z, deep.tap(z), high, !one, deep.input(z)); });
  }

  /// Taps along the line: neighbours are one run of memory, or else one contract each.
  void over_wide(const Place& place, const Sums& to, const Dim& z, const Dim& deep_tap, const Taps& high, bool accumulate, const Dim& deep_input = 0) {
    const Phase& phase = *place.phase;
    if (merged_) return contract(place, to, z, deep_tap, deep_input, high, 0, wide_.filter * channels_, accumulate);
    nest_.serial("k", short_of(phase.taps), [&](const Dim& j) { contract(place, to, z, deep_tap, deep_input, high, j, channels_, true); });
  }

  void contract(const Place& place, const Sums& to, const Dim& z, const Dim& deep_tap, const Dim& deep_input, const Taps& high, const Dim& j,
                const Dim& depth, bool accumulate) {
    const Phase& phase = *place.phase;
    loop::Contract c;
    c.c = to.buffer, c.c_offset = short_of(to.offset), c.c_row_stride = to.stride;
    const Dim x = (first_column_ + place.first) * phase.in_step + j * phase.tap_step + phase.shift;
    if (copied_) {
      c.a.buffer = lines_buffer_;
      c.a.offset = ((z * lines_copied_ + high.first - line_begin_) * line_columns_ + x - column_begin_) * channels_;
      c.a.stride = phase.in_step * channels_;
      c.a.batch_stride = high.step * line_columns_ * channels_;
    } else {
      c.a.buffer = argument(0);
      c.a.offset = (((image_ * deep_.input + deep_input) * high_.input + high.first) * wide_.input + x) * all_channels_ + group_ * channels_;
      c.a.stride = phase.in_step * all_channels_;
      c.a.batch_stride = high.step * wide_.input * all_channels_;
    }
    c.a.offset = short_of(c.a.offset);
    c.a.depth_stride = 1;
    const Dim tap = ((deep_tap * high_.filter + high.first_tap) * wide_.filter + phase.first_tap + j * phase.filter_step) * channels_;
    const Dim row = form_.panel_width != 0 ? Dim(width()) : all_features_;
    c.b.buffer = argument(1);
    c.b.stride = 1;
    c.b.depth_stride = row;
    c.b.batch_stride = high.tap_step * wide_.filter * channels_ * row;
    c.b.offset = short_of(form_.panel_width != 0 ? place.panel * form_.depth() * width() + tap * width()
                                                 : tap * all_features_ + group_ * form_.features + place.panel * width());
    c.rows = place.count;
    c.max_rows = schedule_.tile_rows;
    const auto columns = place.columns.constant();
    c.max_columns = static_cast<int>((columns + lanes_ - 1) / lanes_ * lanes_);
    c.columns = form_.panel_width != 0 && !direct_ ? Dim(c.max_columns) : place.columns;
    c.depth = depth;
    c.batches = short_of(high.count);
    c.accumulate = accumulate;
    writer_.here().push_back({std::move(c)});
  }

  /// The nodes after the convolution.
  void write_rest(const Place& place, const Sums& from) {
    nest_.serial("r", place.count, [&](const Dim& r) {
      nest_.vector("j", place.columns, lanes_, [&](const Dim& j) {
        const Dim at = from.offset + r * from.stride + j;
        writer_.define(node_.results[0], [this, at](const std::vector<Dim>&) { return loop::load(tile_, dtype_, {at}); });
        const std::vector<Dim> index = result_index(place, r, j);
        for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer_.store_result(i, index);
      });
    });
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  LoopNest nest_;
  const ir::Node& node_;
  ConvolutionForm form_;
  const ConvolutionAxis &deep_, &high_, &wide_;
  ConvolutionSchedule schedule_;
  std::vector<Phase> phases_;
  DType dtype_ = DType::kF32;
  int lanes_ = 1;
  bool copied_ = false;  // lines are read from scratch
  bool merged_ = false;  // the taps along a line and the channels are one run of memory
  bool direct_ = false;  // sums go to the result
  bool passes_ = false;
  int64_t channels_ = 1, columns_block_ = 1;
  int64_t line_columns_ = 1, lines_copied_ = 1;  // of a copied line; lines of each place along the first axis
  int32_t lines_buffer_ = -1, tile_ = -1;
  Dim all_channels_, all_features_, phase_columns_;
  Dim image_, group_, deep_at_, first_line_, first_column_, panel_block_, lines_, line_begin_, column_begin_;  // of the tile
};

}  // namespace

bool suits_tiles(const ConvolutionForm& form) {
  const auto known = [](const Dim& dim) { return dim.is_constant() && dim.constant() > 0 && dim.constant() < (int64_t{1} << 20); };
  if (!known(form.channels) || !known(form.features)) return false;
  int64_t taps = 1;
  for (const ConvolutionAxis& axis : form.axes) {
    if (!known(axis.filter) || !has_regular_taps(axis) || axis.spread > 8 || axis.stride > 64 || axis.dilation > 1024) return false;
    taps *= axis.filter.constant();
    if (taps > 4096) return false;
  }
  // One line of each place along the first axis, sixteen columns: more of them are never wanted than fit.
  const ConvolutionAxis &high = form.axes[1], &wide = form.axes[2];
  const int64_t columns = 16 * wide.stride + wide.filter.constant() * wide.dilation, lines = high.filter.constant() * high.dilation;
  return columns * lines * form.axes[0].filter.constant() <= kMostScratch / 8 / form.channels.constant();
}

Section lower_convolution(KernelBuilder& builder, const FusionRequest& request) {
  const ir::Node& node = find_window(request.body);
  if (std::get<ir::Window>(node.op->lowering).kind == ir::Window::Kind::kFilterGradient) return lower_filter_gradient(builder, request);
  const ConvolutionForm form = convolution_form(node, request.body);
  if (form.is_depthwise() && suits_tiles(form) && form.axes[2].filter.constant() <= 16) return lower_depthwise_convolution(builder, request);
  if (suits_tiles(form) && suits_gathering(form, request.body.type(node.results[0]).dtype, builder.target())) return lower_gathered_convolution(builder, request);
  return suits_tiles(form) ? lower_tiled_convolution(builder, request) : lower_plain_convolution(builder, request);
}

Section lower_tiled_convolution(KernelBuilder& builder, const FusionRequest& request) { return TiledConvolution(builder, request).write(); }

}  // namespace sinter::backend
