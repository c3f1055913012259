// Kind `convolution` where each channel has a filter of its own: vectors along the channels, the sums of several neighbouring columns in registers.
#include <algorithm>

#include "backend/lower/convolution.h"
#include "backend/lower/loop_nest.h"

namespace sinter::backend {
namespace {

using loop::ExpressionRef;

constexpr int64_t kMostSums = 8;          // columns at once, in registers
constexpr int64_t kTileWork = 1 << 16;    // multiply-adds of a kernel tile, about
constexpr int64_t kMostUnrolled = 64;     // multiply-adds written out

class DepthwiseConvolution {
 public:
  DepthwiseConvolution(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        form_(convolution_form(node_, request.body)), deep_(form_.axes[0]), high_(form_.axes[1]), wide_(form_.axes[2]) {
    dtype_ = request.body.type(node_.results[0]).dtype;
    lanes_ = body_lanes(builder, request.body);
  }

  Section write() {
    Section section;
    const int64_t work = wide_.output.as_constant().value_or(64) * form_.groups.as_constant().value_or(64) * form_.depth().constant();
    const int64_t lines = std::max<int64_t>(1, kTileWork / std::max<int64_t>(1, work));
    const Dim blocks = ceil_div(high_.output, lines);
    section.tiles = form_.batch * deep_.output * blocks;
    Dim rest = request_.tile;
    const Dim first = split_tile(rest, blocks) * lines;
    at_[0] = split_tile(rest, deep_.output);
    image_ = rest;
    writer_.enter(section.body);
    nest_.serial("y", nest_.simplified(min(lines, high_.output - first)), [&](const Dim& r) {
      at_[1] = first + r;
      write_line();
    });
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  size_t rank() const { return request_.body.type(node_.operands[0]).shape.rank() - 2; }
  int64_t taps() const { return wide_.filter.constant(); }

  /// A line of the input and the one of the filter that it meets.
  struct Lines {
    Dim input[2], tap[2];
  };

  /// Columns whose taps are all inside of the input run several at a time, those at the edges one by one.
  void write_line() {
    if (wide_.spread != 1) return edge(0, wide_.output);
    Dim begin = 0, end = wide_.output;
    if (wide_.is_padded()) {
      begin = min(wide_.output, max(0, ceil_div(wide_.low, wide_.stride)));
      end = max(begin, min(wide_.output, floor_div(wide_.input - 1 - (wide_.filter - 1) * wide_.dilation + wide_.low, wide_.stride) + 1));
    }
    const int64_t most = std::max<int64_t>(1, std::min(kMostSums, kMostUnrolled / taps()));
    const auto count = nest_.simplified(end - begin).as_constant();
    const int64_t block = count && *count > 0 ? (*count + (*count + most - 1) / most - 1) / ((*count + most - 1) / most) : most;
    const Dim whole = nest_.simplified(floor_div(end - begin, block));
    edge(0, begin);
    nest_.serial("x", whole, [&](const Dim& i) { inside(begin + i * block, block); });
    const Dim left = nest_.simplified(end - begin - whole * block);
    if (const auto known = left.as_constant(); known && *known > 0) {
      inside(begin + whole * block, *known);
      edge(end, wide_.output);
    } else {
      edge(begin + whole * block, wide_.output);
    }
  }

  void edge(const Dim& begin, const Dim& end) {
    nest_.serial("x", nest_.simplified(end - begin), [&](const Dim& i) {
      const Dim x = begin + i;
      columns(x, 1, [&](const std::vector<std::string>& sums, const Lines& from, const Dim& c) {
        const Taps wide = taps_inside(wide_, x);
        nest_.serial("k", nest_.simplified(wide.count), [&](const Dim& k) {
          add(sums[0], load_input(from, wide.input(k), c), load_filter(from, wide.tap(k), c));
        });
      });
    });
  }

  void inside(const Dim& first, int64_t count) {
    columns(first, count, [&](const std::vector<std::string>& sums, const Lines& from, const Dim& c) {
      std::map<int64_t, ExpressionRef> elements;  // by distance from the first one
      for (int64_t k = 0; k < taps(); ++k) {
        const ExpressionRef weight = name(load_filter(from, k, c));
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = i * wide_.stride + k * wide_.dilation;
          ExpressionRef& element = elements[at];
          if (!element) element = name(load_input(from, first * wide_.stride + at - wide_.low, c));
          add(sums[static_cast<size_t>(i)], element, weight);
        }
      }
    });
  }

  /// Columns [first, first + count) of the line: `line` adds up what the filter's lines give.
  template <class Line> void columns(const Dim& first, int64_t count, const Line& line) {
    nest_.vector("c", form_.groups, lanes_, [&](const Dim& c) {
      std::vector<std::string> sums;
      for (int64_t i = 0; i < count; ++i) {
        sums.push_back(builder_.fresh("a"));
        writer_.here().push_back({loop::Declare{sums.back(), loop::constant(dtype_, 0)}});
      }
      const Taps deep = taps_inside(deep_, at_[0]), high = taps_inside(high_, at_[1]);
      nest_.serial("k", nest_.simplified(deep.count), [&](const Dim& i) {
        nest_.serial("k", nest_.simplified(high.count), [&](const Dim& j) {
          line(sums, Lines{{deep.input(i), high.input(j)}, {deep.tap(i), high.tap(j)}}, c);
        });
      });
      for (int64_t i = 0; i < count; ++i)
        nest_.scope([&] {
          const ExpressionRef total = loop::named(sums[static_cast<size_t>(i)], dtype_);
          writer_.define(node_.results[0], [total](const std::vector<Dim>&) { return total; });
          const std::vector<Dim> index = element_index(at_[0], at_[1], first + i, c);
          for (size_t result = 0; result < request_.buffers.results.size(); ++result) writer_.store_result(result, index);
        });
    });
  }

  void add(const std::string& sum, const ExpressionRef& x, const ExpressionRef& weight) {
    const ExpressionRef before = loop::named(sum, dtype_);
    const bool fused = is_float(dtype_) && builder_.target().has_fma;
    ExpressionRef after = fused ? loop::apply(ScalarOp::kFma, {x, weight, before})
                                : loop::apply(ScalarOp::kAdd, {before, loop::apply(ScalarOp::kMultiply, {x, weight})});
    writer_.here().push_back({loop::Assign{sum, std::move(after)}});
  }

  ExpressionRef name(ExpressionRef value) {
    const std::string name = builder_.fresh("v");
    writer_.here().push_back({loop::Let{name, std::move(value)}});
    return loop::named(name, dtype_);
  }

  std::vector<Dim> element_index(const Dim& z, const Dim& y, const Dim& x, const Dim& c) const {
    std::vector<Dim> index{image_};
    const Dim* at[] = {&z, &y, &x};
    for (size_t k = 3 - rank(); k < 3; ++k) index.push_back(nest_.simplified(*at[k]));
    index.push_back(c);
    return index;
  }
  ExpressionRef load_input(const Lines& from, const Dim& x, const Dim& c) const {
    return loop::load(argument(0), dtype_, element_index(from.input[0], from.input[1], x, c));
  }

  ExpressionRef load_filter(const Lines& from, const Dim& tap, const Dim& c) const {
    std::vector<Dim> index;
    const Dim* at[] = {&from.tap[0], &from.tap[1], &tap};
    for (size_t k = 3 - rank(); k < 3; ++k) index.push_back(nest_.simplified(*at[k]));
    index.push_back(0);
    index.push_back(c);
    return loop::load(argument(1), dtype_, std::move(index));
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  LoopNest nest_;
  const ir::Node& node_;
  ConvolutionForm form_;
  const ConvolutionAxis &deep_, &high_, &wide_;
  DType dtype_ = DType::kF32;
  int lanes_ = 1;
  Dim image_, at_[2];
};

}  // namespace

Section lower_depthwise_convolution(KernelBuilder& builder, const FusionRequest& request) { return DepthwiseConvolution(builder, request).write(); }

}  // namespace sinter::backend
