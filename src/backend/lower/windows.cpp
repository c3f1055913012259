// Kind `window`: windows that slide over some axes. Each element of the result is found by itself, from the entries of its window or, for updates that are
// scattered over windows, from those windows that have it among their entries; vectors along the last axis.
#include <algorithm>

#include "backend/lower/convolution_form.h"
#include "backend/lower/loop_nest.h"
#include "backend/lower/reductions.h"

namespace sinter::backend {
namespace {

using Kind = ir::Window::Kind;
using loop::ExpressionRef;

constexpr int64_t kMostUnrolled = 16;  // entries of a window that are written out
constexpr int64_t kTileElements = 4096;

/// One axis that windows slide over. An element of the result at `position` of it meets entry k of a window where position * scale + offset + k * step is a
/// multiple of `divisor`, at that quotient of the other tensor, which has `size` of them.
struct WindowAxis {
  bool slides = false;
  int64_t window = 1, scale = 1, step = 1, divisor = 1;
  Dim offset = 0, size;
  bool inside = true;  // the quotient is never outside
};

class WindowWriter {
 public:
  WindowWriter(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), nest_(builder, writer_), node_(find_window(request.body)),
        lowering_(std::get<ir::Window>(node_.op->lowering)), shape_(request.body.type(node_.results[0]).shape) {
    dtype_ = request.body.type(node_.operands[0]).dtype;
    lanes_ = body_lanes(builder, request.body);
    read_axes();
  }

  Section write() {
    Section section;
    const size_t last = shape_.rank() - 1;
    const Dim rows = shape_.element_count(0, last);
    const int64_t columns = shape_[last].as_constant().value_or(256);
    const int64_t at_once = std::max<int64_t>(1, kTileElements / std::max<int64_t>(1, columns * std::min<int64_t>(entries_, 64)));
    section.tiles = ceil_div(rows, at_once);
    const Dim first = request_.tile * at_once;
    writer_.enter(section.body);
    const Dim count = rows.is_constant() && rows.constant() % at_once == 0 ? Dim(at_once) : min(at_once, rows - first);
    nest_.serial("r", nest_.simplified(count), [&](const Dim& r) {
      std::vector<Dim> index = delinearize(first + r, shape_, 0, last);
      nest_.vector("j", shape_[last], lanes_, [&](const Dim& j) {
        index.push_back(j);
        write_element(index);
      });
    });
    writer_.leave();
    return section;
  }

 private:
  int32_t argument(int operand) const { return request_.buffers.arguments[static_cast<size_t>(node_.operands[static_cast<size_t>(operand)].id)]; }
  const Shape& other() const { return request_.body.type(node_.operands[0]).shape; }

  void read_axes() {
    const auto integers = [&](std::string_view name) { return ir::get_attribute<ir::Integers>(*node_.op, node_.attributes, name); };
    const auto dims = [&](std::string_view name) { return ir::get_attribute<Shape>(*node_.op, node_.attributes, name); };
    const ir::Integers slid = integers("axes"), window = integers("window"), stride = integers("stride"), dilation = integers("dilation"),
                       spread = integers("input_dilation");
    const Shape low = dims("padding_low"), high = dims("padding_high");
    axes_.resize(shape_.rank());
    for (size_t i = 0; i < slid.size(); ++i) {
      const auto at = static_cast<size_t>(slid[i]);
      WindowAxis& axis = axes_[at];
      axis.slides = true, axis.window = window[i], axis.size = other()[at];
      entries_ *= axis.window;
      if (lowering_.kind == Kind::kScatter) {
        axis.scale = spread[i], axis.offset = low[i], axis.step = -dilation[i], axis.divisor = stride[i];
        axis.inside = axis.window == 1 && axis.divisor == 1 && axis.scale == 1 && low[i] == Dim(0) && shape_[at] == other()[at];
      } else {
        axis.scale = stride[i], axis.offset = -low[i], axis.step = dilation[i], axis.divisor = spread[i];
        const auto padded = [](const Dim& padding) { return padding.as_constant().value_or(1) > 0; };
        axis.inside = axis.divisor == 1 && !padded(low[i]) && !padded(high[i]);
      }
    }
  }

  // ---- one element ----

  void write_element(const std::vector<Dim>& index) {
    const bool argument_of = lowering_.kind == Kind::kArgument;
    best_ = builder_.fresh("a");
    writer_.here().push_back({loop::Declare{best_, lowering_.kind == Kind::kScatter ? loop::constant(dtype_, 0) : initial()}});
    if (argument_of) {
      number_ = builder_.fresh("a");
      writer_.here().push_back({loop::Declare{number_, loop::integer_constant(DType::kI64, 0)}});
    }
    over_entries(index, 0, {}, 0);
    const ExpressionRef result = argument_of ? loop::named(number_, DType::kI64) : loop::named(best_, dtype_);
    writer_.define(node_.results[0], [result](const std::vector<Dim>&) { return result; });
    for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer_.store_result(i, index);
  }

  ExpressionRef initial() const {
    ir::Reduce reduce;
    reduce.combine = lowering_.combine, reduce.initial = lowering_.initial;
    return initial_value(reduce, dtype_);
  }

  /// Entries of the window in order; `from` is where they are in the other tensor, `number` which they are.
  void over_entries(const std::vector<Dim>& index, size_t at, const std::vector<Dim>& from, const Dim& number) {
    if (at == axes_.size()) return meet(from, nest_.simplified(number));
    const WindowAxis& axis = axes_[at];
    const auto next = [&](const Dim& place, const Dim& entry) {
      std::vector<Dim> more = from;
      more.push_back(nest_.simplified(place));
      over_entries(index, at + 1, more, axis.slides ? number * axis.window + entry : number);
    };
    if (!axis.slides) return next(index[at], 0);
    const Dim start = index[at] * axis.scale + axis.offset;
    const bool lanes = at + 1 == axes_.size();  // the last axis differs between lanes: no loop may depend on it
    if (axis.divisor == 1 && axis.inside) return each(axis.window, [&](const Dim& k) { next(start + k * axis.step, k); });
    if (axis.divisor == 1 && !lanes) {
      // start + k*step in [0, size)
      const int64_t step = std::abs(axis.step);
      const Dim reach = axis.step > 0 ? start : axis.size - 1 - start;  // of entry 0; it rises towards `size`
      const Dim begin = max(0, ceil_div(-reach, step)), end = min(axis.window, ceil_div(axis.size - reach, step));
      return each(nest_.simplified(max(0, end - begin)), [&](const Dim& k) { next(start + (begin + k) * axis.step, begin + k); });
    }
    if (axis.scale == 1 && std::abs(axis.step) == 1 && !lanes) {
      // Every divisor-th entry meets something, and where it does neighbours do.
      const Dim first = mod(axis.step > 0 ? -start : start, axis.divisor), met = floor_div(start + first * axis.step, axis.divisor);
      const Dim reach = axis.step > 0 ? met : axis.size - 1 - met;
      const Dim all = max(0, ceil_div(axis.window - first, axis.divisor));
      const Dim begin = max(0, -reach), end = min(all, axis.size - reach);
      return each(nest_.simplified(max(0, end - begin)), [&](const Dim& k) { next(met + (begin + k) * axis.step, first + (begin + k) * axis.divisor); });
    }
    each(axis.window, [&](const Dim& k) {
      const Dim place = start + k * axis.step, met = floor_div(place, axis.divisor);
      if (lanes) return guarded(at, from, number, k, place, met);
      nest_.when({{mod(place, axis.divisor), 0, 1}, {met, 0, axis.size}}, [&] { next(met, k); });
    });
  }

  /// Each k < count, written out where they are few.
  template <class Write> void each(const Dim& count, const Write& write) {
    if (const auto known = count.as_constant(); known && *known <= kMostUnrolled && entries_ <= kMostUnrolled) {
      for (int64_t k = 0; k < *known; ++k) write(Dim(k));
      return;
    }
    nest_.serial("k", count, write);
  }

  /// Along the last axis each lane finds out for itself whether it meets something.
  void guarded(size_t at, std::vector<Dim> from, const Dim& number, const Dim& k, const Dim& place, const Dim& met) {
    const WindowAxis& axis = axes_[at];
    from.push_back(met);
    guards_ = {{mod(place, axis.divisor), 0, 1}, {met, 0, axis.size}};
    meet(from, nest_.simplified(number * axis.window + k));
    guards_.clear();
  }

  ExpressionRef element(int operand, const std::vector<Dim>& from, const ExpressionRef& none) const {
    const DType dtype = request_.body.type(node_.operands[static_cast<size_t>(operand)]).dtype;
    ExpressionRef value = loop::load(argument(operand), dtype, from);
    return guards_.empty() ? value : loop::guarded(guards_, value, none);
  }

  void meet(const std::vector<Dim>& from, const Dim& number) {
    const ExpressionRef best = loop::named(best_, dtype_);
    const auto assign = [&](const std::string& name, ExpressionRef value) { writer_.here().push_back({loop::Assign{name, std::move(value)}}); };
    switch (lowering_.kind) {
      case Kind::kReduce: return assign(best_, loop::apply(lowering_.combine, {best, element(0, from, initial())}));
      case Kind::kScatter: {
        const ExpressionRef chosen = element(1, from, loop::integer_constant(DType::kI64, -1));
        const ExpressionRef hit = loop::apply(ScalarOp::kEqual, {chosen, loop::index_value(number)}), zero = loop::constant(dtype_, 0);
        const ExpressionRef more = loop::apply(ScalarOp::kSelect, {hit, element(0, from, zero), zero});
        return assign(best_, loop::apply(ScalarOp::kAdd, {best, more}));
      }
      case Kind::kArgument: {
        const std::string value = builder_.fresh("v"), wins = builder_.fresh("v");
        writer_.here().push_back({loop::Let{value, element(0, from, initial())}});
        const ExpressionRef x = loop::named(value, dtype_);
        writer_.here().push_back({loop::Let{wins, beats(lowering_.combine, x, best)}});
        const ExpressionRef won = loop::named(wins, DType::kBool);
        assign(number_, loop::apply(ScalarOp::kSelect, {won, loop::index_value(number), loop::named(number_, DType::kI64)}));
        return assign(best_, loop::apply(ScalarOp::kSelect, {won, x, best}));
      }
      default: SINTER_CHECK(false, "a convolution is of a kind of its own");
    }
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  LoopNest nest_;
  const ir::Node& node_;
  const ir::Window& lowering_;
  const Shape& shape_;
  std::vector<WindowAxis> axes_;
  int64_t entries_ = 1;
  DType dtype_ = DType::kF32;
  int lanes_ = 1;
  std::string best_, number_;
  std::vector<loop::Range> guards_;
};

}  // namespace

Section lower_window(KernelBuilder& builder, const FusionRequest& request) { return WindowWriter(builder, request).write(); }

}  // namespace sinter::backend
