// Kind `convolution` on small images: all positions of a few images are rows of one product of matrices, whatever line they are of. Where a row begins says a
// table, made once for a kernel tile; images are copied into scratch with their padding, so that all rows see the same taps.
#include <algorithm>

#include "backend/lower/convolution.h"
#include "backend/lower/loop_nest.h"
#include "backend/schedule/convolution_schedule.h"

namespace sinter::backend {
namespace {

constexpr int64_t kWantedRows = 256;           // positions of a kernel tile
constexpr int64_t kImageScratch = 640 << 10;   // bytes of copied images, which stay in the second cache beside a pass
constexpr int64_t kPassBytes = 256 << 10;      // of a panel of the filter that one pass over the rows reads
constexpr int64_t kWantedTiles = 16;
constexpr int64_t kLeastWork = int64_t{1} << 22;  // multiply-adds of a tile worth copying its images again

/// One of the two spatial axes, for positions that see the same taps: position out(i) = first + i*step meets tap first_tap + j*tap_step at copied entry
/// i*in_step + j*in_tap + shift.
struct Phase {
  int64_t first, step, count, first_tap, tap_step, taps, in_step, in_tap, shift;
};

/// Entries [begin, begin + size) of the padded axis are copied.
struct Extent {
  int64_t begin, size;
};

int64_t floor_of(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t ceil_of(int64_t a, int64_t b) { return -floor_of(-a, b); }

Extent extent_of(const ConvolutionAxis& axis) {
  const int64_t out = axis.output.constant(), filter = axis.filter.constant(), low = axis.low.constant();
  if (axis.spread == 1) return {-low, (out - 1) * axis.stride + (filter - 1) * axis.dilation + 1};
  const int64_t begin = ceil_of(-low, axis.spread);
  return {begin, floor_of(out - 1 + filter - 1 - low, axis.spread) - begin + 1};
}

std::vector<Phase> phases_of(const ConvolutionAxis& axis, const Extent& extent) {
  const int64_t out = axis.output.constant(), filter = axis.filter.constant(), low = axis.low.constant();
  if (axis.spread == 1) return {{0, 1, out, 0, 1, filter, axis.stride, axis.dilation, 0}};
  std::vector<Phase> phases;
  for (int64_t first = 0; first < std::min(axis.spread, out); ++first) {
    const int64_t tap = low - first - floor_of(low - first, axis.spread) * axis.spread;
    const int64_t taps = std::max<int64_t>(0, ceil_of(filter - tap, axis.spread));
    phases.push_back({first, axis.spread, ceil_of(out - first, axis.spread), tap, axis.spread, taps, 1, 1, floor_of(first + tap - low, axis.spread) - extent.begin});
  }
  return phases;
}

bool is_trivial(const ConvolutionAxis& axis) {
  return axis.input == Dim(1) && axis.filter == Dim(1) && axis.output == Dim(1) && !axis.is_padded() && axis.spread == 1;
}

int64_t image_bytes(const ConvolutionForm& form, DType dtype) {
  return extent_of(form.axes[1]).size * extent_of(form.axes[2]).size * form.channels.constant() * static_cast<int64_t>(size_in_bytes(dtype));
}

class GatheredConvolution {
 public:
  GatheredConvolution(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        form_(convolution_form(node_, request.body)), high_(form_.axes[1]), wide_(form_.axes[2]) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    lanes_ = builder.lanes(dtype_);
    plan();
  }

  Section write() {
    Section section;
    const int64_t panels = (features_ + width_ - 1) / width_, blocks = (panels + panel_block_ - 1) / panel_block_;
    section.tiles = ceil_div(form_.batch, images_) * blocks;
    Dim rest = request_.tile;
    const Dim block = split_tile(rest, blocks);
    first_image_ = rest * images_;
    const bool whole = form_.batch.is_constant() && form_.batch.constant() % images_ == 0;
    writer_.enter(section.body);
    if (whole) {
      count_ = images_;
      write_tile(block, blocks);
    } else {  // the last tile has fewer images, and code of its own
      const Dim left = form_.batch - first_image_;
      loop::If branch{{{left, images_, left + 1}}, {}, {}};
      for (loop::Body* side : {&branch.then, &branch.otherwise}) {
        count_ = side == &branch.then ? Dim(images_) : left;
        writer_.enter(*side);
        write_tile(block, blocks);
        writer_.leave();
      }
      writer_.here().push_back({std::move(branch)});
    }
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  size_t rank() const { return request_.body.type(node_.operands[0]).shape.rank() - 2; }

  void write_tile(const Dim& block, int64_t blocks) {
    if (copied_) copy_images();
    for (const Phase& y : high_phases_)
      for (const Phase& x : wide_phases_) {
        make_table(y, x);
        const int64_t full = features_ / width_, tail = features_ % width_;
        const Dim first = block * panel_block_;
        nest_.serial("p", blocks == 1 ? Dim(full) : nest_.simplified(max(0, min(panel_block_, Dim(full) - first))),
                     [&](const Dim& p) { write_panel(y, x, first + p, width_); });
        if (tail == 0) continue;
        if (blocks == 1) {
          write_panel(y, x, full, tail);
        } else {
          nest_.when({{Dim(full) - first, 0, panel_block_}}, [&] { write_panel(y, x, full, tail); });
        }
      }
  }

  void plan() {
    const auto bytes = static_cast<int64_t>(size_in_bytes(dtype_));
    channels_ = form_.channels.constant(), features_ = form_.features.constant();
    const ConvolutionTile tile = convolution_tile(features_, dtype_, builder_.target());
    tile_rows_ = tile.rows, width_ = form_.panel_width != 0 ? form_.panel_width : tile.columns;
    lines_ = extent_of(high_), columns_ = extent_of(wide_);
    high_phases_ = phases_of(high_, lines_), wide_phases_ = phases_of(wide_, columns_);
    copied_ = high_.is_padded() || wide_.is_padded() || high_.spread > 1 || wide_.spread > 1 || high_.low != Dim(0) || wide_.low != Dim(0);
    const int64_t positions = high_.output.constant() * wide_.output.constant();
    const int64_t batch = std::max<int64_t>(1, form_.batch.as_constant().value_or(kWantedRows));
    const int64_t fitting = copied_ ? std::max<int64_t>(1, kImageScratch / image_bytes(form_, dtype_)) : kWantedRows;
    images_ = std::clamp<int64_t>(kWantedRows / positions, 1, std::min(fitting, batch));
    if (form_.batch.is_constant())
      for (int64_t fewer = images_; 2 * fewer > images_; --fewer)  // a number that divides, if there is one
        if (batch % fewer == 0) {
          images_ = fewer;
          break;
        }
    const int64_t panels = (features_ + width_ - 1) / width_, tiles = form_.batch.is_constant() ? (batch + images_ - 1) / images_ : kWantedTiles;
    const int64_t work = images_ * positions * form_.depth().constant() * width_;
    int64_t blocks = 1;
    while (tiles * blocks < kWantedTiles && blocks < panels && (panels + blocks) / (blocks + 1) * work >= kLeastWork) ++blocks;
    panel_block_ = (panels + blocks - 1) / blocks;
    row_entries_ = copied_ ? columns_.size : wide_.input.constant();
    image_entries_ = copied_ ? lines_.size * columns_.size : high_.input.constant() * wide_.input.constant();
    merged_ = wide_.spread == 1 && wide_.dilation == 1;
    const int64_t line_bytes = wide_.filter.constant() * channels_ * width_ * bytes;
    by_tap_ = !merged_ || line_bytes > kPassBytes;
    by_line_ = by_tap_ || line_bytes * high_.filter.constant() > kPassBytes;
    const bool masked = builder_.target().vector_bits > 128 || features_ % lanes_ == 0;
    direct_ = request_.body.nodes().size() == 1 && masked && high_.spread == 1 && wide_.spread == 1;
    table_ = builder_.add_scratch(DType::kI64, images_ * positions);
    if (copied_) copy_ = builder_.add_scratch(dtype_, images_ * image_entries_ * channels_);
  }

  // ---- images with padding ----

  std::vector<Dim> element_index(const Dim& image, const Dim& y, const Dim& x, const Dim& c) const {
    std::vector<Dim> index{image};
    if (rank() > 1) index.push_back(y);
    index.push_back(x);
    index.push_back(c);
    return index;
  }

  void copy_images() {
    const int64_t right = std::clamp<int64_t>(wide_.input.constant() - columns_.begin, 0, columns_.size), left = std::clamp<int64_t>(-columns_.begin, 0, right);
    const int64_t bottom = std::clamp<int64_t>(high_.input.constant() - lines_.begin, 0, lines_.size), top = std::clamp<int64_t>(-lines_.begin, 0, bottom);
    nest_.serial("i", nest_.simplified(count_), [&](const Dim& i) {
      const Dim image = i * image_entries_;
      zeros(image, top * columns_.size);
      nest_.serial("y", bottom - top, [&](const Dim& r) {
        const Dim line = image + (r + top) * columns_.size;
        zeros(line, left);
        nest_.vector("j", (right - left) * channels_, lanes_, [&](const Dim& j) {
          const Dim x = floor_div(j, channels_) + (left + columns_.begin), c = channels_ == 1 ? Dim(0) : mod(j, channels_);
          nest_.store(copy_, {(line + left) * channels_ + j},
                      loop::load(argument(0), dtype_, element_index(first_image_ + i, r + (top + lines_.begin), nest_.simplified(x), nest_.simplified(c))));
        });
        zeros(line + right, columns_.size - right);
      });
      zeros(image + bottom * columns_.size, (lines_.size - bottom) * columns_.size);
    });
  }

  void zeros(const Dim& entry, int64_t count) {
    nest_.vector("j", count * channels_, lanes_, [&](const Dim& j) { nest_.store(copy_, {entry * channels_ + j}, loop::constant(dtype_, 0)); });
  }

  void make_table(const Phase& y, const Phase& x) {
    nest_.serial("i", nest_.simplified(count_), [&](const Dim& i) {
      nest_.serial("y", y.count, [&](const Dim& r) {
        nest_.vector("x", x.count, builder_.lanes(DType::kI64), [&](const Dim& c) {
          const Dim entry = i * image_entries_ + r * (y.in_step * row_entries_) + c * x.in_step;
          nest_.store(table_, {(i * y.count + r) * x.count + c}, loop::index_value(entry * channels_));
        });
      });
    });
  }

  // ---- a panel of features over all rows ----

  /// A register tile: rows [first, first + count) of a phase by the features of a panel.
  struct Place {
    const Phase *y, *x;
    Dim first, count, panel;
    int64_t columns;
  };

  void write_panel(const Phase& y, const Phase& x, const Dim& panel, int64_t columns) {
    const int64_t of_image = y.count * x.count;
    const Dim rows = nest_.simplified(count_ * of_image);
    const auto each = [&](const auto& write) {
      row_tiles(rows, [&](const Dim& first, const Dim& count) { write(Place{&y, &x, first, count, panel, columns}); });
    };
    const int64_t lines = by_line_ ? y.taps : 1, taps = by_tap_ ? x.taps : 1;
    if (lines * taps <= 1) {  // a phase without taps is a product of depth 0
      return each([&](const Place& place) {
        contract(place, 0, 0, 0, false);
        if (!direct_) write_rest(place, 0);
      });
    }
    nest_.serial("k", lines, [&](const Dim& line) {
      nest_.serial("k", taps, [&](const Dim& tap) {
        each([&](const Place& place) { contract(place, line, tap, line * taps + tap, true); });
      });
    });
    if (!direct_) each([&](const Place& place) { write_rest(place, place.first); });
  }

  template <class Write> void row_tiles(const Dim& rows, const Write& write) {
    if (const auto known = rows.as_constant()) {
      if (*known == 0) return;
      const int64_t tiles = (*known + tile_rows_ - 1) / tile_rows_, low = *known / tiles, higher = *known % tiles;
      nest_.serial("m", higher, [&](const Dim& m) { write(m * (low + 1), Dim(low + 1)); });
      nest_.serial("m", tiles - higher, [&](const Dim& m) { write(m * low + higher * (low + 1), Dim(low)); });
      return;
    }
    nest_.serial("m", ceil_div(rows, tile_rows_), [&](const Dim& m) { write(m * tile_rows_, nest_.simplified(min(tile_rows_, rows - m * tile_rows_))); });
  }

  /// The taps of one pass: all, those of a line of the filter, or one.
  void contract(const Place& place, const Dim& line, const Dim& tap, const Dim& after, bool passes) {
    const Phase &y = *place.y, &x = *place.x;
    loop::Contract c;
    if (direct_) {
      const int64_t positions = high_.output.constant() * wide_.output.constant();
      c.c = request_.buffers.results[0];
      c.c_offset = nest_.simplified((first_image_ * positions + place.first) * features_ + place.panel * width_);
      c.c_row_stride = features_;
    } else {
      if (sums_ < 0) sums_ = builder_.add_scratch(dtype_, needs_all_sums() ? images_ * high_.output.constant() * wide_.output.constant() * width_ : tile_rows_ * width_);
      c.c = sums_;
      c.c_offset = passes ? nest_.simplified(place.first * width_) : Dim(0);
      c.c_row_stride = width_;
    }
    c.a.buffer = copied_ ? copy_ : argument(0);
    const Dim image = copied_ ? Dim(0) : first_image_ * image_entries_;
    const Dim begin = image + (y.shift + line * y.in_tap) * row_entries_ + x.shift + tap * x.in_tap;
    c.a.offset = nest_.simplified(begin * channels_);
    c.a.table = table_;
    c.a.first = place.first;
    c.a.stride = 0;
    c.a.depth_stride = 1;
    c.a.batch_stride = y.in_tap * row_entries_ * channels_;
    const Dim number = ((y.first_tap + line * y.tap_step) * wide_.filter + x.first_tap + tap * x.tap_step) * channels_;
    const bool panels = form_.panel_width != 0;
    const int64_t row = panels ? width_ : features_;
    c.b.buffer = argument(1);
    c.b.offset = nest_.simplified(panels ? place.panel * form_.depth() * width_ + number * width_ : number * features_ + place.panel * width_);
    c.b.stride = 1;
    c.b.depth_stride = row;
    c.b.batch_stride = wide_.filter * (y.tap_step * channels_ * row);
    c.rows = place.count;
    c.max_rows = tile_rows_;
    c.max_columns = static_cast<int>((place.columns + lanes_ - 1) / lanes_ * lanes_);
    c.columns = panels && !direct_ ? c.max_columns : place.columns;
    const bool none = y.taps == 0 || x.taps == 0;
    c.depth = none ? Dim(0) : by_tap_ ? Dim(channels_) : Dim(wide_.filter.constant() * channels_);
    c.batches = by_line_ ? Dim(1) : Dim(y.taps);
    c.accumulate = passes;
    c.after = passes ? after : Dim(1);
    writer_.here().push_back({std::move(c)});
  }

  bool needs_all_sums() const {
    for (const Phase& y : high_phases_)
      for (const Phase& x : wide_phases_)
        if ((by_line_ ? y.taps : 1) * (by_tap_ ? x.taps : 1) > 1) return true;
    return false;
  }

  /// The nodes after the convolution; row 0 of the place is row `at` of the sums.
  void write_rest(const Place& place, const Dim& at) {
    const Phase &y = *place.y, &x = *place.x;
    nest_.serial("r", place.count, [&](const Dim& r) {
      const Dim row = place.first + r;
      const Dim image = nest_.simplified(floor_div(row, y.count * x.count)), line = nest_.simplified(mod(floor_div(row, x.count), y.count));
      const Dim column = nest_.simplified(mod(row, x.count));
      nest_.vector("j", place.columns, lanes_, [&](const Dim& j) {
        const Dim from = (at + r) * width_ + j;
        writer_.define(node_.results[0], [this, from](const std::vector<Dim>&) { return loop::load(sums_, dtype_, {from}); });
        const std::vector<Dim> index = element_index(first_image_ + image, line * y.step + y.first, column * x.step + x.first,
                                                     nest_.simplified(place.panel * width_ + j));
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
  const ConvolutionAxis &high_, &wide_;
  DType dtype_ = DType::kF32;
  int lanes_ = 1, tile_rows_ = 1;
  int64_t width_ = 1, channels_ = 1, features_ = 1, images_ = 1, panel_block_ = 1;
  Extent lines_, columns_;
  std::vector<Phase> high_phases_, wide_phases_;
  int64_t row_entries_ = 1, image_entries_ = 1;  // of what rows are read from
  bool copied_ = false, merged_ = false, direct_ = false;
  bool by_line_ = false, by_tap_ = false;  // one pass over the rows each
  int32_t table_ = -1, copy_ = -1, sums_ = -1;
  Dim first_image_, count_;
};

}  // namespace

bool suits_gathering(const ConvolutionForm& form, DType dtype, const Target& target) {
  const ConvolutionAxis &high = form.axes[1], &wide = form.axes[2];
  if (form.groups != Dim(1) || !is_trivial(form.axes[0])) return false;
  for (const ConvolutionAxis* axis : {&high, &wide})
    if (!axis->input.is_constant() || !axis->output.is_constant() || !axis->low.is_constant() || axis->output.constant() <= 0 || axis->input.constant() <= 0) return false;
  const int64_t columns = (wide.output.constant() + wide.spread - 1) / wide.spread, rows = convolution_tile(form.features.constant(), dtype, target).rows;
  const int64_t tiles = (columns + rows - 1) / rows;
  const bool low = 6 * rows * tiles > 7 * columns;  // lines alone make tiles of less than six sevenths of the height
  return low && high.output.constant() * wide.output.constant() <= 2 * kWantedRows && image_bytes(form, dtype) <= kImageScratch;
}

Section lower_gathered_convolution(KernelBuilder& builder, const FusionRequest& request) { return GatheredConvolution(builder, request).write(); }

}  // namespace sinter::backend
