#include "passes/canonical_convolutions.h"

#include <algorithm>
#include <numeric>

#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

/// Blocks of images: as many as kernel tiles are wanted that the filter does not give, each with sums of its own.
constexpr int64_t kWantedTiles = 16, kSums = 32 << 10, kPanel = 64;

Integers run(size_t first, size_t end) {
  Integers axes(end - first);
  std::iota(axes.begin(), axes.end(), static_cast<int64_t>(first));
  return axes;
}

class Canonical {
 public:
  Canonical(Rewriter& rewriter, const ir::Graph& graph, const ir::Node& node)
      : rewriter_(rewriter), builder_(rewriter.builder()), graph_(graph), node_(node), filter_(graph.type(node.operands[1]).shape),
        spatial_(filter_.rank() - 2), groups_(ir::get_attribute<int64_t>(*node.op, node.attributes, "groups")) {}

  std::optional<std::vector<Value>> run() {
    if (groups_ == 1 && is_pointwise()) return std::vector<Value>{product()};
    return gradient();
  }

 private:
  Integers integers(std::string_view name) const { return ir::get_attribute<Integers>(*node_.op, node_.attributes, name); }
  bool all_one(std::string_view name) const {
    const Integers steps = integers(name);
    return std::all_of(steps.begin(), steps.end(), [](int64_t step) { return step == 1; });
  }
  bool all_zero(std::string_view name) const {
    const Shape& dims = ir::get_attribute<Shape>(*node_.op, node_.attributes, name);
    return std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim == Dim(0); });
  }

  /// Windows are single entries, one after another.
  bool is_pointwise() const {
    return std::all_of(filter_.begin(), filter_.end() - 2, [](const Dim& dim) { return dim == Dim(1); }) && all_one("stride") && all_one("input_dilation") &&
           all_zero("padding_low") && all_zero("padding_high");
  }

  Value product() {
    // The filter of a gradient by the input is a filter with its channels exchanged: a product sums over either axis.
    Integers exchanged = ::sinter::passes::run(0, spatial_);
    exchanged.insert(exchanged.end(), {static_cast<int64_t>(spatial_) + 1, static_cast<int64_t>(spatial_)});
    if (const std::optional<Value> turned = transposed(node_.operands[1], exchanged)) {
      const Value matrix = builder_.reshape(rewriter_.at(*turned), {filter_[spatial_ + 1], filter_[spatial_]});
      return dot(rewriter_.at(node_.operands[0]), matrix, {static_cast<int64_t>(spatial_) + 1}, {1});
    }
    const Value matrix = builder_.reshape(rewriter_.at(node_.operands[1]), {filter_[spatial_], filter_[spatial_ + 1]});
    return dot(rewriter_.at(node_.operands[0]), matrix, {static_cast<int64_t>(spatial_) + 1}, {0});
  }

  Value dot(Value lhs, Value rhs, Integers lhs_contract, Integers rhs_contract) {
    builder_.set_name(node_.name);
    return builder_.call("dot_general", {lhs, rhs},
                         {{"lhs_batch", Integers{}}, {"rhs_batch", Integers{}}, {"lhs_contract", std::move(lhs_contract)}, {"rhs_contract", std::move(rhs_contract)}});
  }

  /// The operand of a transpose by this permutation, or nothing.
  std::optional<Value> transposed(Value value, const Integers& permutation) const {
    const ir::Node* producer = graph_.producer(value);
    if (producer == nullptr || producer->op->name != "transpose" || ir::get_attribute<Integers>(*producer->op, producer->attributes, "permutation") != permutation)
      return std::nullopt;
    return producer->operands[0];
  }

  /// [batch, .., groups * depth] of which the value is [depth, .., groups * batch].
  std::optional<Value> grouped_images(Value value) const {
    const ir::Node* last = graph_.producer(value);
    if (last == nullptr || last->op->name != "reshape") return std::nullopt;
    Integers permutation = ::sinter::passes::run(1, spatial_ + 1);
    const auto group = static_cast<int64_t>(spatial_) + 1;
    permutation.insert(permutation.begin(), group + 1);
    permutation.insert(permutation.end(), {group, 0});
    const std::optional<Value> split = transposed(last->operands[0], permutation);
    const ir::Node* first = split ? graph_.producer(*split) : nullptr;
    if (first == nullptr || first->op->name != "reshape") return std::nullopt;
    const Shape &from = graph_.type(first->operands[0]).shape, &to = graph_.type(*split).shape, &made = graph_.type(value).shape;
    if (from.rank() != spatial_ + 2 || to.rank() != spatial_ + 3 || made.rank() != spatial_ + 2) return std::nullopt;
    for (size_t k = 0; k <= spatial_; ++k)
      if (from[k] != to[k] || (k > 0 && made[k] != to[k])) return std::nullopt;
    if (to[spatial_ + 1] != Dim(groups_) || made[0] != to[spatial_ + 2]) return std::nullopt;
    return first->operands[0];
  }

  /// A convolution of images as channels with cotangents as a filter.
  std::optional<std::vector<Value>> gradient() {
    const auto last = static_cast<int64_t>(spatial_) + 1;
    Integers of_input = ::sinter::passes::run(1, spatial_ + 1), of_cotangent = of_input;
    of_input.insert(of_input.begin(), last);
    of_input.push_back(0);
    of_cotangent.insert(of_cotangent.end(), {0, last});
    const std::optional<Value> input = groups_ == 1 ? transposed(node_.operands[0], of_input) : grouped_images(node_.operands[0]);
    const std::optional<Value> cotangent = transposed(node_.operands[1], of_cotangent);
    if (!input || !cotangent || !all_one("input_dilation")) return std::nullopt;
    const Shape& result = graph_.type(node_.results[0]).shape;
    Shape window(std::vector<Dim>(result.begin() + 1, result.end() - 1));
    const Shape& sizes = graph_.type(*input).shape;
    const Dim channels = result[0], features = result[spatial_ + 1];
    if (!window.is_constant() || !channels.is_constant() || !features.is_constant()) return std::nullopt;
    const bool single = std::all_of(window.begin(), window.end(), [](const Dim& dim) { return dim == Dim(1); });
    if (groups_ == 1 && single && all_one("dilation") && all_zero("padding_low") && all_zero("padding_high")) {
      const Integers all = ::sinter::passes::run(0, spatial_ + 1);
      Shape filter = window;
      filter.push_back(channels);
      filter.push_back(features);
      return std::vector<Value>{as_result(builder_.reshape(dot(rewriter_.at(*input), rewriter_.at(*cotangent), all, all), filter))};
    }
    ir::Attributes attributes{{"stride", integers("dilation")}, {"dilation", integers("stride")}, {"input_dilation", integers("input_dilation")},
                              {"padding_low", attribute("padding_low")}, {"padding_high", Shape()}};
    // The convolution may leave out entries at the end of the input: so much padding that as many windows fit as there are cotangents.
    Shape high;
    const Shape& low = std::get<Shape>(attributes["padding_low"]);
    for (size_t k = 0; k < spatial_; ++k)
      high.push_back((filter_[k] - 1) * integers("dilation")[k] + (window[k] - 1) * integers("stride")[k] + 1 - sizes[k + 1] - low[k]);
    attributes["padding_high"] = high;
    attributes["window"] = window;
    const int64_t blocks = blocks_of(sizes[0], window.element_count().constant() * channels.constant(), features.constant() / groups_);
    attributes["blocks"] = blocks;
    attributes["groups"] = groups_;
    builder_.set_name(node_.name);
    Value sums = builder_.call("filter_gradient", {rewriter_.at(*input), rewriter_.at(*cotangent)}, std::move(attributes));
    Shape one = builder_.shape(sums);
    one = Shape(std::vector<Dim>(one.begin() + 1, one.end()));
    sums = blocks == 1 ? builder_.reshape(sums, one) : builder_.reduce("reduce_sum", sums, {0});
    return std::vector<Value>{as_result(sums)};
  }

  /// A filter [.., channel, output channel] as the convolution gives it, channels first.
  Value as_result(Value filter) {
    Integers back = ::sinter::passes::run(0, spatial_);
    back.insert(back.begin(), static_cast<int64_t>(spatial_));
    back.push_back(static_cast<int64_t>(spatial_) + 1);
    return builder_.call("transpose", {filter}, {{"permutation", back}});
  }

  Shape attribute(std::string_view name) const { return ir::get_attribute<Shape>(*node_.op, node_.attributes, name); }

  static int64_t blocks_of(const Dim& batch, int64_t depth, int64_t features) {
    const int64_t parts = std::max<int64_t>(1, (depth * kPanel + kSums - 1) / kSums) * ((features + kPanel - 1) / kPanel);
    return std::clamp<int64_t>((kWantedTiles + parts - 1) / parts, 1, std::clamp<int64_t>(batch.as_constant().value_or(kWantedTiles), 1, kWantedTiles));
  }

  Rewriter& rewriter_;
  ir::Builder& builder_;
  const ir::Graph& graph_;
  const ir::Node& node_;
  const Shape& filter_;
  size_t spatial_;
  int64_t groups_;
};

}  // namespace

ir::Module canonical_convolutions(const ir::Module& module) {
  return map_graphs(module, [](const ir::Graph& graph) {
    return rewrite(graph, [&graph](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<Value>> {
      const auto* window = std::get_if<ir::Window>(&node.op->lowering);
      if (window == nullptr || window->kind != ir::Window::Kind::kConvolution) return std::nullopt;
      return Canonical(rewriter, graph, node).run();
    });
  });
}

}  // namespace sinter::passes
