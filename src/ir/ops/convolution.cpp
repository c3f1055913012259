// convolution: one op for 1 to 3 spatial axes, forward and backward (docs/decisions/014-convolution.md).
#include <algorithm>

#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/reference.h"
#include "ir/ops/sliding.h"

namespace sinter::ir {
namespace {

Shape part(const Shape& shape, size_t begin, size_t end) {
  return Shape(std::vector<Dim>(shape.begin() + static_cast<std::ptrdiff_t>(begin), shape.begin() + static_cast<std::ptrdiff_t>(end)));
}
Shape input_sizes(const Shape& input) { return part(input, 1, input.rank() - 1); }
Shape window_sizes(const Shape& filter) { return part(filter, 0, filter.rank() - 2); }

Shape joined(std::initializer_list<Shape> shapes) {
  Shape result;
  for (const Shape& shape : shapes)
    for (const Dim& dim : shape) result.push_back(dim);
  return result;
}

Integers range(size_t begin, size_t end) {
  Integers result;
  for (size_t k = begin; k < end; ++k) result.push_back(static_cast<int64_t>(k));
  return result;
}

Value transposed(Builder& builder, Value value, Integers permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return value;
  return builder.call("transpose", {value}, {{"permutation", std::move(permutation)}});
}

Value convolve(Builder& builder, Value input, Value filter, const Sliding& sliding, int64_t groups) {
  Attributes attributes = sliding.attributes();
  attributes["groups"] = groups;
  return builder.call("convolution", {input, filter}, std::move(attributes));
}

// ---- type ----

/// `filter`: the shape of the filter, however it is stored.
std::vector<TensorType> infer_result(const TypeRequest& request, const Shape& filter) {
  require_domain(request, 0, Domain::kFloat, "C1");
  request.require(request.dtype(0) == request.dtype(1), "C1", "the dtypes differ", "cast one of them");
  const Shape& input = request.shape(0);
  const size_t rank = input.rank();
  request.require(rank >= 3 && rank <= 5 && filter.rank() == rank, "C2", "input and filter must have the same rank, from 3 to 5",
                  "an image is [batch, height, width, channels]");
  const Sliding sliding = Sliding::of(request);
  require_entries(request, sliding, rank - 2, "C3");
  require_steps(request, sliding, "C4");
  const int64_t groups = request.get<int64_t>("groups");
  request.require(groups >= 1, "C5", std::to_string(groups) + " groups");
  request.require(input[rank - 1] == filter[rank - 2] * groups, "C5",
                  "the input has " + input[rank - 1].to_string() + " channels, the filter takes " + std::to_string(groups) + " times " + filter[rank - 2].to_string());
  request.require(filter[rank - 1].divide_exactly(groups).has_value(), "C5",
                  filter[rank - 1].to_string() + " output channels are not " + std::to_string(groups) + " equal groups");
  require_counts(request, sliding, input_sizes(input), window_sizes(filter), "C6");
  const Shape counts = sliding.counts(input_sizes(input), window_sizes(filter));
  request.require(never_negative(counts), "C6", "a spatial size of the result is negative");
  return {{request.dtype(0), joined({{input[0]}, counts, {filter[rank - 1]}})}};
}

std::vector<TensorType> infer(const TypeRequest& request) { return infer_result(request, request.shape(1)); }

// ---- reference ----

/// Adds what one filter position gives: `inputs` are the channels at an input position, `weights` [channels / groups, out] of the filter position.
template <class T> void add_products(std::vector<double>& sums, const T* inputs, const T* weights, int64_t depth, int64_t groups) {
  const auto out = static_cast<int64_t>(sums.size()), per_group = out / groups;
  for (int64_t c = 0; c < out; ++c) {
    const T* group = inputs + c / per_group * depth;
    for (int64_t k = 0; k < depth; ++k) sums[static_cast<size_t>(c)] += static_cast<double>(group[k]) * static_cast<double>(weights[k * out + c]);
  }
}

std::vector<Tensor> evaluate(const EvaluateRequest& request) {
  const Tensor &input = request.operands[0], &filter = request.operands[1];
  const std::vector<SlidingAxis> axes = sliding_axes(Sliding::of(request), request.symbols);
  Tensor result = request.make_result();
  const size_t spatial = axes.size();
  const int64_t depth = filter.extents()[spatial], out = filter.extents().back();
  if (result.size() == 0) return {result};
  const Extents strides = row_major_strides(input.extents());
  const Extents window(filter.extents().begin(), filter.extents().end() - 2), places(result.extents().begin(), result.extents().end() - 1);
  visit<Domain::kFloat>(input.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* next = result.data<T>();
    for_each_index(places, [&](const Extents& place) {
      std::vector<double> sums(static_cast<size_t>(out), 0);
      const T* weights = filter.data<T>();
      for_each_index(window, [&](const Extents& w) {
        int64_t at = place[0] * strides[0];
        bool inside = true;
        for (size_t k = 0; k < spatial && inside; ++k) {
          const int64_t source = axes[k].source(place[k + 1], w[k], input.extents()[k + 1]);
          inside = source >= 0;
          at += source * strides[k + 1];
        }
        if (inside) add_products(sums, input.data<T>() + at, weights, depth, request.get<int64_t>("groups"));
        weights += depth * out;
      });
      for (const double sum : sums) *next++ = static_cast<T>(sum);
    });
  });
  return {result};
}

// ---- gradient ----

/// The filter with spatial axes reversed and the channels of input and output exchanged within each group.
Value turned(Builder& builder, Value filter, int64_t groups) {
  const Shape shape = builder.shape(filter), window = window_sizes(shape);
  const size_t spatial = window.rank();
  const Dim depth = shape[spatial], out = *shape[spatial + 1].divide_exactly(groups);
  Integers reversed;
  for (size_t k = 0; k < spatial; ++k)
    if (!is_one(window[k])) reversed.push_back(static_cast<int64_t>(k));
  if (!reversed.empty()) filter = builder.call("reverse", {filter}, {{"axes", reversed}});
  Integers permutation = range(0, spatial);
  if (groups == 1) {
    permutation.insert(permutation.end(), {static_cast<int64_t>(spatial) + 1, static_cast<int64_t>(spatial)});
    return transposed(builder, filter, permutation);
  }
  filter = builder.reshape(filter, joined({window, {depth, groups, out}}));
  const auto at = static_cast<int64_t>(spatial);
  permutation.insert(permutation.end(), {at + 2, at + 1, at});
  return builder.reshape(transposed(builder, filter, permutation), joined({window, {out, groups * depth}}));
}

Value gradient_by_input(Builder& builder, Value dy, Value filter, const Shape& input, const Sliding& sliding, int64_t groups) {
  const Sliding back = sliding.transposed(input_sizes(input), window_sizes(builder.shape(filter)));
  return convolve(builder, dy, turned(builder, filter, groups), back, groups);
}

/// Windows of the input under the cotangent as a filter: a position of the result is one of the filter, an entry of the window one of the result.
Value gradient_by_filter(Builder& builder, Value dy, Value input, const Shape& filter, const Sliding& sliding, int64_t groups) {
  const Shape from = builder.shape(input), places = input_sizes(builder.shape(dy)), window = window_sizes(filter);
  const size_t spatial = window.rank(), last = spatial + 1;
  const Dim depth = filter[spatial];
  Sliding back{sliding.dilation, sliding.stride, sliding.input_dilation, sliding.padding_low, {}};
  for (size_t k = 0; k < spatial; ++k)
    back.padding_high.push_back((window[k] - 1) * sliding.dilation[k] + (places[k] - 1) * sliding.stride[k] -
                                (from[k + 1] - 1) * sliding.input_dilation[k] - sliding.padding_low[k]);
  // [batch, .., groups * depth] as [depth, .., groups * batch]
  Integers permutation = range(1, last);
  if (groups == 1) {
    permutation.insert(permutation.begin(), static_cast<int64_t>(last));
    permutation.push_back(0);
    input = transposed(builder, input, permutation);
  } else {
    input = builder.reshape(input, joined({part(from, 0, last), {groups, depth}}));
    permutation.insert(permutation.begin(), static_cast<int64_t>(last) + 1);
    permutation.insert(permutation.end(), {static_cast<int64_t>(last), 0});
    input = builder.reshape(transposed(builder, input, permutation), joined({{depth}, part(from, 1, last), {groups * from[0]}}));
  }
  // [batch, .., out] as [.., batch, out]
  permutation = range(1, last);
  permutation.insert(permutation.end(), {0, static_cast<int64_t>(last)});
  const Value result = convolve(builder, input, transposed(builder, dy, permutation), back, groups);
  permutation = range(1, last);
  permutation.insert(permutation.end(), {0, static_cast<int64_t>(last)});
  return transposed(builder, result, permutation);
}

std::vector<Value> differentiate(const GradientRequest& request) {
  Builder& builder = request.builder;
  const Shape input = builder.shape(request.operands[0]), filter = builder.shape(request.operands[1]);
  const Sliding sliding = Sliding::of(request);
  const int64_t groups = request.get<int64_t>("groups");
  std::vector<Value> result(2);
  if (builder.shape(request.cotangents[0]).element_count() == Dim(0) || input.element_count() == Dim(0)) return result;  // nothing was read
  if (request.wanted[0]) result[0] = gradient_by_input(builder, request.cotangents[0], request.operands[1], input, sliding, groups);
  if (request.wanted[1]) result[1] = gradient_by_filter(builder, request.cotangents[0], request.operands[0], filter, sliding, groups);
  return result;
}

// ---- record ----

struct Steps {
  Integers stride, dilation, input_dilation;
};
Attributes attributes(Shape low, Shape high, Steps steps = {}, int64_t groups = 1) {
  const Integers ones(low.rank(), 1);
  const auto or_ones = [&](Integers& list) { return list.empty() ? ones : list; };
  Sliding sliding{or_ones(steps.stride), or_ones(steps.dilation), or_ones(steps.input_dilation), std::move(low), std::move(high)};
  Attributes made = sliding.attributes();
  made["groups"] = groups;
  return made;
}

std::vector<Sample> samples() {
  return in_both_floats({
      sample({"f32[n, 5, 4, 3]", "f32[3, 3, 3, 2]"}, attributes({0, 0}, {0, 0})),
      sample({"f32[n, 5, 6, 2]", "f32[3, 3, 2, 17]"}, attributes({1, 1}, {1, 1}, {.stride = {2, 1}})),
      sample({"f32[2, h, 3, 2]", "f32[3, 2, 2, 3]"}, attributes({1, 0}, {1, 1})),                                   // symbolic height
      sample({"f32[2, h, 5, 2]", "f32[3, 3, 2, 3]"}, attributes({1, 2}, {1, 0}, {.stride = {2, 3}})),               // and its remainder
      sample({"f32[n, 4, 4, 8]", "f32[1, 1, 8, 5]"}, attributes({0, 0}, {0, 0})),                                   // a product
      sample({"f32[2, 5, 5, 2]", "f32[1, 1, 2, 3]"}, attributes({0, 0}, {0, 0}, {.stride = {2, 2}})),               // that leaves out
      sample({"f32[n, 7, 6, 2]", "f32[2, 3, 2, 2]"}, attributes({2, 1}, {1, 0}, {.dilation = {3, 2}})),
      sample({"f32[2, 3, 2, 2]", "f32[3, 3, 2, 2]"}, attributes({1, 2}, {2, 2}, {.input_dilation = {2, 3}})),       // transposed
      sample({"f32[n, 7, 9, 1]", "f32[2, 2, 1, 2]"}, attributes({-1, -2}, {0, -1}, {.stride = {3, 4}})),            // steps over entries
      sample({"f32[n, 4, 5, 6]", "f32[3, 2, 2, 9]"}, attributes({1, 0}, {1, 1}, {}, 3)),                            // groups
      sample({"f32[n, 4, 5, 6]", "f32[3, 3, 1, 6]"}, attributes({1, 1}, {1, 1}, {.stride = {2, 1}}, 6)),            // depthwise
      sample({"f32[2, 4, 3, 2]", "f32[2, 2, 1, 6]"}, attributes({1, 0}, {0, 1}, {.dilation = {2, 1}, .input_dilation = {1, 2}}, 2)),
      sample({"f32[n, 9, 2]", "f32[4, 2, 3]"}, attributes({2}, {1}, {.stride = {2}, .dilation = {2}, .input_dilation = {3}})),
      sample({"f32[n, m, 3]", "f32[3, 3, 4]"}, attributes({2}, {0})),                                               // causal
      sample({"f32[n, 3, 4, 3, 2]", "f32[2, 3, 2, 2, 3]"}, attributes({0, 1, 1}, {0, 1, 0}, {.stride = {1, 2, 1}})),
      sample_without_gradient({"f32[2, h, 2, 3]", "f32[3, 1, 3, 2]"}, attributes({0, 0}, {0, 0})),                  // where it may not fit
      sample_without_gradient({"f32[0, 3, 3, 2]", "f32[2, 2, 2, 2]"}, attributes({0, 0}, {0, 0})),
      sample_without_gradient({"f32[2, 0, 2]", "f32[3, 2, 2]"}, attributes({2}, {2})),                              // padding alone
      sample_without_gradient({"f32[2, 3, 0]", "f32[2, 0, 2]"}, attributes({0}, {0})),
      sample_without_gradient({"f32[2, 3, 2]", "f32[2, 2, 0]"}, attributes({0}, {0})),
  });
}

OpDef record() {
  OpDef op;
  op.name = "convolution";
  op.doc =
      "Products of a filter with windows of the input, over 1 to 3 spatial axes, channels last. result[n, o, c] is the sum over w and k of "
      "input[n, (o * stride + w * dilation - padding_low) / input_dilation, g * (channels / groups) + k] * filter[w, k, c], where g is the group of c and "
      "positions between entries of the input, or outside of it, count as zeros. Gradients are convolutions, too: docs/decisions/014-convolution.md.";
  op.operands = {{"input", "[batch, spatial.., channels], a float"}, {"filter", "[spatial.., channels / groups, output channels], of the same dtype"}};
  op.attributes = sliding_attributes();
  op.attributes.push_back({"groups", AttributeKind::kInteger, "into which channels of input and result are cut; each reads its own", int64_t{1}});
  op.rules = {{"C1", "both are of the same float dtype"},
              {"C2", "both have the same rank, from 3 to 5"},
              {"C3", "stride, paddings and dilations have one entry per spatial axis"},
              {"C4", "strides and dilations are 1 or more; they and paddings are at most 2^31"},
              {"C5", "groups is 1 or more; the channels of the input are groups times those of the filter; groups divides the output channels"},
              {"C6", "no window is known to be larger than its padded input"}};
  op.type = infer;
  op.evaluate = evaluate;
  op.gradient = GradientRule(differentiate);
  op.lowering = Window{Window::Kind::kConvolution};
  op.samples = samples();
  const Attributes plain = attributes({0, 0}, {0, 0});
  const char *image = "f32[2, 5, 5, 4]", *filter = "f32[3, 3, 4, 6]";
  op.bad_samples = {bad("C1", {"i32[2, 5, 5, 4]", "i32[3, 3, 4, 6]"}, plain),
                    bad("C1", {image, "f64[3, 3, 4, 6]"}, plain),
                    bad("C2", {image, "f32[3, 4, 6]"}, plain),
                    bad("C2", {"f32[5, 4]", "f32[4, 6]"}, attributes({}, {})),
                    bad("C2", {"f32[2, 3, 3, 3, 3, 4]", "f32[1, 1, 1, 1, 4, 6]"}, attributes({0, 0, 0, 0}, {0, 0, 0, 0})),
                    bad("C3", {image, filter}, attributes({0}, {0})),
                    bad("C4", {image, filter}, attributes({0, 0}, {0, 0}, {.stride = {1, 0}})),
                    bad("C4", {image, filter}, attributes({0, 0}, {0, 0}, {.dilation = {-1, 1}})),
                    bad("C4", {image, filter}, attributes({0, 0}, {0, int64_t{1} << 40})),
                    bad("C5", {image, "f32[3, 3, 3, 6]"}, plain),
                    bad("C5", {image, filter}, attributes({0, 0}, {0, 0}, {}, 0)),
                    bad("C5", {image, "f32[3, 3, 1, 6]"}, attributes({0, 0}, {0, 0}, {}, 4)),
                    bad("C6", {image, filter}, attributes({0, 0}, {0, -5}))};
  return op;
}

// ---- the filter as panels ----

Shape panels_shape(const Shape& filter, int64_t width) {
  const size_t last = filter.rank() - 1;
  return {ceil_div(filter[last], width), filter.element_count(0, last), width};
}

std::vector<TensorType> infer_panels(const TypeRequest& request) {
  const Shape& shape = request.get<Shape>("filter_shape");
  const int64_t width = request.get<int64_t>("width");
  request.require(width > 0 && width <= 4096, "C7", "a width of " + std::to_string(width));
  request.require(request.get<int64_t>("groups") == 1, "C7", "panels of groups");
  std::vector<TensorType> result = infer_result(request, shape);
  const Shape stored = panels_shape(shape, width);
  request.require(request.shape(1) == stored, "C7", "panels of a filter " + shape.to_string() + " are " + stored.to_string());
  return result;
}

std::vector<Tensor> evaluate_panels(const EvaluateRequest& request) {
  const Tensor& panels = request.operands[1];
  const int64_t width = request.get<int64_t>("width"), depth = panels.extents()[1];
  Tensor filter(panels.dtype(), request.get<Shape>("filter_shape").evaluate(request.symbols));
  const int64_t features = filter.extents().back();
  for (int64_t i = 0; i < filter.size(); ++i)
    filter.set(i, panels.get((i % features / width * depth + i / features) * width + i % features % width));
  EvaluateRequest plain = request;
  plain.operands[1] = filter;
  return evaluate(plain);
}

OpDef panels_record() {
  OpDef op = record();
  op.name = "convolution_panels";
  op.doc =
      "convolution whose filter, of shape filter_shape, is stored in the order in which kernels read it: [panel, filter position and channel, output channel of "
      "the panel], panels of `width` output channels, zeros beyond the last.";
  op.operands[1] = {"panels", "the filter as panels, of the same dtype"};
  op.attributes.push_back({"filter_shape", AttributeKind::kShape, "the shape of the filter", std::nullopt});
  op.attributes.push_back({"width", AttributeKind::kInteger, "output channels of a panel", std::nullopt});
  op.rules.push_back({"C7", "panels are [ceil(output channels / width), other sizes of the filter, width], 0 < width <= 4096; there is one group"});
  op.type = infer_panels;
  op.evaluate = evaluate_panels;
  op.gradient = NotDifferentiable{"it is a layout for kernels, chosen after gradients are made"};
  const auto stored = [](Attributes made, Shape filter, int64_t width) {
    made["filter_shape"] = std::move(filter);
    made["width"] = width;
    return made;
  };
  op.samples = in_both_floats({
      sample_without_gradient({"f32[n, 5, 4, 3]", "f32[2, 27, 16]"}, stored(attributes({1, 1}, {1, 1}), {3, 3, 3, 20}, 16)),
      sample_without_gradient({"f32[n, 6, 5, 2]", "f32[3, 12, 64]"}, stored(attributes({1, 0}, {0, 0}, {.stride = {2, 1}}), {2, 3, 2, 130}, 64)),
      sample_without_gradient({"f32[2, 3, 3, 5]", "f32[1, 45, 48]"}, stored(attributes({1, 2}, {2, 2}, {.input_dilation = {2, 2}}), {3, 3, 5, 33}, 48)),
      sample_without_gradient({"f32[n, 9, 2]", "f32[2, 6, 8]"}, stored(attributes({2}, {0}), {3, 2, 9}, 8)),
  });
  const char *image = "f32[2, 5, 5, 4]", *panels = "f32[1, 36, 8]";
  op.bad_samples = {bad("C1", {image, "f64[1, 36, 8]"}, stored(attributes({0, 0}, {0, 0}), {3, 3, 4, 6}, 8)),
                    bad("C2", {image, panels}, stored(attributes({0}, {0}), {3, 4, 6}, 8)),
                    bad("C3", {image, panels}, stored(attributes({0}, {0}), {3, 3, 4, 6}, 8)),
                    bad("C4", {image, panels}, stored(attributes({0, 0}, {0, 0}, {.stride = {1, 0}}), {3, 3, 4, 6}, 8)),
                    bad("C5", {image, panels}, stored(attributes({0, 0}, {0, 0}), {3, 3, 5, 6}, 8)),
                    bad("C6", {image, panels}, stored(attributes({0, 0}, {0, -5}), {3, 3, 4, 6}, 8)),
                    bad("C7", {image, panels}, stored(attributes({0, 0}, {0, 0}), {3, 3, 4, 9}, 8)),
                    bad("C7", {image, panels}, stored(attributes({0, 0}, {0, 0}), {3, 3, 4, 6}, 0))};
  return op;
}

}  // namespace

void add_convolution_ops(OpRegistry& registry) {
  registry.add(record());
  registry.add(panels_record());
}

}  // namespace sinter::ir
