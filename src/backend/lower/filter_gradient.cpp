// Kind `convolution` for gradients by filters: for each tap a product of matrices that sums over the positions of an image, channels by features. A kernel tile
// takes some images, all taps, a block of the channels and a panel of the features; its sums stay in scratch over all of its images.
#include <algorithm>

#include "backend/lower/convolution.h"
#include "backend/lower/loop_nest.h"
#include "backend/schedule/convolution_schedule.h"

namespace sinter::backend {
namespace {

constexpr int64_t kSumBytes = 128 << 10;     // of a tile: they stay in the second cache
constexpr int64_t kPackedBytes = 256 << 10;  // of the panel of some images
constexpr int64_t kFewLines = 8;             // images together where one has fewer
constexpr int64_t kMostImages = 32;

class FilterGradient {
 public:
  FilterGradient(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        form_(filter_gradient_form(node_, request.body)), deep_(form_.axes[0]), high_(form_.axes[1]), wide_(form_.axes[2]) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    lanes_ = builder.lanes(dtype_);
    plan();
  }

  Section write() {
    Section section;
    const Dim channel_blocks = ceil_div(form_.channels, channel_block_), panels = ceil_div(form_.features, width_);
    section.tiles = blocks_ * form_.groups * channel_blocks * panels;
    Dim rest = request_.tile;
    first_channel_ = split_tile(rest, channel_blocks) * channel_block_;
    panel_ = split_tile(rest, panels);
    group_ = split_tile(rest, form_.groups);
    block_ = blocks_ == 1 ? Dim(0) : rest;
    const Dim images = ceil_div(form_.batch, blocks_);
    first_image_ = block_ * images;
    images_ = blocks_ == 1 ? form_.batch : max(0, min(images, form_.batch - first_image_));
    writer_.enter(section.body);
    const int64_t features = form_.features.constant(), tail = features % width_;
    if (tail == 0 || features < width_) {
      columns_ = std::min(features, width_);
      write_panel();
    } else {
      loop::If branch{{{panel_, 0, features / width_}}, {}, {}};
      for (loop::Body* side : {&branch.then, &branch.otherwise}) {
        columns_ = side == &branch.then ? width_ : tail;
        writer_.enter(*side);
        write_panel();
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

  void plan() {
    const auto bytes = static_cast<int64_t>(size_in_bytes(dtype_));
    const ConvolutionTile tile = gradient_tile(form_.features.constant(), dtype_, builder_.target());
    tile_rows_ = tile.rows, width_ = tile.columns;
    taps_ = deep_.filter.constant() * high_.filter.constant() * wide_.filter.constant();
    const int64_t channels = form_.channels.constant(), most = std::max<int64_t>(tile_rows_, kSumBytes / (taps_ * width_ * bytes));
    const int64_t parts = (channels + most - 1) / most;
    channel_block_ = (channels + parts - 1) / parts;
    blocks_ = ir::get_attribute<int64_t>(*node_.op, node_.attributes, "blocks");
    // The panel of an image is copied together where the features of a position are several panels.
    const auto positions = (deep_.output * high_.output * wide_.output).as_constant();
    const int64_t image = positions ? std::max<int64_t>(1, *positions) * width_ * bytes : kPackedBytes + 1;
    if (high_.output.as_constant().value_or(kFewLines) < kFewLines && deep_.output == Dim(1)) chunk_ = std::clamp<int64_t>(kPackedBytes / image, 1, kMostImages);
    packs_ = form_.features.constant() > width_ && image * chunk_ <= kPackedBytes;
    if (packs_) packed_ = builder_.add_scratch(dtype_, image / bytes * chunk_);
    sums_ = builder_.add_scratch(dtype_, taps_ * channel_block_ * width_);
  }

  void write_panel() {
    channels_ = nest_.simplified(form_.channels.constant() % channel_block_ == 0 ? Dim(channel_block_) : min(channel_block_, form_.channels - first_channel_));
    nest_.serial("r", taps_ * channel_block_, [&](const Dim& r) {
      nest_.vector("j", columns_, lanes_, [&](const Dim& j) { nest_.store(sums_, {r * width_ + j}, loop::constant(dtype_, 0)); });
    });
    nest_.serial("i", nest_.simplified(ceil_div(images_, chunk_)), [&](const Dim& i) {
      image_ = first_image_ + i * chunk_;
      count_ = chunk_ == 1 ? Dim(1) : nest_.simplified(min(chunk_, images_ - i * chunk_));
      if (packs_) pack();
      add_images();
    });
    nest_.serial("t", taps_, [&](const Dim& tap) {
      nest_.serial("r", channels_, [&](const Dim& r) {
        nest_.vector("j", columns_, lanes_, [&](const Dim& j) {
          const Dim at = (tap * channel_block_ + r) * width_ + j;
          writer_.define(node_.results[0], [this, at](const std::vector<Dim>&) { return loop::load(sums_, dtype_, {at}); });
          const Shape& shape = request_.body.type(node_.results[0]).shape;
          std::vector<Dim> index{block_};
          for (Dim& dim : delinearize(tap, shape, 1, 1 + rank())) index.push_back(nest_.simplified(dim));
          index.push_back(nest_.simplified(first_channel_ + r));
          index.push_back(nest_.simplified(group_ * form_.features + panel_ * width_ + j));
          for (size_t result = 0; result < request_.buffers.results.size(); ++result) writer_.store_result(result, index);
        });
      });
    });
  }

  /// The panel of the images at hand, position by position.
  void pack() {
    const Dim positions = deep_.output * high_.output * wide_.output;
    nest_.serial("i", count_, [&](const Dim& i) {
      nest_.serial("q", positions, [&](const Dim& q) {
        nest_.vector("j", columns_, lanes_, [&](const Dim& j) {
          const Shape& shape = request_.body.type(node_.operands[1]).shape;
          std::vector<Dim> index{image_ + i};
          for (Dim& dim : delinearize(q, shape, 1, 1 + rank())) index.push_back(nest_.simplified(dim));
          index.push_back(nest_.simplified(group_ * form_.features + panel_ * width_ + j));
          nest_.store(packed_, {(i * positions + q) * width_ + j}, loop::load(argument(1), dtype_, std::move(index)));
        });
      });
    });
  }

  /// Positions of the result whose tap k is inside of the input: [begin, begin + count).
  struct Run {
    Dim begin, count;
  };
  Run inside(const ConvolutionAxis& axis, const Dim& tap) const {
    if (!axis.is_padded()) return {0, axis.output};
    const Dim first = axis.low - tap * axis.dilation;
    const Dim begin = max(0, ceil_div(first, axis.stride)), end = min(axis.output, ceil_div(axis.input + first, axis.stride));
    return {begin, nest_.simplified(max(0, end - begin))};
  }

  void add_images() {
    nest_.serial("k", deep_.filter, [&](const Dim& kz) {
      const Run deep = inside(deep_, kz);
      nest_.serial("z", deep.count, [&](const Dim& z) {
        nest_.serial("k", high_.filter, [&](const Dim& ky) {
          const Run high = inside(high_, ky);
          nest_.serial("k", wide_.filter, [&](const Dim& kx) {
            const Run wide = inside(wide_, kx);
            const Dim tap = (kz * high_.filter + ky) * wide_.filter + kx;
            const auto add = [&](const Dim& y, const Dim& lines) {
              channel_tiles([&](const Dim& c, const Dim& rows) {
                contract({deep.begin + z, y, wide.begin}, {kz, ky, kx}, tap, wide.count, lines, c, rows);
              });
            };
            if (chunk_ == 1) return add(high.begin, high.count);
            nest_.serial("y", high.count, [&](const Dim& y) { add(high.begin + y, 0); });
          });
        });
      });
    });
  }

  template <class Write> void channel_tiles(const Write& write) {
    if (const auto known = channels_.as_constant()) {
      const int64_t tiles = (*known + tile_rows_ - 1) / tile_rows_, low = *known / tiles, higher = *known % tiles;
      nest_.serial("m", higher, [&](const Dim& m) { write(m * (low + 1), Dim(low + 1)); });
      nest_.serial("m", tiles - higher, [&](const Dim& m) { write(m * low + higher * (low + 1), Dim(low)); });
      return;
    }
    nest_.serial("m", ceil_div(channels_, tile_rows_), [&](const Dim& m) { write(m * tile_rows_, nest_.simplified(min(tile_rows_, channels_ - m * tile_rows_))); });
  }

  /// Channels [c, c + rows) of a tap: sums over `depth` columns from position `at` on, of so many lines; of none, of all images at hand.
  void contract(const std::array<Dim, 3>& at, const std::array<Dim, 3>& tap, const Dim& number, const Dim& depth, const Dim& lines, const Dim& c, const Dim& rows) {
    const bool by_image = chunk_ != 1;
    Dim from[3], position = 0, source = image_;
    for (size_t k = 0; k < 3; ++k) {
      const ConvolutionAxis& axis = form_.axes[k];
      from[k] = at[k] * axis.stride + tap[k] * axis.dilation - axis.low;
      source = source * axis.input + from[k];
      position = position * axis.output + at[k];
    }
    const Dim positions = deep_.output * high_.output * wide_.output, all_channels = form_.channels * form_.groups;
    loop::Contract contract;
    contract.c = sums_;
    contract.c_offset = nest_.simplified((number * channel_block_ + c) * width_);
    contract.c_row_stride = width_;
    contract.a.buffer = argument(0);
    contract.a.offset = nest_.simplified(source * all_channels + group_ * form_.channels + first_channel_ + c);
    contract.a.stride = 1;
    contract.a.depth_stride = all_channels * wide_.stride;
    contract.a.batch_stride = (by_image ? deep_.input * high_.input : Dim(high_.stride)) * wide_.input * all_channels;
    const Dim row = packs_ ? Dim(width_) : form_.features * form_.groups;
    contract.b.buffer = packs_ ? packed_ : argument(1);
    contract.b.offset = nest_.simplified(packs_ ? position * width_ : (image_ * positions + position) * row + group_ * form_.features + panel_ * width_);
    contract.b.stride = 1;
    contract.b.depth_stride = row;
    contract.b.batch_stride = (by_image ? positions : wide_.output) * row;
    contract.rows = rows, contract.columns = columns_, contract.depth = depth;
    contract.batches = by_image ? count_ : lines;
    contract.max_rows = tile_rows_;
    contract.max_columns = static_cast<int>((columns_ + lanes_ - 1) / lanes_ * lanes_);
    contract.accumulate = true;
    writer_.here().push_back({std::move(contract)});
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  LoopNest nest_;
  const ir::Node& node_;
  ConvolutionForm form_;
  const ConvolutionAxis &deep_, &high_, &wide_;
  DType dtype_ = DType::kF32;
  int lanes_ = 1, tile_rows_ = 1;
  int64_t width_ = 1, taps_ = 1, channel_block_ = 1, blocks_ = 1, columns_ = 1;
  int64_t chunk_ = 1;  // images at hand at a time
  bool packs_ = false;
  int32_t packed_ = -1, sums_ = -1;
  Dim block_, group_, panel_, first_channel_, channels_, first_image_, images_, image_, count_;
};

}  // namespace

Section lower_filter_gradient(KernelBuilder& builder, const FusionRequest& request) {
  const ConvolutionForm form = filter_gradient_form(find_window(request.body), request.body);
  return form.is_depthwise() ? lower_depthwise_gradient(builder, request) : FilterGradient(builder, request).write();
}

}  // namespace sinter::backend
