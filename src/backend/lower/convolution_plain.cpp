// Kind `convolution`, whatever the attributes: one position of the result after another, vectors along the features, taps that miss the input left out. For
// convolutions whose sizes are not known or whose taps follow no simple rule.
#include "backend/lower/convolution.h"
#include "backend/lower/loop_nest.h"

namespace sinter::backend {
namespace {

constexpr int64_t kTilePositions = 16;

class PlainConvolution {
 public:
  PlainConvolution(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        form_(convolution_form(node_, request.body)) {}

  Section write() {
    Section section;
    const auto& [deep, high, wide] = form_.axes;
    const Dim chunks = ceil_div(wide.output, kTilePositions);
    section.tiles = form_.batch * form_.groups * deep.output * high.output * chunks;
    Dim rest = request_.tile;
    const Dim x = split_tile(rest, chunks) * kTilePositions;
    at_[1] = split_tile(rest, high.output);
    at_[0] = split_tile(rest, deep.output);
    group_ = split_tile(rest, form_.groups);
    image_ = rest;
    writer_.enter(section.body);
    nest_.serial("x", simplify(min(kTilePositions, wide.output - x), builder_.bounds()), [&](const Dim& i) {
      at_[2] = x + i;
      write_position();
    });
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  size_t rank() const { return request_.body.type(node_.operands[0]).shape.rank() - 2; }

  void write_position() {
    const DType dtype = request_.body.type(node_.results[0]).dtype;
    nest_.vector("j", form_.features, body_lanes(builder_, request_.body), [&](const Dim& j) {
      const std::string sum = builder_.fresh("a");
      writer_.here().push_back({loop::Declare{sum, loop::constant(dtype, 0)}});
      over_taps(0, {}, {}, [&](const std::vector<Dim>& taps, const std::vector<Dim>& from) {
        nest_.serial("c", form_.channels, [&](const Dim& c) {
          std::vector<Dim> source{image_}, filter;
          for (size_t k = 3 - rank(); k < 3; ++k) source.push_back(from[k]), filter.push_back(taps[k]);
          source.push_back(group_ * form_.channels + c);
          filter.push_back(c);
          filter.push_back(group_ * form_.features + j);
          const loop::ExpressionRef product =
              loop::apply(ScalarOp::kMultiply, {loop::load(argument(0), dtype, source), loop::load(argument(1), dtype, filter)});
          writer_.here().push_back({loop::Assign{sum, loop::apply(ScalarOp::kAdd, {loop::named(sum, dtype), product})}});
        });
      });
      const loop::ExpressionRef total = loop::named(sum, dtype);
      writer_.define(node_.results[0], [total](const std::vector<Dim>&) { return total; });
      std::vector<Dim> index{image_};
      for (size_t k = 3 - rank(); k < 3; ++k) index.push_back(at_[k]);
      index.push_back(group_ * form_.features + j);
      for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer_.store_result(i, index);
    });
  }

  template <class Write> void over_taps(size_t k, const std::vector<Dim>& taps, const std::vector<Dim>& from, const Write& write) {
    if (k == 3) return write(taps, from);
    const ConvolutionAxis& axis = form_.axes[k];
    const auto next = [&](const Dim& tap, const Dim& input) {
      std::vector<Dim> more_taps = taps, more_from = from;
      more_taps.push_back(tap);
      more_from.push_back(input);
      over_taps(k + 1, more_taps, more_from, write);
    };
    if (has_regular_taps(axis)) {
      const Taps inside = taps_inside(axis, at_[k]);
      nest_.serial("k", nest_.simplified(inside.count), [&](const Dim& j) { next(nest_.simplified(inside.tap(j)), nest_.simplified(inside.input(j))); });
      return;
    }
    nest_.serial("k", axis.filter, [&](const Dim& tap) {
      const Dim place = at_[k] * axis.stride + tap * axis.dilation - axis.low, input = floor_div(place, axis.spread);
      nest_.when({{mod(place, axis.spread), 0, 1}, {input, 0, axis.input}}, [&] { next(tap, input); });
    });
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  LoopNest nest_;
  const ir::Node& node_;
  ConvolutionForm form_;
  Dim image_, group_, at_[3];
};

}  // namespace

Section lower_plain_convolution(KernelBuilder& builder, const FusionRequest& request) { return PlainConvolution(builder, request).write(); }

}  // namespace sinter::backend
