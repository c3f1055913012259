// Kind `convolution` for gradients by filters where each channel has a filter of its own: vectors along the channels, sums of all taps in scratch, to which each
// line of each image adds what its columns give.
#include <algorithm>

#include "backend/lower/convolution.h"
#include "backend/lower/loop_nest.h"

namespace sinter::backend {
namespace {

using loop::ExpressionRef;

constexpr int64_t kSums = 8 << 10;  // elements of scratch
constexpr int64_t kMostUnrolled = 8;

class DepthwiseGradient {
 public:
  DepthwiseGradient(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        form_(filter_gradient_form(node_, request.body)) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    lanes_ = body_lanes(builder, request.body);
  }

  Section write() {
    Section section;
    const Dim blocks = ir::get_attribute<int64_t>(*node_.op, node_.attributes, "blocks");
    const Dim all_taps = form_.axes[0].filter * form_.axes[1].filter * form_.axes[2].filter;
    const int64_t chunk = std::max<int64_t>(lanes_, kSums / std::max<int64_t>(1, all_taps.constant()) / lanes_ * lanes_);
    const Dim chunks = ceil_div(form_.groups, chunk);
    section.tiles = blocks * chunks;
    Dim rest = request_.tile;
    first_channel_ = split_tile(rest, chunks) * chunk;
    const Dim block = blocks == Dim(1) ? Dim(0) : rest, images = ceil_div(form_.batch, blocks), first = block * images;
    count_ = nest_.simplified(chunks == Dim(1) ? form_.groups : min(chunk, form_.groups - first_channel_));
    width_ = chunk;
    sums_ = builder_.add_scratch(dtype_, std::max<int64_t>(1, all_taps.constant() * chunk));
    writer_.enter(section.body);
    nest_.serial("t", all_taps, [&](const Dim& tap) {
      nest_.vector("c", count_, lanes_, [&](const Dim& c) { nest_.store(sums_, {tap * width_ + c}, loop::constant(dtype_, 0)); });
    });
    nest_.serial("i", blocks == Dim(1) ? form_.batch : nest_.simplified(max(0, min(images, form_.batch - first))), [&](const Dim& i) { add_image(first + i); });
    nest_.serial("t", all_taps, [&](const Dim& tap) {
      nest_.vector("c", count_, lanes_, [&](const Dim& c) {
        const Dim at = tap * width_ + c;
        writer_.define(node_.results[0], [this, at](const std::vector<Dim>&) { return loop::load(sums_, dtype_, {at}); });
        const Shape& shape = request_.body.type(node_.results[0]).shape;
        std::vector<Dim> index{block};
        for (Dim& dim : delinearize(tap, shape, 1, 1 + rank())) index.push_back(nest_.simplified(dim));
        index.push_back(0);
        index.push_back(first_channel_ + c);
        for (size_t result = 0; result < request_.buffers.results.size(); ++result) writer_.store_result(result, index);
      });
    });
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  size_t rank() const { return request_.body.type(node_.operands[0]).shape.rank() - 2; }

  /// Each line of the cotangent meets those lines of the input that its taps are on.
  void add_image(const Dim& image) {
    const auto& [deep, high, wide] = form_.axes;
    nest_.serial("z", deep.output, [&](const Dim& z) {
      nest_.serial("y", high.output, [&](const Dim& y) {
        const Taps deep_taps = taps_inside(deep, z), high_taps = taps_inside(high, y);
        nest_.serial("k", nest_.simplified(deep_taps.count), [&](const Dim& i) {
          nest_.serial("k", nest_.simplified(high_taps.count), [&](const Dim& j) {
            nest_.vector("c", count_, lanes_, [&](const Dim& c) {
              const auto tap = [&](const Dim& k) {
                add_run(image, {z, y}, {deep_taps.input(i), high_taps.input(j)}, (deep_taps.tap(i) * high.filter + high_taps.tap(j)) * wide.filter + k, k, c);
              };
              const int64_t taps = wide.filter.constant();
              if (taps > kMostUnrolled) return nest_.serial("k", taps, tap);
              for (int64_t k = 0; k < taps; ++k) tap(k);
            });
          });
        });
      });
    });
  }

  /// Adds the products of a tap along a line.
  void add_run(const Dim& image, const std::array<Dim, 2>& place, const std::array<Dim, 2>& from, const Dim& number, const Dim& tap, const Dim& c) {
    const ConvolutionAxis& wide = form_.axes[2];
    const Dim first = wide.low - tap * wide.dilation;
    const Dim begin = wide.is_padded() ? max(0, ceil_div(first, wide.stride)) : Dim(0);
    const Dim end = wide.is_padded() ? min(wide.output, ceil_div(wide.input + first, wide.stride)) : wide.output;
    const std::string sum = builder_.fresh("a");
    const Dim at = nest_.simplified(number) * width_ + c;
    writer_.here().push_back({loop::Declare{sum, loop::load(sums_, dtype_, {at})}});
    nest_.serial("x", nest_.simplified(max(0, end - begin)), [&](const Dim& i) {
      const ExpressionRef x = load(0, image, from, (begin + i) * wide.stride - first, c), d = load(1, image, place, begin + i, c), before = loop::named(sum, dtype_);
      const bool fused = is_float(dtype_) && builder_.target().has_fma;
      ExpressionRef after = fused ? loop::apply(ScalarOp::kFma, {x, d, before}) : loop::apply(ScalarOp::kAdd, {before, loop::apply(ScalarOp::kMultiply, {x, d})});
      writer_.here().push_back({loop::Assign{sum, std::move(after)}});
    });
    nest_.store(sums_, {at}, loop::named(sum, dtype_));
  }

  ExpressionRef load(int operand, const Dim& image, const std::array<Dim, 2>& line, const Dim& x, const Dim& c) const {
    std::vector<Dim> index{image};
    const Dim* at[] = {&line[0], &line[1], &x};
    for (size_t k = 3 - rank(); k < 3; ++k) index.push_back(nest_.simplified(*at[k]));
    index.push_back(first_channel_ + c);
    return loop::load(argument(operand), dtype_, std::move(index));
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  LoopNest nest_;
  const ir::Node& node_;
  ConvolutionForm form_;
  DType dtype_ = DType::kF32;
  int lanes_ = 1;
  int64_t width_ = 1;
  int32_t sums_ = -1;
  Dim first_channel_, count_;
};

}  // namespace

Section lower_depthwise_gradient(KernelBuilder& builder, const FusionRequest& request) { return DepthwiseGradient(builder, request).write(); }

}  // namespace sinter::backend
